#include "core/topology.hpp"

#include <hwloc.h>

#include <algorithm>
#include <cstdlib>
#include <set>
#include <utility>

#include "core/system_load.hpp"

namespace ridgeline {
namespace {

/// Returns the logical number of the object of a type that contains a processor; `otherwise` if
/// there is none.
int number_of_parent(hwloc_topology_t topology, hwloc_obj_t processor, hwloc_obj_type_t type,
                     int otherwise) {
  const hwloc_obj_t parent = hwloc_get_ancestor_obj_by_type(topology, type, processor);
  return parent == nullptr ? otherwise : static_cast<int>(parent->logical_index);
}

int last_cache_of(hwloc_obj_t processor) {
  hwloc_obj_t last = nullptr;
  for (hwloc_obj_t parent = processor->parent; parent != nullptr; parent = parent->parent) {
    if (hwloc_obj_type_is_dcache(parent->type)) last = parent;
  }
  // Each cache level is numbered separately.
  return last == nullptr ? 0 : static_cast<int>(last->logical_index);
}

int numa_of(hwloc_topology_t topology, hwloc_obj_t processor) {
  const hwloc_obj_t node = hwloc_get_next_obj_covering_cpuset_by_type(topology, processor->cpuset,
                                                                      HWLOC_OBJ_NUMANODE, nullptr);
  return node == nullptr ? 0 : static_cast<int>(node->logical_index);
}

std::vector<DataCache> read_caches(hwloc_topology_t topology) {
  std::vector<DataCache> caches;
  for (hwloc_obj_type_t type = HWLOC_OBJ_L1CACHE; type <= HWLOC_OBJ_L5CACHE;
       type = static_cast<hwloc_obj_type_t>(type + 1)) {
    hwloc_obj_t next = nullptr;
    while ((next = hwloc_get_next_obj_by_type(topology, type, next)) != nullptr) {
      if (next->attr->cache.size == 0) continue;
      caches.push_back({static_cast<int>(next->attr->cache.depth),
                        static_cast<std::size_t>(next->attr->cache.size),
                        {}});
      hwloc_obj_t processor = nullptr;
      while ((processor = hwloc_get_next_obj_inside_cpuset_by_type(
                  topology, next->cpuset, HWLOC_OBJ_PU, processor)) != nullptr) {
        caches.back().processors.push_back(static_cast<int>(processor->os_index));
      }
    }
  }
  return caches;
}

Topology read_topology() {
  std::vector<Processor> processors;
  std::vector<DataCache> caches;
  // hwloc reports an inconsistent machine description in many lines on standard error.
  setenv("HWLOC_HIDE_ERRORS", "2", 0);
  hwloc_topology_t topology = nullptr;
  if (hwloc_topology_init(&topology) != 0) return Topology({});
  // Includes processors that this process may not use: other processes run there.
  hwloc_topology_set_flags(topology, HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED);
  if (hwloc_topology_load(topology) == 0) {
    hwloc_obj_t next = nullptr;
    while ((next = hwloc_get_next_obj_by_type(topology, HWLOC_OBJ_PU, next)) != nullptr) {
      const int number = static_cast<int>(next->os_index);
      // Some virtual machines report no cores.
      processors.push_back({number, number_of_parent(topology, next, HWLOC_OBJ_CORE, number),
                            last_cache_of(next), numa_of(topology, next),
                            number_of_parent(topology, next, HWLOC_OBJ_PACKAGE, 0)});
    }
    caches = read_caches(topology);
  }
  hwloc_topology_destroy(topology);
  return Topology(std::move(processors), std::move(caches));
}

}  // namespace

Topology Topology::read() {
  Topology topology = read_topology();
  if (topology.processors().empty()) {
    for (int number = 0; number < processor_count(); ++number) {
      topology.processors_.push_back({number, number, 0, 0, 0});
    }
  }
  return topology;
}

Topology::Topology(std::vector<Processor> processors, std::vector<DataCache> caches)
    : processors_(std::move(processors)), caches_(std::move(caches)) {}

std::vector<DataCache> Topology::caches_of(int number) const {
  std::vector<DataCache> caches;
  for (const DataCache& cache : caches_) {
    const auto& shared = cache.processors;
    if (std::find(shared.begin(), shared.end(), number) != shared.end()) caches.push_back(cache);
  }
  return caches;
}

std::vector<Processor> Topology::select(const std::vector<int>& numbers) const {
  std::set<int> left(numbers.begin(), numbers.end());
  std::vector<Processor> selected;
  int core = 0;
  for (const Processor& processor : processors_) {
    core = std::max(core, processor.core);
    if (left.erase(processor.number) > 0) selected.push_back(processor);
  }
  for (const int unknown : left) selected.push_back({unknown, ++core, 0, 0, 0});
  return selected;
}

int Topology::cores_of(const std::vector<int>& numbers) const {
  std::set<int> cores;
  for (const Processor& processor : select(numbers)) cores.insert(processor.core);
  return static_cast<int>(cores.size());
}

int Topology::numa_domains_of(const std::vector<int>& numbers) const {
  std::set<int> domains;
  for (const Processor& processor : select(numbers)) domains.insert(processor.numa);
  return static_cast<int>(domains.size());
}

std::vector<int> Topology::siblings_of(int number) const {
  std::vector<int> siblings;
  const Processor self = select({number}).front();
  for (const Processor& processor : processors_) {
    if (processor.core == self.core) siblings.push_back(processor.number);
  }
  if (siblings.empty()) siblings.push_back(number);
  return siblings;
}

std::string processor_list(std::vector<int> numbers) {
  std::sort(numbers.begin(), numbers.end());
  numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
  std::string text;
  for (std::size_t i = 0; i < numbers.size();) {
    std::size_t end = i + 1;
    while (end < numbers.size() && numbers[end] == numbers[end - 1] + 1) ++end;
    text += (text.empty() ? "" : ",") + std::to_string(numbers[i]);
    if (end - i > 1) text += "-" + std::to_string(numbers[end - 1]);
    i = end;
  }
  return text;
}

std::vector<int> parse_processor_list(const std::string& text) {
  constexpr long kMost = 1 << 20;
  std::vector<int> numbers;
  for (std::size_t at = 0; at < text.size() || at == 0;) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    const std::string part = text.substr(at, end - at);
    const std::size_t dash = part.find('-');
    const std::string first = part.substr(0, dash);
    const std::string last = dash == std::string::npos ? first : part.substr(dash + 1);
    for (const std::string& each : {first, last}) {
      if (each.empty() || each.size() > 7 ||
          each.find_first_not_of("0123456789") != std::string::npos) {
        return {};
      }
    }
    const long from = std::strtol(first.c_str(), nullptr, 10),
               to = std::strtol(last.c_str(), nullptr, 10);
    if (from > to || to > kMost) return {};
    for (long number = from; number <= to; ++number) numbers.push_back(static_cast<int>(number));
    if (end == text.size() - 1) return {};  // ends with a comma
    at = end + 1;
  }
  return numbers;
}

}  // namespace ridgeline
