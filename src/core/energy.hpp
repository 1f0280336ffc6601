#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/device_energy.hpp"

namespace ridgeline {

/// Where energy is read.
struct EnergyPlaces {
  std::string root = "/";  ///< precedes sys/class/powercap; a recorded tree for tests
  std::string device;      ///< PCI bus address of a GPU that counts too; empty: none
  std::string library = "libnvidia-ml.so.1";  ///< that reads the GPU's
};

/// Reads the energy that the processors' packages use, all processes together, from RAPL's counters
/// (Linux's powercap), and that of a GPU from NVML, which is loaded only then. Energy that was read
/// in part would mislead: if a package's counter is there and cannot be read, or a GPU was named
/// and its counter cannot, nothing is read. A machine without RAPL counters gives the GPU's alone.
///
/// A counter of RAPL begins anew at some hundred kilojoules, after ten minutes at the earliest:
/// update() must be called more often than that.
class EnergyMeter {
 public:
  explicit EnergyMeter(const EnergyPlaces& places = {});

  /// Returns the sources that can be read: "package-0", "GPU 0000:1b:00.0".
  const std::vector<std::string>& sources() const { return sources_; }

  /// Whether there is a source, and none that cannot be read.
  bool available() const { return !sources_.empty() && problem_.empty(); }

  /// Returns the sources in one line, then why another is not readable: "package-0, package-1",
  /// "none", "not readable: permission denied (…/energy_uj)".
  std::string description() const;

  /// Begins at zero.
  void start();

  /// Adds what was used since the last call.
  void update();

  /// Returns the joules from start() until now; nullopt unless it is available(), or if a counter
  /// failed in the meantime.
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
  bool failed_ = true;  // until it is started
};

}  // namespace ridgeline
