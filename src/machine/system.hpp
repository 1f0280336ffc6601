#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace ridgeline::machine {

// Properties of the host from /proc and /sys of Linux, and of its caches and cores from hwloc;
// nothing here needs Kokkos. Values that cannot be read are empty or 0.

/// Returns the value of the first line "key : value" or "key: value" of a file such as
/// /proc/cpuinfo.
std::string value_of(const std::string& path, const std::string& key);

/// A data or unified cache of one core.
struct Cache {
  int level = 0;
  std::size_t bytes = 0;
  int shared_by = 1;  ///< processors that share it
};

/// The assumed size of a host's last caches if the system does not report it, as in many
/// containers and virtual machines: larger than those of most machines.
inline constexpr std::size_t kUnknownCacheBytes = std::size_t{64} << 20;

/// Returns the caches of processor 0, innermost first.
std::vector<Cache> host_caches();

/// Returns the bytes of the last caches of these processors, each counted once: the data that all
/// their threads together can keep in caches. An empty list stands for all processors.
std::size_t last_caches_bytes(const std::vector<int>& processors);

/// Returns the size of the cache at `level`, 0 if there is none.
std::size_t cache_bytes(const std::vector<Cache>& caches, int level);

/// Returns the model's name: "AMD EPYC 9654 96-Core Processor".
std::string cpu_model();

/// Returns the physical cores of the machine, including those that this process may not use.
int physical_cores();

/// Returns the size of an ordinary page, in bytes.
std::size_t page_bytes();

/// Returns "always", "madvise" or "never"; "unknown" if it cannot be read.
std::string transparent_huge_pages();

/// Returns the kernel's clock source, which std::chrono::steady_clock uses: "tsc".
std::string clock_source();

std::string host_name();

/// Returns the version of the running kernel: "Linux 6.1.0-18-amd64".
std::string kernel_version();

/// Returns the arguments of this process, including the program.
std::vector<std::string> command_line();

/// Returns the number of the batch job (Slurm, PBS, LSF, Flux) that this process belongs to; empty
/// if there is none.
std::string batch_job();

/// Returns the model of the first NVIDIA GPU from the driver, for builds without CUDA; empty if
/// there is none.
std::string driver_gpu_model();

}  // namespace ridgeline::machine
