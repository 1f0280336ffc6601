#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/device_energy.hpp"

namespace ridgeline {

/// Sources of energy readings.
struct EnergyPlaces {
  std::string root = "/";  ///< prefix of sys/class/powercap; a recorded tree in tests
  std::string device;      ///< PCI bus address of a GPU to include; empty: none
  std::string library = "libnvidia-ml.so.1";  ///< NVML, for the GPU
};

/// Reads the energy of the processor packages, all processes together, from RAPL counters (Linux
/// powercap), and that of a GPU from NVML, which is loaded only if needed. A partial sum would
/// mislead: if the counter of a package or of the named GPU exists and cannot be read, no energy is
/// reported. Without RAPL counters only the GPU is read.
///
/// RAPL counters wrap at some hundred kilojoules, after ten minutes at the earliest: update() must
/// be called more often than that.
class EnergyMeter {
 public:
  explicit EnergyMeter(const EnergyPlaces& places = {});

  /// Returns the sources that can be read: "package-0", "GPU 0000:1b:00.0".
  const std::vector<std::string>& sources() const { return sources_; }

  /// Returns whether there is a source and every source can be read.
  bool available() const { return !sources_.empty() && problem_.empty(); }

  /// Returns the sources in one line, then the reason if one cannot be read: "package-0,
  /// package-1", "none", "not readable: permission denied (…/energy_uj)".
  std::string description() const;

  /// Resets the energy to zero.
  void start();

  /// Adds the energy used since the last call.
  void update();

  /// Returns the energy since start() in joules; nullopt unless available(), or if a counter failed
  /// since then.
  std::optional<double> joules();

 private:
  struct Package {
    std::string file;         // energy_uj
    std::uint64_t range = 0;  // the counter's largest value, 0 if unknown
    std::uint64_t last = 0;
  };
  void find_packages(const std::string& root);

  std::vector<Package> packages_;
  std::unique_ptr<DeviceEnergy> device_;
  double device_last_ = 0;
  std::vector<std::string> sources_;
  std::string problem_;
  double joules_ = 0;
  bool failed_ = true;  // until start()
};

}  // namespace ridgeline
