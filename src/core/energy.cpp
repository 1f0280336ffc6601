#include "core/energy.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

namespace ridgeline {
namespace {

namespace fs = std::filesystem;

// Returns the first line of a file in /sys; sets `error` to errno.
std::optional<std::string> line_of_file(const std::string& path, int& error) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    error = errno;
    return {};
  }
  char text[128];
  const ssize_t size = read(file, text, sizeof(text));
  error = size < 0 ? errno : 0;
  close(file);
  if (size < 0) return {};
  const std::string line(text, static_cast<std::size_t>(size));
  return line.substr(0, line.find('\n'));
}

std::optional<std::uint64_t> number_of_file(const std::string& path, int& error) {
  const std::optional<std::string> line = line_of_file(path, error);
  if (!line || line->empty() || std::isdigit(static_cast<unsigned char>(line->front())) == 0) {
    return {};
  }
  return std::strtoull(line->c_str(), nullptr, 10);
}

// Accepts "intel-rapl:0", the name on AMD processors too, but not its subdomains, "intel-rapl:0:1".
bool is_whole_domain(const std::string& name) {
  const std::string prefix = "intel-rapl:";
  if (name.compare(0, prefix.size(), prefix) != 0 || name.size() == prefix.size()) return false;
  return std::all_of(name.begin() + static_cast<std::ptrdiff_t>(prefix.size()), name.end(),
                     [](unsigned char c) { return std::isdigit(c) != 0; });
}

}  // namespace

EnergyMeter::EnergyMeter(const EnergyPlaces& places) {
  find_packages(places.root);
  if (places.device.empty()) return;
  std::string problem;
  device_ = DeviceEnergy::open(places.device, places.library, problem);
  if (device_) {
    sources_.push_back("GPU " + places.device);
  } else if (problem_.empty()) {
    problem_ = problem;
  }
}

void EnergyMeter::find_packages(const std::string& root) {
  const std::string folder = root + "sys/class/powercap";
  std::error_code ignored;
  std::vector<std::string> domains;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    if (is_whole_domain(name)) domains.push_back(entry.path().string());
  }
  std::sort(domains.begin(), domains.end());
  for (const std::string& domain : domains) {
    int error = 0;
    // "psys" includes the packages and the rest of the platform.
    const std::string name = line_of_file(domain + "/name", error).value_or("");
    if (name.compare(0, 7, "package") != 0) continue;
    Package package;
    package.file = domain + "/energy_uj";
    package.range = number_of_file(domain + "/max_energy_range_uj", error).value_or(0);
    if (!number_of_file(package.file, error)) {
      problem_ = std::string("not readable: ") +
                 (error == EACCES || error == EPERM ? "permission denied"
                  : error != 0                      ? std::strerror(error)
                                                    : "not a number") +
                 " (" + package.file + ")";
      packages_.clear();
      sources_.clear();
      return;
    }
    packages_.push_back(package);
    sources_.push_back(name);
  }
}

std::string EnergyMeter::description() const {
  std::string text;
  for (const std::string& source : sources_) text += (text.empty() ? "" : ", ") + source;
  if (problem_.empty()) return text.empty() ? "none" : text;
  return text.empty() ? problem_ : text + "; " + problem_;
}

void EnergyMeter::start() {
  failed_ = !available();
  int error = 0;
  for (Package& package : packages_) {
    const auto now = number_of_file(package.file, error);
    failed_ = failed_ || !now;
    package.last = now.value_or(0);
  }
  if (device_) {
    const std::optional<double> now = device_->joules();
    failed_ = failed_ || !now;
    device_last_ = now.value_or(0);
  }
  joules_ = 0;
}

void EnergyMeter::update() {
  if (failed_) return;
  int error = 0;
  for (Package& package : packages_) {
    const auto now = number_of_file(package.file, error);
    if (!now || (*now < package.last && package.range < package.last)) {
      failed_ = true;
      return;
    }
    // The counter wraps to zero after its largest value.
    const std::uint64_t used =
        *now >= package.last ? *now - package.last : package.range - package.last + *now;
    joules_ += 1e-6 * static_cast<double>(used);
    package.last = *now;
  }
  if (!device_) return;
  const std::optional<double> now = device_->joules();
  if (!now || *now < device_last_) {
    failed_ = true;
    return;
  }
  joules_ += *now - device_last_;
  device_last_ = *now;
}

std::optional<double> EnergyMeter::joules() {
  update();
  if (failed_) return {};
  return joules_;
}

}  // namespace ridgeline
