#include "kernels/convolution/convolution.hpp"

#include <gtest/gtest.h>

#include "kernels/convolution/device/convolution.hpp"
#include "kernels/convolution/host/convolution.hpp"
#include "support/matrices.hpp"
#include "support/runtime.hpp"

namespace ridgeline::kernels {
namespace {

using ridgeline::testing::on_host;
using ridgeline::testing::on_space;
using ridgeline::testing::poisoned;
using ridgeline::testing::random_values;
using ridgeline::testing::relative_error;

// Options of a convolution in addition to its shape.
struct Case {
  ConvolutionShape shape;
  Activation activation = Activation::identity;
  bool bias = true;
};

std::ostream& operator<<(std::ostream& out, const Case& c) {
  const ConvolutionShape& s = c.shape;
  const auto axis = [&](const ConvolutionAxis& a) {
    out << " " << a.in << "/" << a.kernel << "/" << a.stride << "/" << a.padding << "/"
        << a.dilation;
  };
  out << "batch " << s.batch << " channels " << s.channels << " filters " << s.filters << " groups "
      << s.groups;
  axis(s.height);
  axis(s.width);
  return out << " f" << int(c.activation);
}

ConvolutionShape shape_of(int batch, int channels, int filters, int groups, ConvolutionAxis height,
                          ConvolutionAxis width) {
  return {batch, channels, filters, groups, height, width};
}

// Ones; primes; every option, each axis with its own; strides larger than the kernel, than the
// image by far; dilations that share a divisor with the stride and that do not; more padding than
// kernel; a kernel wider than any slack.
std::vector<Case> awkward_cases() {
  std::vector<Case> cases;
  const ConvolutionShape shapes[] = {
      shape_of(1, 1, 1, 1, {1, 1}, {1, 1}),
      shape_of(2, 3, 5, 1, {7, 3, 1, 1}, {5, 3, 1, 1}),
      shape_of(3, 1, 6, 1, {11, 5, 1, 2}, {13, 5, 1, 2}),
      shape_of(2, 6, 16, 1, {9, 5}, {8, 5}),
      shape_of(1, 15, 29, 1, {6, 3, 1, 1}, {37, 2, 1, 1}),
      shape_of(2, 4, 6, 2, {7, 3, 2, 1}, {10, 3, 2, 1}),
      shape_of(2, 3, 7, 1, {9, 1, 2, 0}, {8, 1, 2, 0}),
      shape_of(2, 6, 6, 6, {8, 3, 1, 1}, {7, 3, 1, 1}),
      shape_of(1, 6, 3, 3, {8, 3, 3, 2}, {9, 2, 2, 0}),
      shape_of(2, 2, 3, 1, {12, 3, 2, 2, 2}, {13, 3, 3, 1, 2}),
      shape_of(1, 2, 3, 1, {14, 4, 4, 3, 3}, {15, 3, 6, 5, 4}),
      shape_of(2, 2, 2, 1, {5, 2, 7, 1}, {6, 1, 3, 2}),
      shape_of(1, 2, 3, 1, {2, 2, 1, 5}, {3, 3, 2, 4}),
      shape_of(1, 3, 2, 1, {4, 1, 1, 1}, {4, 1, 3, 2}),
      shape_of(3, 5, 33, 1, {3, 3}, {35, 3}),
      shape_of(17, 9, 4, 1, {3, 3, 1, 1}, {3, 3, 1, 1}),
      shape_of(3, 2, 3, 1, {1, 1}, {300, 128}),
      shape_of(2, 2, 3, 1, {3, 1, 65536}, {2, 1, 65536}),
  };
  const Activation activations[] = {Activation::identity, Activation::relu, Activation::gelu,
                                    Activation::tanh};
  int i = 0;
  for (const ConvolutionShape& shape : shapes) {
    cases.push_back({shape, activations[i % 4], true});
    cases.push_back({shape, activations[(i + 1) % 4], i % 2 == 0});
    ++i;
  }
  return cases;
}

template <class Body>
void for_taps(const ConvolutionShape& s, const Body& body) {
  const int height = s.height.out(), width = s.width.out();
  for (int n = 0; n < s.batch; ++n) {
    for (int f = 0; f < s.filters; ++f) {
      const int group = f / s.group_filters();
      for (int p = 0; p < height; ++p) {
        for (int q = 0; q < width; ++q) {
          const std::size_t y = ((std::size_t(n) * s.filters + f) * height + p) * width + q;
          for (int c = 0; c < s.group_channels(); ++c) {
            for (int r = 0; r < s.height.kernel; ++r) {
              for (int t = 0; t < s.width.kernel; ++t) {
                const int h = p * s.height.stride + r * s.height.dilation - s.height.padding;
                const int w = q * s.width.stride + t * s.width.dilation - s.width.padding;
                if (h < 0 || h >= s.height.in || w < 0 || w >= s.width.in) continue;
                const int channel = group * s.group_channels() + c;
                body(y,
                     ((std::size_t(n) * s.channels + channel) * s.height.in + h) * s.width.in + w,
                     ((std::size_t(f) * s.group_channels() + c) * s.height.kernel + r) *
                             s.width.kernel +
                         t);
              }
            }
          }
        }
      }
    }
  }
}

// A case with its data and the definition's results in float64. The saved values for backward are
// random, since the derivative of any activation must be correct.
template <class T>
struct Reference {
  explicit Reference(const Case& c) {
    const ConvolutionShape& s = c.shape;
    const std::size_t inputs = std::size_t(s.batch) * s.channels * s.in_pixels();
    const std::size_t outputs = std::size_t(s.batch) * s.filters * s.out_pixels();
    x = random_values<T>(inputs, 1);
    weight = random_values<T>(s.weights(), 2);
    bias = random_values<T>(s.filters, 3);
    dy = random_values<T>(outputs, 4);
    kept = random_values<T>(outputs, 5);
    z.assign(outputs, 0.0);
    y = dz = z;
    dx.assign(inputs, 0.0);
    dweight.assign(s.weights(), 0.0);
    dbias.assign(s.filters, 0.0);
    for (std::size_t i = 0; i < outputs; ++i) {
      const std::size_t filter = i / s.out_pixels() % s.filters;
      if (c.bias) z[i] = bias[filter];
      with_activation(c.activation,
                      [&](auto f) { dz[i] = dy[i] * derivative<f()>(double(kept[i])); });
      dbias[filter] += dz[i];
    }
    for_taps(s, [&](std::size_t at_y, std::size_t at_x, std::size_t at_w) {
      z[at_y] += double(x[at_x]) * double(weight[at_w]);
      dx[at_x] += dz[at_y] * double(weight[at_w]);
      dweight[at_w] += dz[at_y] * double(x[at_x]);
    });
    for (std::size_t i = 0; i < outputs; ++i) {
      with_activation(c.activation, [&](auto f) { y[i] = activate<f()>(z[i]); });
    }
  }

