#include "kernels/softmax.hpp"

#include "kernels/device_softmax.hpp"
#include "kernels/host_rows.hpp"
#include "kernels/rows.hpp"

namespace ridgeline::kernels {

template <class Space, class T>
void softmax(const Space& instance, const std::string& label, const Matrix<Space, const T>& x,
             const Matrix<Space, T>& y) {
  const std::size_t rows = x.extent(0), columns = x.extent(1);
  if constexpr (kIsHost<Space>) {
    over_rows(instance, label, rows, columns, {20.0 * x.size(), 2.0 * sizeof(T) * x.size()},
              [&](std::size_t begin, std::size_t end) {
                host::softmax(columns, begin, end, x.data(), y.data());
              });
  } else {
    DeviceSoftmax<Space, T, 32, false>{columns, x.data(), nullptr, y.data()}.launch(instance, label,
                                                                                    rows);
  }
}

template <class Space, class T>
void softmax_gradient(const Space& instance, const std::string& label,
                      const Matrix<Space, const T>& y, const Matrix<Space, const T>& dy,
                      const Matrix<Space, T>& dx) {
  const std::size_t rows = y.extent(0), columns = y.extent(1);
  if constexpr (kIsHost<Space>) {
    over_rows(instance, label, rows, columns, {4.0 * y.size(), 3.0 * sizeof(T) * y.size()},
              [&](std::size_t begin, std::size_t end) {
                host::softmax_gradient(columns, begin, end, y.data(), dy.data(), dx.data());
              });
  } else {
    DeviceSoftmax<Space, T, 32, true>{columns, dy.data(), y.data(), dx.data()}.launch(instance,
                                                                                      label, rows);
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
