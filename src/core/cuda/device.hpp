#pragma once

#include <cstddef>
#include <string>

// Properties of the device that this process computes on, from the driver: the values are 0 or
// empty without a device, and in a build without CUDA. Includes neither Kokkos's headers nor
// CUDA's.

namespace ridgeline {

/// Threads per warp.
inline constexpr int kWarp = 32;

/// Returns the number of usable devices; initialises none. If there is none, stores the reason in
/// `reason` unless it is null.
int device_count(std::string* reason = nullptr);

/// Selects the device, below device_count(), that is described while no Runtime exists.
void select_device(int device);

/// Returns the PCI bus address of the device in NVML's format ("0000:1b:00.0").
std::string device_address();

/// Returns the free bytes of the device's memory.
std::size_t free_device_memory();

struct DeviceModel {
  std::string name;
  std::size_t memory_bytes = 0;
};
DeviceModel device_model();

struct DeviceLimits {
  int multiprocessors = 0;
  std::size_t scratch_bytes = 0;  ///< memory of a multiprocessor for its teams' scratch
  std::size_t cache_bytes = 0;    ///< the cache that all multiprocessors share
};

/// Returns the limits of the device selected at the first call, which queries the driver.
const DeviceLimits& device_limits();

/// Returns the number of teams that occupy a device: three quarters of its multiprocessors. Without
/// a device it is that of an H200, 99; the sizes of tiles were tuned there, with 96. The number of
/// parts of a sum depends on it, so that results may differ between models of GPU in the last bits.
inline int teams_to_fill() {
  const int multiprocessors = device_limits().multiprocessors;
  return multiprocessors > 0 ? (multiprocessors * 3 + 3) / 4 : 99;
}

}  // namespace ridgeline
