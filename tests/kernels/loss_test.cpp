#include "kernels/loss/loss.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "support/matrices.hpp"
#include "support/runtime.hpp"

namespace ridgeline::kernels {
namespace {

using ridgeline::testing::on_host;
using ridgeline::testing::on_space;
using ridgeline::testing::poisoned;
using ridgeline::testing::random_values;
using ridgeline::testing::relative_error;

template <class T>
struct Result {
  std::vector<T> loss, correct, gradient;
};

std::vector<std::int32_t> labels_for(std::size_t rows, std::size_t classes) {
  std::vector<std::int32_t> labels(rows);
  for (std::size_t row = 0; row < rows; ++row) {
    labels[row] = static_cast<std::int32_t>(
        Philox(9, stream::kProbe, row).below(static_cast<std::uint32_t>(classes)));
  }
  return labels;
}

// The target of the gradient.
enum class Into { own, logits, nothing };

template <class Space, class T>
Result<T> cross_entropy(const std::vector<T>& z, const std::vector<std::int32_t>& labels,
                        double smoothing, Into into = Into::own) {
  const Space instance;
  const std::size_t rows = labels.size(), classes = z.size() / rows;
  const auto logits = on_space(instance, z), gradient = poisoned<T>(instance, z.size());
  const auto label_view = on_space(instance, labels);
  const auto loss = poisoned<T>(instance, rows), correct = poisoned<T>(instance, rows);
  T* const to = into == Into::own      ? gradient.data()
                : into == Into::logits ? logits.data()
                                       : nullptr;
  softmax_cross_entropy<Space, T>(
      instance, "test/loss", Matrix<Space, const T>(logits.data(), rows, classes),
      Vector<Space, const std::int32_t>(label_view.data(), rows), smoothing,
      to ? Matrix<Space, T>(to, rows, classes) : Matrix<Space, T>(),
      Vector<Space, T>(loss.data(), rows), Vector<Space, T>(correct.data(), rows));
  instance.fence();
  return {on_host(instance, loss), on_host(instance, correct),
          on_host(instance, into == Into::logits ? logits : gradient)};
}

// The definition, with the softmax shifted by the maximum logit.
template <class T>
Result<double> cross_entropy_definition(const std::vector<T>& z,
                                        const std::vector<std::int32_t>& labels, double smoothing) {
  const std::size_t rows = labels.size(), classes = z.size() / rows;
  Result<double> expected;
  for (std::size_t row = 0; row < rows; ++row) {
    const T* const logits = z.data() + row * classes;
    double largest = logits[0], sum = 0, loss = 0;
    std::size_t best = 0;
    for (std::size_t c = 1; c < classes; ++c) {
      if (double(logits[c]) > largest) {
        largest = logits[c];
        best = c;
      }
    }
    for (std::size_t c = 0; c < classes; ++c) sum += std::exp(double(logits[c]) - largest);
    for (std::size_t c = 0; c < classes; ++c) {
      const double q =
          smoothing / double(classes) + (c == std::size_t(labels[row]) ? 1.0 - smoothing : 0.0);
      const double log_probability = double(logits[c]) - largest - std::log(sum);
      if (q > 0) loss -= q * log_probability;
      expected.gradient.push_back((std::exp(log_probability) - q) / double(rows));
    }
    expected.loss.push_back(loss);
    expected.correct.push_back(best == std::size_t(labels[row]) ? 1.0 : 0.0);
  }
  return expected;
}

template <class T>
constexpr double kTolerance = sizeof(T) == 4 ? 2e-6 : 1e-14;

template <class Space, class T>
void check_cross_entropy() {
  for (const std::size_t rows : {1, 7, 33, 1000}) {
    for (const std::size_t classes : {1, 2, 10, 127, 2500}) {
      if (rows * classes > 200000) continue;
      std::vector<T> z = random_values<T>(rows * classes, 1);
      for (T& each : z) each *= T(4);
      const auto labels = labels_for(rows, classes);
      for (const double smoothing : {0.0, 0.1}) {
        const auto expected = cross_entropy_definition(z, labels, smoothing);
        const auto found = cross_entropy<Space, T>(z, labels, smoothing);
        EXPECT_LT(relative_error(found.loss, expected.loss), kTolerance<T>) << rows << classes;
        EXPECT_LT(relative_error(found.gradient, expected.gradient), kTolerance<T>)
            << rows << "x" << classes;
        EXPECT_EQ(std::vector<double>(found.correct.begin(), found.correct.end()),
                  expected.correct);
        // In place, and without the gradient: the same values.
        const auto in_place = cross_entropy<Space, T>(z, labels, smoothing, Into::logits);
        EXPECT_EQ(in_place.gradient, found.gradient);
        EXPECT_EQ(in_place.loss, found.loss);
        const auto without = cross_entropy<Space, T>(z, labels, smoothing, Into::nothing);
        EXPECT_LT(relative_error(without.loss, expected.loss), kTolerance<T>);
        EXPECT_EQ(without.correct, found.correct);
        EXPECT_TRUE(std::isnan(without.gradient[0]));  // untouched
      }
    }
  }
}

class CrossEntropy : public ridgeline::testing::Computing {};

TEST_F(CrossEntropy, MatchesTheDefinition) {
#define RIDGELINE_CHECK(Space, T) check_cross_entropy<Space, T>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

template <class Space, class T>
void check_big_logits() {
  // exp of any of these overflows or vanishes.
  const std::vector<T> z = {T(9e3), T(-9e3), T(0), T(-9e3), T(-9.001e3), T(-9.5e3)};
  for (const double smoothing : {0.0, 0.2}) {
    const auto expected = cross_entropy_definition(z, {1, 0}, smoothing);
    const auto found = cross_entropy<Space, T>(z, {1, 0}, smoothing);
    EXPECT_LT(relative_error(found.loss, expected.loss), 10 * kTolerance<T>);
    EXPECT_LT(relative_error(found.gradient, expected.gradient), 10 * kTolerance<T>);
  }
}

TEST_F(CrossEntropy, IsFiniteForLargeLogits) {
#define RIDGELINE_CHECK(Space, T) check_big_logits<Space, T>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

template <class Space, class T>
void check_shared_offset() {
  // Only differences matter: an average of the logits themselves would lose them to rounding.
  for (const double offset : {-1e6, 1e4, 1e6, 1e7}) {
    for (const double difference : {1.0, 8.0, 20.0}) {
      const std::vector<T> z = {T(offset - difference), T(offset), T(offset),
                                T(offset + difference)};
      for (const double smoothing : {0.0, 0.1}) {
        const auto expected = cross_entropy_definition(z, {1, 0}, smoothing);
        const auto found = cross_entropy<Space, T>(z, {1, 0}, smoothing);
        EXPECT_LT(relative_error(found.loss, expected.loss), 10 * kTolerance<T>) << offset;
        EXPECT_LT(relative_error(found.gradient, expected.gradient), 10 * kTolerance<T>) << offset;
      }
    }
  }
}

TEST_F(CrossEntropy, DependsOnDifferencesOfLogitsAlone) {
#define RIDGELINE_CHECK(Space, T) check_shared_offset<Space, T>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

template <class Space, class T>
void check_ties() {
  const std::vector<T> z = {T(1), T(3), T(3), T(2), T(0), T(0), T(0), T(0), T(1), T(3), T(3), T(2)};
  EXPECT_EQ((cross_entropy<Space, T>(z, {1, 0, 2}, 0).correct), (std::vector<T>{1, 1, 0}));
  EXPECT_EQ((cross_entropy<Space, T>(z, {3, 3, 1}, 0).correct), (std::vector<T>{0, 0, 1}));
}

TEST_F(CrossEntropy, CountsTheFirstOfEqualLargestLogitsAsTheAnswer) {
#define RIDGELINE_CHECK(Space, T) check_ties<Space, T>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

template <class Space, class T>
void check_not_finite() {
  const T infinity = std::numeric_limits<T>::infinity();
  for (const T bad : {std::numeric_limits<T>::quiet_NaN(), infinity}) {
    for (std::size_t at = 0; at < 3; ++at) {
      std::vector<T> z = {T(0), T(1), T(2)};
      z[at] = bad;
      EXPECT_FALSE(std::isfinite(cross_entropy<Space, T>(z, {1}, 0.0).loss[0])) << at;
      EXPECT_FALSE(std::isfinite(cross_entropy<Space, T>(z, {1}, 0.1, Into::nothing).loss[0]));
    }
  }
}

TEST_F(CrossEntropy, OfALogitThatIsNotFiniteIsNotFinite) {
#define RIDGELINE_CHECK(Space, T) check_not_finite<Space, T>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

template <class Space>
void check_cross_entropy_differences() {
  const std::size_t rows = 3, classes = 5;
  const std::vector<double> z = random_values<double>(rows * classes, 2);
  const std::vector<std::int32_t> labels = {4, 0, 2};
  constexpr double h = 1e-5;
  for (const double smoothing : {0.0, 0.3}) {
    const auto mean = [&](std::size_t at, double by) {
      std::vector<double> moved = z;
      moved[at] += by;
      double sum = 0;
      for (const double loss : cross_entropy<Space, double>(moved, labels, smoothing).loss) {
        sum += loss;
      }
      return sum / double(rows);
    };
    const auto found = cross_entropy<Space, double>(z, labels, smoothing);
    for (std::size_t i = 0; i < z.size(); ++i) {
      EXPECT_NEAR(found.gradient[i], (mean(i, h) - mean(i, -h)) / (2 * h), 1e-9);
    }
  }
}

TEST_F(CrossEntropy, GradientMatchesFiniteDifferencesOfTheMean) {
#define RIDGELINE_CHECK(Space, T) \
  if (std::is_same_v<T, double>) check_cross_entropy_differences<Space>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

template <class Space, class T>
Result<T> squared_error(const std::vector<T>& y, const std::vector<T>& t, std::size_t rows,
                        bool with_gradient) {
  const Space instance;
  const std::size_t columns = y.size() / rows;
  const auto y_view = on_space(instance, y), t_view = on_space(instance, t);
  const auto gradient = poisoned<T>(instance, y.size()), loss = poisoned<T>(instance, rows);
  mean_squared_error<Space, T>(
      instance, "test/loss", Matrix<Space, const T>(y_view.data(), rows, columns),
      Matrix<Space, const T>(t_view.data(), rows, columns),
      with_gradient ? Matrix<Space, T>(gradient.data(), rows, columns) : Matrix<Space, T>(),
      Vector<Space, T>(loss.data(), rows));
  instance.fence();
  return {on_host(instance, loss), {}, on_host(instance, gradient)};
}

template <class Space, class T>
void check_squared_error() {
  for (const std::size_t rows : {1, 5, 257}) {
    for (const std::size_t columns : {1, 3, 700}) {
      const auto y = random_values<T>(rows * columns, 3), t = random_values<T>(rows * columns, 4);
      Result<double> expected;
      for (std::size_t row = 0; row < rows; ++row) {
        double sum = 0;
        for (std::size_t i = row * columns; i < (row + 1) * columns; ++i) {
          const double difference = double(y[i]) - double(t[i]);
          sum += difference * difference;
          expected.gradient.push_back(2 * difference / double(rows * columns));
        }
        expected.loss.push_back(sum / double(columns));
      }
      const auto found = squared_error<Space, T>(y, t, rows, true);
      EXPECT_LT(relative_error(found.loss, expected.loss), kTolerance<T>);
      EXPECT_LT(relative_error(found.gradient, expected.gradient), kTolerance<T>);
      const auto without = squared_error<Space, T>(y, t, rows, false);
      EXPECT_LT(relative_error(without.loss, expected.loss), kTolerance<T>);
      EXPECT_TRUE(std::isnan(without.gradient[0]));
    }
  }
}

class MeanSquaredError : public ridgeline::testing::Computing {};

TEST_F(MeanSquaredError, MatchesTheDefinition) {
#define RIDGELINE_CHECK(Space, T) check_squared_error<Space, T>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

template <class Space, class T>
Result<T> binary(const std::vector<T>& z, const std::vector<T>& t, std::size_t rows,
                 bool with_gradient) {
  const Space instance;
  const std::size_t columns = z.size() / rows;
  const auto z_view = on_space(instance, z), t_view = on_space(instance, t);
  const auto gradient = poisoned<T>(instance, z.size()), loss = poisoned<T>(instance, rows);
  binary_cross_entropy<Space, T>(
      instance, "test/loss", Matrix<Space, const T>(z_view.data(), rows, columns),
      Matrix<Space, const T>(t_view.data(), rows, columns),
      with_gradient ? Matrix<Space, T>(gradient.data(), rows, columns) : Matrix<Space, T>(),
      Vector<Space, T>(loss.data(), rows));
  instance.fence();
  return {on_host(instance, loss), {}, on_host(instance, gradient)};
}

template <class Space, class T>
void check_binary() {
  for (const std::size_t rows : {1, 5, 257}) {
    for (const std::size_t columns : {1, 3, 700}) {
      auto z = random_values<T>(rows * columns, 3), t = random_values<T>(rows * columns, 4);
      for (T& each : z) each *= T(6);
      for (T& each : t) each = (each + T(1)) / T(2);
      z[0] = T(80);  // where the sigmoid is 1 to the last bit
      t[0] = T(0.25);
      Result<double> expected;
      for (std::size_t row = 0; row < rows; ++row) {
        double sum = 0;
        for (std::size_t i = row * columns; i < (row + 1) * columns; ++i) {
          const double logit = double(z[i]), target_value = double(t[i]);
          // -t log σ(z) - (1 - t) log σ(-z)
          sum += target_value * std::log1p(std::exp(-logit)) +
                 (1 - target_value) * std::log1p(std::exp(logit));
          expected.gradient.push_back((1 / (1 + std::exp(-logit)) - target_value) /
                                      double(rows * columns));
        }
        expected.loss.push_back(sum / double(columns));
      }
      const auto found = binary<Space, T>(z, t, rows, true);
      EXPECT_LT(relative_error(found.loss, expected.loss), kTolerance<T>);
      EXPECT_LT(relative_error(found.gradient, expected.gradient), kTolerance<T>);
      const auto without = binary<Space, T>(z, t, rows, false);
      EXPECT_LT(relative_error(without.loss, expected.loss), kTolerance<T>);
      EXPECT_TRUE(std::isnan(without.gradient[0]));
    }
  }
}

class BinaryCrossEntropyLoss : public ridgeline::testing::Computing {};

TEST_F(BinaryCrossEntropyLoss, MatchesTheDefinition) {
#define RIDGELINE_CHECK(Space, T) check_binary<Space, T>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

// The sums with a batch added, and the health that is noted with it, if it is.
template <class Space, class T>
std::vector<double> added(const std::vector<T>& loss, const std::vector<T>& correct,
                          std::vector<double> sums, std::vector<std::int64_t>* health = nullptr) {
  const Space instance;
  const auto health_view = on_space(instance, health ? *health : std::vector<std::int64_t>());
  const auto loss_view = on_space(instance, loss), correct_view = on_space(instance, correct);
  const auto sum_view = on_space(instance, sums);
  add_losses<Space, T>(instance, "test/sums", Vector<Space, const T>(loss_view.data(), loss.size()),
                       Vector<Space, const T>(correct_view.data(), correct.size()), loss.size(),
                       Vector<Space, double>(sum_view.data(), kLossSums),
                       HealthView<Space>(health_view.data(), health_view.size()));
  instance.fence();
  if (health) *health = on_host(instance, health_view);
  return on_host(instance, sum_view);
}

template <class Space, class T>
void check_add_losses() {
  const std::vector<double> before = {0.25, 2, 9};
  for (const std::size_t rows : {1, 31, 1000, 100003}) {
    const std::vector<T> loss(rows, T(0.1));
    std::vector<T> correct(rows, T(0));
    for (std::size_t row = 0; row < rows; row += 3) correct[row] = T(1);
    const auto sums = added<Space, T>(loss, correct, before);
    // In float32 the sum would be wrong in the fourth digit.
    EXPECT_NEAR(sums[kLossTotal], before[0] + double(rows) * double(T(0.1)), 1e-9 * double(rows));
    EXPECT_EQ(sums[kCorrect], before[1] + double((rows + 2) / 3));
    EXPECT_EQ(sums[kSamples], before[2] + double(rows));
    const auto values = added<Space, T>(loss, {}, before);
    EXPECT_EQ(values[kCorrect], before[1]);
    EXPECT_EQ(values[kLossTotal], sums[kLossTotal]);
  }
}

class AddLosses : public ridgeline::testing::Computing {};

TEST_F(AddLosses, AddsABatchToWhatIsThereInFloat64) {
#define RIDGELINE_CHECK(Space, T) check_add_losses<Space, T>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

template <class Space, class T>
void check_batches_that_are_not_finite() {
  const std::vector<double> before = {0.25, 2, 9};
  for (const double bad : {std::nan(""), HUGE_VAL, -HUGE_VAL}) {
    const std::vector<T> loss = {T(1), static_cast<T>(bad), T(2)}, correct(3, T(1));
    std::vector<std::int64_t> health(kHealthNumbers, 0);
    EXPECT_EQ((added<Space, T>(loss, correct, before, &health)), before);
    EXPECT_EQ(health, (std::vector<std::int64_t>{1, 0, 0, 0}));
    EXPECT_FALSE(std::isfinite(added<Space, T>(loss, correct, before)[kLossTotal]));
  }
  std::vector<std::int64_t> health(kHealthNumbers, 0);
  EXPECT_EQ((added<Space, T>({T(1)}, {T(0)}, before, &health)[kLossTotal]), 1.25);
  EXPECT_EQ(health, std::vector<std::int64_t>(kHealthNumbers, 0));
}

TEST_F(AddLosses, NotesABatchThatIsNotFiniteAndDoesNotAddIt) {
#define RIDGELINE_CHECK(Space, T) check_batches_that_are_not_finite<Space, T>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

#if defined(KOKKOS_ENABLE_OPENMP)
TEST_F(AddLosses, AndTheLossesGiveTheSameBitsOnOneThreadAndOnMany) {
  const std::size_t rows = 3001, classes = 10;
  const auto z = random_values<float>(rows * classes, 1);
  const auto labels = labels_for(rows, classes);
  const auto serial = cross_entropy<Kokkos::Serial, float>(z, labels, 0.1);
  const auto openmp = cross_entropy<Kokkos::OpenMP, float>(z, labels, 0.1);
  EXPECT_EQ(serial.loss, openmp.loss);
  EXPECT_EQ(serial.gradient, openmp.gradient);
  const std::vector<double> zero(3, 0.0);
  EXPECT_EQ((added<Kokkos::Serial, float>(serial.loss, serial.correct, zero)),
            (added<Kokkos::OpenMP, float>(openmp.loss, openmp.correct, zero)));
}
#endif

}  // namespace
}  // namespace ridgeline::kernels
