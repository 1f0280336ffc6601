#pragma once

#include <cstddef>

#include "core/views.hpp"

namespace ridgeline::machine {

/// The plain Kokkos kernel c[i] = s · a[i] over float64, whose time as a function of size yields
/// the launch cost and the bandwidth: 16 bytes per element, with a range policy as in most
/// programs.
template <class Space>
class SmallKernel {
 public:
  /// Allocates arrays of n random elements, written by the policy that uses them.
  SmallKernel(const Space& instance, std::size_t n);

  /// Launches the kernel over elements [begin, end).
  void run(std::size_t begin, std::size_t end) const;

  /// Returns whether every element of [0, end) has the kernel's result.
  bool verify(std::size_t end) const;

  /// Fills the output with NaN.
  void poison();

  std::size_t size() const { return input_.size(); }

  static constexpr std::size_t kBytesPerElement = 2 * sizeof(double);

 private:
  Space instance_;
  Buffer<Space, double> input_, output_;
};

}  // namespace ridgeline::machine
