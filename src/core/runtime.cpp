#include "core/runtime.hpp"

#include <Kokkos_Core.hpp>

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <set>

#if defined(KOKKOS_ENABLE_CUDA)
#include <cuda_runtime.h>
#endif
#if defined(KOKKOS_ENABLE_OPENMP)
#include <omp.h>
#endif

#include "core/isa.hpp"
#include "core/kokkos_bridge.hpp"

namespace ridgeline {
namespace {

HostThreads placed;

// What the calling thread is bound to.
cpu_set_t own_mask() {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  sched_getaffinity(0, sizeof(mask), &mask);
  return mask;
}

// The processors of an affinity mask, one of every core first, their siblings (SMT) after them.
std::vector<int> cpus_of(const cpu_set_t& mask) {
  std::vector<int> first, siblings;
  std::set<std::string> cores;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &mask)) continue;
    std::ifstream file("/sys/devices/system/cpu/cpu" + std::to_string(cpu) +
                       "/topology/thread_siblings_list");
    std::string core = std::to_string(cpu);
    std::getline(file, core);
    (cores.insert(core).second ? first : siblings).push_back(cpu);
  }
  first.insert(first.end(), siblings.begin(), siblings.end());
  return first;
}

#if defined(KOKKOS_ENABLE_OPENMP)
// What each thread of the pool was bound to, together: this one's own mask is a part of it.
cpu_set_t mask_of_all_threads(int count) {
  cpu_set_t all;
  CPU_ZERO(&all);
#pragma omp parallel num_threads(count)
  {
    const cpu_set_t mask = own_mask();
#pragma omp critical
    CPU_OR(&all, &all, &mask);
  }
  return all;
}

// Pins each thread of the pool to a processor of its own, as far apart as can be. libgomp reads
// OMP_PROC_BIND before main, so that setting it here would come too late.
void bind_threads(HostThreads& threads) {
  if (omp_get_proc_bind() != omp_proc_bind_false) {
    const char* bind = std::getenv("OMP_PROC_BIND");
    const char* places = std::getenv("OMP_PLACES");
    threads.bound = true;
    threads.binding = std::string("OMP_PROC_BIND=") + (bind ? bind : "(default)") +
                      " OMP_PLACES=" + (places ? places : "(default)");
    threads.cpus = cpus_of(mask_of_all_threads(threads.count));
    return;
  }
  const char* asked = std::getenv("OMP_PROC_BIND");
  if (asked) {
    threads.binding = std::string("unbound: OMP_PROC_BIND=") + asked;
    return;
  }
  const int cpus = static_cast<int>(threads.cpus.size());
  if (threads.count > cpus) {
    threads.binding = "unbound: more threads than processors";
    return;
  }
  std::vector<int> failed(threads.count, 0);
#pragma omp parallel num_threads(threads.count)
  {
    const int thread = omp_get_thread_num();
    cpu_set_t mask;
    CPU_ZERO(&mask);
    CPU_SET(threads.cpus[static_cast<std::size_t>(thread)], &mask);
    failed[thread] = pthread_setaffinity_np(pthread_self(), sizeof(mask), &mask);
  }
  threads.bound = std::all_of(failed.begin(), failed.end(), [](int error) { return error == 0; });
  threads.binding = threads.bound ? "pinned by ridgeline, one processor a thread"
                                  : "unbound: pinning was refused";
}
#endif

}  // namespace

std::string to_string(SpaceKind kind) {
  switch (kind) {
    case SpaceKind::serial:
      return "serial";
    case SpaceKind::openmp:
      return "openmp";
    default:
      return "cuda";
  }
}

std::vector<SpaceKind> built_spaces() {
  std::vector<SpaceKind> spaces = {SpaceKind::serial};
#if defined(KOKKOS_ENABLE_OPENMP)
  spaces.push_back(SpaceKind::openmp);
#endif
#if defined(KOKKOS_ENABLE_CUDA)
  spaces.push_back(SpaceKind::cuda);
#endif
  return spaces;
}

int cuda_device_count(std::string* reason) {
#if defined(KOKKOS_ENABLE_CUDA)
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error == cudaSuccess && count > 0) return count;
  if (reason) *reason = error == cudaSuccess ? "no device" : cudaGetErrorString(error);
  return 0;
#else
  if (reason) *reason = "this build has no CUDA";
  return 0;
#endif
}

SpaceKind resolve_space(const std::string& name) {
  const std::vector<SpaceKind> built = built_spaces();
  const bool any = name == "auto";
  std::string names = "auto";
  bool known = any;
  SpaceKind chosen = built.back();
  for (const SpaceKind kind : {SpaceKind::serial, SpaceKind::openmp, SpaceKind::cuda}) {
    const bool in_build = std::find(built.begin(), built.end(), kind) != built.end();
    if (in_build) names += ", " + to_string(kind);
    if (name != to_string(kind)) continue;
    known = true;
    chosen = kind;
    if (!in_build) {
      throw RequestError(
          "--space " + name + ": no such device or space in this build, which has " +
          names.substr(6) +
          (kind == SpaceKind::cuda ? "; a CUDA device needs the build of preset cuda" : ""));
    }
  }
  if (!known) throw RequestError("--space " + name + ": must be one of " + names);
  std::string reason;
  if (chosen == SpaceKind::cuda && cuda_device_count(&reason) == 0) {
    throw RequestError("no CUDA device: " + reason + "; a build that holds CUDA computes only " +
                       "where there is one, the build of preset openmp runs anywhere");
  }
  return chosen;
}

int planned_threads(int threads) {
#if defined(KOKKOS_ENABLE_OPENMP)
  if (threads > 0) return threads;
  return std::getenv("OMP_NUM_THREADS") ? omp_get_max_threads() : omp_get_num_procs();
#else
  return 1;
  (void)threads;
#endif
}

Runtime::Runtime(int threads, const std::vector<std::string>& kokkos_flags) {
  // The check ran before main; that it is asked again here makes every program link it.
  if (!missing_isa(kRequiredIsa).empty()) throw RequestError("this build needs another CPU");
  std::string reason;
  const std::vector<SpaceKind> built = built_spaces();
  if (built.back() == SpaceKind::cuda && cuda_device_count(&reason) == 0) {
    throw RequestError("no CUDA device: " + reason + "; a build that holds CUDA computes only " +
                       "where there is one, the build of preset openmp runs anywhere");
  }
  placed = HostThreads();
  placed.cpus = cpus_of(own_mask());
  std::vector<std::string> flags;
  for (const std::string& flag : kokkos_flags) flags.push_back(bridge::kokkos_flag(flag));
#if defined(KOKKOS_ENABLE_OPENMP)
  const bool by_flag = std::any_of(flags.begin(), flags.end(), [](const std::string& flag) {
    return flag.find("threads") != std::string::npos;
  });
  if (!by_flag) threads = planned_threads(threads);
  if (threads > bridge::kMostThreads) {
    throw RequestError(std::to_string(threads) + " host threads; Kokkos has " +
                       std::to_string(bridge::kMostThreads) + " at most");
  }
#endif
  bridge::initialize_kokkos(threads, flags);
#if defined(KOKKOS_ENABLE_OPENMP)
  placed.count = Kokkos::OpenMP().concurrency();
  bind_threads(placed);
#else
  placed.binding = "one thread";
#endif
}

Runtime::~Runtime() {
  Kokkos::finalize();
  placed = HostThreads();
}

const HostThreads& Runtime::host_threads() { return placed; }

}  // namespace ridgeline
