#include "machine/system.hpp"

#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <set>
#include <sstream>

namespace ridgeline::machine {
namespace {

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// "32K", "1M" or plain bytes.
std::size_t parse_size(const std::string& text) {
  std::size_t value = 0, i = 0;
  while (i < text.size() && std::isdigit(static_cast<unsigned char>(text[i]))) {
    value = 10 * value + static_cast<std::size_t>(text[i++] - '0');
  }
  const char unit = i < text.size() ? text[i] : ' ';
  return value << (unit == 'K' ? 10 : unit == 'M' ? 20 : unit == 'G' ? 30 : 0);
}

// Returns the number of processors in a list such as "0-3,8".
int count_list(const std::string& list) {
  std::istringstream parts(list);
  std::string part;
  int count = 0;
  while (std::getline(parts, part, ',')) {
    const std::size_t dash = part.find('-');
    if (part.empty()) continue;
    count += dash == std::string::npos
                 ? 1
                 : std::atoi(part.c_str() + dash + 1) - std::atoi(part.c_str()) + 1;
  }
  return count;
}

// One cache of a processor as reported by the system.
struct CacheFolder {
  int level;
  std::size_t bytes;
  std::string shared_by;  // processors, such as "0-3,8"
};

// Data and unified caches, innermost first.
std::vector<CacheFolder> cache_folders(int processor) {
  std::vector<CacheFolder> caches;
  for (int index = 0; index < 16; ++index) {
    const std::string folder = "/sys/devices/system/cpu/cpu" + std::to_string(processor) +
                               "/cache/index" + std::to_string(index) + "/";
    const std::string type = first_line(folder + "type");
    if (type.empty()) break;
    if (type == "Instruction") continue;
    const CacheFolder cache{std::atoi(first_line(folder + "level").c_str()),
                            parse_size(first_line(folder + "size")),
                            first_line(folder + "shared_cpu_list")};
    if (cache.bytes > 0) caches.push_back(cache);
  }
  std::sort(caches.begin(), caches.end(),
            [](const CacheFolder& a, const CacheFolder& b) { return a.level < b.level; });
  return caches;
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
  for (const CacheFolder& folder : cache_folders(0)) {
    caches.push_back({folder.level, folder.bytes, std::max(1, count_list(folder.shared_by))});
  }
  return caches;
}

std::size_t last_caches_bytes(const std::vector<int>& processors) {
  std::vector<int> all = processors;
  if (all.empty()) {
    all.resize(static_cast<std::size_t>(std::max(1L, sysconf(_SC_NPROCESSORS_ONLN))));
    std::iota(all.begin(), all.end(), 0);
  }
  std::set<std::string> counted;
  std::size_t bytes = 0;
  for (const int processor : all) {
    const std::vector<CacheFolder> caches = cache_folders(processor);
    if (!caches.empty() && counted.insert(caches.back().shared_by).second) {
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
  std::set<std::string> cores;
  const int configured = static_cast<int>(sysconf(_SC_NPROCESSORS_CONF));
  for (int cpu = 0; cpu < configured; ++cpu) {
    const std::string siblings = first_line("/sys/devices/system/cpu/cpu" + std::to_string(cpu) +
                                            "/topology/thread_siblings_list");
    if (!siblings.empty()) cores.insert(siblings);
  }
  return cores.empty() ? static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN))
                       : static_cast<int>(cores.size());
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
