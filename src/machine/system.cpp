#include "machine/system.hpp"

#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>

#include "core/topology.hpp"

namespace ridgeline::machine {
namespace {

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// Read once: hwloc takes milliseconds, and probes call this often.
const Topology& topology() {
  static const Topology topology = Topology::read();
  return topology;
}

}  // namespace

std::string value_of(const std::string& path, const std::string& key) {
  std::ifstream file(path);
  std::string line;
  while (std::getline(file, line)) {
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos || line.compare(0, key.size(), key) != 0) continue;
    if (line.find_first_not_of(" \t", key.size()) != colon) continue;
    const std::size_t begin = line.find_first_not_of(" \t", colon + 1);
    return begin == std::string::npos ? "" : line.substr(begin);
  }
  return "";
}

std::vector<Cache> host_caches() {
  std::vector<Cache> caches;
  for (const DataCache& cache : topology().caches_of(0)) {
    caches.push_back({cache.level, cache.bytes, static_cast<int>(cache.processors.size())});
  }
  return caches;
}

std::size_t last_caches_bytes(const std::vector<int>& processors) {
  std::vector<int> all = processors;
  if (all.empty()) {
    for (const Processor& processor : topology().processors()) all.push_back(processor.number);
  }
  std::set<std::vector<int>> counted;
  std::size_t bytes = 0;
  for (const int processor : all) {
    const std::vector<DataCache> caches = topology().caches_of(processor);
    if (!caches.empty() && counted.insert(caches.back().processors).second) {
      bytes += caches.back().bytes;
    }
  }
  return bytes;
}

std::size_t cache_bytes(const std::vector<Cache>& caches, int level) {
  for (const Cache& cache : caches) {
    if (cache.level == level) return cache.bytes;
  }
  return 0;
}

std::string cpu_model() {
  // Not every architecture has a model name; on Arm Linux reports part numbers only.
  for (const char* key : {"model name", "cpu", "Processor"}) {
    const std::string model = value_of("/proc/cpuinfo", key);
    if (!model.empty()) return model;
  }
  const std::string part = value_of("/proc/cpuinfo", "CPU part");
  if (part.empty()) return "unknown";
  return "implementer " + value_of("/proc/cpuinfo", "CPU implementer") + " part " + part;
}

int physical_cores() {
  std::set<int> cores;
  for (const Processor& processor : topology().processors()) cores.insert(processor.core);
  return static_cast<int>(cores.size());
}

std::size_t page_bytes() { return static_cast<std::size_t>(sysconf(_SC_PAGESIZE)); }

std::string transparent_huge_pages() {
  const std::string line = first_line("/sys/kernel/mm/transparent_hugepage/enabled");
  const std::size_t begin = line.find('['), end = line.find(']');
  if (begin == std::string::npos || end == std::string::npos) return "unknown";
  return line.substr(begin + 1, end - begin - 1);
}

std::string clock_source() {
  const std::string source =
      first_line("/sys/devices/system/clocksource/clocksource0/current_clocksource");
  return source.empty() ? "unknown" : source;
}

std::string host_name() {
  char name[256] = "";
  gethostname(name, sizeof(name) - 1);
  return name;
}

std::string kernel_version() {
  utsname name{};
  if (uname(&name) != 0) return "unknown";
  return std::string(name.sysname) + " " + name.release;
}

std::vector<std::string> command_line() {
  std::ifstream file("/proc/self/cmdline");
  std::vector<std::string> arguments;
  for (std::string argument; std::getline(file, argument, '\0');) arguments.push_back(argument);
  return arguments;
}

std::string batch_job() {
  for (const char* name : {"SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "FLUX_JOB_ID"}) {
    if (const char* value = std::getenv(name)) return value;
  }
  return "";
}

std::string driver_gpu_model() {
  std::error_code error;
  std::set<std::string> folders;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/driver/nvidia/gpus", error)) {
    folders.insert(entry.path().string());
  }
  return folders.empty() ? "" : value_of(*folders.begin() + "/information", "Model");
}

}  // namespace ridgeline::machine
