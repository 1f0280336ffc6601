#include "core/cuda/device.hpp"

#include <Kokkos_Macros.hpp>

#if defined(KOKKOS_ENABLE_CUDA)

#include <cuda_runtime.h>

namespace ridgeline {
namespace {

std::size_t attribute(cudaDeviceAttr which) {
  int device = 0, value = 0;
  const bool known = cudaGetDevice(&device) == cudaSuccess &&
                     cudaDeviceGetAttribute(&value, which, device) == cudaSuccess;
  return known && value > 0 ? static_cast<std::size_t>(value) : 0;
}

}  // namespace

int device_count(std::string* reason) {
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error == cudaSuccess && count > 0) return count;
  if (reason) *reason = error == cudaSuccess ? "no device" : cudaGetErrorString(error);
  return 0;
}

void select_device(int device) { cudaSetDevice(device); }

std::string device_address() {
  int device = 0;
  char address[32] = "";
  const bool known = device_count() > 0 && cudaGetDevice(&device) == cudaSuccess &&
                     cudaDeviceGetPCIBusId(address, sizeof(address), device) == cudaSuccess;
  return known ? address : "";
}

std::size_t free_device_memory() {
  std::size_t free = 0, total = 0;
  return cudaMemGetInfo(&free, &total) == cudaSuccess ? free : 0;
}

DeviceModel device_model() {
  int device = 0;
  cudaDeviceProp properties;
  if (device_count() == 0 || cudaGetDevice(&device) != cudaSuccess ||
      cudaGetDeviceProperties(&properties, device) != cudaSuccess) {
    return {};
  }
  return {properties.name, properties.totalGlobalMem};
}

const DeviceLimits& device_limits() {
  static const DeviceLimits limits{static_cast<int>(attribute(cudaDevAttrMultiProcessorCount)),
                                   attribute(cudaDevAttrMaxSharedMemoryPerMultiprocessor),
                                   attribute(cudaDevAttrL2CacheSize)};
  return limits;
}

}  // namespace ridgeline

#else

namespace ridgeline {

int device_count(std::string* reason) {
  if (reason) *reason = "this build has no CUDA";
  return 0;
}
void select_device(int /*device*/) {}
std::string device_address() { return ""; }
std::size_t free_device_memory() { return 0; }
DeviceModel device_model() { return {}; }
const DeviceLimits& device_limits() {
  static const DeviceLimits none;
  return none;
}

}  // namespace ridgeline

#endif
