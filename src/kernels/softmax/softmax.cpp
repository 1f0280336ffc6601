#include "kernels/softmax/softmax.hpp"

#include "core/math.hpp"
#include "kernels/rows/rows.hpp"

namespace ridgeline::kernels {
namespace softmax_kernels {

template <class Memory, class T>
struct Softmax {
  Matrix<Memory, const T> x;
  Matrix<Memory, T> y;

  template <class Row>
  KOKKOS_FUNCTION void operator()(const Row& row) const {
    const std::size_t r = row.index();
    const T maximum = row.largest([&](auto i) { return x(r, i); });
    const T sum =
        row.sum([&](auto i) { return y(r, i) = math::exp_nonpositive(x(r, i) - maximum); });
    const T factor = T(1) / sum;
    row.each([&](auto i) { y(r, i) *= factor; });
  }
};

template <class Memory, class T>
struct Gradient {
  Matrix<Memory, const T> y, dy;
  Matrix<Memory, T> dx;

  template <class Row>
  KOKKOS_FUNCTION void operator()(const Row& row) const {
    const std::size_t r = row.index();
    const T sum = row.sum([&](auto i) { return y(r, i) * dy(r, i); });
    row.each([&](auto i) { dx(r, i) = y(r, i) * (dy(r, i) - sum); });
  }
};

}  // namespace softmax_kernels

template <class Space, class T>
void softmax(const Space& instance, const std::string& label, const Matrix<Space, const T>& x,
             const Matrix<Space, T>& y) {
  const double size = double(x.size());
  for_rows(instance, label, x.extent(0), x.extent(1), {20 * size, 2 * sizeof(T) * size},
           softmax_kernels::Softmax<MemoryOf<Space>, T>{x, y});
}

template <class Space, class T>
void softmax_gradient(const Space& instance, const std::string& label,
                      const Matrix<Space, const T>& y, const Matrix<Space, const T>& dy,
                      const Matrix<Space, T>& dx) {
  const double size = double(y.size());
  for_rows(instance, label, y.extent(0), y.extent(1), {4 * size, 3 * sizeof(T) * size},
           softmax_kernels::Gradient<MemoryOf<Space>, T>{y, dy, dx});
}

#define RIDGELINE_SOFTMAX(Space, T)                                                                \
  template void softmax<Space, T>(const Space&, const std::string&, const Matrix<Space, const T>&, \
                                  const Matrix<Space, T>&);                                        \
  template void softmax_gradient<Space, T>(                                                        \
      const Space&, const std::string&, const Matrix<Space, const T>&,                             \
      const Matrix<Space, const T>&, const Matrix<Space, T>&);
RIDGELINE_FOR_SPACES(RIDGELINE_SOFTMAX)

}  // namespace ridgeline::kernels
