#include "kernels/loss/loss.hpp"

#include <cmath>

#include "core/math.hpp"
#include "kernels/rows/rows.hpp"

namespace ridgeline::kernels {
namespace loss_kernels {

// loss = log Σ e^(z - max) - Σ q (z - max),  gradient = scale (softmax(z) - q).
template <class Memory, class T>
struct CrossEntropy {
  Matrix<Memory, const T> z;
  Vector<Memory, const std::int32_t> labels;
  Matrix<Memory, T> gradient;  // may be empty
  Vector<Memory, T> loss, correct;
  T smoothing, scale;

  template <class Row>
  KOKKOS_FUNCTION void operator()(const Row& row) const {
    const std::size_t r = row.index();
    const T n = static_cast<T>(row.size());
    const std::uint32_t target = static_cast<std::uint32_t>(labels(r));
    const T own = z(r, target);  // before the gradient overwrites it
    const T maximum = row.largest([&](auto i) { return z(r, i); });
    const bool is_first = own == maximum && row.sum([&](auto i) {
      return static_cast<std::uint32_t>(i) < target && z(r, i) == maximum ? T(1) : T(0);
    }) == T(0);
    // Relative to the maximum: the mean of large logits would round away the differences between
    // them.
    T expected = own - maximum;
    if (smoothing != T(0)) {
      const T total = row.sum([&](auto i) { return z(r, i) - maximum; });
      expected = (T(1) - smoothing) * expected + smoothing * total / n;
    }
    T sum;
    if (gradient.size() > 0) {
      sum = row.sum(
          [&](auto i) { return gradient(r, i) = math::exp_nonpositive(z(r, i) - maximum); });
      const T factor = scale / sum, uniform = scale * smoothing / n;
      const T onehot = scale * (T(1) - smoothing);
      row.each([&](auto i) {
        const T g = gradient(r, i) * factor - uniform;
        gradient(r, i) = static_cast<std::uint32_t>(i) == target ? g - onehot : g;
      });
    } else {
      sum = row.sum([&](auto i) { return math::exp_nonpositive(z(r, i) - maximum); });
    }
    row.once([&] {
      loss(r) = std::log(sum) - expected;
      correct(r) = is_first ? T(1) : T(0);
    });
  }
};

// (y - t)².
template <class T>
struct SquaredError {
  KOKKOS_FUNCTION static T loss(T y, T t) { return (y - t) * (y - t); }
  KOKKOS_FUNCTION static T gradient(T y, T t) { return T(2) * (y - t); }
};

// -t log σ(z) - (1 - t) log(1 - σ(z)) of a logit z, as max(z, 0) - z t + log(1 + e^-|z|).
template <class T>
struct BinaryCrossEntropy {
  KOKKOS_FUNCTION static T loss(T z, T t) {
    const T positive = z > T(0) ? z : T(0);
    return positive - z * t + math::log1p_of_fraction(math::exp(z > T(0) ? -z : z));
  }
  KOKKOS_FUNCTION static T gradient(T z, T t) { return math::sigmoid(z) - t; }
};

// Computes the mean of a loss between values and targets over each row; `scale` is that of the
// gradient of the mean over all elements.
template <class Memory, class T, class Loss>
struct ValueLoss {
  Matrix<Memory, const T> y, targets;
  Matrix<Memory, T> gradient;  // may be empty
  Vector<Memory, T> loss;
  T scale;

