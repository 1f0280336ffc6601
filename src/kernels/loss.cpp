#include "kernels/loss.hpp"

#include <algorithm>
#include <cmath>

namespace ridgeline::kernels {
namespace {

// Rows a block, so that a block is worth a thread's while whatever the width.
std::size_t row_grain(std::size_t columns) { return std::max<std::size_t>(1, 2048 / columns); }

}  // namespace

template <class Space, class T>
void softmax_cross_entropy(const Space& instance, const std::string& label,
                           const Matrix<Space, const T>& logits,
                           const Vector<Space, const std::int32_t>& labels, double label_smoothing,
                           const Matrix<Space, T>& gradient, const Vector<Space, T>& row_loss,
                           const Vector<Space, T>& row_correct) {
  const std::size_t rows = logits.extent(0), classes = logits.extent(1);
  const T* z_all = logits.data();
  T* gradient_all = gradient.size() > 0 ? gradient.data() : nullptr;
  const std::int32_t* label_of = labels.data();
  T* loss_of = row_loss.data();
  T* correct_of = row_correct.data();
  const T scale = T(1) / static_cast<T>(rows);
  const T smoothing = static_cast<T>(label_smoothing);
  const Cost cost{30.0 * rows * classes, 2.0 * sizeof(T) * rows * classes};
  for_elements(
      instance, label, rows, cost,
      KOKKOS_LAMBDA(std::size_t row) {
        const T* z = z_all + row * classes;
        const std::size_t target = static_cast<std::size_t>(label_of[row]);
        T largest = z[0];
        std::size_t best = 0;
        for (std::size_t c = 1; c < classes; ++c) {
          if (z[c] > largest) {
            largest = z[c];
            best = c;
          }
        }
        T wanted = z[target];
        if (smoothing != T(0)) {
          T mean = T(0);
          for (std::size_t c = 0; c < classes; ++c) mean += z[c];
          wanted = (T(1) - smoothing) * wanted + smoothing * mean / static_cast<T>(classes);
        }
        T sum = T(0);
        if (gradient_all) {
          T* g = gradient_all + row * classes;
          for (std::size_t c = 0; c < classes; ++c) {
            const T e = std::exp(z[c] - largest);
            g[c] = e;
            sum += e;
          }
          const T factor = scale / sum;
          const T rest = scale * smoothing / static_cast<T>(classes);
          for (std::size_t c = 0; c < classes; ++c) g[c] = g[c] * factor - rest;
          g[target] -= scale * (T(1) - smoothing);
        } else {
          for (std::size_t c = 0; c < classes; ++c) sum += std::exp(z[c] - largest);
        }
        loss_of[row] = std::log(sum) + (largest - wanted);
        correct_of[row] = best == target ? T(1) : T(0);
      },
      row_grain(classes));
}

template <class Space, class T>
void mean_squared_error(const Space& instance, const std::string& label,
                        const Matrix<Space, const T>& y, const Matrix<Space, const T>& targets,
                        const Matrix<Space, T>& gradient, const Vector<Space, T>& row_loss) {
  const std::size_t rows = y.extent(0), columns = y.extent(1);
  const T* y_all = y.data();
  const T* target_all = targets.data();
  T* gradient_all = gradient.size() > 0 ? gradient.data() : nullptr;
  T* loss_of = row_loss.data();
  const T scale = T(2) / static_cast<T>(rows * columns);
  const Cost cost{5.0 * rows * columns, 3.0 * sizeof(T) * rows * columns};
  for_elements(
      instance, label, rows, cost,
      KOKKOS_LAMBDA(std::size_t row) {
        T sum = T(0);
        for (std::size_t c = 0; c < columns; ++c) {
          const T difference = y_all[row * columns + c] - target_all[row * columns + c];
          sum += difference * difference;
          if (gradient_all) gradient_all[row * columns + c] = scale * difference;
        }
        loss_of[row] = sum / static_cast<T>(columns);
      },
      row_grain(columns));
}

namespace {

// One team adds up the rows: the same order whatever else the device does.
template <class Space, class T>
struct AddLosses {
  const T* loss;
  const T* correct;
  std::size_t rows;
  double* sums;

  using Member = typename Kokkos::TeamPolicy<Space>::member_type;
  KOKKOS_FUNCTION void operator()(const Member& team) const {
    double loss_sum = 0, correct_sum = 0;
    const T* const row_loss = loss;
    const T* const row_correct = correct;
    Kokkos::parallel_reduce(
        Kokkos::TeamThreadRange(team, rows),
        [&](std::size_t row, double& sum) { sum += row_loss[row]; }, loss_sum);
    if (row_correct) {
      Kokkos::parallel_reduce(
          Kokkos::TeamThreadRange(team, rows),
          [&](std::size_t row, double& sum) { sum += row_correct[row]; }, correct_sum);
    }
    Kokkos::single(Kokkos::PerTeam(team), [&] {
      sums[kLossTotal] += loss_sum;
      sums[kCorrect] += correct_sum;
      sums[kSamples] += static_cast<double>(rows);
    });
  }
};

}  // namespace

template <class Space, class T>
void add_losses(const Space& instance, const std::string& label,
                const Vector<Space, const T>& row_loss, const Vector<Space, const T>& row_correct,
                std::size_t rows, const Vector<Space, double>& sums) {
  const T* loss = row_loss.data();
  const T* correct = row_correct.size() > 0 ? row_correct.data() : nullptr;
  double* total = sums.data();
  if constexpr (kIsHost<Space>) {
    for_blocks(instance, label, 1, {double(rows), double(rows)}, [=](int) {
      double loss_sum = 0, correct_sum = 0;
      for (std::size_t row = 0; row < rows; ++row) loss_sum += loss[row];
      if (correct) {
        for (std::size_t row = 0; row < rows; ++row) correct_sum += correct[row];
      }
      total[kLossTotal] += loss_sum;
      total[kCorrect] += correct_sum;
      total[kSamples] += static_cast<double>(rows);
    });
  } else {
    ++launch_count.parallel;
    Kokkos::parallel_for(label, Kokkos::TeamPolicy<Space>(instance, 1, 256),
                         AddLosses<Space, T>{loss, correct, rows, total});
  }
}

#define RIDGELINE_LOSS(Space, T)                                                                   \
  template void softmax_cross_entropy<Space, T>(                                                   \
      const Space&, const std::string&, const Matrix<Space, const T>&,                             \
      const Vector<Space, const std::int32_t>&, double, const Matrix<Space, T>&,                   \
      const Vector<Space, T>&, const Vector<Space, T>&);                                           \
  template void mean_squared_error<Space, T>(                                                      \
      const Space&, const std::string&, const Matrix<Space, const T>&,                             \
      const Matrix<Space, const T>&, const Matrix<Space, T>&, const Vector<Space, T>&);            \
  template void add_losses<Space, T>(const Space&, const std::string&,                             \
                                     const Vector<Space, const T>&, const Vector<Space, const T>&, \
                                     std::size_t, const Vector<Space, double>&);
RIDGELINE_FOR_SPACES(RIDGELINE_LOSS)

}  // namespace ridgeline::kernels
