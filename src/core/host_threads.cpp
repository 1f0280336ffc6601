#include "core/host_threads.hpp"

#include <pthread.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <limits>
#include <map>
#include <mutex>
#include <numeric>
#include <optional>
#include <set>

#if defined(_OPENMP)
#include <omp.h>
#endif

#include "core/error.hpp"
#include "core/processors.hpp"
#include "core/system_load.hpp"
#include "core/text.hpp"

namespace ridgeline {
namespace {

std::string trimmed(std::string text) {
  text.erase(0, std::min(text.size(), text.find_first_not_of(" \t")));
  text.erase(text.find_last_not_of(" \t") + 1);
  return text;
}

/// Returns the trimmed value of an environment variable; nullopt if it is not set.
std::optional<std::string> variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::nullopt : std::optional<std::string>(trimmed(value));
}

[[noreturn]] void refuse(const char* name, const std::string& value, const std::string& right) {
  throw RequestError("the environment's " + std::string(name) + "=" + printable(value) +
                     ": must be " + right);
}

/// Returns a number that consists of digits only, clamped to the largest int: libgomp's default
/// limit is 2^32 - 1. Returns nullopt for any other text and for a number that libgomp rejects too.
std::optional<int> number_of(const std::string& text) {
  if (text.empty() || text.find_first_not_of("0123456789") != std::string::npos) return {};
  errno = 0;
  const unsigned long long number = std::strtoull(text.c_str(), nullptr, 10);
  if (errno == ERANGE) return {};
  constexpr int kMost = std::numeric_limits<int>::max();
  return static_cast<int>(std::min<unsigned long long>(number, kMost));
}

/// Returns the trimmed elements of a list "4,2".
std::vector<std::string> parts_of(const std::string& list) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin <= list.size();) {
    const std::size_t end = std::min(list.find(',', begin), list.size());
    parts.push_back(trimmed(list.substr(begin, end - begin)));
    begin = end + 1;
  }
  return parts;
}

void check_number(const char* name, int least) {
  const auto value = variable(name);
  if (!value) return;
  const auto number = number_of(*value);
  if (!number || *number < least) {
    refuse(name, *value, "an integer of at least " + std::to_string(least));
  }
}

