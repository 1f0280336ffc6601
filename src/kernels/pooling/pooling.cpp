#include "kernels/pooling/pooling.hpp"

#include <algorithm>

#include "core/launch.hpp"
#include "kernels/pooling/device/pooling.hpp"
#include "kernels/pooling/host/pooling.hpp"
#include "kernels/rows/rows.hpp"

namespace ridgeline::kernels {
namespace pooling_kernels {

template <class Memory, class T>
struct RowMeans {
  Matrix<Memory, const T> x;
  Vector<Memory, T> y;

  template <class Row>
  KOKKOS_FUNCTION void operator()(const Row& row) const {
    const std::size_t r = row.index();
    const T sum = row.sum([&](auto i) { return x(r, i); });
    row.once([&] { y(r) = sum / static_cast<T>(row.size()); });
  }
};

template <class Memory, class T>
struct RowMeansGradient {
  Vector<Memory, const T> dy;
  Matrix<Memory, T> dx;

  template <class Row>
  KOKKOS_FUNCTION void operator()(const Row& row) const {
    const std::size_t r = row.index();
    const T share = dy(r) / static_cast<T>(row.size());
    row.each([&](auto i) { dx(r, i) = share; });
  }
};

// Runs body(begin, end) over blocks of whole planes of about `kBlock` values. A pass visits every
// window and moves `scalars`.
template <class T, class Space, class Body>
void over_planes(const Space& instance, const std::string& label, const PoolShape& s,
                 double flops_each, std::size_t scalars, const Body& body) {
  constexpr std::size_t kBlock = 8192;
  const std::size_t per_block = std::max<std::size_t>(1, kBlock * s.planes / s.inputs());
  const int blocks = static_cast<int>((s.planes + per_block - 1) / per_block);
  const Cost cost{flops_each * double(s.outputs()) * s.kernel_h * s.kernel_w,
                  double(scalars) * sizeof(T)};
  for_blocks(instance, label, blocks, cost, [&](int block) {
    const std::size_t begin = std::size_t(block) * per_block;
    body(begin, std::min(s.planes, begin + per_block));
  });
}

}  // namespace pooling_kernels

template <class Space, class T>
void pool(const Space& instance, const std::string& label, const PoolShape& s, bool largest,
          const Vector<Space, const T>& x, const Vector<Space, T>& y) {
  if constexpr (kIsHost<Space>) {
    pooling_kernels::over_planes<T>(instance, label, s, largest ? 4 : 3, x.size() + y.size(),
                                    [&](std::size_t begin, std::size_t end) {
                                      host::pool(s, largest, begin, end, x.data(), y.data());
                                    });
  } else {
    using Memory = MemoryOf<Space>;
    const auto planes = as_matrix(x, s.planes, x.size() / s.planes);
    if (largest) {
      launch_elements(instance, label, y.size(), DevicePool<Memory, T, true>{s, planes, y});
    } else {
      launch_elements(instance, label, y.size(), DevicePool<Memory, T, false>{s, planes, y});
    }
  }
}

template <class Space, class T>
void pool_gradient(const Space& instance, const std::string& label, const PoolShape& s,
                   bool largest, const Vector<Space, const T>& x, const Vector<Space, const T>& dy,
                   const Vector<Space, T>& dx) {
  if constexpr (kIsHost<Space>) {
    pooling_kernels::over_planes<T>(
        instance, label, s, largest ? 6 : 3, (largest ? 2 : 1) * dx.size() + dy.size(),
        [&](std::size_t begin, std::size_t end) {
          host::pool_gradient(s, largest, begin, end, x.data(), dy.data(), dx.data());
        });
  } else {
    using Memory = MemoryOf<Space>;
    const auto planes = as_matrix(x, s.planes, x.size() / s.planes);
    const auto gradients = as_matrix(dy, s.planes, dy.size() / s.planes);
    if (largest) {
      launch_elements(instance, label, dx.size(),
                      DevicePoolGradient<Memory, T, true>{s, planes, gradients, dx});
    } else {
      launch_elements(instance, label, dx.size(),
                      DevicePoolGradient<Memory, T, false>{s, planes, gradients, dx});
    }
  }
}

template <class Space, class T>
void row_means(const Space& instance, const std::string& label, const Matrix<Space, const T>& x,
               const Vector<Space, T>& y) {
  for_rows(instance, label, x.extent(0), x.extent(1),
           {double(x.size()), double(x.size() + y.size()) * sizeof(T)},
           pooling_kernels::RowMeans<MemoryOf<Space>, T>{x, y});
}

template <class Space, class T>
void row_means_gradient(const Space& instance, const std::string& label,
                        const Vector<Space, const T>& dy, const Matrix<Space, T>& dx) {
  for_rows(instance, label, dx.extent(0), dx.extent(1),
           {double(dx.size()), double(dx.size() + dy.size()) * sizeof(T)},
           pooling_kernels::RowMeansGradient<MemoryOf<Space>, T>{dy, dx});
}

#define RIDGELINE_POOL(Space, T)                                                                  \
  template void pool<Space, T>(const Space&, const std::string&, const PoolShape&, bool,          \
                               const Vector<Space, const T>&, const Vector<Space, T>&);           \
  template void pool_gradient<Space, T>(const Space&, const std::string&, const PoolShape&, bool, \
                                        const Vector<Space, const T>&,                            \
                                        const Vector<Space, const T>&, const Vector<Space, T>&);  \
  template void row_means<Space, T>(const Space&, const std::string&,                             \
                                    const Matrix<Space, const T>&, const Vector<Space, T>&);      \
  template void row_means_gradient<Space, T>(                                                     \
      const Space&, const std::string&, const Vector<Space, const T>&, const Matrix<Space, T>&);
RIDGELINE_FOR_SPACES(RIDGELINE_POOL)

}  // namespace ridgeline::kernels