  std::vector<T> x, weight, bias, dy, kept;
  std::vector<double> z, y, dz, dx, dweight, dbias;
};

// Runs the three convolutions of a case through `run(instance, arguments)`.
template <class Space, class T, class Run>
void check(const Case& c, const Run& run) {
  const Space instance;
  const ConvolutionShape& s = c.shape;
  const Reference<T> expected(c);
  const double tolerance = sizeof(T) == 4 ? 2e-6 : 2e-14;
  const auto x = on_space(instance, expected.x), weight = on_space(instance, expected.weight);
  const auto bias = on_space(instance, expected.bias), dy = on_space(instance, expected.dy);
  const auto kept = on_space(instance, expected.kept);
  const std::size_t batch = s.batch, in = x.size() / batch, out = dy.size() / batch;
  const bool factor = c.activation != Activation::identity;
  {
    const auto y = poisoned<T>(instance, dy.size()), z = poisoned<T>(instance, dy.size());
    ConvolutionForward<Space, T> arguments;
    arguments.x = Matrix<Space, const T>(x.data(), batch, in);
    arguments.weight = Vector<Space, const T>(weight.data(), weight.size());
    if (c.bias) arguments.bias = Vector<Space, const T>(bias.data(), bias.size());
    arguments.activation = c.activation;
    if (factor) arguments.pre_activation = Matrix<Space, T>(z.data(), batch, out);
    arguments.y = Matrix<Space, T>(y.data(), batch, out);
    run(instance, arguments);
    instance.fence();
    EXPECT_LT(relative_error(on_host(instance, y), expected.y), tolerance) << "y of " << c;
    if (factor) {
      EXPECT_LT(relative_error(on_host(instance, z), expected.z), tolerance) << "z of " << c;
    }
  }
  {
    const auto dx = poisoned<T>(instance, x.size());
    ConvolutionInputGradient<Space, T> arguments;
    arguments.dy = Matrix<Space, const T>(dy.data(), batch, out);
    if (factor) arguments.kept = Matrix<Space, const T>(kept.data(), batch, out);
    arguments.derivative = c.activation;
    arguments.weight = Vector<Space, const T>(weight.data(), weight.size());
    arguments.dx = Matrix<Space, T>(dx.data(), batch, in);
    run(instance, arguments);
    instance.fence();
    EXPECT_LT(relative_error(on_host(instance, dx), expected.dx), tolerance) << "dx of " << c;
  }
  {
    const auto dweight = poisoned<T>(instance, weight.size());
    const auto dbias = poisoned<T>(instance, bias.size());
    ConvolutionWeightGradient<Space, T> arguments;
    arguments.x = Matrix<Space, const T>(x.data(), batch, in);
    arguments.dy = Matrix<Space, const T>(dy.data(), batch, out);
    if (factor) arguments.kept = Matrix<Space, const T>(kept.data(), batch, out);
    arguments.derivative = c.activation;
    arguments.dweight = Vector<Space, T>(dweight.data(), dweight.size());
    if (c.bias) arguments.dbias = Vector<Space, T>(dbias.data(), dbias.size());
    run(instance, arguments);
    instance.fence();
    // The rounding error of a sum grows with the square root of the number of terms.
    const double of_sums =
        tolerance * std::max(1.0, std::sqrt(double(dy.size() / bias.size()) / 30000.0));
    EXPECT_LT(relative_error(on_host(instance, dweight), expected.dweight), of_sums)
        << "dweight of " << c;
    if (c.bias) {
      EXPECT_LT(relative_error(on_host(instance, dbias), expected.dbias), of_sums)
          << "dbias of " << c;
    }
  }
}

// The production path, with exactly the workspace that it requests.
template <class Space, class T>
void check_production(const std::vector<Case>& cases) {
  const ConvolutionLabels labels("test/convolution");
  for (const Case& c : cases) {
    const std::size_t size =
        convolution_workspace<T>(!kIsHost<Space>, worker_count(Space()), c.shape, true);
    const auto workspace = poisoned<T>(Space(), size);
    check<Space, T>(c, [&](const Space& instance, const auto& arguments) {
      convolution(instance, labels, c.shape, arguments, Vector<Space, T>(workspace.data(), size));
    });
  }
}

class Convolution : public ridgeline::testing::Computing {};

TEST_F(Convolution, MatchesTheDefinition) {
#define RIDGELINE_CHECK(Space, T) check_production<Space, T>(awkward_cases());
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

// Shapes that are split: into bands of rows, strips of columns, outputs and channels among blocks.
std::vector<Case> cut_cases() {
  return {{shape_of(1, 64, 3, 1, {40, 3, 1, 1}, {60, 3, 1, 1}), Activation::relu},
          {shape_of(1, 40, 2, 1, {4, 3, 1, 1}, {2700, 3, 1, 1}), Activation::tanh},
          {shape_of(1, 24, 2, 1, {5, 3, 2, 1}, {2001, 5, 2, 2}), Activation::gelu},
          {shape_of(2, 70, 70, 1, {7, 3, 1, 1}, {7, 3, 1, 1}), Activation::relu},
          {shape_of(70, 4, 6, 1, {12, 5, 1, 2}, {12, 5, 1, 2}), Activation::identity},
          {shape_of(1, 1, 1, 1, {3, 3, 1, 1}, {100003, 3, 1, 1}), Activation::tanh}};
}

TEST_F(Convolution, IsTheSameCutIntoBlocks) {
  const auto cases = cut_cases();
  // The shapes have the properties that they were chosen for.
  const auto bands = [](const Case& c) { return host::plan_correlation(c.shape, false, 4).window; };
  EXPECT_GT(bands(cases[0]).bands, 1);
  EXPECT_GT(bands(cases[1]).strips, 1);
  EXPECT_GT(bands(cases[2]).strips, 1);
  EXPECT_GT(host::plan_weight_gradient(cases[5].shape, 4).window.strips, 1);
  EXPECT_GT(host::plan_correlation(cases[3].shape, false, 4).chunks, 1);
  EXPECT_GT(host::plan_weight_gradient(cases[3].shape, 4).channel_chunks, 1);
  EXPECT_GT(host::plan_weight_gradient(cases[3].shape, 4).filter_chunks, 1);
  EXPECT_GT(host::plan_weight_gradient(cases[4].shape, 4).images, 1);
#define RIDGELINE_CHECK(Space, T) check_production<Space, T>(cases);
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

TEST_F(Convolution, KeepsScratchMemoryBoundedForLargeImages) {
  const ConvolutionShape large = shape_of(1, 512, 512, 1, {1024, 3, 1, 1}, {2048, 3, 1, 1});
  const std::size_t megabyte = 1 << 20;
  EXPECT_LE(host::scratch_size<float>(host::plan_correlation(large, false, 4)) * 4, 2 * megabyte);
  EXPECT_LE(host::scratch_size<float>(host::plan_correlation(large, true, 4)) * 4, 2 * megabyte);
  EXPECT_LE(host::scratch_size<float>(host::plan_weight_gradient(large, 4)) * 4, 3 * megabyte);
}

TEST_F(Convolution, HasWorkspaceForEverySmallerBatch) {
  for (ConvolutionShape s : {shape_of(100, 4, 6, 1, {9, 3}, {9, 3}),
                             shape_of(70, 33, 65, 1, {14, 3, 2, 1}, {14, 3, 2, 1})}) {
    const std::size_t host = convolution_workspace<float>(false, 3, s, true);
    const std::size_t device = convolution_workspace<float>(true, 1, s, true);
    for (int batch = s.batch; batch > 0; --batch) {
      s.batch = batch;
      EXPECT_LE(convolution_workspace<float>(false, 3, s, true), host);
      EXPECT_LE(convolution_workspace<float>(true, 1, s, true), device);
      const auto needed = [&](const TilePlan& plan, std::size_t total) {
        return plan.splits > 1 ? plan.splits * total : 0;
      };
      EXPECT_LE(needed(plan_device_forward(s), std::size_t(batch) * s.filters * s.out_pixels()),
                device);
      EXPECT_LE(
          needed(plan_device_input_gradient(s), std::size_t(batch) * s.channels * s.in_pixels()),
          device);
      EXPECT_LE(needed(plan_device_weight_gradient(s), s.weights() + s.filters), device);
    }
  }
}

#if defined(KOKKOS_ENABLE_OPENMP)
// The device's kernels with tiles small enough for teams of OpenMP threads, the depth split or not.
template <class T, class Sizes>
void check_team_kernel(int splits) {
  using Space = Kokkos::OpenMP;
  ASSERT_GE(Space().concurrency(), Sizes::kTeam);
  for (const Case& c : awkward_cases()) {
    check<Space, T>(c, [&](const Space& instance, const auto& arguments) {
      const auto job = device_convolution(c.shape, arguments);
      const auto workspace =
          poisoned<T>(instance, std::size_t(splits * (job.problem.total + job.problem.total_sums)));
      launch_tiles<Space, T, Sizes>(instance, "test/convolution", "test/add", job.problem,
                                    job.output, job.row_sums, splits, workspace.data());
      instance.fence();
    });
  }
}

TEST_F(Convolution, DeviceKernelsOnOpenMPTeamsMatchTheDefinition) {
  check_team_kernel<float, TileSizes<8, 8, 4, 4, 4>>(1);
  check_team_kernel<double, TileSizes<8, 8, 4, 4, 4>>(3);
  check_team_kernel<float, TileSizes<8, 16, 8, 8, 8>>(2);
  check_team_kernel<double, TileSizes<4, 8, 12, 4, 8>>(1);
}

TEST_F(Convolution, OneThreadAndManyGiveTheSameBits) {
  for (const Case& c : cut_cases()) {
    const Reference<float> data(c);
    const ConvolutionShape& s = c.shape;
    const auto run = [&](auto instance) {
      using Space = decltype(instance);
      const ConvolutionLabels labels("test/convolution");
      const std::size_t size = convolution_workspace<float>(false, worker_count(instance), s, true);
      const auto workspace = poisoned<float>(instance, size);
      const auto x = on_space(instance, data.x), weight = on_space(instance, data.weight);
      const auto dy = on_space(instance, data.dy), kept = on_space(instance, data.kept);
      const auto y = poisoned<float>(instance, dy.size()), dx = poisoned<float>(instance, x.size());
      const auto dweight = poisoned<float>(instance, weight.size());
      const auto dbias = poisoned<float>(instance, data.bias.size());
      const std::size_t batch = s.batch, in = x.size() / batch, out = dy.size() / batch;
      const Vector<Space, float> space(workspace.data(), size);
      ConvolutionForward<Space, float> forward;
      forward.x = Matrix<Space, const float>(x.data(), batch, in);
      forward.weight = Vector<Space, const float>(weight.data(), weight.size());
      forward.y = Matrix<Space, float>(y.data(), batch, out);
      convolution(instance, labels, s, forward, space);
      ConvolutionInputGradient<Space, float> input;
      input.dy = Matrix<Space, const float>(dy.data(), batch, out);
      input.kept = Matrix<Space, const float>(kept.data(), batch, out);
      input.derivative = c.activation;
      input.weight = forward.weight;
      input.dx = Matrix<Space, float>(dx.data(), batch, in);
      convolution(instance, labels, s, input, space);
      ConvolutionWeightGradient<Space, float> weights;
      weights.x = forward.x;
      weights.dy = input.dy;
      weights.kept = input.kept;
      weights.derivative = c.activation;
      weights.dweight = Vector<Space, float>(dweight.data(), dweight.size());
      weights.dbias = Vector<Space, float>(dbias.data(), dbias.size());
      convolution(instance, labels, s, weights, space);
      std::vector<std::vector<float>> results;
      for (const auto& buffer : {y, dx, dweight, dbias}) {
        results.push_back(on_host(instance, buffer));
      }
      return results;
    };
    EXPECT_EQ(run(Kokkos::Serial()), run(Kokkos::OpenMP())) << c;
  }
}
#endif

}  // namespace
}  // namespace ridgeline::kernels