void check_words(const char* name, std::initializer_list<const char*> words, bool is_list) {
  const auto value = variable(name);
  if (!value) return;
  for (std::string part : is_list ? parts_of(*value) : std::vector<std::string>{*value}) {
    std::transform(part.begin(), part.end(), part.begin(),
                   [](unsigned char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
    if (std::find(words.begin(), words.end(), part) != words.end()) continue;
    std::string known;
    for (const char* word : words) known += (known.empty() ? "" : ", ") + std::string(word);
    refuse(name, *value, "one of " + known);
  }
}

/// Returns the number of threads in a variable, the first of a list; nullopt if it is not set.
std::optional<int> threads_of(const char* name) {
  const auto value = variable(name);
  if (!value) return {};
  for (const std::string& part : parts_of(*value)) {
    const auto number = number_of(part);
    if (!number || *number < 1) refuse(name, *value, "a number of threads, 1 or more");
  }
  return number_of(parts_of(*value).front());
}

/// Returns those of the variables that are set, "OMP_THREAD_LIMIT=1 OMP_DYNAMIC=true".
std::string settings(std::initializer_list<const char*> names) {
  std::string text;
  for (const char* name : names) {
    if (const auto value = variable(name)) {
      text += (text.empty() ? "" : " ") + std::string(name) + "=" + printable(*value);
    }
  }
  return text;
}

std::string shown_threads(int count) {
  return std::to_string(count) + (count == 1 ? " thread" : " threads");
}

std::string shown_processors(std::size_t count) {
  return std::to_string(count) + (count == 1 ? " processor" : " processors");
}

std::string shown_number(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.3g", value);
  return text;
}

/// Counts the threads that share a core, if each thread is bound to one core.
void count_siblings(const Topology& topology, HostThreads& threads) {
  if (!threads.bound) return;
  std::map<int, int> on_core;
  for (const std::string& placed : threads.placed) {
    const std::vector<int> own = parse_processor_list(placed);
    if (own.empty() || topology.cores_of(own) != 1) continue;
    ++on_core[topology.siblings_of(own.front()).front()];
  }
  for (const auto& [core, members] : on_core) {
    if (members > 1) threads.sharing_a_core += members;
  }
}

/// Returns the processors that this process may use: its mask and OpenMP's places, since OpenMP may
/// have bound this thread before main.
std::vector<int> allowed_processors() {
  ProcessorMask all = ProcessorMask::of_this_thread();
#if defined(_OPENMP)
  for (int place = 0; place < omp_get_num_places(); ++place) {
    std::vector<int> processors(static_cast<std::size_t>(omp_get_place_num_procs(place)));
    omp_get_place_proc_ids(place, processors.data());
    all.add(ProcessorMask(processors));
  }
#endif
  return all.processors();
}

std::vector<int> without(const std::vector<int>& all, const std::vector<int>& left_out) {
  std::vector<int> remaining;
  for (const int each : all) {
    if (std::find(left_out.begin(), left_out.end(), each) == left_out.end()) {
      remaining.push_back(each);
    }
  }
  return remaining;
}

#if defined(_OPENMP)
/// Returns the stack size in bytes that a variable sets for OpenMP's threads, "512" (KiB) or "4 M";
/// nullopt for an invalid size, which OpenMP ignores with a warning.
std::optional<std::size_t> stack_bytes(const char* name) {
  const auto value = variable(name);
  if (!value || value->empty()) return {};
  const std::string units = "bkmg";
  std::string digits = *value;
  std::size_t unit = 1;
  if (const std::size_t found = units.find(static_cast<char>(std::tolower(digits.back())));
      found != std::string::npos) {
    unit = found;
    digits = trimmed(digits.substr(0, digits.size() - 1));
  }
  const auto number = number_of(digits);
  if (!number) return {};
  return static_cast<std::size_t>(*number) << (10 * unit);
}

/// Throws RequestError if so many threads cannot be started; OpenMP would end the process.
void require_threads(int count) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  auto stack = stack_bytes("OMP_STACKSIZE");
  if (!stack) stack = stack_bytes("GOMP_STACKSIZE");
  if (stack) pthread_attr_setstacksize(&attributes, *stack);
  const auto wait = [](void* gate) -> void* {
    const std::lock_guard<std::mutex> passed(*static_cast<std::mutex*>(gate));
    return nullptr;
  };
  std::mutex gate;
  std::vector<pthread_t> started;
  int error = 0;
  {
    const std::lock_guard<std::mutex> closed(gate);
    while (static_cast<int>(started.size()) + 1 < count && error == 0) {
      pthread_t thread;
      error = pthread_create(&thread, &attributes, wait, &gate);
      if (error == 0) started.push_back(thread);
    }
  }
  for (const pthread_t thread : started) pthread_join(thread, nullptr);
  pthread_attr_destroy(&attributes);
  if (error == 0) return;
  const std::string sizes = settings({"OMP_STACKSIZE", "GOMP_STACKSIZE"});
  throw RequestError(shown_threads(count) + " cannot be started: " + std::strerror(error) +
                     (sizes.empty() ? "; see ulimit -u" : "; the environment has " + sizes));
}

/// Returns the number of threads of a parallel region that requests `requested`.
int team_of(int requested) {
  int found = 0;
#pragma omp parallel num_threads(requested)
  {
#pragma omp atomic
    ++found;
  }
  return found;
}

#endif

/// Calls `body(thread)` on each thread of the pool. It must not throw.
template <class Body>
void on_each_thread(int count, const Body& body) {
#if defined(_OPENMP)
#pragma omp parallel num_threads(count)
  body(static_cast<std::size_t>(omp_get_thread_num()));
#else
  for (int thread = 0; thread < count; ++thread) body(static_cast<std::size_t>(thread));
#endif
}

/// Returns the mask of each thread of the pool.
std::vector<std::vector<int>> masks_of_threads(int count) {
  std::vector<ProcessorMask> masks(static_cast<std::size_t>(count),
                                   ProcessorMask::of_this_thread());
  on_each_thread(count, [&](std::size_t thread) { masks[thread].read_this_thread(); });
  std::vector<std::vector<int>> lists;
  for (const ProcessorMask& mask : masks) lists.push_back(mask.processors());
  return lists;
}

/// Returns whether every thread could be restricted to its processors.
bool bind_each(const std::vector<std::vector<int>>& processors) {
  const std::vector<ProcessorMask> masks(processors.begin(), processors.end());
  std::vector<int> bound(masks.size(), 0);
  on_each_thread(static_cast<int>(masks.size()), [&](std::size_t thread) {
    bound[thread] = masks[thread].bind_this_thread() ? 1 : 0;
  });
  return std::find(bound.begin(), bound.end(), 0) == bound.end();
}

/// Allows every thread to run on every processor of the process.
void unpin(const HostThreads& threads) {
  bind_each(std::vector<std::vector<int>>(static_cast<std::size_t>(threads.count), threads.cpus));
}

/// Records the affinity mask of each thread.
void record_masks(HostThreads& threads) {
  threads.placed.clear();
  for (const std::vector<int>& mask : masks_of_threads(threads.count)) {
    threads.placed.push_back(processor_list(mask));
  }
}

#if defined(_OPENMP)
/// Keeps and records the binding that libgomp set before main.
void keep_environment(HostThreads& threads) {
  threads.bound = true;
  threads.bind = "environment";
  threads.binding = settings({"OMP_PROC_BIND", "OMP_PLACES", "GOMP_CPU_AFFINITY"});
  record_masks(threads);
  threads.cpus = threads.placed_processors();
}
#endif

void leave_unbound(const std::string& why, HostThreads& threads) {
  threads.bound = false;
  threads.bind = "none";
  threads.binding = "unbound: " + why;
  record_masks(threads);
}

/// Pins one thread per processor, round robin if there are more threads.
void pin(const std::vector<int>& processors, const std::string& bind, HostThreads& threads) {
  std::vector<std::vector<int>> masks;
  for (std::size_t i = 0; i < static_cast<std::size_t>(threads.count); ++i) {
    masks.push_back({processors[i % processors.size()]});
  }
  if (!bind_each(masks)) {
    unpin(threads);
    return leave_unbound("pinning was refused", threads);
  }
  threads.bound = true;
  threads.bind = bind;
  threads.binding = "pinned by ridgeline (" + bind + "), one processor per thread";
  record_masks(threads);
}

/// Pins to processors on which no pinned thread of another process runs. If two processes do this
/// at the same time, the later one detects the other's threads afterwards and moves.
void pin_to_free(const Topology& topology, Binding::Kind kind, HostThreads& threads) {
  const bool automatic = kind == Binding::Kind::automatic;
  const std::string bind = kind == Binding::Kind::compact ? "compact" : "spread";
  std::vector<int> held = processors_held_by_others(topology);
  constexpr int kMostMoves = 3;
  for (int move = 0; move <= kMostMoves; ++move) {
    const std::vector<int> free = without(threads.cpus, held);
    if (static_cast<int>(free.size()) < threads.count) break;
    pin(choose_processors(topology, free, kind, threads.count, held), bind, threads);
    if (!threads.bound) return;
    const std::vector<int> taken = processors_held_by_others(topology, true);
    const std::vector<int> mine = threads.placed_processors();
    if (without(mine, taken).size() == mine.size()) return;
    held.insert(held.end(), taken.begin(), taken.end());
  }
  std::vector<int> shared;
  for (const int each : threads.cpus) {
    if (std::find(held.begin(), held.end(), each) != held.end()) shared.push_back(each);
  }
  const std::string why = "threads of other processes are pinned to " +
                          shown_processors(shared.size()) + " (" + processor_list(shared) +
                          ") and run there";
  if (automatic) {
    unpin(threads);
    leave_unbound(why, threads);
  } else {
    pin(choose_processors(topology, threads.cpus, kind, threads.count, held), bind, threads);
  }
  threads.warnings.push_back(why + ", which leaves too few free for " +
                             shown_threads(threads.count));
}

void bind_threads(const Binding& binding, const Topology& topology, HostThreads& threads) {
#if defined(_OPENMP)
  const bool by_environment = omp_get_proc_bind() != omp_proc_bind_false;
  if (binding.kind == Binding::Kind::automatic) {
    if (by_environment) return keep_environment(threads);
    if (const auto bind = variable("OMP_PROC_BIND")) {
      return leave_unbound("OMP_PROC_BIND=" + *bind, threads);
    }
  }
#else
  const bool by_environment = false;
  if (binding.kind == Binding::Kind::automatic) {
    threads.binding = "one thread";
    return record_masks(threads);
  }
#endif
  if (by_environment) threads.cpus = allowed_processors();
  if (binding.kind == Binding::Kind::none) {
    if (by_environment) unpin(threads);
    return leave_unbound("--bind none", threads);
  }
  if (binding.kind == Binding::Kind::list) {
    pin(binding.processors, "list", threads);
    if (threads.bound) threads.cpus = binding.processors;
    return;
  }
  if (threads.cpus.empty()) {
    return leave_unbound("the kernel does not report the processors", threads);
  }
  if (threads.share_processors()) {
    return leave_unbound("more threads than processors", threads);
  }
  pin_to_free(topology, binding.kind, threads);
}

}  // namespace

