#include "kernels/gemm/gemm.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <tuple>

#include "kernels/gemm/device/gemm.hpp"
#include "kernels/gemm/host/gemm.hpp"
#include "support/matrices.hpp"
#include "support/runtime.hpp"

namespace ridgeline::kernels {
namespace {

using ridgeline::testing::on_host;
using ridgeline::testing::on_space;
using ridgeline::testing::poisoned;
using ridgeline::testing::random_values;
using ridgeline::testing::relative_error;

// Options of a product in addition to its sizes.
struct Case {
  std::size_t m, n, k;
  bool transpose_a = false, transpose_b = false;
  bool bias = false;
  Activation activation = Activation::identity;
  bool pre_activation = false;
  bool factor = false;
  Activation derivative = Activation::identity;
  bool row_sums = false;
};

std::ostream& operator<<(std::ostream& out, const Case& c) {
  return out << c.m << "x" << c.n << "x" << c.k << (c.transpose_a ? " At" : " A")
             << (c.transpose_b ? " Bt" : " B") << (c.bias ? " bias" : "") << " f"
             << int(c.activation) << (c.factor ? " f'" : " ") << int(c.derivative)
             << (c.row_sums ? " sums" : "");
}

struct Expected {
  std::vector<double> c, pre_activation, row_sums;
};

double value_of(Activation f, double z) {
  double y = 0;
  with_activation(f, [&](auto function) { y = activate<function()>(z); });
  return y;
}
double derivative_of(Activation f, double kept) {
  double d = 0;
  with_activation(f, [&](auto function) { d = derivative<function()>(kept); });
  return d;
}

// The definition, in float64.
template <class T>
Expected reference(const Case& c, const std::vector<T>& a, const std::vector<T>& b,
                   const std::vector<T>& bias, const std::vector<T>& kept) {
  Expected expected;
  expected.row_sums.assign(c.m, 0.0);
  const auto a_at = [&](std::size_t i, std::size_t k) {
    const std::size_t at = c.transpose_a ? k * c.m + i : i * c.k + k;
    return double(a[at]) * (c.factor ? derivative_of(c.derivative, double(kept[at])) : 1.0);
  };
  for (std::size_t i = 0; i < c.m; ++i) {
    for (std::size_t k = 0; k < c.k; ++k) expected.row_sums[i] += a_at(i, k);
    for (std::size_t j = 0; j < c.n; ++j) {
      double z = c.bias ? double(bias[j]) : 0.0;
      for (std::size_t k = 0; k < c.k; ++k) {
        z += a_at(i, k) * double(b[c.transpose_b ? j * c.k + k : k * c.n + j]);
      }
      expected.pre_activation.push_back(z);
      expected.c.push_back(value_of(c.activation, z));
    }
  }
  return expected;
}

// Runs one case through `multiply(arguments, workspace)` and compares it with the definition.
template <class Space, class T, class Multiply>
void check(const Case& c, const Multiply& multiply, std::size_t workspace_size) {
  const Space instance;
  const double tolerance = sizeof(T) == 4 ? 2e-6 : 1e-14;
  const std::vector<T> a = random_values<T>(c.m * c.k, 1), b = random_values<T>(c.k * c.n, 2);
  const std::vector<T> bias = random_values<T>(c.n, 3), kept = random_values<T>(c.m * c.k, 4);
  const auto a_view = on_space(instance, a), b_view = on_space(instance, b);
  const auto bias_view = on_space(instance, bias), kept_view = on_space(instance, kept);
  const auto c_view = poisoned<T>(instance, c.m * c.n), pre_view = poisoned<T>(instance, c.m * c.n);
  const auto sums_view = poisoned<T>(instance, c.m);
  const auto workspace = poisoned<T>(instance, workspace_size);

  GemmArguments<Space, T> args;
  args.a =
      Matrix<Space, const T>(a_view.data(), c.transpose_a ? c.k : c.m, c.transpose_a ? c.m : c.k);
  args.b =
      Matrix<Space, const T>(b_view.data(), c.transpose_b ? c.n : c.k, c.transpose_b ? c.k : c.n);
  args.c = Matrix<Space, T>(c_view.data(), c.m, c.n);
  args.transpose_a = c.transpose_a;
  args.transpose_b = c.transpose_b;
  if (c.bias) args.bias = Vector<Space, const T>(bias_view.data(), c.n);
  args.activation = c.activation;
  if (c.pre_activation) args.pre_activation = Matrix<Space, T>(pre_view.data(), c.m, c.n);
  if (c.factor) {
    args.kept = Matrix<Space, const T>(kept_view.data(), args.a.extent(0), args.a.extent(1));
    args.derivative = c.derivative;
  }
  if (c.row_sums) args.row_sums = Vector<Space, T>(sums_view.data(), c.m);
  multiply(instance, args, Vector<Space, T>(workspace.data(), workspace.size()));
  instance.fence();

  const Expected expected = reference(c, a, b, bias, kept);
  EXPECT_LT(relative_error(on_host(instance, c_view), expected.c), tolerance) << c;
  if (c.pre_activation) {
    EXPECT_LT(relative_error(on_host(instance, pre_view), expected.pre_activation), tolerance) << c;
  }
  if (c.row_sums) {
    EXPECT_LT(relative_error(on_host(instance, sums_view), expected.row_sums), tolerance) << c;
  }
}

// Sizes that cover every edge case: 1, primes, one less and one more than a register tile (14 or 6
// rows, 4 to 32 columns), than a device tile, and depths across a cache block.
std::vector<Case> awkward_cases() {
  std::vector<Case> cases;
  const std::tuple<std::size_t, std::size_t, std::size_t> sizes[] = {
      {1, 1, 1},   {1, 7, 3},     {2, 33, 65},   {3, 1, 129},    {4, 31, 64},
      {5, 32, 1},  {7, 13, 11},   {13, 63, 17},  {14, 64, 16},   {15, 65, 9},
      {17, 2, 5},  {29, 3, 31},   {31, 97, 33},  {65, 129, 66},  {43, 10, 1},
      {1, 130, 7}, {37, 41, 385}, {129, 4, 770}, {15, 33, 1025}, {3, 40, 2051}};
  for (const auto& [m, n, k] : sizes) {
    cases.push_back({m, n, k});
    cases.push_back({m, n, k, false, true, true, Activation::relu});
    cases.push_back({m, n, k, false, true, true, Activation::gelu, true});
    cases.push_back(
        {m, n, k, false, false, false, Activation::identity, false, true, Activation::tanh});
    cases.push_back(
        {m, n, k, true, false, false, Activation::identity, false, true, Activation::relu, true});
    cases.push_back({m, n, k, true, false, false, Activation::identity, false, false,
                     Activation::identity, true});
    cases.push_back({m, n, k, true, true, true, Activation::sigmoid});
  }
  return cases;
}

template <class Space, class T>
void check_backend(GemmBackend backend) {
  const GemmLabels labels("test/gemm");
  for (const Case& c : awkward_cases()) {
    const std::size_t workspace =
        gemm_workspace<T>(!kIsHost<Space>, backend,
                          {c.m, c.n, c.k, c.transpose_a, c.transpose_b, c.factor, c.row_sums});
    check<Space, T>(
        c,
        [&](const Space& instance, const GemmArguments<Space, T>& args,
            const Vector<Space, T>& space) { gemm(instance, labels, backend, args, space); },
        workspace);
  }
}

class Gemm : public ridgeline::testing::Computing {};

TEST_F(Gemm, NativeMatchesTheDefinition) {
#define RIDGELINE_NATIVE(Space, T) check_backend<Space, T>(GemmBackend::native);
  RIDGELINE_FOR_SPACES(RIDGELINE_NATIVE)
}

TEST_F(Gemm, KokkosKernelsMatchesTheDefinition) {
#define RIDGELINE_LIBRARY(Space, T) check_backend<Space, T>(GemmBackend::kokkos_kernels);
  RIDGELINE_FOR_SPACES(RIDGELINE_LIBRARY)
}

#if defined(KOKKOS_ENABLE_OPENMP)
// The device's kernel with tiles small enough for teams of OpenMP threads: the same code as on a
// device, indices, barriers and edges.
template <class T, int TileM, int TileN, int TileK, int ThreadM, int ThreadN>
void check_team_kernel(int splits = 1) {
  using Kernel = DeviceGemm<Kokkos::OpenMP, T, TileM, TileN, TileK, ThreadM, ThreadN>;
  ASSERT_EQ(Kernel::kTeam, 4);
  ASSERT_GE(Kokkos::OpenMP().concurrency(), 4);
  for (const Case& c : awkward_cases()) {
    check<Kokkos::OpenMP, T>(
        c,
        [splits](const Kokkos::OpenMP& instance, const GemmArguments<Kokkos::OpenMP, T>& args,
                 const Vector<Kokkos::OpenMP, T>& workspace) {
          Kernel::launch(instance, "test/gemm", args, splits, workspace.data());
        },
        splits * (c.m * c.n + c.m));
  }
}

TEST_F(Gemm, DeviceKernelOnOpenMPTeamsMatchesTheDefinition) {
  check_team_kernel<float, 8, 8, 4, 4, 4>();
  check_team_kernel<double, 8, 8, 4, 4, 4>();
  check_team_kernel<float, 16, 8, 8, 8, 4>();
  check_team_kernel<float, 4, 16, 4, 4, 4>();
  check_team_kernel<double, 32, 16, 8, 8, 16>();
}

TEST_F(Gemm, DeviceKernelWithItsDepthSplitMatchesTheDefinition) {
  check_team_kernel<float, 8, 8, 4, 4, 4>(2);
  check_team_kernel<double, 16, 8, 8, 8, 4>(5);
}
#endif

TEST(DeviceGemm, SplitsTheDepthOnlyOfWhatHasFewTiles) {
  const auto plan = [](std::size_t m, std::size_t n, std::size_t k) {
    return plan_device_gemm({m, n, k});
  };
  EXPECT_EQ(plan(2048, 2048, 2048).splits, 1);
  EXPECT_EQ(plan(32, 10, 128).splits, 1);
  EXPECT_GT(plan(1, 512, 784).splits, 1);
  EXPECT_GT(plan(64, 576, 50176).splits, 8);
  // Workspace for a shape is enough for every smaller number of rows, which may be split more.
  for (const std::size_t k : {100, 784, 5000}) {
    for (std::size_t m = 1; m <= 300; ++m) {
      for (const std::size_t n : {10, 100, 700}) {
        const int splits = plan(m, n, k).splits;
        EXPECT_LE(splits > 1 ? splits * (m * n + m) : 0,
                  gemm_workspace<float>(true, GemmBackend::native,
                                        {300, n, k, false, false, false, true}))
            << m << " " << n << " " << k;
      }
    }
  }
}

template <class T>
void check_smaller_batches(std::size_t batch, std::size_t in, std::size_t out) {
  // A dense layer's forward product and its input gradient, without and with a derivative.
  for (const GemmShape shape :
       {GemmShape{batch, out, in, false, true}, GemmShape{batch, in, out, false, false},
        GemmShape{batch, in, out, false, false, true}}) {
    const std::size_t enough = gemm_workspace<T>(false, GemmBackend::native, shape);
    for (std::size_t m = 1; m <= batch; ++m) {
      const host::GemmPlan plan =
          host::plan_gemm<T>(int(m), int(shape.n), int(shape.k), !shape.transpose_a,
                             shape.transpose_b, shape.factor, false);
      EXPECT_LE(
          aligned_size<T>(host::packed_rows_size<T>(plan)) + host::packed_columns_size<T>(plan),
          enough)
          << m << " of " << batch << ", " << in << " to " << out;
    }
  }
}

TEST(HostGemm, WorkspaceOfABatchIsEnoughForEverySmallerOne) {
  check_smaller_batches<float>(250, 12288, 256);
  check_smaller_batches<float>(250, 9216, 256);
  check_smaller_batches<float>(500, 12288, 512);
  check_smaller_batches<double>(250, 9216, 256);
  check_smaller_batches<float>(300, 3072, 272);
  check_smaller_batches<double>(130, 7, 5);
}

// Two products AᵀB1 and AᵀB2 with sums, the second with `same_a`.
template <class Space, class T>
void check_same_a(GemmBackend backend) {
  const Space instance;
  for (const auto& [m, k, n1, n2] :
       {std::tuple<std::size_t, std::size_t, std::size_t, std::size_t>{1, 1, 1, 1},
        {5, 3, 2, 40},
        {33, 700, 65, 3},
        {512, 300, 20, 129}}) {
    const std::vector<T> a = random_values<T>(k * m, 1);
    const auto a_view = on_space(instance, a);
    const auto workspace = poisoned<T>(
        instance,
        std::max(
            gemm_workspace<T>(!kIsHost<Space>, backend, {m, n1, k, true, false, false, true}),
            gemm_workspace<T>(!kIsHost<Space>, backend, {m, n2, k, true, false, false, true})));
    for (const bool second : {false, true}) {
      const std::size_t n = second ? n2 : n1;
      const std::vector<T> b = random_values<T>(k * n, second ? 3 : 2);
      const auto b_view = on_space(instance, b);
      const auto c = poisoned<T>(instance, m * n), sums = poisoned<T>(instance, m);
      GemmArguments<Space, T> args;
      args.a = Matrix<Space, const T>(a_view.data(), k, m);
      args.b = Matrix<Space, const T>(b_view.data(), k, n);
      args.c = Matrix<Space, T>(c.data(), m, n);
      args.transpose_a = true;
      args.row_sums = Vector<Space, T>(sums.data(), m);
      args.same_a = second;
      gemm(instance, GemmLabels("test/gemm"), backend, args,
           Vector<Space, T>(workspace.data(), workspace.size()));
      instance.fence();
      const Expected expected = reference<T>(Case{m, n, k, true}, a, b, {}, {});
      const double tolerance = sizeof(T) == 4 ? 2e-6 : 1e-14;
      EXPECT_LT(relative_error(on_host(instance, c), expected.c), tolerance) << m << "x" << n;
      EXPECT_LT(relative_error(on_host(instance, sums), expected.row_sums), tolerance) << m;
    }
  }
}

TEST_F(Gemm, ProductsWithTheSameLeftOperandShareIt) {
#define RIDGELINE_SAME(Space, T)               \
  check_same_a<Space, T>(GemmBackend::native); \
  check_same_a<Space, T>(GemmBackend::kokkos_kernels);
  RIDGELINE_FOR_SPACES(RIDGELINE_SAME)
}

// Returns A W^T on a space; NaN where nothing was written.
template <class Space, class T>
std::vector<T> product(std::size_t m, std::size_t n, std::size_t k,
                       GemmBackend backend = GemmBackend::native) {
  const Space instance;
  const std::size_t size = gemm_workspace<T>(!kIsHost<Space>, backend, {m, n, k, false, true});
  const auto a = on_space(instance, random_values<T>(m * k, 1));
  const auto b = on_space(instance, random_values<T>(n * k, 2));
  const auto c = poisoned<T>(instance, m * n);
  const auto workspace = poisoned<T>(instance, size);
  GemmArguments<Space, T> args;
  args.a = Matrix<Space, const T>(a.data(), m, k);
  args.b = Matrix<Space, const T>(b.data(), n, k);
  args.c = Matrix<Space, T>(c.data(), m, n);
  args.transpose_b = true;
  gemm(instance, GemmLabels("test/gemm"), backend, args, Vector<Space, T>(workspace.data(), size));
  instance.fence();
  return on_host(instance, c);
}

TEST_F(Gemm, OfEveryBackendLeavesTheOutputAloneWhileLaunchesAreEmpty) {
  for (const GemmBackend backend : {GemmBackend::native, GemmBackend::kokkos_kernels}) {
    const EmptyLaunches empty;
    const long before = launch_count.parallel + launch_count.single;
    for (const double value :
         product<Kokkos::DefaultHostExecutionSpace, double>(65, 33, 40, backend)) {
      ASSERT_TRUE(std::isnan(value));
    }
    EXPECT_GT(launch_count.parallel + launch_count.single, before);
  }
}

#if defined(KOKKOS_ENABLE_OPENMP)
TEST_F(Gemm, OneThreadAndManyGiveTheSameBits) {
  const std::tuple<std::size_t, std::size_t, std::size_t> sizes[] = {
      {128, 96, 300}, {3, 500, 200}, {33, 512, 784}};
  for (const auto& [m, n, k] : sizes) {
    EXPECT_EQ((product<Kokkos::Serial, float>(m, n, k)), (product<Kokkos::OpenMP, float>(m, n, k)));
    EXPECT_EQ((product<Kokkos::Serial, double>(m, n, k)),
              (product<Kokkos::OpenMP, double>(m, n, k)));
  }
}
#endif

}  // namespace
}  // namespace ridgeline::kernels
