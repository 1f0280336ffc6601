#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/random.hpp"
#include "core/views.hpp"

namespace ridgeline::model {

/// Returns random values to repeat: in [low, low + 1), or tokens below `limit` if that is not 0.
/// Because of the prime length they never align with rows or lines.
template <class T>
std::vector<T> random_pattern(std::uint64_t which, double low, std::uint32_t limit = 0,
                              double scale = 1) {
  std::vector<T> pattern(4093);
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const Philox random(1, stream::kProbe + which, i);
    pattern[i] = static_cast<T>(limit > 0 ? static_cast<double>(random.below(limit))
                                          : scale * (low + random.uniform(0)));
  }
  return pattern;
}

/// An array on a space and, if that is a device, a mirror of it in pinned host memory.
template <class Space, class T>
class MirroredBuffer {
 public:
  MirroredBuffer() = default;
  /// Element i is `pattern[i % pattern.size()]`, first touched by the threads that compute.
  MirroredBuffer(const Space& instance, const std::string& label, std::size_t size,
                 const std::vector<T>& pattern)
      : device_(Kokkos::view_alloc(Kokkos::WithoutInitializing, label), size) {
    const T* values = pattern.data();
    const std::size_t period = pattern.size();
    if constexpr (kIsHost<Space>) {
      T* data = device_.data();
      for_elements(instance, label + "/fill", size, {0, double(size * sizeof(T))},
                   [=](std::size_t i) { data[i] = values[i % period]; });
      instance.fence();
    } else {
      host_ = PinnedBuffer<Space, T>(
          Kokkos::view_alloc(Kokkos::WithoutInitializing, label + "/host"), size);
      for (std::size_t i = 0; i < size; ++i) host_(i) = values[i % period];
      to_space(instance);
      instance.fence();
    }
  }

  std::size_t size() const { return device_.size(); }
  T* data() const { return device_.data(); }
  const Buffer<Space, T>& buffer() const { return device_; }
  double bytes() const { return static_cast<double>(size() * sizeof(T)); }

  /// Copies to the device asynchronously; does nothing on a host, where the memory is the same.
  void to_space(const Space& instance) const {
    if constexpr (!kIsHost<Space>) {
      if (size() > 0) Kokkos::deep_copy(instance, device_, host_);
    } else {
      (void)instance;
    }
  }
  /// Copies as many elements from `from` on the device to the host's mirror, likewise.
  void to_host(const Space& instance, const T* from) const {
    if constexpr (!kIsHost<Space>) {
      if (size() > 0) Kokkos::deep_copy(instance, host_, Vector<Space, const T>(from, size()));
    } else {
      (void)instance, (void)from;
    }
  }

 private:
  Buffer<Space, T> device_;
  PinnedBuffer<Space, T> host_;
};

}  // namespace ridgeline::model