std::vector<int> HostThreads::placed_processors() const {
  std::set<int> all;
  for (const std::string& list : placed) {
    const std::vector<int> own = parse_processor_list(list);
    all.insert(own.begin(), own.end());
  }
  return {all.begin(), all.end()};
}

void check_thread_environment() {
  threads_of("OMP_NUM_THREADS");
  threads_of("KOKKOS_NUM_THREADS");
  check_number("OMP_THREAD_LIMIT", 1);
  check_number("OMP_MAX_ACTIVE_LEVELS", 0);
  for (const char* name : {"KOKKOS_NUMA", "KOKKOS_DEVICE_ID", "KOKKOS_NUM_DEVICES",
                           "KOKKOS_SKIP_DEVICE", "KOKKOS_RAND_DEVICES"}) {
    check_number(name, 0);
  }
  check_words("OMP_DYNAMIC", {"true", "false"}, false);
  check_words("OMP_PROC_BIND", {"true", "false", "primary", "master", "close", "spread"}, true);
#if defined(_OPENMP)
  const auto places = variable("OMP_PLACES");
  const bool unbound = variable("OMP_PROC_BIND") && omp_get_proc_bind() == omp_proc_bind_false;
  if (places && !unbound && omp_get_num_places() == 0) {
    refuse("OMP_PLACES", *places,
           "places that OpenMP accepts, such as cores, with processors that this process may use");
  }
#endif
}