  template <class Row>
  KOKKOS_FUNCTION void operator()(const Row& row) const {
    const std::size_t r = row.index();
    const T sum = row.sum([&](auto i) { return Loss::loss(y(r, i), targets(r, i)); });
    if (gradient.size() > 0) {
      row.each([&](auto i) { gradient(r, i) = scale * Loss::gradient(y(r, i), targets(r, i)); });
    }
    row.once([&] { loss(r) = sum / static_cast<T>(row.size()); });
  }
};

template <class Loss, class Space, class T>
void value_loss(const Space& instance, const std::string& label, double flops,
                const Matrix<Space, const T>& y, const Matrix<Space, const T>& targets,
                const Matrix<Space, T>& gradient, const Vector<Space, T>& row_loss,
                std::size_t global_rows) {
  const double size = double(y.size());
  const std::size_t rows = global_rows > 0 ? global_rows : y.extent(0);
  for_rows(instance, label, y.extent(0), y.extent(1), {flops * size, 3 * sizeof(T) * size},
           ValueLoss<MemoryOf<Space>, T, Loss>{y, targets, gradient, row_loss,
                                               T(1) / static_cast<T>(rows * y.extent(1))});
}

}  // namespace loss_kernels

template <class Space, class T>
void softmax_cross_entropy(const Space& instance, const std::string& label,
                           const Matrix<Space, const T>& logits,
                           const Vector<Space, const std::int32_t>& labels, double label_smoothing,
                           const Matrix<Space, T>& gradient, const Vector<Space, T>& row_loss,
                           const Vector<Space, T>& row_correct, std::size_t global_rows) {
  const double size = double(logits.size());
  const std::size_t rows = logits.extent(0);
  for_rows(instance, label, rows, logits.extent(1), {20 * size, 2 * sizeof(T) * size},
           loss_kernels::CrossEntropy<MemoryOf<Space>, T>{
               logits, labels, gradient, row_loss, row_correct, static_cast<T>(label_smoothing),
               T(1) / static_cast<T>(global_rows > 0 ? global_rows : rows)});
}

template <class Space, class T>
void mean_squared_error(const Space& instance, const std::string& label,
                        const Matrix<Space, const T>& y, const Matrix<Space, const T>& targets,
                        const Matrix<Space, T>& gradient, const Vector<Space, T>& row_loss,
                        std::size_t global_rows) {
  loss_kernels::value_loss<loss_kernels::SquaredError<T>>(instance, label, 4, y, targets, gradient,
                                                          row_loss, global_rows);
}

template <class Space, class T>
void binary_cross_entropy(const Space& instance, const std::string& label,
                          const Matrix<Space, const T>& logits,
                          const Matrix<Space, const T>& targets, const Matrix<Space, T>& gradient,
                          const Vector<Space, T>& row_loss, std::size_t global_rows) {
  loss_kernels::value_loss<loss_kernels::BinaryCrossEntropy<T>>(
      instance, label, 60, logits, targets, gradient, row_loss, global_rows);
}

namespace {

// Adds a batch's rows to the sums of the epoch. On a device one team does so, in an order that
// depends on nothing else.
template <class Space, class T>
struct AddLosses {
  Vector<Space, const T> loss, correct;  // `correct` may be empty
  Vector<Space, double> sums;
  HealthView<Space> health;  // may be empty

  KOKKOS_FUNCTION void add(double loss_sum, double correct_sum) const {
    if (health.size() > 0 && !std::isfinite(loss_sum)) {
      health(kBadNow) = 1;
      return;
    }
    sums(kLossTotal) += loss_sum;
    sums(kCorrect) += correct_sum;
    sums(kSamples) += static_cast<double>(loss.size());
  }

  using Member = typename Kokkos::TeamPolicy<Space>::member_type;
  KOKKOS_FUNCTION static double sum(const Member& team, const Vector<Space, const T>& rows) {
    double total = 0;
    Kokkos::parallel_reduce(
        Kokkos::TeamThreadRange(team, rows.size()),
        [&](std::size_t row, double& part) { part += rows(row); }, total);
    return total;
  }
  KOKKOS_FUNCTION void operator()(const Member& team) const {
    const double loss_sum = sum(team, loss), correct_sum = sum(team, correct);
    Kokkos::single(Kokkos::PerTeam(team), [&] { add(loss_sum, correct_sum); });
  }
};

}  // namespace

template <class Space, class T>
void add_losses(const Space& instance, const std::string& label,
                const Vector<Space, const T>& row_loss, const Vector<Space, const T>& row_correct,
                std::size_t rows, const Vector<Space, double>& sums,
                const HealthView<Space>& health) {
  const AddLosses<Space, T> body{as_vector(row_loss, rows),
                                 as_vector(row_correct, row_correct.size() > 0 ? rows : 0), sums,
                                 health};
  if constexpr (kIsHost<Space>) {
    for_blocks(instance, label, 1, {double(rows), double(rows)}, [&](int) {
      const auto sum = [](const Vector<Space, const T>& of) {
        double total = 0;
        for (std::size_t row = 0; row < of.size(); ++row) total += of(row);
        return total;
      };
      body.add(sum(body.loss), sum(body.correct));
    });
  } else {
    ++launch_count.parallel;
    Kokkos::parallel_for(label, Kokkos::TeamPolicy<Space>(instance, 1, 256), body);
  }
}

#define RIDGELINE_LOSS(Space, T)                                                                   \
  template void softmax_cross_entropy<Space, T>(                                                   \
      const Space&, const std::string&, const Matrix<Space, const T>&,                             \
      const Vector<Space, const std::int32_t>&, double, const Matrix<Space, T>&,                   \
      const Vector<Space, T>&, const Vector<Space, T>&, std::size_t);                              \
  template void mean_squared_error<Space, T>(                                                      \
      const Space&, const std::string&, const Matrix<Space, const T>&,                             \
      const Matrix<Space, const T>&, const Matrix<Space, T>&, const Vector<Space, T>&,             \
      std::size_t);                                                                                \
  template void binary_cross_entropy<Space, T>(                                                    \
      const Space&, const std::string&, const Matrix<Space, const T>&,                             \
      const Matrix<Space, const T>&, const Matrix<Space, T>&, const Vector<Space, T>&,             \
      std::size_t);                                                                                \
  template void add_losses<Space, T>(const Space&, const std::string&,                             \
                                     const Vector<Space, const T>&, const Vector<Space, const T>&, \
                                     std::size_t, const Vector<Space, double>&,                    \
                                     const HealthView<Space>&);
RIDGELINE_FOR_SPACES(RIDGELINE_LOSS)

}  // namespace ridgeline::kernels
