#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "core/random.hpp"
#include "core/views.hpp"

namespace ridgeline::testing {

/// Returns `size` values in [-1, 1), the same for the same seed.
template <class T>
std::vector<T> random_values(std::size_t size, std::uint64_t seed) {
  std::vector<T> values(size);
  for (std::size_t i = 0; i < size; ++i) {
    values[i] = static_cast<T>(2.0 * Philox(seed, stream::kProbe, i).uniform(0) - 1.0);
  }
  return values;
}

/// Returns a buffer on the space with these values.
template <class Space, class T>
Buffer<Space, T> on_space(const Space& instance, const std::vector<T>& values) {
  Buffer<Space, T> buffer(Kokkos::view_alloc(Kokkos::WithoutInitializing, "test/buffer"),
                          values.size());
  const auto host = host_view(values.data(), values.size());
  Kokkos::deep_copy(instance, buffer, host);
  instance.fence();
  return buffer;
}

/// Returns a buffer full of NaN, so that elements that a kernel does not write are detected.
template <class T, class Space>
Buffer<Space, T> poisoned(const Space& instance, std::size_t size) {
  return on_space(instance, std::vector<T>(size, std::nan("")));
}

template <class Space, class T>
std::vector<T> on_host(const Space& instance, const Buffer<Space, T>& buffer) {
  std::vector<T> values(buffer.size());
  const auto host = host_view(values.data(), values.size());
  Kokkos::deep_copy(instance, host, buffer);
  instance.fence();
  return values;
}

/// Returns |a - b| / |b| in the Euclidean norm; NaN if any value is.
template <class A, class B>
double relative_error(const std::vector<A>& a, const std::vector<B>& b) {
  double difference = 0, norm = 0;
  for (std::size_t i = 0; i < b.size(); ++i) {
    difference += (double(a[i]) - double(b[i])) * (double(a[i]) - double(b[i]));
    norm += double(b[i]) * double(b[i]);
  }
  return norm > 0 ? std::sqrt(difference / norm) : std::sqrt(difference);
}

}  // namespace ridgeline::testing
