#pragma once

#include <vector>

namespace ridgeline {

/// Affinity mask of a thread. Its size is that of the kernel's mask: a cpu_set_t is limited to 1024
/// processors.
class ProcessorMask {
 public:
  ProcessorMask() = default;
  explicit ProcessorMask(const std::vector<int>& processors);

  /// Returns the mask of the calling thread; empty if the kernel returns an error.
  static ProcessorMask of_this_thread();

  /// Replaces the mask by that of the calling thread if it is large enough for the kernel's mask,
  /// as is a copy of another thread's mask. Returns whether it succeeded. Does not allocate.
  bool read_this_thread();

  bool empty() const;
  /// Returns the processors' numbers, sorted.
  std::vector<int> processors() const;
  void add(const ProcessorMask& other);

  /// Restricts the calling thread to these processors. Returns whether the kernel allowed it. Does
  /// not allocate, so that a forked child may call it.
  bool bind_this_thread() const;

 private:
  std::vector<unsigned long> words_;
};

}  // namespace ridgeline
