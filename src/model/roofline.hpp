#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/launch.hpp"
#include "core/timing.hpp"
#include "io/json.hpp"
#include "model/ceilings.hpp"
#include "network/network.hpp"

namespace ridgeline::model {

/// A layer in a phase (or the loss, or the optimizer), timed and placed under the ceilings.
struct LayerRecord {
  network::StepPart part;
  layers::Counts counts;
  LaunchCount launches;
  Timing seconds;
  Placement placement;
};

/// A step, or an inference, layer by layer.
struct Roofline {
  std::vector<LayerRecord> records;  ///< in the order they run
  Timing total;               ///< of the whole step run end to end, without the records' fences
  double sum_of_records = 0;  ///< seconds, of the medians
  layers::Counts counts;
  Placement placement;  ///< of the whole step
};

struct RooflineOptions {
  kernels::GemmBackend gemm = kernels::GemmBackend::native;
  std::size_t batch = 1;
  bool training = true;
  int repeats = 10;  ///< at least; and at least 0.2 s
};

/// Times every part of a step in situ: the step runs in its order, and each part finds the caches
/// as the one before left them. Steps with and without records run in turn. Inputs and labels are
/// random, and the learning rate is 0, so that the numbers stay what they are.
template <class Space, class T>
Roofline measure_roofline(const Space& instance, std::shared_ptr<const network::NetworkPlan> plan,
                          const RooflineOptions& options, const Ceilings& ceilings);

/// The `records`, `total` and sums of a `ridgeline-roofline` file.
void to_json(io::Json& json, const Roofline& roofline);

}  // namespace ridgeline::model
