#pragma once

#include <memory>
#include <optional>
#include <string>

namespace ridgeline {

/// Returns the PCI bus address of the GPU that this process computes on, as NVML takes it
/// ("0000:1b:00.0"); empty in a build without CUDA, or without a GPU.
std::string computing_device();

/// The energy counter of one GPU, by NVML, the driver's library. It is loaded while the program
/// runs, so that nothing depends on it where there is no GPU.
class DeviceEnergy {
 public:
  /// Returns null, and why, if there is no library, no such GPU, or it has no counter.
  static std::unique_ptr<DeviceEnergy> open(const std::string& device, const std::string& library,
                                            std::string& problem);
  ~DeviceEnergy();
  DeviceEnergy(const DeviceEnergy&) = delete;
  DeviceEnergy& operator=(const DeviceEnergy&) = delete;

  /// Returns the joules since the driver was loaded.
  std::optional<double> joules() const;

 private:
  DeviceEnergy() = default;

  void* library_ = nullptr;
  void* device_ = nullptr;
  int (*energy_)(void*, unsigned long long*) = nullptr;
  int (*shutdown_)() = nullptr;
};

}  // namespace ridgeline
