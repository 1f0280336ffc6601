#pragma once

#include <optional>
#include <string>
#include <vector>

// What Linux says of the time of this process, of others and of the machine. Paths begin with
// `root`, which is "/" except in tests on a recorded tree. What the kernel does not say is nullopt.

namespace ridgeline {

/// Times since some moment of the past, in seconds; two of them are subtracted.
struct SystemLoad {
  double at = 0;                   ///< of the host's clock
  double process_cpu = 0;          ///< used by this process, all threads
  double children_cpu = 0;         ///< used by child processes that have ended and were waited for
  double thread_cpu = 0;           ///< used by the threads that are watched
  std::optional<double> waiting;   ///< the watched threads were ready to run, and another one ran
  std::optional<double> busy;      ///< all processors of the machine, whatever ran there
  std::optional<double> stolen;    ///< the watched processors: a hypervisor ran something else
  std::optional<double> pressure;  ///< some thread of the machine waited for a processor
  long involuntary_switches = 0;   ///< of this process
};

/// Reads the load of these threads (kernel's thread numbers of this process) and processors.
SystemLoad read_system_load(const std::vector<int>& threads, const std::vector<int>& processors,
                            const std::string& root = "/");

/// Returns avg10 of /proc/pressure/cpu: percent of the last ten seconds in which some thread of the
/// machine waited for a processor.
std::optional<double> cpu_pressure_avg10(const std::string& root = "/");

/// Returns the machine's load average over a minute.
std::optional<double> load_average(const std::string& root = "/");

/// Returns the clock frequency of a processor now, in Hz: cpufreq's, or else what /proc/cpuinfo
/// says, which in a virtual machine is often a constant.
std::optional<double> clock_frequency(int processor, const std::string& root = "/");

/// Returns the name of the processor's cpufreq governor, empty if it has none.
std::string frequency_governor(int processor, const std::string& root = "/");

/// Returns the processors' time per second that this process's control group may use ("cpu.max" of
/// version 2, "cpu.cfs_quota_us" of version 1; the tightest of it and those above it); nullopt
/// without such a limit.
std::optional<double> cgroup_processor_quota(const std::string& root = "/");

/// Returns the number of processors that the machine has online.
int processor_count();

/// Returns the kernel's number of the calling thread.
int this_thread_number();

}  // namespace ridgeline
