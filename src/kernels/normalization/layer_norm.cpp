#include "kernels/normalization/layer_norm.hpp"

#include <cmath>

#include "kernels/rows/rows.hpp"

namespace ridgeline::kernels {
namespace layer_norm_kernels {

template <class Memory, class T>
struct Normalize {
  Matrix<Memory, const T> x;
  Vector<Memory, const T> weight, bias;
  Matrix<Memory, T> y;
  Vector<Memory, T> statistics;  // [rows, 2]; may be empty
  T epsilon;

  template <class Row>
  KOKKOS_FUNCTION void operator()(const Row& row) const {
    const std::size_t r = row.index();
    const T n = static_cast<T>(row.size());
    const T mean = row.sum([&](auto i) { return x(r, i); }) / n;
    const T variance = row.sum([&](auto i) { return (x(r, i) - mean) * (x(r, i) - mean); }) / n;
    const T inverse = T(1) / std::sqrt(variance + epsilon);
    row.each([&](auto i) { y(r, i) = (x(r, i) - mean) * inverse * weight(i) + bias(i); });
    if (statistics.size() > 0) {
      row.once([&] {
        statistics(2 * r) = mean;
        statistics(2 * r + 1) = inverse;
      });
    }
  }
};

// dx = inverse · (g - mean(g) - x̂ · mean(g x̂)) with x̂ = (x - mean) · inverse and g = dy · weight.
template <class Memory, class T>
struct InputGradient {
  Matrix<Memory, const T> x;
  Vector<Memory, const T> weight, statistics;
  Matrix<Memory, const T> dy;
  Matrix<Memory, T> dx;  // may be empty

  template <class Row>
  KOKKOS_FUNCTION void operator()(const Row& row) const {
    if (dx.size() == 0) return;
    const std::size_t r = row.index();
    const T n = static_cast<T>(row.size());
    const T mean = statistics(2 * r), inverse = statistics(2 * r + 1);
    const auto sums = row.sum([&](auto i) {
      const T g = dy(r, i) * weight(i);
      return terms(g, g * ((x(r, i) - mean) * inverse));
    });
    const T mean_g = sums[0] / n, mean_product = sums[1] / n;
    row.each([&](auto i) {
      const T normal = (x(r, i) - mean) * inverse;
      dx(r, i) = inverse * (dy(r, i) * weight(i) - mean_g - normal * mean_product);
    });
  }
};

// dweight = Σ_rows dy x̂,  dbias = Σ_rows dy.
template <class Memory, class T>
struct ParameterGradients {
  Matrix<Memory, const T> x, dy;
  Vector<Memory, const T> statistics;
  Vector<Memory, T> weight_gradient, bias_gradient;

  KOKKOS_FUNCTION auto terms_of(std::size_t r) const {
    const T mean = statistics(2 * r), inverse = statistics(2 * r + 1);
    return [=](auto i) { return terms(dy(r, i) * ((x(r, i) - mean) * inverse), dy(r, i)); };
  }
  KOKKOS_FUNCTION void store(std::size_t i, const Terms<T, 2>& sums) const {
    weight_gradient(i) = sums[0];
    bias_gradient(i) = sums[1];
  }
};

}  // namespace layer_norm_kernels

template <class Space, class T>
void layer_norm(const Space& instance, const std::string& label, const Matrix<Space, const T>& x,
                const Vector<Space, const T>& weight, const Vector<Space, const T>& bias,
                double epsilon, const Matrix<Space, T>& y, const Vector<Space, T>& statistics) {
  const double size = double(x.size());
  for_rows(instance, label, x.extent(0), x.extent(1), {8 * size, 2 * sizeof(T) * size},
           layer_norm_kernels::Normalize<MemoryOf<Space>, T>{x, weight, bias, y, statistics,
                                                             static_cast<T>(epsilon)});
}

template <class Space, class T>
void layer_norm_gradient(const Space& instance, const RowAndColumnLabels& labels,
                         const Matrix<Space, const T>& x, const Vector<Space, const T>& weight,
                         const Vector<Space, const T>& statistics, const Matrix<Space, const T>& dy,
                         const Matrix<Space, T>& dx, const Vector<Space, T>& weight_gradient,
                         const Vector<Space, T>& bias_gradient, const Vector<Space, T>& workspace) {
  const double size = double(x.size());
  for_rows_and_columns<2>(
      instance, labels, x.extent(0), x.extent(1), {18 * size, 3 * sizeof(T) * size}, workspace,
      layer_norm_kernels::ParameterGradients<MemoryOf<Space>, T>{x, dy, statistics, weight_gradient,
                                                                 bias_gradient},
      layer_norm_kernels::InputGradient<MemoryOf<Space>, T>{x, weight, statistics, dy, dx},
      dx.size() > 0);
}

#define RIDGELINE_LAYER_NORM(Space, T)                                                             \
  template void layer_norm<Space, T>(const Space&, const std::string&,                             \
                                     const Matrix<Space, const T>&, const Vector<Space, const T>&, \
                                     const Vector<Space, const T>&, double,                        \
                                     const Matrix<Space, T>&, const Vector<Space, T>&);            \
  template void layer_norm_gradient<Space, T>(                                                     \
      const Space&, const RowAndColumnLabels&, const Matrix<Space, const T>&,                      \
      const Vector<Space, const T>&, const Vector<Space, const T>&, const Matrix<Space, const T>&, \
      const Matrix<Space, T>&, const Vector<Space, T>&, const Vector<Space, T>&,                   \
      const Vector<Space, T>&);
RIDGELINE_FOR_SPACES(RIDGELINE_LAYER_NORM)

}  // namespace ridgeline::kernels
