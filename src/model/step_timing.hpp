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
  std::optional<double> empty_seconds;  ///< median with kernels that do nothing; of a host
};

/// What a step uses of the energy of whole packages and devices, including what other programs
/// draw.
struct StepEnergy {
  double joules = 0;                 ///< per step
  double watts = 0;                  ///< mean power
  std::vector<std::string> sources;  ///< see EnergyMeter
};

/// A step, or an inference, part by part.
struct StepTiming {
  std::vector<PartTiming> parts;  ///< in the order they run
  Timing total;                   ///< of the whole step run end to end, without the parts' fences
  std::optional<double> empty_seconds;  ///< the same, median with kernels that do nothing
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
  double warm_up_seconds = 0.05;  ///< on a host; a device is warmed for a second
  std::function<bool()> stopped;  ///< called after each repeat; true ends them; may be empty
  EnergyMeter* energy = nullptr;  ///< read over further steps, if given
};

/// Times every part of a step in situ: the step runs in its order, and each part finds the caches
/// as the one before left them. Steps with and without records run in turn. Inputs and labels are
/// random, and the learning rate is 0, so that the parameters do not change.
template <class Space, class T>
StepTiming time_step(const Space& instance, std::shared_ptr<const network::NetworkPlan> plan,
                     const StepOptions& options);

}  // namespace ridgeline::model
