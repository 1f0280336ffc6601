#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "machine/chains.hpp"
#include "machine/pages.hpp"
#include "model/saturation.hpp"
#include "studies/study.hpp"

namespace ridgeline::studies {

/// The time of many loads.
struct LoadPoint {
  int threads;
  double loads;  ///< per repeat
  Timing seconds;
  int loads_per_thread = 0;  ///< in flight; 0: of reads that are not a point of the curve
};

/// One curve, bandwidth against loads in flight, with the bandwidths and the latency for Little's
/// law. A study that is stopped early lacks some of them.
struct LoadCurve {
  int threads;                           ///< of a host; 0: a device, whose threads vary
  double streaming;                      ///< bytes per second of a sequential read
  std::optional<LoadPoint> independent;  ///< in random order: a prefetcher does not help
  std::optional<LoadPoint> warp;         ///< of a device: dependent loads of one warp's threads
  std::vector<LoadPoint> chains;
  bool complete = false;
};

/// The measurements on one space.
struct ConcurrencyMeasurement {
  SpaceKind kind;
  std::string space;
  std::size_t working_set;
  bool huge_pages;
  double load_seconds = 0;  ///< of one dependent load
  std::vector<LoadCurve> curves = {};
  std::vector<std::string> notes = {};  ///< on points that were left out

  std::string pages() const { return huge_pages ? "huge" : machine::small_page_label(); }
  double bytes_per_load() const { return static_cast<double>(machine::bytes_per_load(kind)); }
  double bytes_per_second(const LoadPoint& point) const {
    return point.loads * bytes_per_load() / point.seconds.median;
  }
};

/// Fits the complete curves, and adds points, fits, rows, sentences and notes.
void present(const ConcurrencyMeasurement& measured, Study& study);

/// Returns the result of a saturation fit as a part of a sentence: the number of loads in flight
/// that saturates random reads and the rate, or that more than the measured `loads` are needed, or
/// that the bandwidth does not grow. `most` is the highest rate measured, in bytes per second.
std::string tell_saturation(const model::Saturation& fit, const std::vector<double>& loads,
                            double most);

}  // namespace ridgeline::studies
