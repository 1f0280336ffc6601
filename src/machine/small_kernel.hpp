#pragma once

#include <cstddef>

#include "core/views.hpp"

namespace ridgeline::machine {

/// The plain Kokkos kernel c[i] = s · a[i] over float64, whose cost against size tells what a
/// launch costs and what then flows: 16 bytes an element, by a range policy as any program would
/// write it.
template <class Space>
class SmallKernel {
 public:
  /// Arrays of n elements, random and written by the policy that uses them.
  SmallKernel(const Space& instance, std::size_t n);

  /// Launches the kernel over elements [begin, end).
  void run(std::size_t begin, std::size_t end) const;

  /// Whether every element of [0, end) holds what the kernel computes.
  bool verify(std::size_t end) const;

  /// Puts NaN into what the kernel writes.
  void poison();

  std::size_t size() const { return input_.size(); }

  static constexpr std::size_t kBytesAnElement = 2 * sizeof(double);

 private:
  Space instance_;
  Buffer<Space, double> input_, output_;
};

}  // namespace ridgeline::machine
