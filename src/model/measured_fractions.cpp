#include "model/measured_fractions.hpp"

namespace ridgeline::model {

DeviceKind device_of(const std::string& space) {
  return space == "cuda" || space == "hip" ? DeviceKind::gpu : DeviceKind::cpu;
}

std::string to_string(DeviceKind device) { return device == DeviceKind::gpu ? "gpu" : "cpu"; }

const MeasuredFraction& measured_fraction(DeviceKind device, const std::string& kind,
                                          layers::Phase phase) {
  const MeasuredFraction* of_all = nullptr;
  for (const MeasuredFraction& row : measured_fractions()) {
    if (row.device != device) continue;
    if (*row.kind == '\0') of_all = &row;
    if (kind == row.kind && layers::to_string(phase) == row.phase) return row;
  }
  return *of_all;
}

std::string describe_sources(DeviceKind device) {
  std::string text;
  for (const FractionSource& source : fraction_sources()) {
    if (source.device != device) continue;
    text += (text.empty() ? "" : ", ") + std::string(source.machine) + " (" + source.folder + ")";
  }
  return text;
}

}  // namespace ridgeline::model