void check_binding(const Binding& binding) {
#if defined(_OPENMP)
  if (binding.kind != Binding::Kind::automatic && omp_get_proc_bind() != omp_proc_bind_false) {
    // OpenMP pinned this thread before main, so its original mask is lost. The kernel restricts a
    // mask of all processors to those of the control group.
    std::vector<int> all(static_cast<std::size_t>(processor_count()));
    std::iota(all.begin(), all.end(), 0);
    ProcessorMask(all).bind_this_thread();
  }
#endif
  const std::vector<int> missing = without(binding.processors, allowed_processors());
  if (missing.empty()) return;
  throw RequestError("--bind " + processor_list(binding.processors) +
                     ": this process may not use " + shown_processors(missing.size()) + " of it (" +
                     processor_list(missing) + "); it may use " +
                     processor_list(allowed_processors()));
}

int requested_threads(int threads, const Binding& binding) {
  const char* source = "--threads ";
  if (threads <= 0) {
    source = "the environment's OMP_NUM_THREADS=";
    threads = threads_of("OMP_NUM_THREADS").value_or(0);
  }
  if (threads <= 0) {
    source = "the environment's KOKKOS_NUM_THREADS=";
    threads = threads_of("KOKKOS_NUM_THREADS").value_or(0);
  }
  if (threads > kMostHostThreads) {
    throw RequestError(source + std::to_string(threads) + ": must be from 1 to " +
                       std::to_string(kMostHostThreads));
  }
  if (threads > 0) return threads;
  if (binding.kind == Binding::Kind::list) {
    return static_cast<int>(std::min<std::size_t>(binding.processors.size(), kMostHostThreads));
  }
  auto processors = static_cast<double>(allowed_processors().size());
  if (const auto quota = cgroup_processor_quota()) {
    processors = std::min(processors, std::ceil(*quota));
  }
  return static_cast<int>(std::clamp<double>(processors, 1, kMostHostThreads));
}

int allowed_threads(int requested, std::vector<std::string>& warnings) {
#if defined(_OPENMP)
  require_threads(std::min(requested, omp_get_thread_limit()));
  const int allowed = team_of(requested);
  // The number must not change from here on: Kokkos allocates memory for each thread.
  omp_set_dynamic(0);
  if (allowed < requested) {
    const std::string limits =
        settings({"OMP_THREAD_LIMIT", "OMP_DYNAMIC", "OMP_MAX_ACTIVE_LEVELS"});
    warnings.push_back(shown_threads(allowed) + " instead of " + std::to_string(requested) + ": " +
                       (limits.empty() ? "OpenMP provides no more" : limits));
  }
  return allowed;
#else
  (void)requested;
  (void)warnings;
  return 1;
#endif
}

HostThreads place_threads(int count, const Binding& binding) {
  const Topology topology = Topology::read();
  HostThreads threads;
  threads.count = count;
  threads.cpus = ProcessorMask::of_this_thread().processors();
  bind_threads(binding, topology, threads);
  threads.numa_domains = topology.numa_domains_of(threads.cpus);
  if (threads.share_processors()) {
    const std::string why =
        settings({"OMP_NUM_THREADS", "KOKKOS_NUM_THREADS", "OMP_PLACES", "OMP_PROC_BIND",
                  "GOMP_CPU_AFFINITY", "SLURM_CPUS_PER_TASK", "SLURM_CPU_BIND"});
    threads.warnings.push_back(
        shown_threads(count) + " on " + shown_processors(threads.cpus.size()) + " (" +
        processor_list(threads.cpus) + ")" + (why.empty() ? "" : ", with ") + why +
        ": they compete for processors, so measurements do not represent the machine");
  }
  count_siblings(topology, threads);
  const auto quota = cgroup_processor_quota();
  if (quota && *quota < count) {
    threads.warnings.push_back("the control group allows the time of " + shown_number(*quota) +
                               " processors to " + shown_threads(count) +
                               ": the kernel throttles them in every period");
  }
  return threads;
}

}  // namespace ridgeline
