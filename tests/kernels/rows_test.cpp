#include "kernels/rows/rows.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "core/spaces.hpp"

// Tests the functors over rows, which run on teams too; the kernels of the library
// must not be instantiated here again.
#pragma push_macro("RIDGELINE_FOR_SPACES")
#undef RIDGELINE_FOR_SPACES
#define RIDGELINE_FOR_SPACES(instantiate)
#include "kernels/embedding/embedding.cpp"
#include "kernels/loss/loss.cpp"
#include "kernels/normalization/batch_norm.cpp"
#include "kernels/normalization/layer_norm.cpp"
#include "kernels/pooling/pooling.cpp"
#include "kernels/softmax/softmax.cpp"
#pragma pop_macro("RIDGELINE_FOR_SPACES")
#include "support/matrices.hpp"
#include "support/runtime.hpp"

// Compares a device's code, on teams and vector lanes of OpenMP, with a host's.

namespace ridgeline::kernels {
namespace {

using ridgeline::testing::on_host;
using ridgeline::testing::on_space;
using ridgeline::testing::poisoned;
using ridgeline::testing::random_values;
using ridgeline::testing::relative_error;

class RowTeams : public ridgeline::testing::Computing {};

#if defined(KOKKOS_ENABLE_OPENMP)
using Space = Kokkos::OpenMP;

template <class T>
constexpr double kTolerance = sizeof(T) == 4 ? 5e-6 : 1e-13;

template <class T>
Matrix<Space, T> matrix(const Buffer<Space, T>& buffer, std::size_t rows) {
  return Matrix<Space, T>(buffer.data(), rows, buffer.size() / rows);
}
template <class T>
Vector<Space, T> vector(const Buffer<Space, T>& buffer) {
  return Vector<Space, T>(buffer.data(), buffer.size());
}

// How a device distributes rows.
struct Teams {
  bool team;  // one row per team, not per thread
  int threads, lanes;
};

template <class Body>
void run_on_teams(const Teams& teams, std::size_t rows, std::size_t size, const Body& body) {
  const Space instance;
  const auto launch = [&](auto team) {
    using Rows = device::Rows<Space, Body, team()>;
    const int each = team() ? 1 : teams.threads;
    const typename Rows::Policy policy(instance, (int(rows) + each - 1) / each, teams.threads, 1);
    Kokkos::parallel_for("test/rows", policy, Rows{body, rows, int(size), teams.lanes});
  };
  if (teams.team) {
    launch(std::true_type());
  } else {
    launch(std::false_type());
  }
  instance.fence();
}

template <class Body>
void run_on_host(std::size_t rows, std::size_t size, const Body& body) {
  const Space instance;
  for_rows(instance, "test/rows", rows, size, {1e9, 1e9}, body);
  instance.fence();
}

template <class T>
void expect_near(const Buffer<Space, T>& found, const Buffer<Space, T>& expected,
                 double factor = 1) {
  const Space instance;
  EXPECT_LT(relative_error(on_host(instance, found), on_host(instance, expected)),
            factor * kTolerance<T>);
}

template <class T>
void check_softmax(const Teams& teams, std::size_t rows, std::size_t n) {
  using namespace softmax_kernels;
  const Space instance;
  const auto x = on_space(instance, random_values<T>(rows * n, 1));
  const auto dy = on_space(instance, random_values<T>(rows * n, 2));
  const auto y = poisoned<T>(instance, rows * n), dx = poisoned<T>(instance, rows * n);
  const auto y_team = poisoned<T>(instance, rows * n), dx_team = poisoned<T>(instance, rows * n);
  run_on_host(rows, n, Softmax<Space, T>{matrix(x, rows), matrix(y, rows)});
  run_on_teams(teams, rows, n, Softmax<Space, T>{matrix(x, rows), matrix(y_team, rows)});
  expect_near(y_team, y);
  run_on_host(rows, n, Gradient<Space, T>{matrix(y, rows), matrix(dy, rows), matrix(dx, rows)});
  run_on_teams(teams, rows, n,
               Gradient<Space, T>{matrix(y, rows), matrix(dy, rows), matrix(dx_team, rows)});
  if (n > 1) expect_near(dx_team, dx, 10);  // with one column it is only rounding
}

template <class T>
void check_cross_entropy(const Teams& teams, std::size_t rows, std::size_t n, double smoothing,
                         double offset = 0) {
  using Body = loss_kernels::CrossEntropy<Space, T>;
  const Space instance;
  std::vector<T> logits = random_values<T>(rows * n, 3);
  // Ties, so that the choice of the first maximum matters.
  for (T& z : logits) z = std::floor(z * 4) + T(offset);
  std::vector<std::int32_t> labels;
  for (std::size_t row = 0; row < rows; ++row) labels.push_back(std::int32_t(row * 7 % n));
  const auto z = on_space(instance, logits);
  const auto label = on_space(instance, labels);
  const auto loss = poisoned<T>(instance, rows), correct = poisoned<T>(instance, rows);
  const auto gradient = poisoned<T>(instance, rows * n);
  const auto loss_team = poisoned<T>(instance, rows), correct_team = poisoned<T>(instance, rows);
  const auto gradient_team = poisoned<T>(instance, rows * n);
  const Body body{matrix(z, rows), vector(label), matrix(gradient, rows), vector(loss),
                  vector(correct), T(smoothing),  T(1) / T(rows)};
  Body team_body = body;
  team_body.gradient = matrix(gradient_team, rows);
  team_body.loss = vector(loss_team);
  team_body.correct = vector(correct_team);
  run_on_host(rows, n, body);
  run_on_teams(teams, rows, n, team_body);
  expect_near(loss_team, loss);
  if (n > 1) expect_near(gradient_team, gradient);
  EXPECT_EQ(on_host(instance, correct_team), on_host(instance, correct));
}

template <class T, class Loss>
void check_value_loss(const Teams& teams, std::size_t rows, std::size_t n) {
  using Body = loss_kernels::ValueLoss<Space, T, Loss>;
  const Space instance;
  const auto y = on_space(instance, random_values<T>(rows * n, 4));
  const auto t = on_space(instance, random_values<T>(rows * n, 5));
  const auto loss = poisoned<T>(instance, rows), gradient = poisoned<T>(instance, rows * n);
  const auto loss_team = poisoned<T>(instance, rows), on_team = poisoned<T>(instance, rows * n);
  const T scale = T(1) / T(rows * n);
  run_on_host(rows, n,
              Body{matrix(y, rows), matrix(t, rows), matrix(gradient, rows), vector(loss), scale});
  run_on_teams(
      teams, rows, n,
      Body{matrix(y, rows), matrix(t, rows), matrix(on_team, rows), vector(loss_team), scale});
  expect_near(loss_team, loss);
  expect_near(on_team, gradient);
}

template <class T>
void check_layer_norm(const Teams& teams, std::size_t rows, std::size_t n) {
  using namespace layer_norm_kernels;
  const Space instance;
  const auto x = on_space(instance, random_values<T>(rows * n, 1));
  const auto dy = on_space(instance, random_values<T>(rows * n, 2));
  const auto weight = on_space(instance, random_values<T>(n, 3));
  const auto bias = on_space(instance, random_values<T>(n, 4));
  const auto y = poisoned<T>(instance, rows * n), y_team = poisoned<T>(instance, rows * n);
  const auto dx = poisoned<T>(instance, rows * n), dx_team = poisoned<T>(instance, rows * n);
  const auto kept = poisoned<T>(instance, 2 * rows), kept_team = poisoned<T>(instance, 2 * rows);
  const auto normalize = [&](const auto& to, const auto& statistics) {
    return Normalize<Space, T>{matrix(x, rows),  vector(weight),     vector(bias),
                               matrix(to, rows), vector(statistics), T(1e-3)};
  };
  run_on_host(rows, n, normalize(y, kept));
  run_on_teams(teams, rows, n, normalize(y_team, kept_team));
  expect_near(y_team, y, 2);
  expect_near(kept_team, kept, 2);
  const auto gradient = [&](const auto& to) {
    return InputGradient<Space, T>{matrix(x, rows), vector(weight), vector(kept), matrix(dy, rows),
                                   matrix(to, rows)};
  };
  run_on_host(rows, n, gradient(dx));
  run_on_teams(teams, rows, n, gradient(dx_team));
  if (n > 2) expect_near(dx_team, dx, 10);  // with two columns it is a small difference
}

template <class T>
void check_row_means(const Teams& teams, std::size_t rows, std::size_t n) {
  using namespace pooling_kernels;
  const Space instance;
  const std::vector<T> values = random_values<T>(rows * n, 1);
  const auto x = on_space(instance, values);
  const auto y = poisoned<T>(instance, rows), y_team = poisoned<T>(instance, rows);
  const auto dx = poisoned<T>(instance, rows * n), dx_team = poisoned<T>(instance, rows * n);
  run_on_host(rows, n, RowMeans<Space, T>{matrix(x, rows), vector(y)});
  run_on_teams(teams, rows, n, RowMeans<Space, T>{matrix(x, rows), vector(y_team)});
  std::vector<T> means(rows, T(0)), gradients;
  for (std::size_t i = 0; i < rows * n; ++i) means[i / n] += values[i] / T(n);
  EXPECT_LT(relative_error(on_host(instance, y), means), 10 * kTolerance<T>);
  expect_near(y_team, y, 10);
  run_on_host(rows, n, RowMeansGradient<Space, T>{vector(y), matrix(dx, rows)});
  run_on_teams(teams, rows, n, RowMeansGradient<Space, T>{vector(y), matrix(dx_team, rows)});
  const std::vector<T> found = on_host(instance, y);
  for (std::size_t i = 0; i < rows * n; ++i) gradients.push_back(found[i / n] / T(n));
  EXPECT_EQ(on_host(instance, dx), gradients);
  EXPECT_EQ(on_host(instance, dx_team), gradients);
}

// Rows of 4 tokens and 3 positions.
template <class T>
void check_embeddings(const Teams& teams, std::size_t rows, std::size_t n) {
  using namespace embedding_kernels;
  const Space instance;
  const std::vector<T> table = random_values<T>(4 * n, 1);
  std::vector<T> tokens, embedded, placed;
  for (std::size_t r = 0; r < rows; ++r) tokens.push_back(T(r * r % 4));
  for (std::size_t i = 0; i < rows * n; ++i) {
    embedded.push_back(table[std::size_t(tokens[i / n]) * n + i % n]);
    placed.push_back(embedded[i] + table[i / n % 3 * n + i % n]);
  }
  const auto token = on_space(instance, tokens), weight = on_space(instance, table);
  const Matrix<Space, T> positions(weight.data(), 3, n);
  const auto check = [&](const auto& run) {
    const auto y = poisoned<T>(instance, rows * n), z = poisoned<T>(instance, rows * n);
    run(Lookup<Space, T>{vector(token), matrix(weight, 4), matrix(y, rows)});
    EXPECT_EQ(on_host(instance, y), embedded);
    run(AddPositions<Space, T>{matrix(y, rows), positions, matrix(z, rows)});
    EXPECT_EQ(on_host(instance, z), placed);
  };
  check([&](const auto& body) { run_on_host(rows, n, body); });
  check([&](const auto& body) { run_on_teams(teams, rows, n, body); });
}

// The kernels of images: planes, and what combines them.
template <class T>
void check_batch_norm(const Teams& teams, std::size_t outer, std::size_t channels,
                      std::size_t inner) {
  using namespace batch_norm_kernels;
  const Space instance;
  const std::size_t planes = outer * channels;
  const auto x = on_space(instance, random_values<T>(planes * inner, 1));
  const auto dy = on_space(instance, random_values<T>(planes * inner, 2));
  const auto weight = on_space(instance, random_values<T>(channels, 3));
  const auto bias = on_space(instance, random_values<T>(channels, 4));
  // y, dx, mean, 1 / deviation, running mean and variance, gradients of weight and bias.
  const auto run_all = [&](const auto& run) {
    std::vector<Buffer<Space, T>> results;
    for (const std::size_t size : {planes * inner, planes * inner}) {
      results.push_back(poisoned<T>(instance, size));
    }
    for (int i = 0; i < 6; ++i) {
      results.push_back(on_space(instance, random_values<T>(channels, 5)));
    }
    const auto workspace = poisoned<T>(instance, 2 * planes);
    const Matrix<Space, T> first(workspace.data(), channels, outer);
    const Matrix<Space, T> second(workspace.data() + planes, channels, outer);
    BatchNormArguments<Space, T> args;
    args.shape = {outer, channels, inner};
    args.mean = results[2];
    args.inverse_deviation = results[3];
    args.running_mean = results[4];
    args.running_var = results[5];
    args.momentum = 0.1;
    args.epsilon = 1e-5;
    run(planes, inner, PlaneStatistics<Space, T>{matrix(x, planes), first, second});
    run(channels, outer,
        CombineStatistics<Space, T, Statistics<Space, T>>{
            first, second, Statistics<Space, T>(args, double(outer * inner)), T(inner)});
    run(planes, inner,
        NormalizePlane<Space, T>{
            matrix(x, planes),
            matrix(results[0], planes),
            {vector(weight), vector(bias), vector(results[2]), vector(results[3]), {}, T(0)}});
    const InputGradient<Space, T> of{vector(weight),     vector(results[2]), vector(results[3]),
                                     vector(results[6]), vector(results[7]), T(outer * inner)};
    run(planes, inner,
        PlaneGradients<Space, T>{matrix(x, planes), matrix(dy, planes), vector(results[2]), first,
                                 second});
    run(channels, outer, CombineGradients<Space, T>{first, second, of});
    run(planes, inner,
        PlaneInputGradient<Space, T>{matrix(x, planes), matrix(dy, planes),
                                     matrix(results[1], planes), of});
    return results;
  };
  const auto host =
      run_all([](auto rows, auto size, const auto& body) { run_on_host(rows, size, body); });
  const auto team = run_all(
      [&](auto rows, auto size, const auto& body) { run_on_teams(teams, rows, size, body); });
  for (std::size_t i = 0; i < host.size(); ++i) {
    SCOPED_TRACE(i);
    expect_near(team[i], host[i], 10);
  }
}

template <class T>
void check_all() {
  ASSERT_GE(Space().concurrency(), 4);
  for (const Teams& teams :
       {Teams{false, 1, 8}, Teams{false, 2, 32}, Teams{true, 2, 64}, Teams{true, 4, 256}}) {
    for (const std::size_t rows : {1, 9}) {
      for (const std::size_t n : {1, 3, 10, 67, 300}) {
        SCOPED_TRACE(::testing::Message() << teams.threads << " threads, " << teams.lanes
                                          << " lanes: " << rows << " x " << n);
        check_softmax<T>(teams, rows, n);
        check_cross_entropy<T>(teams, rows, n, 0.0);
        check_cross_entropy<T>(teams, rows, n, 0.1);
        check_cross_entropy<T>(teams, rows, n, 0.1, 1e6);
        check_value_loss<T, loss_kernels::SquaredError<T>>(teams, rows, n);
        check_value_loss<T, loss_kernels::BinaryCrossEntropy<T>>(teams, rows, n);
        check_layer_norm<T>(teams, rows, n);
        check_row_means<T>(teams, rows, n);
        check_embeddings<T>(teams, rows, n);
        if (n > 2) check_batch_norm<T>(teams, rows, 3, n);
      }
    }
  }
}

TEST_F(RowTeams, AgreeWithTheHostsRows) {
  check_all<float>();
  check_all<double>();
}

// Σ_r x(r, i) and Σ_r r, and every row's maximum.
template <class T>
struct ColumnSums {
  Matrix<Space, const T> x;
  Vector<Space, T> sum, rows;
  KOKKOS_FUNCTION auto terms_of(std::size_t r) const {
    return [=](auto i) { return terms(x(r, i), T(r)); };
  }
  KOKKOS_FUNCTION void store(std::size_t i, const Terms<T, 2>& sums) const {
    sum(i) = sums[0];
    rows(i) = sums[1];
  }
};
template <class T>
struct Maxima {
  Matrix<Space, const T> x;
  Vector<Space, T> maximum;
  template <class Row>
  KOKKOS_FUNCTION void operator()(const Row& row) const {
    const std::size_t r = row.index();
    const T largest = row.largest([&](auto i) { return x(r, i); });
    row.once([&] { maximum(r) = largest; });
  }
};

template <class T>
void check_columns(std::size_t rows, std::size_t n) {
  const Space instance;
  const std::vector<T> values = random_values<T>(rows * n, 1);
  const auto x = on_space(instance, values);
  const auto sum = poisoned<T>(instance, n), indices = poisoned<T>(instance, n);
  const auto maximum = poisoned<T>(instance, rows);
  const auto workspace = poisoned<T>(instance, column_workspace<2>(rows, n));
  for_rows_and_columns<2>(instance, RowAndColumnLabels("test/columns"), rows, n, {1e9, 1e9},
                          vector(workspace),
                          ColumnSums<T>{matrix(x, rows), vector(sum), vector(indices)},
                          Maxima<T>{matrix(x, rows), vector(maximum)});
  // A device's code, element by element.
  const auto sum_device = poisoned<T>(instance, n), indices_device = poisoned<T>(instance, n);
  const ColumnSums<T> columns{matrix(x, rows), vector(sum_device), vector(indices_device)};
  const std::size_t blocks = row_blocks(rows), stride = aligned_size<float>(n);
  const auto partial = poisoned<T>(instance, column_workspace<2>(rows, n));
  instance.fence();
  for (std::size_t e = 0; e < blocks * n; ++e) {
    device::ColumnsOfBlock<T, 2, ColumnSums<T>>{
        columns, rows, n, blocks, stride, partial.data()}(e);
  }
  for (std::size_t i = 0; i < n; ++i) {
    const BlockSums<T, 2, ColumnSums<T>> sums{columns, partial.data(), stride};
    device::SumColumns<T, 2, BlockSums<T, 2, ColumnSums<T>>>{sums, blocks}(i);
  }
  EXPECT_EQ(on_host(instance, sum_device), on_host(instance, sum)) << rows << " x " << n;
  EXPECT_EQ(on_host(instance, indices_device), on_host(instance, indices));
  std::vector<T> expected(n, T(0)), maxima;
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t i = 0; i < n; ++i) expected[i] += values[r * n + i];
    maxima.push_back(*std::max_element(values.begin() + std::ptrdiff_t(r * n),
                                       values.begin() + std::ptrdiff_t((r + 1) * n)));
  }
  EXPECT_LT(relative_error(on_host(instance, sum), expected), 10 * kTolerance<T>);
  EXPECT_EQ(on_host(instance, maximum), maxima);
  EXPECT_EQ(on_host(instance, indices), std::vector<T>(n, T(rows * (rows - 1) / 2)));
}

TEST_F(RowTeams, ColumnsAreSummedByBlocksInOrder) {
  for (const std::size_t rows : {1, 15, 33, 500}) {
    for (const std::size_t n : {1, 16, 37, 300}) {
      check_columns<float>(rows, n);
      check_columns<double>(rows, n);
    }
  }
}
#endif

}  // namespace
}  // namespace ridgeline::kernels
