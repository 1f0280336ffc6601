#pragma once

#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/launch.hpp"
#include "layers/layer.hpp"
#include "model/ceilings.hpp"
#include "model/measured_fractions.hpp"
#include "model/step_runner.hpp"

namespace ridgeline::model {

/// A layer in a phase (or the loss, or the optimizer) as work for a machine that is not here.
struct PartWork {
  std::string kind;
  layers::Phase phase = layers::Phase::forward;
  layers::Counts counts;
  LaunchCount launches;
};

/// Parts that run one after the other.
struct StepWork {
  std::vector<PartWork> parts;
  double bytes = 0;  ///< between two uses of the same data: Work::reuse_bytes
};

/// Seconds of some parts, one after the other, on a machine that is not here.
struct Expectation {
  double at_best = 0;  ///< the sum of the parts' ceilings, as far as the machine's file has them
  /// The sum over the parts of the measured times of such layers (MeasuredFraction), with at least
  /// this machine's launch cost. Absent if the file has no peak or no bandwidth.
  std::optional<double> expected;
  /// Kinds and phases ("gru backward") whose fit is that of all layers.
  std::set<std::string> without_record;
};

/// Returns the times of the parts. If the file has no cost of dispatch, `expected` contains the
/// one measured on such devices, and `at_best` contains none.
Expectation expect(const Ceilings& ceilings, DeviceKind device, const StepWork& step);

/// Runs a step, and returns its parts by record with the launches of each on that space.
template <class Space, class T>
StepWork parts_of(StepRunner<Space, T>& step, const network::NetworkPlan& plan, bool training,
                  std::size_t batch) {
  // Counts the launches of each part.
  class Recorder : public network::StepObserver {
   public:
    explicit Recorder(std::size_t parts) : launches(parts) {}
    void begin(std::size_t) override { before_ = launch_count; }
    void end(std::size_t part) override { launches[part] += launch_count - before_; }
    std::vector<LaunchCount> launches;

   private:
    LaunchCount before_;
  };
  const std::vector<network::StepPart> parts = plan.parts(training);
  const std::vector<std::size_t> record_of = network::record_numbers(parts);
  Recorder recorder(parts.size());
  step.run(&recorder);
  std::vector<PartWork> work;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (record_of[i] == work.size()) work.push_back({parts[i].kind, parts[i].phase, {}, {}});
    work[record_of[i]].counts += plan.counts(parts[i], batch, sizeof(T));
    work[record_of[i]].launches += recorder.launches[i];
  }
  return {std::move(work), plan.step_counts(training, batch, sizeof(T)).working_set_bytes};
}

}  // namespace ridgeline::model
