#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "io/json.hpp"
#include "machine/fork_join.hpp"
#include "machine/kernel_ladder.hpp"
#include "machine/peaks.hpp"

namespace ridgeline::machine {

/// Options of the work probes.
struct WorkOptions {
  MeasureOptions peaks;
  MeasureOptions fork_join;
  std::vector<double> fork_join_seconds = {5e-6, 50e-6, 500e-6};
  KernelLadderOptions kernels;  ///< its budget is for all spaces of a host together

  /// Returns options for about 15 s on two cores, or 4 s if `quick`.
  static WorkOptions standard(bool quick);

  void stop_when(const std::function<bool()>& stopped);
};

/// The speed of one space, by kind of work and number of threads.
struct WorkMeasurement {
  std::vector<KernelPeak> peaks;
  std::vector<ForkJoinPoint> fork_join;
  std::vector<KernelPoint> kernels;
};

/// Measures spaces one after the other. One thread of a host is the same in every space:
/// it is measured once, by Serial, and every host space contains the result.
class WorkProbes {
 public:
  explicit WorkProbes(WorkOptions options) : options_(std::move(options)) {}

  /// Measures a space. `float32` and `float64` are its peaks with all threads, which are not
  /// measured again.
  WorkMeasurement measure(SpaceKind space, const Peak& float32, const Peak& float64,
                          const Progress& progress, std::vector<std::string>* notes);

 private:
  /// Returns the results of one thread; `peaks` of fused multiply-adds are measured if they are
  /// empty.
  const WorkMeasurement& one_thread(const std::vector<KernelPeak>& peaks, const Progress& progress,
                                    std::vector<std::string>* notes);
  void measure_threads(SpaceKind space, int threads, WorkMeasurement& work) const;
  KernelLadderOptions half_of_kernels() const;

  const WorkOptions options_;
  std::vector<ForkJoinWork> works_;
  std::optional<WorkMeasurement> one_thread_;
};

/// Adds `peaks`, `fork_join` and `kernels` to a space of a machine file.
void add_to_json(const WorkMeasurement& work, io::Json& space);

}  // namespace ridgeline::machine
