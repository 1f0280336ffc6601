#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace ridgeline {

/// A processor (hardware thread) of the machine and the units that contain it, by logical numbers
/// that are unique in the machine.
struct Processor {
  int number = 0;      ///< of the kernel
  int core = 0;        ///< siblings (SMT) have the same
  int last_cache = 0;  ///< processors that share the last level of cache have the same
  int numa = 0;
  int package = 0;
};

/// A data or unified cache and the processors that share it, in topology order.
struct DataCache {
  int level = 0;
  std::size_t bytes = 0;
  std::vector<int> processors;
};

/// The processors of the machine in topology order: consecutive ones are close.
class Topology {
 public:
  /// Reads the topology with hwloc; the variable HWLOC_SYNTHETIC substitutes another machine. A
  /// processor without a core in hwloc counts as a core. If hwloc cannot read the machine, every
  /// processor is a core, in one domain. hwloc prints no errors unless the environment sets
  /// HWLOC_HIDE_ERRORS.
  static Topology read();

  explicit Topology(std::vector<Processor> processors, std::vector<DataCache> caches = {});

  const std::vector<Processor>& processors() const { return processors_; }

  /// Returns the caches of a processor, innermost first; none if hwloc reports none.
  std::vector<DataCache> caches_of(int number) const;

  /// Returns these processors, in topology order; an unknown number becomes a separate core.
  std::vector<Processor> select(const std::vector<int>& numbers) const;

  /// Returns the number of cores, or of NUMA domains, that contain these processors.
  int cores_of(const std::vector<int>& numbers) const;
  int numa_domains_of(const std::vector<int>& numbers) const;

  /// Returns the processors on the core of this one, including itself.
  std::vector<int> siblings_of(int number) const;

 private:
  std::vector<Processor> processors_;
  std::vector<DataCache> caches_;  // by level
};

/// Returns processors as a list "0-3,8".
std::string processor_list(std::vector<int> numbers);

/// Parses such a list. Returns an empty one for an invalid text: empty, not numbers, a descending
/// range, or a number above 2^20.
std::vector<int> parse_processor_list(const std::string& text);

}  // namespace ridgeline
