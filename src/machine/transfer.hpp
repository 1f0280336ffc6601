#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "core/runtime.hpp"
#include "core/seconds.hpp"
#include "machine/probe.hpp"

namespace ridgeline::machine {

/// The range and the repetitions of the transfer ladder.
struct TransferOptions {
  std::size_t smallest = 8;  ///< bytes
  std::size_t largest = std::size_t{1} << 30;
  int per_octave = 1;
  int repeats = 7;
  double min_seconds = 0.02;
  double budget_seconds = 1e9;    ///< for each direction and kind of host memory
  std::function<bool()> stopped;  ///< called before each point; may be empty
};

/// One copy between host and device.
struct TransferPoint {
  std::string direction;    ///< "host_to_device" or "device_to_host"
  std::string host_memory;  ///< "pinned" or "pageable"
  std::size_t bytes = 0;
  Timing seconds;  ///< by the host's clock, from the call to the end of a fence
};

/// Times copies of growing size in both directions, from and to pinned and pageable host memory.
/// Returns nothing for a host space, which needs no transfers.
std::vector<TransferPoint> transfer_ladder(SpaceKind space, const TransferOptions& options,
                                           const Progress& progress = {},
                                           std::vector<std::string>* notes = nullptr);

}  // namespace ridgeline::machine
