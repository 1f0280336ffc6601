#pragma once

#include <string>
#include <vector>

#include "layers/layer.hpp"
#include "model/ceilings.hpp"

namespace ridgeline::model {

/// A kind of device, by which measured fractions are carried over to a machine that is not here.
enum class DeviceKind { gpu, cpu };

/// Returns the kind of device that a space stands for: gpu for cuda and hip, cpu otherwise.
DeviceKind device_of(const std::string& space);
/// "gpu", "cpu".
std::string to_string(DeviceKind device);

/// The median fraction of the ceiling that layers of a kind reached in a phase ("forward",
/// "backward", "update"), over this many records. Kind and phase are empty for all together.
struct MeasuredFraction {
  DeviceKind device;
  const char *kind, *phase;
  double fraction;
  int records;
};

/// A machine whose rooflines the fractions come from, and the folder of its files.
struct FractionSource {
  DeviceKind device;
  const char *machine, *folder;
};

// The table is written by docs/results/measured_fractions.py from the rooflines in docs/results.
const std::vector<MeasuredFraction>& measured_fractions();
const std::vector<FractionSource>& fraction_sources();
/// What a launch cost on those machines.
DispatchSeconds measured_dispatch(DeviceKind device);

/// A fraction of the ceiling to be expected.
struct ExpectedFraction {
  double value = 0;
  bool of_kind = true;  ///< false: there is no record of such a layer, all layers' median stands in
};

/// Returns the fraction of the ceiling that a kind of layer is expected to reach in a phase.
ExpectedFraction expected_fraction(DeviceKind device, const std::string& kind, layers::Phase phase);

/// Returns the machines that a device's fractions come from: "NVIDIA H200 (docs/results/…)".
std::string describe_sources(DeviceKind device);

}  // namespace ridgeline::model
