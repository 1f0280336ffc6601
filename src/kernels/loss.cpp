#include "kernels/loss.hpp"

#include "kernels/device_softmax.hpp"
#include "kernels/host_softmax.hpp"
#include "kernels/rows.hpp"
#include "kernels/value_losses.hpp"

namespace ridgeline::kernels {
namespace {

constexpr int kLossTeam = 64;

}  // namespace

template <class Space, class T>
void softmax_cross_entropy(const Space& instance, const std::string& label,
                           const Matrix<Space, const T>& logits,
                           const Vector<Space, const std::int32_t>& labels, double label_smoothing,
                           const Matrix<Space, T>& gradient, const Vector<Space, T>& row_loss,
                           const Vector<Space, T>& row_correct) {
  const std::size_t rows = logits.extent(0), classes = logits.extent(1);
  T* const slope = data_or_null(gradient);
  const T scale = T(1) / static_cast<T>(rows), smoothing = static_cast<T>(label_smoothing);
  if constexpr (kIsHost<Space>) {
    const double size = double(logits.size());
    for_rows(
        instance, label, rows, classes, {20 * size, 2 * sizeof(T) * size}, [&](std::size_t row) {
          const host::CrossEntropyRow<T> found = host::cross_entropy_row<T>(
              classes, logits.data() + row * classes, static_cast<std::size_t>(labels.data()[row]),
              smoothing, scale, slope ? slope + row * classes : nullptr);
          row_loss.data()[row] = found.loss;
          row_correct.data()[row] = found.correct ? T(1) : T(0);
        });
  } else {
    using Kernel = DeviceCrossEntropy<Space, T, kLossTeam>;
    Kernel::Rows::launch(instance, label, rows,
                         Kernel{classes, logits.data(), labels.data(), smoothing, scale, slope,
                                row_loss.data(), row_correct.data()});
  }
}

namespace {

template <class Space, class T, class Loss>
void value_loss(const Space& instance, const std::string& label, double flops,
                const Matrix<Space, const T>& y, const Matrix<Space, const T>& targets,
                const Matrix<Space, T>& gradient, const Vector<Space, T>& row_loss,
                const Loss& function) {
  const std::size_t rows = y.extent(0), columns = y.extent(1);
  T* const slope = data_or_null(gradient);
  if constexpr (kIsHost<Space>) {
    const double size = double(y.size());
    for_rows(instance, label, rows, columns, {flops * size, 3 * sizeof(T) * size},
             [&](std::size_t row) {
               const std::size_t at = row * columns;
               row_loss.data()[row] = row_of_losses<T>(columns, y.data() + at, targets.data() + at,
                                                       slope ? slope + at : nullptr, function);
             });
  } else {
    using Kernel = DeviceValueLoss<Space, T, kLossTeam, Loss>;
    Kernel::Rows::launch(
        instance, label, rows,
        Kernel{columns, y.data(), targets.data(), slope, row_loss.data(), function});
    (void)flops;
  }
}

}  // namespace

template <class Space, class T>
void mean_squared_error(const Space& instance, const std::string& label,
                        const Matrix<Space, const T>& y, const Matrix<Space, const T>& targets,
                        const Matrix<Space, T>& gradient, const Vector<Space, T>& row_loss) {
  const SquaredError<T> function{T(1) / static_cast<T>(y.size())};
  value_loss(instance, label, 4, y, targets, gradient, row_loss, function);
}

template <class Space, class T>
void binary_cross_entropy(const Space& instance, const std::string& label,
                          const Matrix<Space, const T>& logits,
                          const Matrix<Space, const T>& targets, const Matrix<Space, T>& gradient,
                          const Vector<Space, T>& row_loss) {
  const BinaryCrossEntropy<T> function{T(1) / static_cast<T>(logits.size())};
  value_loss(instance, label, 60, logits, targets, gradient, row_loss, function);
}

namespace {

// What a batch's sums become in those of the epoch.
KOKKOS_FUNCTION inline void add_batch(double loss, double correct, std::size_t rows, double* sums,
                                      std::int64_t* health) {
  if (health && !std::isfinite(loss)) {
    health[kBadNow] = 1;
    return;
  }
  sums[kLossTotal] += loss;
  sums[kCorrect] += correct;
  sums[kSamples] += static_cast<double>(rows);
}

// One team adds up the rows: the same order whatever else the device does.
template <class Space, class T>
struct AddLosses {
  const T* loss;
  const T* correct;
  std::size_t rows;
  double* sums;
  std::int64_t* health;

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
    Kokkos::single(Kokkos::PerTeam(team),
                   [&] { add_batch(loss_sum, correct_sum, rows, sums, health); });
  }
};

}  // namespace

template <class Space, class T>
void add_losses(const Space& instance, const std::string& label,
                const Vector<Space, const T>& row_loss, const Vector<Space, const T>& row_correct,
                std::size_t rows, const Vector<Space, double>& sums,
                const HealthView<Space>& health_view) {
  std::int64_t* const health = data_or_null(health_view);
  const T* loss = row_loss.data();
  const T* correct = data_or_null(row_correct);
  double* total = sums.data();
  if constexpr (kIsHost<Space>) {
    for_blocks(instance, label, 1, {double(rows), double(rows)}, [=](int) {
      double loss_sum = 0, correct_sum = 0;
      for (std::size_t row = 0; row < rows; ++row) loss_sum += loss[row];
      if (correct) {
        for (std::size_t row = 0; row < rows; ++row) correct_sum += correct[row];
      }
      add_batch(loss_sum, correct_sum, rows, total, health);
    });
  } else {
    ++launch_count.parallel;
    Kokkos::parallel_for(label, Kokkos::TeamPolicy<Space>(instance, 1, 256),
                         AddLosses<Space, T>{loss, correct, rows, total, health});
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
  template void binary_cross_entropy<Space, T>(                                                    \
      const Space&, const std::string&, const Matrix<Space, const T>&,                             \
      const Matrix<Space, const T>&, const Matrix<Space, T>&, const Vector<Space, T>&);            \
  template void add_losses<Space, T>(const Space&, const std::string&,                             \
                                     const Vector<Space, const T>&, const Vector<Space, const T>&, \
                                     std::size_t, const Vector<Space, double>&,                    \
                                     const HealthView<Space>&);
RIDGELINE_FOR_SPACES(RIDGELINE_LOSS)

}  // namespace ridgeline::kernels
