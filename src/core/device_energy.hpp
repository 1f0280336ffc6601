#pragma once

#include <memory>
#include <optional>
#include <string>

namespace ridgeline {

/// Energy counter of one GPU, read through NVML. The library is loaded at run time, so that
/// programs do not depend on it on machines without a GPU.
class DeviceEnergy {
 public:
  /// Opens the counter. Returns null and sets `problem` if there is no library or no such GPU, or
  /// if the GPU has no counter.
  static std::unique_ptr<DeviceEnergy> open(const std::string& device, const std::string& library,
                                            std::string& problem);
  ~DeviceEnergy();
  DeviceEnergy(const DeviceEnergy&) = delete;
  DeviceEnergy& operator=(const DeviceEnergy&) = delete;

  /// Returns the energy since the driver was loaded, in joules.
  std::optional<double> joules() const;

 private:
  DeviceEnergy() = default;

  void* library_ = nullptr;
  void* device_ = nullptr;
  int (*energy_)(void*, unsigned long long*) = nullptr;
  int (*shutdown_)() = nullptr;
};

}  // namespace ridgeline
