#pragma once

#include <string>
#include <vector>

namespace ridgeline {

/// A processor (hardware thread) of the machine and what it is a part of, by logical numbers that
/// are unique in the machine.
struct Processor {
  int number = 0;      ///< the kernel's
  int core = 0;        ///< siblings (SMT) have the same
  int last_cache = 0;  ///< processors that share the last level of cache have the same
  int numa = 0;
  int package = 0;
};

/// The processors of the machine in the order of its structure: neighbours are close.
class Topology {
 public:
  /// Reads it by hwloc, which a variable HWLOC_SYNTHETIC gives another machine. A processor for
  /// which hwloc finds no core is a core of its own. If hwloc cannot read the machine, all are, in
  /// one domain. hwloc reports no errors unless the environment sets HWLOC_HIDE_ERRORS.
  static Topology read();

  explicit Topology(std::vector<Processor> processors);

  const std::vector<Processor>& processors() const { return processors_; }

  /// Returns these processors, in the order of the machine's structure; a number that the
  /// machine does not have becomes a core of its own.
  std::vector<Processor> select(const std::vector<int>& numbers) const;

  /// Returns the number of cores, and of NUMA domains, that these processors belong to.
  int cores_of(const std::vector<int>& numbers) const;
  int numa_domains_of(const std::vector<int>& numbers) const;

  /// Returns the processors of the core of this one, itself among them.
  std::vector<int> siblings_of(int number) const;

 private:
  std::vector<Processor> processors_;
};

/// Returns processors as "0-3,8".
std::string processor_list(std::vector<int> numbers);

/// Reads such a list. Returns an empty one for a text that is none: empty, not numbers, a range
/// that falls, or a number above 2^20.
std::vector<int> parse_processor_list(const std::string& text);

}  // namespace ridgeline
