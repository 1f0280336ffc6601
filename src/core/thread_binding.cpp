#include "core/thread_binding.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <thread>
#include <tuple>
#include <utility>

#include "core/error.hpp"
#include "core/text.hpp"

namespace ridgeline {
namespace {

namespace fs = std::filesystem;

/// Selects processors one by one: not held, on the core with the fewest threads, then on the
/// package, domain and cache with the fewest.
std::vector<Processor> spread_over(std::vector<Processor> left, int count,
                                   const std::vector<Processor>& held) {
  std::map<int, int> on_processor, on_core, on_package, on_numa, on_cache;
  const auto add = [&](const Processor& p) {
    ++on_processor[p.number], ++on_core[p.core], ++on_package[p.package], ++on_numa[p.numa];
    ++on_cache[p.last_cache];
  };
  for (const Processor& each : held) add(each);
  std::vector<Processor> chosen;
  while (static_cast<int>(chosen.size()) < count) {
    const auto load = [&](const Processor& p) {
      return std::make_tuple(on_processor[p.number], on_core[p.core], on_package[p.package],
                             on_numa[p.numa], on_cache[p.last_cache]);
    };
    auto best = left.begin();
    for (auto each = left.begin(); each != left.end(); ++each) {
      if (load(*each) < load(*best)) best = each;
    }
    add(*best);
    chosen.push_back(*best);
    left.erase(best);
  }
  return chosen;
}

/// Status of a thread from /proc/PID/task/TID/status.
struct ThreadStatus {
  char state = ' ';
  std::vector<int> processors;
};

ThreadStatus read_status(const std::string& folder) {
  ThreadStatus status;
  std::ifstream file(folder + "/status");
  for (std::string line; std::getline(file, line);) {
    const std::size_t value = line.find_first_not_of(" \t", line.find(':') + 1);
    if (value == std::string::npos) continue;
    if (line.compare(0, 6, "State:") == 0) status.state = line[value];
    if (line.compare(0, 18, "Cpus_allowed_list:") == 0) {
      status.processors = parse_processor_list(line.substr(value));
      break;
    }
  }
  return status;
}

/// Returns the start time of a process in ticks since boot: field 22 of /proc/PID/stat. Returns 0
/// if it has ended.
unsigned long long start_of(const std::string& folder) {
  std::ifstream file(folder + "/stat");
  std::string line;
  std::getline(file, line);
  // The name, in parentheses, may contain any character.
  std::istringstream fields(line.substr(std::min(line.rfind(')') + 1, line.size())));
  std::string field;
  for (int number = 3; number <= 22; ++number) fields >> field;
  return std::strtoull(field.c_str(), nullptr, 10);
}

bool is_number(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
}

std::vector<std::string> numbered_folders(const std::string& folder) {
  std::vector<std::string> folders;
  std::error_code error;
  for (fs::directory_iterator each(folder, error), end; !error && each != end;
       each.increment(error)) {
    if (is_number(each->path().filename())) folders.push_back(each->path());
  }
  return folders;
}

bool is_kernel_thread(const std::string& process) {
  std::ifstream file(process + "/cmdline");
  return file.peek() == std::ifstream::traits_type::eof();
}

}  // namespace

Binding Binding::parse(const std::string& text) {
  if (text == "none") return {Kind::none, {}};
  if (text == "compact") return {Kind::compact, {}};
  if (text == "spread") return {Kind::spread, {}};
  std::vector<int> processors = parse_processor_list(text);
  if (processors.empty()) {
    throw RequestError("--bind: must be none, compact, spread or processors such as 0,2-5, not \"" +
                       printable(text) + "\"");
  }
  if (std::set<int>(processors.begin(), processors.end()).size() != processors.size()) {
    throw RequestError("--bind " + printable(text) + ": names a processor twice");
  }
  return {Kind::list, std::move(processors)};
}

std::vector<int> choose_processors(const Topology& topology, const std::vector<int>& allowed,
                                   Binding::Kind kind, int count, const std::vector<int>& held) {
  std::vector<Processor> chosen = topology.select(allowed);
  if (kind == Binding::Kind::compact) {
    chosen.resize(static_cast<std::size_t>(count));
  } else {
    chosen = spread_over(std::move(chosen), count, topology.select(held));
  }
  std::vector<int> numbers;
  for (const Processor& processor : chosen) numbers.push_back(processor.number);
  const std::vector<Processor> ordered = topology.select(numbers);
  std::transform(ordered.begin(), ordered.end(), numbers.begin(),
                 [](const Processor& processor) { return processor.number; });
  return numbers;
}

std::vector<int> processors_held_by_others(const Topology& topology, bool of_earlier,
                                           const std::string& root) {
  const std::string self = std::to_string(getpid());
  const unsigned long long own_start = start_of(root + "proc/" + self);
  std::vector<std::pair<std::string, std::vector<int>>> pinned;  // folders of threads
  for (const std::string& process : numbered_folders(root + "proc")) {
    const std::string number = fs::path(process).filename();
    if (number == self || is_kernel_thread(process)) continue;
    if (of_earlier) {
      const unsigned long long start = start_of(process);
      if (std::make_pair(start, std::strtol(number.c_str(), nullptr, 10)) >
          std::make_pair(own_start, std::strtol(self.c_str(), nullptr, 10))) {
        continue;
      }
    }
    for (const std::string& thread : numbered_folders(process + "/task")) {
      ThreadStatus status = read_status(thread);
      if (status.processors.empty()) continue;
      const std::vector<int> core = topology.siblings_of(status.processors.front());
      const bool one_core =
          std::all_of(status.processors.begin(), status.processors.end(), [&](int processor) {
            return std::find(core.begin(), core.end(), processor) != core.end();
          });
      const bool whole_machine = status.processors.size() == topology.processors().size();
      if (one_core && !whole_machine) pinned.emplace_back(thread, status.processors);
    }
  }
  std::set<int> held;
  constexpr int kSamples = 4;
  for (int sample = 0; sample < kSamples && !pinned.empty(); ++sample) {
    if (sample > 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    for (const auto& [thread, processors] : pinned) {
      const char state = read_status(thread).state;
      if (state == 'R' || state == 'D') held.insert(processors.begin(), processors.end());
    }
  }
  return {held.begin(), held.end()};
}

}  // namespace ridgeline
