#include "kernels/pooling/pooling.hpp"

#include "layers/image.hpp"
#include "layers/layer_of.hpp"

// clang-format off
// max_pool2d, avg_pool2d: y[c, p, q] = the maximum, or the mean, of
// x[c, p·stride - padding + i, q·stride - padding + j] over i, j of the kernel. dx is the sum of dy
// over the windows that contain x: dy if x is the (first) maximum, or dy / (kernel height · kernel
// width). Padding is never the maximum, and counts as zeros in a mean.
// global_avg_pool: y[c] = the mean of x[c, h, w] over h and w;  dx[c, h, w] = dy[c] / (H·W).
// clang-format on

namespace ridgeline::layers {
namespace {

using kernels::PoolShape;
using Pair = std::array<std::int64_t, 2>;

std::string text_of(const Pair& pair) {
  return ridgeline::to_string(Shape{std::size_t(pair[0]), std::size_t(pair[1])});
}

// Returns the windows of one sample.
PoolShape read_windows(const Description& from) {
  constexpr std::int64_t kMost = 1 << 20;
  const config::OptionTable& options = from.options;
  require_image(from);
  const Pair kernel = options.pair({"kernel", "Height and width of a window."}, 1, kMost);
  const Pair stride = options.pair(
      {"stride", "Distance between neighbouring windows, in pixels.", "kernel"}, 1, kMost, kernel);
  const Pair padding = options.pair(
      {"padding", "Rows and columns that are added at each side, at most half of the kernel."}, 0,
      kMost, {0, 0});
  Pair out;
  for (std::size_t i = 0; i < 2; ++i) {
    if (2 * padding[i] > kernel[i]) {
      options.fail("padding", options.path("padding") + " must be at most half of the kernel " +
                                  text_of(kernel) + ", not " + text_of(padding));
    }
    const std::int64_t room = std::int64_t(from.input[i + 1]) + 2 * padding[i] - kernel[i];
    if (room < 0) {
      refuse_image(from, "kernel",
                   options.path("kernel") + " " + text_of(kernel) + " must fit into the image " +
                       ridgeline::to_string(from.input) + " with padding " + text_of(padding));
    }
    out[i] = room / stride[i] + 1;
  }
  PoolShape shape;
  shape.planes = from.input[0];
  shape.height = int(from.input[1]), shape.width = int(from.input[2]);
  shape.out_height = int(out[0]), shape.out_width = int(out[1]);
  shape.kernel_h = int(kernel[0]), shape.kernel_w = int(kernel[1]);
  shape.stride_h = int(stride[0]), shape.stride_w = int(stride[1]);
  shape.padding_h = int(padding[0]), shape.padding_w = int(padding[1]);
  return shape;
}

// Returns the input values inside the windows of a plane; a value in several windows counts once
// for each.
double window_values(const PoolShape& s) {
  double rows = 0, columns = 0;
  for (int p = 0; p < s.out_height; ++p) {
    const kernels::PoolWindow window(p, s.kernel_h, s.stride_h, s.padding_h, s.height);
    rows += window.end - window.begin;
  }
  for (int q = 0; q < s.out_width; ++q) {
    const kernels::PoolWindow window(q, s.kernel_w, s.stride_w, s.padding_w, s.width);
    columns += window.end - window.begin;
  }
  return rows * columns;
}

template <bool Largest>
struct Pool2d : LayerOf<Pool2d<Largest>> {
  explicit Pool2d(const Description& from) : Pool2d(from, read_windows(from)) {}
  Pool2d(const Description& from, const PoolShape& windows)
      : LayerOf<Pool2d>(from, {windows.planes, std::size_t(windows.out_height),
                               std::size_t(windows.out_width)}),
        sample(windows) {}

  static std::optional<StudyFamily> family() {
    return StudyFamily{"kernel = 2", {0, 16, 16}, 2, 512, 16, 16};
  }

  const PoolShape sample;
  const std::string forward_label = this->name + "/forward";
  const std::string backward_label = this->name + "/backward";

  PoolShape of_batch(std::size_t batch) const {
    PoolShape shape = sample;
    shape.planes *= batch;
    return shape;
  }

  Work work(const CountedPass& pass) const override {
    const PoolShape shape = of_batch(pass.batch);
    const Formula n("n", double(shape.inputs())), outputs("n'", double(shape.outputs()));
    const Formula v("v", double(shape.planes) * window_values(shape));
    if (pass.phase == Phase::forward) return {0, Largest ? v : v + outputs, n + outputs, 0};
    if (!pass.input_gradient) return {};
    if (Largest) return {0, outputs, 2 * n + outputs, 0};
    return {0, v + outputs, n + outputs, 0};
  }

  template <class Space, class T>
  void forward(const ForwardPass<Space, T>& pass) const {
    kernels::pool<Space, T>(pass.instance, forward_label, of_batch(pass.batch()), Largest,
                            as_vector(pass.x()), as_vector(pass.y));
  }

  template <class Space, class T>
  void backward(const BackwardPass<Space, T>& pass) const {
    if (!pass.dx().data()) return;
    kernels::pool_gradient<Space, T>(pass.instance, backward_label, of_batch(pass.batch()), Largest,
                                     as_vector(pass.x()), as_vector(pass.dy), as_vector(pass.dx()));
  }
};

Shape channels_alone(const Description& from) {
  require_image(from);
  return {from.input[0]};
}

struct GlobalAvgPool : LayerOf<GlobalAvgPool> {
  explicit GlobalAvgPool(const Description& from) : LayerOf(from, channels_alone(from)) {}

  static std::optional<StudyFamily> family() {
    return StudyFamily{"", {0, 16, 16}, 2, 512, 16, 16};
  }

  const std::size_t plane = input[1] * input[2];
  const std::string forward_label = name + "/forward", backward_label = name + "/backward";

  Work work(const CountedPass& pass) const override {
    const Formula n("n", double(pass.batch * size_of(input)));
    const Formula outputs("n'", double(pass.batch * size_of(output)));
    if (pass.phase == Phase::forward) return {0, n + outputs, n + outputs, 0};
    if (!pass.input_gradient) return {};
    return {0, outputs, n + outputs, 0};
  }

  template <class Space, class T>
  void forward(const ForwardPass<Space, T>& pass) const {
    kernels::row_means<Space, T>(pass.instance, forward_label,
                                 as_matrix(pass.x(), pass.y.size(), plane), as_vector(pass.y));
  }

  template <class Space, class T>
  void backward(const BackwardPass<Space, T>& pass) const {
    if (!pass.dx().data()) return;
    kernels::row_means_gradient<Space, T>(pass.instance, backward_label, as_vector(pass.dy),
                                          as_matrix(pass.dx(), pass.dy.size(), plane));
  }
};

}  // namespace

RIDGELINE_LAYER(max_pool2d, Pool2d<true>)
RIDGELINE_LAYER(avg_pool2d, Pool2d<false>)
RIDGELINE_LAYER(global_avg_pool, GlobalAvgPool)

}  // namespace ridgeline::layers
