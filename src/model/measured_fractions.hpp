#pragma once

#include <string>
#include <vector>

#include "layers/layer.hpp"
#include "model/ceilings.hpp"

namespace ridgeline::model {

/// A kind of device; measured fractions are applied to other machines with devices of the same
/// kind.
enum class DeviceKind { gpu, cpu };

/// Returns the kind of device of a space: gpu for cuda and hip, cpu otherwise.
DeviceKind device_of(const std::string& space);
/// Returns "gpu" or "cpu".
std::string to_string(DeviceKind device);

/// The measured time of layers of a kind in a phase ("forward", "backward", "update"):
/// fixed_seconds + the larger ceiling of arithmetic and bandwidth / fraction, fitted to this many
/// records. Kind and phase are empty for the fit of all together.
struct MeasuredFraction {
  DeviceKind device;
  const char *kind, *phase;
  double fixed_seconds, fraction;
  int records;
};

/// A machine whose rooflines the fractions come from, and the folder of its files.
struct FractionSource {
  DeviceKind device;
  const char *machine, *folder;
};

// The table is written by docs/results/measured_fractions.py from the files in docs/results.
const std::vector<MeasuredFraction>& measured_fractions();
const std::vector<FractionSource>& fraction_sources();
/// Returns the cost of a launch on those machines.
DispatchSeconds measured_dispatch(DeviceKind device);

/// Returns the fit of a kind of layer in a phase; for a kind without a record that of all layers,
/// whose `kind` is empty.
const MeasuredFraction& measured_fraction(DeviceKind device, const std::string& kind,
                                          layers::Phase phase);

/// Returns the machines that a device's fractions come from: "NVIDIA H200 (docs/results/…)".
std::string describe_sources(DeviceKind device);

}  // namespace ridgeline::model
