#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/energy.hpp"
#include "core/launch.hpp"
#include "core/timing.hpp"
#include "network/network.hpp"

namespace ridgeline::model {

/// A layer in a phase (or the loss, or the optimizer), timed in its step.
struct PartTiming {
  network::StepPart part;
  layers::Counts counts;
  LaunchCount launches;
  Timing seconds;
  std::optional<double> empty_seconds;  ///< median with empty kernels; of a host
};

/// Energy of whole packages and devices per step, including that of other
/// programs.
struct StepEnergy {
  double joules = 0;                 ///< per step
  double watts = 0;                  ///< mean power
  std::vector<std::string> sources;  ///< see EnergyMeter
};

/// A step, or an inference, part by part.
struct StepTiming {
  std::vector<PartTiming> parts;  ///< in the order they run
  Timing total;                   ///< of the whole step run end to end, without the parts' fences
  std::optional<double> empty_seconds;  ///< the same, median with empty kernels
  LaunchCount launches;                 ///< of all parts
  layers::Counts counts;                ///< of the whole step
  std::optional<StepEnergy> energy;     ///< end to end; absent if it cannot be read
};

struct StepOptions {
  kernels::GemmBackend gemm = kernels::GemmBackend::native;
  std::size_t batch = 1;
  bool training = true;
  int repeats = 10;               ///< at least
  double min_seconds = 0.2;       ///< at least
  double warm_up_seconds = 0.05;  ///< on a host; a second on a device
  std::function<bool()> stopped;  ///< called after each repeat; true ends them; may be empty
  EnergyMeter* energy = nullptr;  ///< read over further steps, if given
};

/// Times every part of a step in situ: the step runs in its order, and each part finds the caches
/// in the state after the one before. Steps with and without records alternate. Inputs and labels
/// are random, and the learning rate is 0, so that the parameters do not change.
template <class Space, class T>
StepTiming time_step(const Space& instance, std::shared_ptr<const network::NetworkPlan> plan,
                     const StepOptions& options);

}  // namespace ridgeline::model
