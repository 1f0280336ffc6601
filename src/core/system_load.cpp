#include "core/system_load.hpp"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "core/control_groups.hpp"
#include "core/seconds.hpp"

namespace ridgeline {
namespace {

double seconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
}

double cpu_of(const rusage& usage) {
  return seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
}

/// Adds the values of /proc/self/task/N/schedstat: nanoseconds on a processor, and waiting for one.
void add_thread(const std::string& root, int thread, SystemLoad& load) {
  std::ifstream file(root + "proc/self/task/" + std::to_string(thread) + "/schedstat");
  double running = 0, waiting = 0;
  if (!(file >> running >> waiting)) return;
  load.thread_cpu += 1e-9 * running;
  load.waiting = load.waiting.value_or(0) + 1e-9 * waiting;
}

/// Adds the values of /proc/stat: a line "cpu…" holds user, nice, system, idle, iowait, irq,
/// softirq, steal.
void add_processors(const std::string& root, const std::vector<int>& processors, SystemLoad& load) {
  std::ifstream file(root + "proc/stat");
  const double tick = 1 / static_cast<double>(std::max(1L, sysconf(_SC_CLK_TCK)));
  for (std::string line; std::getline(file, line) && line.compare(0, 3, "cpu") == 0;) {
    std::istringstream fields(line.substr(3));
    const bool all = line.size() > 3 && line[3] == ' ';
    int processor = -1;
    if (!all && !(fields >> processor)) continue;
    double user, nice, system, idle, iowait, irq, softirq, steal;
    if (!(fields >> user >> nice >> system >> idle >> iowait >> irq >> softirq >> steal)) continue;
    if (all) {
      load.busy = tick * (user + nice + system + irq + softirq);
    } else if (std::find(processors.begin(), processors.end(), processor) != processors.end()) {
      load.stolen = load.stolen.value_or(0) + tick * steal;
    }
  }
}

/// Returns the number after `key` in the line "some avg10=… total=…" of /proc/pressure/cpu.
std::optional<double> pressure_value(const std::string& root, const std::string& key) {
  std::ifstream file(root + "proc/pressure/cpu");
  std::string line;
  if (!std::getline(file, line)) return {};
  const std::size_t at = line.find(key + "=");
  if (at == std::string::npos) return {};
  return std::strtod(line.c_str() + at + key.size() + 1, nullptr);
}

std::optional<double> number_in(const std::string& file) {
  double value = 0;
  std::ifstream stream(file);
  if (stream >> value) return value;
  return {};
}

/// Returns the quota of one group, in processors; 0 if it has none.
double quota_of(const ControlGroup& group) {
  double limit = 0, period = 0;
  if (group.is_version2) {  // "max" is not a number
    std::ifstream(group.folder + "/cpu.max") >> limit >> period;
  } else {
    limit = number_in(group.folder + "/cpu.cfs_quota_us").value_or(0);
    period = number_in(group.folder + "/cpu.cfs_period_us").value_or(0);
  }
  return limit > 0 && period > 0 ? limit / period : 0;
}

}  // namespace

SystemLoad read_system_load(const std::vector<int>& threads, const std::vector<int>& processors,
                            const std::string& root) {
  SystemLoad load;
  load.at = host_seconds();
  rusage usage{};
  if (getrusage(RUSAGE_SELF, &usage) == 0) {
    load.process_cpu = cpu_of(usage);
    load.involuntary_switches = usage.ru_nivcsw;
  }
  if (getrusage(RUSAGE_CHILDREN, &usage) == 0) load.children_cpu = cpu_of(usage);
  for (const int thread : threads) add_thread(root, thread, load);
  add_processors(root, processors, load);
  if (const auto total = pressure_value(root, "total")) load.pressure = 1e-6 * *total;
  return load;
}

std::optional<double> cpu_pressure_avg10(const std::string& root) {
  return pressure_value(root, "avg10");
}

std::optional<double> load_average(const std::string& root) {
  return number_in(root + "proc/loadavg");
}

std::optional<double> clock_frequency(int processor, const std::string& root) {
  if (const auto khz = number_in(root + "sys/devices/system/cpu/cpu" + std::to_string(processor) +
                                 "/cpufreq/scaling_cur_freq")) {
    return 1e3 * *khz;
  }
  std::ifstream file(root + "proc/cpuinfo");
  int current = -1;
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    const double value = std::strtod(line.c_str() + colon + 1, nullptr);
    if (line.compare(0, 9, "processor") == 0) current = static_cast<int>(value);
    if (line.compare(0, 7, "cpu MHz") == 0 && current == processor) return 1e6 * value;
  }
  return {};
}

std::string frequency_governor(int processor, const std::string& root) {
  std::ifstream file(root + "sys/devices/system/cpu/cpu" + std::to_string(processor) +
                     "/cpufreq/scaling_governor");
  std::string name;
  file >> name;
  return name;
}

std::optional<double> cgroup_processor_quota(const std::string& root) {
  std::optional<double> quota;
  for (const ControlGroup& group : control_groups("cpu", root)) {
    const double limit = quota_of(group);
    if (limit > 0) quota = std::min(quota.value_or(limit), limit);
  }
  return quota;
}

int processor_count() { return static_cast<int>(std::max(1L, sysconf(_SC_NPROCESSORS_ONLN))); }

int this_thread_number() { return static_cast<int>(syscall(SYS_gettid)); }

}  // namespace ridgeline
