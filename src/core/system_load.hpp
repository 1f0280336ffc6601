#pragma once

#include <optional>
#include <string>
#include <vector>

// Linux counters of the time of this process, of others and of the machine. Paths begin with
// `root`, which is "/" except in tests on a recorded tree. A value that the kernel does not report
// is nullopt.

namespace ridgeline {

/// Times since an arbitrary epoch, in seconds; differences of two are meaningful.
struct SystemLoad {
  double at = 0;                   ///< of the host's clock
  double process_cpu = 0;          ///< of all threads of this process
  double children_cpu = 0;         ///< of child processes that have ended and were waited for
  double thread_cpu = 0;           ///< of the observed threads
  std::optional<double> waiting;   ///< the observed threads were ready to run but did not run
  std::optional<double> busy;      ///< of all processors of the machine, by any process
  std::optional<double> stolen;    ///< from the observed processors by the hypervisor
  std::optional<double> pressure;  ///< with some thread of the machine waiting for a processor
  long involuntary_switches = 0;   ///< of this process
};

/// Reads the load of these threads (kernel thread ids of this process) and processors.
SystemLoad read_system_load(const std::vector<int>& threads, const std::vector<int>& processors,
                            const std::string& root = "/");

/// Returns avg10 of /proc/pressure/cpu: percent of the last ten seconds in which some thread of the
/// machine waited for a processor.
std::optional<double> cpu_pressure_avg10(const std::string& root = "/");

/// Returns the machine's one-minute load average.
std::optional<double> load_average(const std::string& root = "/");

/// Returns the current clock frequency of a processor in Hz, from cpufreq or else from
/// /proc/cpuinfo, which is often constant in a virtual machine.
std::optional<double> clock_frequency(int processor, const std::string& root = "/");

/// Returns the name of the processor's cpufreq governor, empty if it has none.
std::string frequency_governor(int processor, const std::string& root = "/");

/// Returns the processors' time per second that this process's control group may use ("cpu.max" of
/// version 2, "cpu.cfs_quota_us" of version 1; the tightest of the group and its ancestors);
/// nullopt without such a limit.
std::optional<double> cgroup_processor_quota(const std::string& root = "/");

/// Returns the number of online processors of the machine.
int processor_count();

/// Returns the kernel thread id of the calling thread.
int this_thread_number();

}  // namespace ridgeline
