#pragma once

#include <map>
#include <optional>
#include <vector>

#include "io/json.hpp"
#include "model/ceilings.hpp"
#include "model/step_timing.hpp"

namespace ridgeline::model {

/// A layer in a phase (or the loss, or the optimizer), timed and placed under the ceilings.
struct LayerRecord : PartTiming {
  Placement placement;
};

/// A step, or an inference, layer by layer.
struct Roofline {
  std::vector<LayerRecord> records;  ///< in the order they run
  Timing total;               ///< of the whole step run end to end, without the records' fences
  double sum_of_records = 0;  ///< seconds, of the medians
  layers::Counts counts;
  /// Of the whole step: its ceilings are the sums of the records', since they run one after the
  /// other, and its bound is the one of the largest part of their time.
  Placement placement;
  std::optional<double> empty_seconds;  ///< of a step with empty kernels; of a host
  std::optional<StepEnergy> energy;     ///< of the whole step
};

/// Returns the share of each bound in the records' time.
std::map<Bound, double> bound_shares(const Roofline& roofline);

/// Returns the work of a part of a step, or of a layer alone, without a time.
Work work_of(const layers::Counts& counts, const LaunchCount& launches);

/// Places a timed step and each of its parts.
Roofline place_under(const Ceilings& ceilings, const StepTiming& step);

/// Writes the `records`, `total` and sums of a `ridgeline-roofline` file.
void to_json(io::Json& json, const Roofline& roofline);

}  // namespace ridgeline::model
