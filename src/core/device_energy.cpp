#include "core/device_energy.hpp"

#include <dlfcn.h>

namespace ridgeline {
namespace {

template <class Function>
bool find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  return function != nullptr;
}

}  // namespace

std::unique_ptr<DeviceEnergy> DeviceEnergy::open(const std::string& device,
                                                 const std::string& library, std::string& problem) {
  std::unique_ptr<DeviceEnergy> energy(new DeviceEnergy());
  energy->library_ = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!energy->library_) {
    problem = "GPU not readable: no " + library;
    return nullptr;
  }
  // From nvml.h: functions return 0 on success, and a device is a pointer.
  int (*init)() = nullptr;
  int (*by_address)(const char*, void**) = nullptr;
  if (!find(energy->library_, "nvmlInit_v2", init) ||
      !find(energy->library_, "nvmlDeviceGetHandleByPciBusId_v2", by_address) ||
      !find(energy->library_, "nvmlDeviceGetTotalEnergyConsumption", energy->energy_)) {
    problem = "GPU not readable: " + library + " is too old";
    return nullptr;
  }
  if (init() != 0) {
    problem = "GPU not readable: " + library + " cannot be initialised";
    return nullptr;
  }
  find(energy->library_, "nvmlShutdown", energy->shutdown_);
  if (by_address(device.c_str(), &energy->device_) != 0 || !energy->joules()) {
    problem = "GPU not readable: " + device + " has no energy counter";
    return nullptr;
  }
  return energy;
}

DeviceEnergy::~DeviceEnergy() {
  if (shutdown_) shutdown_();
  if (library_) dlclose(library_);
}

std::optional<double> DeviceEnergy::joules() const {
  unsigned long long millijoules = 0;
  if (energy_(device_, &millijoules) != 0) return {};
  return 1e-3 * static_cast<double>(millijoules);
}

}  // namespace ridgeline
