#include "kernels/softmax.hpp"

#include "kernels/device_softmax.hpp"
#include "kernels/host_softmax.hpp"
#include "kernels/rows.hpp"

namespace ridgeline::kernels {
namespace {

constexpr int kSoftmaxTeam = 64;

}  // namespace

template <class Space, class T>
void softmax(const Space& instance, const std::string& label, const Matrix<Space, const T>& x,
             const Matrix<Space, T>& y) {
  const std::size_t rows = x.extent(0), n = x.extent(1);
  if constexpr (kIsHost<Space>) {
    const double size = double(x.size());
    for_rows(instance, label, rows, n, {20 * size, 2 * sizeof(T) * size},
             [&](std::size_t r) { host::softmax_row<T>(n, x.data() + r * n, y.data() + r * n); });
  } else {
    using Kernel = DeviceSoftmax<Space, T, kSoftmaxTeam>;
    Kernel::Rows::launch(instance, label, rows, Kernel{n, x.data(), y.data()});
  }
}

template <class Space, class T>
void softmax_gradient(const Space& instance, const std::string& label,
                      const Matrix<Space, const T>& y, const Matrix<Space, const T>& dy,
                      const Matrix<Space, T>& dx) {
  const std::size_t rows = y.extent(0), n = y.extent(1);
  if constexpr (kIsHost<Space>) {
    const double size = double(y.size());
    for_rows(instance, label, rows, n, {4 * size, 3 * sizeof(T) * size}, [&](std::size_t r) {
      host::softmax_gradient_row<T>(n, y.data() + r * n, dy.data() + r * n, dx.data() + r * n);
    });
  } else {
    using Kernel = DeviceSoftmaxGradient<Space, T, kSoftmaxTeam>;
    Kernel::Rows::launch(instance, label, rows, Kernel{n, y.data(), dy.data(), dx.data()});
  }
}

#define RIDGELINE_SOFTMAX(Space, T)                                                                \
  template void softmax<Space, T>(const Space&, const std::string&, const Matrix<Space, const T>&, \
                                  const Matrix<Space, T>&);                                        \
  template void softmax_gradient<Space, T>(                                                        \
      const Space&, const std::string&, const Matrix<Space, const T>&,                             \
      const Matrix<Space, const T>&, const Matrix<Space, T>&);
RIDGELINE_FOR_SPACES(RIDGELINE_SOFTMAX)

}  // namespace ridgeline::kernels
