#include "core/host_threads.hpp"

#include <pthread.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <initializer_list>
#include <limits>
#include <mutex>
#include <optional>
#include <set>

#if defined(_OPENMP)
#include <omp.h>
#endif

#include "core/error.hpp"
#include "core/processors.hpp"
#include "core/text.hpp"

namespace ridgeline {
namespace {

std::string trimmed(std::string text) {
  text.erase(0, std::min(text.size(), text.find_first_not_of(" \t")));
  text.erase(text.find_last_not_of(" \t") + 1);
  return text;
}

/// The value of an environment variable without spaces around it; nullopt if it is not set.
std::optional<std::string> variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::nullopt : std::optional<std::string>(trimmed(value));
}

[[noreturn]] void refuse(const char* name, const std::string& value, const std::string& right) {
  throw RequestError("the environment's " + std::string(name) + "=" + printable(value) +
                     ": must be " + right);
}

/// Returns a number of digits alone, at most the largest int: libgomp's own default limit is 2^32 -
/// 1. Returns nullopt for any other text, and for a number that libgomp does not take either.
std::optional<int> number_of(const std::string& text) {
  if (text.empty() || text.find_first_not_of("0123456789") != std::string::npos) return {};
  errno = 0;
  const unsigned long long number = std::strtoull(text.c_str(), nullptr, 10);
  if (errno == ERANGE) return {};
  constexpr int kMost = std::numeric_limits<int>::max();
  return static_cast<int>(std::min<unsigned long long>(number, kMost));
}

/// The parts of a list "4,2", without spaces around them.
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

/// The threads of a variable, of whose list the first number counts; nullopt if it is not set.
std::optional<int> threads_of(const char* name) {
  const auto value = variable(name);
  if (!value) return {};
  for (const std::string& part : parts_of(*value)) {
    const auto number = number_of(part);
    if (!number || *number < 1) refuse(name, *value, "a number of threads, 1 or more");
  }
  return number_of(parts_of(*value).front());
}

/// "OMP_THREAD_LIMIT=1 OMP_DYNAMIC=true": those of the variables that are set.
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

/// "0-3,8".
std::string shown_list(const std::vector<int>& numbers) {
  std::vector<int> sorted = numbers;
  std::sort(sorted.begin(), sorted.end());
  std::string text;
  for (std::size_t i = 0; i < sorted.size();) {
    std::size_t end = i + 1;
    while (end < sorted.size() && sorted[end] == sorted[end - 1] + 1) ++end;
    text += (text.empty() ? "" : ",") + std::to_string(sorted[i]);
    if (end - i > 1) text += "-" + std::to_string(sorted[end - 1]);
    i = end;
  }
  return text;
}

/// Processors with one of every core first, their siblings (SMT) after them.
std::vector<int> cores_first(const std::vector<int>& processors) {
  std::vector<int> first, siblings;
  std::set<std::string> cores;
  for (const int processor : processors) {
    std::ifstream file("/sys/devices/system/cpu/cpu" + std::to_string(processor) +
                       "/topology/thread_siblings_list");
    std::string core = std::to_string(processor);
    std::getline(file, core);
    (cores.insert(core).second ? first : siblings).push_back(processor);
  }
  first.insert(first.end(), siblings.begin(), siblings.end());
  return first;
}

#if defined(_OPENMP)
/// Returns the bytes of stack of OpenMP's threads that a variable asks for, "512", which are KiB,
/// or "4 M"; nullopt for a text that is no size, which OpenMP ignores with a warning of its own.
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

/// Throws RequestError if so many threads cannot be started, for which OpenMP ends the process.
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

/// Threads that a parallel region of `requested` gets.
int team_of(int requested) {
  int found = 0;
#pragma omp parallel num_threads(requested)
  {
#pragma omp atomic
    ++found;
  }
  return found;
}

/// What all threads of the pool are bound to: each one's own mask is a part of it.
ProcessorMask mask_of_all_threads(int count) {
  ProcessorMask all;
#pragma omp parallel num_threads(count)
  {
    const ProcessorMask mask = ProcessorMask::of_this_thread();
#pragma omp critical
    all.add(mask);
  }
  return all;
}

/// libgomp reads OMP_PROC_BIND before main, so that setting it here would come too late.
void bind_threads(HostThreads& threads) {
  if (omp_get_proc_bind() != omp_proc_bind_false) {
    threads.bound = true;
    threads.binding = settings({"OMP_PROC_BIND", "OMP_PLACES", "GOMP_CPU_AFFINITY"});
    threads.cpus = cores_first(mask_of_all_threads(threads.count).processors());
    return;
  }
  if (const auto bind = variable("OMP_PROC_BIND")) {
    threads.binding = "unbound: OMP_PROC_BIND=" + *bind;
    return;
  }
  if (threads.share_processors()) {
    threads.binding = "unbound: more threads than processors";
    return;
  }
  if (threads.cpus.empty()) {
    threads.binding = "unbound: the kernel does not say which processors there are";
    return;
  }
  std::vector<int> bound(static_cast<std::size_t>(threads.count), 0);
#pragma omp parallel num_threads(threads.count)
  {
    const auto thread = static_cast<std::size_t>(omp_get_thread_num());
    bound[thread] = ProcessorMask({threads.cpus[thread]}).bind_this_thread() ? 1 : 0;
  }
  threads.bound = std::find(bound.begin(), bound.end(), 0) == bound.end();
  threads.binding = threads.bound ? "pinned by ridgeline, one processor per thread"
                                  : "unbound: pinning was refused";
}
#endif

}  // namespace

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
           "places that OpenMP knows, such as cores, with processors that this process may use");
  }
#endif
}

int requested_threads(int threads) {
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
  const auto processors = ProcessorMask::of_this_thread().processors().size();
  return static_cast<int>(std::clamp<std::size_t>(processors, 1, kMostHostThreads));
}

int allowed_threads(int requested, std::vector<std::string>& warnings) {
#if defined(_OPENMP)
  require_threads(std::min(requested, omp_get_thread_limit()));
  const int allowed = team_of(requested);
  // From here on the number is fixed: Kokkos has memory for each thread.
  omp_set_dynamic(0);
  if (allowed < requested) {
    const std::string limits =
        settings({"OMP_THREAD_LIMIT", "OMP_DYNAMIC", "OMP_MAX_ACTIVE_LEVELS"});
    warnings.push_back(shown_threads(allowed) + " instead of " + std::to_string(requested) + ": " +
                       (limits.empty() ? "OpenMP gives no more" : limits));
  }
  return allowed;
#else
  (void)requested;
  (void)warnings;
  return 1;
#endif
}

HostThreads place_threads(int count) {
  HostThreads threads;
  threads.count = count;
  threads.cpus = cores_first(ProcessorMask::of_this_thread().processors());
#if defined(_OPENMP)
  bind_threads(threads);
#else
  threads.binding = "one thread";
#endif
  if (threads.share_processors()) {
    const std::string why =
        settings({"OMP_NUM_THREADS", "KOKKOS_NUM_THREADS", "OMP_PLACES", "OMP_PROC_BIND",
                  "GOMP_CPU_AFFINITY", "SLURM_CPUS_PER_TASK", "SLURM_CPU_BIND"});
    threads.warnings.push_back(shown_threads(count) + " on " + std::to_string(threads.cpus.size()) +
                               " processor" + (threads.cpus.size() == 1 ? " (" : "s (") +
                               shown_list(threads.cpus) + ")" + (why.empty() ? "" : ", with ") +
                               why + ": they take time from each other, and nothing measured so " +
                               "holds for the machine");
  }
  return threads;
}

}  // namespace ridgeline
