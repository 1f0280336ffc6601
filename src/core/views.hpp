#pragma once

#include <Kokkos_Core.hpp>

#include <cstddef>
#include <string>

#include "core/cuda/memory.hpp"
#include "core/launch.hpp"
#include "core/spaces.hpp"

namespace ridgeline {

// View types of the library. Owning buffers are one-dimensional; layers and kernels use unmanaged
// row-major views of them.

template <class Space, class T>
using Buffer = Kokkos::View<T*, Kokkos::LayoutRight, typename Space::memory_space>;

template <class Space, class T>
using Vector = Kokkos::View<T*, Kokkos::LayoutRight, typename Space::memory_space,
                            Kokkos::MemoryTraits<Kokkos::Unmanaged>>;

/// [rows, columns], row-major and dense.
template <class Space, class T>
using Matrix = Kokkos::View<T**, Kokkos::LayoutRight, typename Space::memory_space,
                            Kokkos::MemoryTraits<Kokkos::Unmanaged>>;

/// Wraps memory of a space [size] as a vector. (In Kokkos 3.4 the constructor from extents creates
/// a std::string for its check of the rank, which takes 20 ns; the one from a layout does not.)
template <class Space, class T>
Vector<Space, T> vector_at(T* data, std::size_t size) {
  return Vector<Space, T>(data, Kokkos::LayoutRight(size));
}
/// Wraps memory of a space [rows, columns] as a matrix.
template <class Space, class T>
Matrix<Space, T> matrix_at(T* data, std::size_t rows, std::size_t columns) {
  return Matrix<Space, T>(data, Kokkos::LayoutRight(rows, columns));
}

/// A functor that is a template on the memory space is one type for both host spaces: it is
/// compiled once, and the results are bitwise identical.
template <class Space>
using MemoryOf = typename Space::memory_space;

/// Returns the same memory as a matrix [rows, columns]; an empty matrix if there is no memory.
template <class View>
Matrix<typename View::device_type, typename View::value_type> as_matrix(const View& view,
                                                                        std::size_t rows,
                                                                        std::size_t columns) {
  if (!view.data()) return {};
  return matrix_at<typename View::device_type>(view.data(), rows, columns);
}

/// Returns the first `size` scalars of the same memory as a vector; an empty vector if there is no
/// memory.
template <class View>
Vector<typename View::device_type, typename View::value_type> as_vector(const View& view,
                                                                        std::size_t size) {
  if (!view.data()) return {};
  return vector_at<typename View::device_type>(view.data(), size);
}
/// Returns the whole View as a vector.
template <class View>
auto as_vector(const View& view) {
  return as_vector(view, view.size());
}

template <class Space, class T>
using PinnedBuffer = Kokkos::View<T*, Kokkos::LayoutRight, typename PinnedMemory<Space>::type>;

/// Wraps host memory [size] as a vector.
template <class T>
Vector<Kokkos::HostSpace, T> host_view(T* data, std::size_t size) {
  return vector_at<Kokkos::HostSpace>(data, size);
}
/// Wraps host memory [rows, columns] as a matrix.
template <class T>
Matrix<Kokkos::HostSpace, T> host_view(T* data, std::size_t rows, std::size_t columns) {
  return matrix_at<Kokkos::HostSpace>(data, rows, columns);
}

/// Alignment of sub-buffers in bytes: at least a cache line of any CPU and a vector load of a GPU.
inline constexpr std::size_t kAlignment = 128;

/// Returns `count` scalars rounded up to a multiple of the alignment.
template <class T>
constexpr std::size_t aligned_size(std::size_t count) {
  constexpr std::size_t unit = kAlignment / sizeof(T);
  return (count + unit - 1) / unit * unit;
}

/// Returns the data of a View; null if it is empty, as an unused View is.
template <class View>
auto* data_or_null(const View& view) {
  return view.size() > 0 ? view.data() : nullptr;
}

namespace detail {

template <class T>
struct Fill {
  T* data;
  T value;
  KOKKOS_FUNCTION void operator()(std::size_t i) const { data[i] = value; }
};

}  // namespace detail

/// Allocates without Kokkos's zero initialisation, which may touch every page from one thread, and
/// fills with `value` under the policy of the later kernels. Must not be called inside a step.
template <class T, class Space>
Buffer<Space, T> allocate(const Space& instance, const std::string& label, std::size_t size,
                          T value = T(0)) {
  Buffer<Space, T> buffer(Kokkos::view_alloc(Kokkos::WithoutInitializing, label), size);
  for_elements(instance, label + "/fill", size, {0.0, double(size * sizeof(T))},
               detail::Fill<T>{buffer.data(), value});
  return buffer;
}

}  // namespace ridgeline
