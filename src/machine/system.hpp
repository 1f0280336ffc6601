#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace ridgeline::machine {

// What Linux says about the host, from /proc and /sys, and hwloc about its caches and cores;
// nothing here needs Kokkos. What cannot be read is empty or 0.

/// Returns the value of the first line "key : value" or "key: value" of a file such as
/// /proc/cpuinfo.
std::string value_of(const std::string& path, const std::string& key);

/// A data or unified cache as one core sees it.
struct Cache {
  int level = 0;
  std::size_t bytes = 0;
  int shared_by = 1;  ///< processors that share it
};

/// What a host's last caches are taken to hold if the system says nothing of them, as in many
/// containers and virtual machines: enough to get beyond those of most.
inline constexpr std::size_t kUnknownCacheBytes = std::size_t{64} << 20;

/// The caches of processor 0, innermost first.
std::vector<Cache> host_caches();

/// Bytes of the last caches of these processors, each counted once: what all their threads together
/// can keep out of memory. All of the machine's where the list is empty.
std::size_t last_caches_bytes(const std::vector<int>& processors);

/// Size of the cache at `level`, 0 where there is none.
std::size_t cache_bytes(const std::vector<Cache>& caches, int level);

/// "AMD EPYC 9654 96-Core Processor".
std::string cpu_model();

/// Physical cores of the machine, whatever this process may use.
int physical_cores();

/// Size of an ordinary page, in bytes.
std::size_t page_bytes();

/// "always", "madvise" or "never"; "unknown" where the kernel does not say.
std::string transparent_huge_pages();

/// The kernel's source of time, behind std::chrono::steady_clock: "tsc".
std::string clock_source();

std::string host_name();

/// The running kernel: "Linux 6.1.0-18-amd64".
std::string kernel_version();

/// How this process was started, argument by argument.
std::vector<std::string> command_line();

/// The number of the batch job (Slurm, PBS, LSF, Flux) that this process belongs to; else empty.
std::string batch_job();

/// Model of the first NVIDIA GPU as the driver tells it, for builds without CUDA; else empty.
std::string driver_gpu_model();

}  // namespace ridgeline::machine
