#pragma once

#include <vector>

namespace ridgeline {

/// Processors on which a thread may run. Grows to as many as the kernel knows: a cpu_set_t ends at
/// 1024.
class ProcessorMask {
 public:
  ProcessorMask() = default;
  explicit ProcessorMask(const std::vector<int>& processors);

  /// Returns the mask of the calling thread; empty if the kernel refuses to say.
  static ProcessorMask of_this_thread();

  /// Replaces the mask by that of the calling thread, if it has room for the kernel's: a copy of
  /// another thread's mask does. Returns whether it could. Allocates nothing.
  bool read_this_thread();

  bool empty() const;
  /// Returns the processors' numbers, sorted.
  std::vector<int> processors() const;
  void add(const ProcessorMask& other);

  /// Restricts the calling thread to these processors; whether the kernel allowed it. Allocates
  /// nothing, so that a forked child may call it.
  bool bind_this_thread() const;

 private:
  std::vector<unsigned long> words_;
};

}  // namespace ridgeline
