#include "kernels/pooling/pooling.hpp"

#include <algorithm>

#include "core/launch.hpp"
#include "kernels/pooling/device/pooling.hpp"
#include "kernels/pooling/host/pooling.hpp"

namespace ridgeline::kernels {
namespace {

// Runs body(begin, end) over blocks of whole planes of about `kBlock` values.
template <class Space, class Body>
void over_planes(const Space& instance, const std::string& label, std::size_t planes,
                 std::size_t plane_size, const Cost& cost, const Body& body) {
  constexpr std::size_t kBlock = 8192;
  const std::size_t per_block = std::max<std::size_t>(1, kBlock / plane_size);
  const int blocks = static_cast<int>((planes + per_block - 1) / per_block);
  for_blocks(instance, label, blocks, cost, [&](int block) {
    const std::size_t begin = std::size_t(block) * per_block;
    body(begin, std::min(planes, begin + per_block));
  });
}

// Work of a pass that visits every window and moves `scalars`.
template <class T>
Cost pool_cost(const PoolShape& s, double flops_each, double scalars) {
  return {flops_each * double(s.outputs()) * s.kernel_h * s.kernel_w, scalars * sizeof(T)};
}

std::size_t plane_size(const PoolShape& s) { return std::size_t(s.height) * s.width; }

}  // namespace

template <class Space, class T>
void max_pool(const Space& instance, const std::string& label, const PoolShape& shape,
              const Vector<Space, const T>& x, const Vector<Space, T>& y) {
  if constexpr (kIsHost<Space>) {
    over_planes(instance, label, shape.planes, plane_size(shape),
                pool_cost<T>(shape, 4, double(x.size() + y.size())),
                [&](std::size_t begin, std::size_t end) {
                  host::max_pool(shape, begin, end, x.data(), y.data());
                });
  } else {
    launch_elements(instance, label, y.size(), DeviceMaxPool<T>{shape, x.data(), y.data()});
  }
}

template <class Space, class T>
void max_pool_gradient(const Space& instance, const std::string& label, const PoolShape& shape,
                       const Vector<Space, const T>& x, const Vector<Space, const T>& dy,
                       const Vector<Space, T>& dx) {
  if constexpr (kIsHost<Space>) {
    over_planes(instance, label, shape.planes, plane_size(shape),
                pool_cost<T>(shape, 6, double(2 * x.size() + dy.size())),
                [&](std::size_t begin, std::size_t end) {
                  host::max_pool_gradient(shape, begin, end, x.data(), dy.data(), dx.data());
                });
  } else {
    launch_elements(instance, label, dx.size(),
                    DeviceMaxPoolGradient<T>{shape, x.data(), dy.data(), dx.data()});
  }
}

template <class Space, class T>
void average_pool(const Space& instance, const std::string& label, const PoolShape& shape,
                  const Vector<Space, const T>& x, const Vector<Space, T>& y) {
  if constexpr (kIsHost<Space>) {
    over_planes(instance, label, shape.planes, plane_size(shape),
                pool_cost<T>(shape, 3, double(x.size() + y.size())),
                [&](std::size_t begin, std::size_t end) {
                  host::average_pool(shape, begin, end, x.data(), y.data());
                });
  } else {
    launch_elements(instance, label, y.size(), DeviceAveragePool<T>{shape, x.data(), y.data()});
  }
}

template <class Space, class T>
void average_pool_gradient(const Space& instance, const std::string& label, const PoolShape& shape,
                           const Vector<Space, const T>& dy, const Vector<Space, T>& dx) {
  if constexpr (kIsHost<Space>) {
    over_planes(instance, label, shape.planes, plane_size(shape),
                pool_cost<T>(shape, 3, double(dx.size() + dy.size())),
                [&](std::size_t begin, std::size_t end) {
                  host::average_pool_gradient(shape, begin, end, dy.data(), dx.data());
                });
  } else {
    launch_elements(instance, label, dx.size(),
                    DeviceAveragePoolGradient<T>{shape, dy.data(), dx.data()});
  }
}

template <class Space, class T>
void plane_means(const Space& instance, const std::string& label, std::size_t size,
                 const Vector<Space, const T>& x, const Vector<Space, T>& y) {
  if constexpr (kIsHost<Space>) {
    const Cost cost{double(x.size()), double(x.size() + y.size()) * sizeof(T)};
    over_planes(instance, label, y.size(), size, cost, [&](std::size_t begin, std::size_t end) {
      host::plane_means(size, begin, end, x.data(), y.data());
    });
  } else if (size > 512) {
    DevicePlaneMeans<Space, T, 256>{size, x.data(), y.data()}.launch(instance, label, y.size());
  } else {
    DevicePlaneMeans<Space, T, 32>{size, x.data(), y.data()}.launch(instance, label, y.size());
  }
}

template <class Space, class T>
void plane_means_gradient(const Space& instance, const std::string& label, std::size_t size,
                          const Vector<Space, const T>& dy, const Vector<Space, T>& dx) {
  const T* from = dy.data();
  T* to = dx.data();
  const Cost cost{double(dx.size()), double(dx.size() + dy.size()) * sizeof(T)};
  if constexpr (kIsHost<Space>) {
    over_planes(instance, label, dy.size(), size, cost, [&](std::size_t begin, std::size_t end) {
      for (std::size_t plane = begin; plane < end; ++plane) {
        std::fill_n(to + plane * size, size, from[plane] / static_cast<T>(size));
      }
    });
  } else {
    launch_elements(instance, label, dx.size(), DevicePlaneMeansGradient<T>{size, from, to});
    (void)cost;
  }
}

#define RIDGELINE_POOL(Space, T)                                                                 \
  template void max_pool<Space, T>(const Space&, const std::string&, const PoolShape&,           \
                                   const Vector<Space, const T>&, const Vector<Space, T>&);      \
  template void max_pool_gradient<Space, T>(                                                     \
      const Space&, const std::string&, const PoolShape&, const Vector<Space, const T>&,         \
      const Vector<Space, const T>&, const Vector<Space, T>&);                                   \
  template void average_pool<Space, T>(const Space&, const std::string&, const PoolShape&,       \
                                       const Vector<Space, const T>&, const Vector<Space, T>&);  \
  template void average_pool_gradient<Space, T>(const Space&, const std::string&,                \
                                                const PoolShape&, const Vector<Space, const T>&, \
                                                const Vector<Space, T>&);                        \
  template void plane_means<Space, T>(const Space&, const std::string&, std::size_t,             \
                                      const Vector<Space, const T>&, const Vector<Space, T>&);   \
  template void plane_means_gradient<Space, T>(const Space&, const std::string&, std::size_t,    \
                                               const Vector<Space, const T>&,                    \
                                               const Vector<Space, T>&);
RIDGELINE_FOR_SPACES(RIDGELINE_POOL)

}  // namespace ridgeline::kernels
