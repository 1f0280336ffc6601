#include "kernels/attention/attention.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "kernels/attention/device/attention.hpp"
#include "support/matrices.hpp"
#include "support/runtime.hpp"

namespace ridgeline::kernels {
namespace {

using ridgeline::testing::on_host;
using ridgeline::testing::on_space;
using ridgeline::testing::poisoned;
using ridgeline::testing::random_values;
using ridgeline::testing::relative_error;

std::string text(const AttentionShape& s) {
  return std::to_string(s.batch) + " × " + std::to_string(s.length) + ", " +
         std::to_string(s.heads) + " heads of " + std::to_string(s.features) +
         (s.causal ? ", causal" : "");
}

struct Results {
  std::vector<double> output, log_sum, qkv_gradient;
};

// Forward and backward by the definition in the header, with all scores, in float64.
template <class T>
Results definition(const AttentionShape& s, const std::vector<T>& qkv,
                   const std::vector<T>& gradient) {
  const std::size_t width = s.width();
  const double scale = 1 / std::sqrt(double(s.features));
  Results r{std::vector<double>(s.rows() * width), std::vector<double>(s.rows() * s.heads),
            std::vector<double>(s.rows() * 3 * width)};
  for (std::size_t pair = 0; pair < s.batch * s.heads; ++pair) {
    const std::size_t sample = pair / s.heads, head = pair % s.heads;
    // Of part 0 (query), 1 (key) or 2 (value) at a position.
    const auto in_qkv = [&](std::size_t position, std::size_t part) {
      return ((sample * s.length + position) * 3 + part) * width + head * s.features;
    };
    const auto in_output = [&](std::size_t position) {
      return (sample * s.length + position) * width + head * s.features;
    };
    for (std::size_t q = 0; q < s.length; ++q) {
      const std::size_t keys = s.causal ? q + 1 : s.length;
      std::vector<double> p(keys);
      double total = 0, largest = -1e300, delta = 0;
      for (std::size_t k = 0; k < keys; ++k) {
        for (std::size_t f = 0; f < s.features; ++f) {
          p[k] += scale * double(qkv[in_qkv(q, 0) + f]) * double(qkv[in_qkv(k, 1) + f]);
        }
        largest = std::max(largest, p[k]);
      }
      for (double& value : p) total += value = std::exp(value - largest);
      r.log_sum[pair * s.length + q] = largest + std::log(total);
      for (std::size_t f = 0; f < s.features; ++f) {
        double& o = r.output[in_output(q) + f];
        for (std::size_t k = 0; k < keys; ++k) {
          o += p[k] / total * double(qkv[in_qkv(k, 2) + f]);
        }
        delta += o * double(gradient[in_output(q) + f]);
      }
      for (std::size_t k = 0; k < keys; ++k) {
        double dp = 0;
        for (std::size_t f = 0; f < s.features; ++f) {
          dp += double(gradient[in_output(q) + f]) * double(qkv[in_qkv(k, 2) + f]);
        }
        const double ds = scale * p[k] / total * (dp - delta);
        for (std::size_t f = 0; f < s.features; ++f) {
          r.qkv_gradient[in_qkv(q, 0) + f] += ds * double(qkv[in_qkv(k, 1) + f]);
          r.qkv_gradient[in_qkv(k, 1) + f] += ds * double(qkv[in_qkv(q, 0) + f]);
          r.qkv_gradient[in_qkv(k, 2) + f] += p[k] / total * double(gradient[in_output(q) + f]);
        }
      }
    }
  }
  return r;
}

// Around every tile size: 1, below, on and above one, several.
std::vector<AttentionShape> shapes() {
  std::vector<AttentionShape> list;
  for (const bool causal : {false, true}) {
    for (const AttentionShape& s :
         {AttentionShape{1, 1, 1, 1}, AttentionShape{2, 2, 3, 1}, AttentionShape{1, 4, 2, 5},
          AttentionShape{2, 7, 1, 8}, AttentionShape{1, 8, 2, 9}, AttentionShape{3, 9, 2, 13},
          AttentionShape{1, 31, 1, 17}, AttentionShape{2, 33, 2, 32}, AttentionShape{1, 65, 1, 33},
          AttentionShape{1, 130, 2, 4}, AttentionShape{1, 67, 1, 71}}) {
      list.push_back(s);
      list.back().causal = causal;
    }
  }
  return list;
}

// Runs `forward(instance, shape, qkv, output, log_sum, workspace)` and `backward(…, qkv_gradient)`
// and compares them with the definition.
template <class Space, class T, class Forward, class Backward>
void check(const AttentionShape& s, std::size_t workspace_size, const Forward& forward,
           const Backward& backward) {
  const Space instance;
  const std::size_t outputs = s.rows() * s.width();
  const std::vector<T> qkv = random_values<T>(3 * outputs, 1);
  const std::vector<T> gradient = random_values<T>(outputs, 2);
  const auto qkv_view = on_space(instance, qkv), gradient_view = on_space(instance, gradient);
  const auto output = poisoned<T>(instance, outputs);
  const auto log_sum = poisoned<T>(instance, s.rows() * s.heads);
  const auto qkv_gradient = poisoned<T>(instance, 3 * outputs);
  const auto workspace = poisoned<T>(instance, workspace_size);
  forward(instance, qkv_view.data(), output.data(), log_sum.data(), workspace);
  backward(instance, qkv_view.data(), output.data(), log_sum.data(), gradient_view.data(),
           qkv_gradient.data(), workspace);
  instance.fence();
  const Results expected = definition(s, qkv, gradient);
  const double tolerance = sizeof(T) == 4 ? 2e-6 : 1e-14;
  EXPECT_LT(relative_error(on_host(instance, output), expected.output), tolerance) << text(s);
  EXPECT_LT(relative_error(on_host(instance, log_sum), expected.log_sum), tolerance) << text(s);
  EXPECT_LT(relative_error(on_host(instance, qkv_gradient), expected.qkv_gradient), tolerance)
      << text(s);
}

class AttentionKernel : public ridgeline::testing::Computing {};

template <class Space, class T>
void check_space() {
  const AttentionLabels labels("test/attention");
  for (const AttentionShape& s : shapes()) {
    const std::size_t rows = s.rows(), width = s.width();
    using In = Matrix<Space, const T>;
    using Out = Matrix<Space, T>;
    const auto vector = [](const Buffer<Space, T>& buffer) {
      return Vector<Space, T>(buffer.data(), buffer.size());
    };
    check<Space, T>(
        s, attention_workspace<T>(!kIsHost<Space>, worker_count(Space()), s, true),
        [&](const Space& instance, const T* qkv, T* output, T* log_sum, const auto& workspace) {
          attention<Space, T>(instance, labels, s, In(qkv, rows, 3 * width),
                              Out(output, rows, width), Vector<Space, T>(log_sum, rows * s.heads),
                              vector(workspace));
        },
        [&](const Space& instance, const T* qkv, const T* output, const T* log_sum,
            const T* gradient, T* qkv_gradient, const auto& workspace) {
          attention_gradient<Space, T>(
              instance, labels, s, In(qkv, rows, 3 * width), In(output, rows, width),
              Vector<Space, const T>(log_sum, rows * s.heads), In(gradient, rows, width),
              Out(qkv_gradient, rows, 3 * width), vector(workspace));
        });
  }
}

TEST_F(AttentionKernel, MatchesTheDefinition) {
#define RIDGELINE_CHECK(Space, T) check_space<Space, T>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

// An empty view of the memory behind the workspace: inference keeps no sums, and must not write
// there.
template <class Space, class T>
void check_keeps_nothing() {
  const Space instance;
  const AttentionShape s = shapes().front();
  const std::size_t rows = s.rows(), width = s.width();
  const auto qkv = on_space(instance, random_values<T>(rows * 3 * width, 1));
  const auto output = poisoned<T>(instance, rows * width);
  const std::vector<T> others = random_values<T>(rows * s.heads, 2);
  const auto behind = on_space(instance, others);
  const auto workspace = poisoned<T>(
      instance, attention_workspace<T>(!kIsHost<Space>, worker_count(instance), s, false));
  attention<Space, T>(instance, AttentionLabels("test/attention"), s,
                      Matrix<Space, const T>(qkv.data(), rows, 3 * width),
                      Matrix<Space, T>(output.data(), rows, width),
                      Vector<Space, T>(behind.data(), 0),
                      Vector<Space, T>(workspace.data(), workspace.size()));
  instance.fence();
  EXPECT_EQ(on_host(instance, behind), others);
}

TEST_F(AttentionKernel, KeepsNoSumsIfNotRequested) {
#define RIDGELINE_CHECK(Space, T) check_keeps_nothing<Space, T>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

#if defined(KOKKOS_ENABLE_OPENMP)
template <class T, int Tile, int Chunk, int Slice, int ThreadRows, int ThreadColumns>
void check_team_kernels(const std::vector<AttentionShape>& list) {
  using Space = Kokkos::OpenMP;
  using Kernel =
      DeviceAttention<Space, T, AttentionSizes<Tile, Chunk, Slice, ThreadRows, ThreadColumns>>;
  const AttentionLabels labels("test/attention");
  for (const AttentionShape& s : list) {
    const std::size_t rows = s.rows(), width = s.width(), sums = rows * s.heads;
    using In = Matrix<Space, const T>;
    using Out = Matrix<Space, T>;
    check<Space, T>(
        s, sums,
        [&](const Space& instance, const T* qkv, T* output, T* log_sum, const auto&) {
          launch_attention<Kernel>(instance, labels, s, In(qkv, rows, 3 * width),
                                   Out(output, rows, width), Vector<Space, T>(log_sum, sums));
        },
        [&](const Space& instance, const T* qkv, const T* output, const T* log_sum,
            const T* gradient, T* qkv_gradient, const auto& workspace) {
          launch_attention_gradient<Kernel>(
              instance, labels, s, In(qkv, rows, 3 * width), In(output, rows, width),
              Vector<Space, const T>(log_sum, sums), In(gradient, rows, width),
              Out(qkv_gradient, rows, 3 * width), Vector<Space, T>(workspace.data(), sums));
        });
  }
}

TEST_F(AttentionKernel, DeviceKernelsOnOpenMPTeamsMatchTheDefinition) {
  ASSERT_GE(Kokkos::OpenMP().concurrency(), 4);
  // Few and small: a barrier of more threads than the machine has processors is slow. Part of a
  // tile, of a slice and of a chunk, and several of each.
  const std::vector<AttentionShape> few = {
      {1, 1, 2, 1}, {2, 3, 1, 3, true}, {1, 9, 1, 7}, {1, 10, 2, 5, true}};
  check_team_kernels<float, 4, 4, 4, 2, 2>(few);
  check_team_kernels<double, 8, 4, 2, 2, 1>(few);
  check_team_kernels<float, 8, 16, 5, 1, 2>(few);
  check_team_kernels<double, 2, 8, 4, 2, 2>(few);  // several threads share a row of scores
  // One thread runs every other shape, with the tile that a device uses.
  check_team_kernels<float, 32, 32, 32, 1, 1>(shapes());
  check_team_kernels<double, 32, 64, 32, 1, 1>(shapes());
}
#endif

}  // namespace
}  // namespace ridgeline::kernels
