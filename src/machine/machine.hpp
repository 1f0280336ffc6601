#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/guard.hpp"
#include "core/runtime.hpp"
#include "io/json.hpp"
#include "machine/bandwidth.hpp"
#include "machine/chain.hpp"
#include "machine/dispatch.hpp"
#include "machine/latency.hpp"
#include "machine/numa.hpp"
#include "machine/peak.hpp"
#include "machine/plateaus.hpp"
#include "machine/transfer.hpp"
#include "machine/work_probes.hpp"

namespace ridgeline::machine {

/// Options of `measure_machine`; the defaults are those of `ridgeline machine`.
struct MachineOptions {
  std::vector<SpaceKind> spaces;  ///< empty: all of the build
  LatencyOptions latency;
  BandwidthOptions bandwidth;             ///< with all threads
  BandwidthOptions bandwidth_one_thread;  ///< and with one
  /// With the thread counts between one and all, beyond the caches; of a host.
  BandwidthOptions bandwidth_other_counts;
  ChainOptions chain;
  TransferOptions transfer;
  MeasureOptions peak;
  MeasureOptions dispatch;
  WorkOptions work;

  /// Returns bounds from this machine's caches and free memory, and from the time limit: 150 s on
  /// two cores, or 25 s if `quick`.
  static MachineOptions standard(bool quick);

  /// Ends measuring when `stopped`, called before each point, returns true.
  void stop_when(const std::function<bool()>& stopped);
};

/// The ceilings of one space.
struct SpaceMeasurement {
  SpaceKind space = SpaceKind::serial;
  int concurrency = 1;
  TimerCheck timer;
  Peak peak_float32, peak_float64;
  std::vector<LatencyPoint> latency;
  std::vector<BandwidthPoint> bandwidth;  ///< with all threads and, on a host, with one
  std::vector<ChainPoint> chain;          ///< of a host
  std::vector<NumaPoint> numa;            ///< of several domains
  DispatchCosts dispatch;
  WorkMeasurement work;
  std::vector<TransferPoint> transfer;
  std::vector<Level> levels;  ///< of memory, if they are known
};

/// A machine with all its ceilings.
struct MachineMeasurement {
  std::vector<SpaceMeasurement> spaces;
  std::vector<std::string> notes;  ///< deviations from the options, and suspicious results
  double seconds = 0;              ///< duration of the measurement
  Disturbance disturbance;
  bool complete = true;  ///< false if it was stopped: the current space is left out
};

/// Measures the ceilings of each space; the machine should be idle otherwise. One thread of a host
/// has the same latency and bandwidth in every space: they are measured once, for all host spaces.
/// Throws RunError if memory is insufficient or a probe's result is wrong.
MachineMeasurement measure_machine(const MachineOptions& options, const Progress& progress = {});

/// Returns the `ridgeline-machine` file of a measurement.
io::Json to_json(const MachineMeasurement& measurement);

}  // namespace ridgeline::machine
