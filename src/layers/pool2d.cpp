#include "layers/pool2d.hpp"

#include "kernels/pooling/pooling.hpp"

namespace ridgeline::layers {
namespace {

using kernels::PoolShape;
using Pair = std::array<std::int64_t, 2>;

std::string text_of(const Pair& pair) {
  return ridgeline::to_string(Shape{std::size_t(pair[0]), std::size_t(pair[1])});
}

// The windows that a deck asks for.
PoolShape read_windows(const config::OptionTable& options, const std::string& kind,
                       const Shape& input) {
  constexpr std::int64_t kMost = 1 << 20;
  if (input.size() != 3) {
    options.fail("kind", kind + " works on images [channels, height, width], not on " +
                             ridgeline::to_string(input));
  }
  const Pair kernel = options.pair("kernel", 1, kMost);
  const Pair stride = options.pair("stride", 1, kMost, kernel);
  const Pair padding = options.pair("padding", 0, kMost, {0, 0});
  Pair out;
  for (std::size_t i = 0; i < 2; ++i) {
    if (2 * padding[i] > kernel[i]) {
      options.fail("padding", options.path("padding") + " must be at most half of the kernel " +
                                  text_of(kernel) + ", not " + text_of(padding));
    }
    const std::int64_t room = std::int64_t(input[i + 1]) + 2 * padding[i] - kernel[i];
    if (room < 0) {
      options.fail("kernel", options.path("kernel") + " " + text_of(kernel) +
                                 " must fit into the image " + ridgeline::to_string(input) +
                                 " with padding " + text_of(padding));
    }
    out[i] = room / stride[i] + 1;
  }
  PoolShape shape;
  shape.planes = input[0];
  shape.height = int(input[1]), shape.width = int(input[2]);
  shape.out_height = int(out[0]), shape.out_width = int(out[1]);
  shape.kernel_h = int(kernel[0]), shape.kernel_w = int(kernel[1]);
  shape.stride_h = int(stride[0]), shape.stride_w = int(stride[1]);
  shape.padding_h = int(padding[0]), shape.padding_w = int(padding[1]);
  return shape;
}

// Input values that all windows of a plane hold, each as often as a window does.
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

}  // namespace

Pool2dPlan::Pool2dPlan(bool takes_largest, std::string layer_name, const Shape& input_shape,
                       const PoolShape& window)
    : LayerPlan(takes_largest ? "max_pool2d" : "avg_pool2d", std::move(layer_name), input_shape,
                {input_shape[0], std::size_t(window.out_height), std::size_t(window.out_width)}),
      largest(takes_largest),
      sample(window) {}

std::unique_ptr<LayerPlan> Pool2dPlan::read_max(const config::OptionTable& options,
                                                const std::string& layer_name,
                                                const Shape& input_shape) {
  return std::make_unique<Pool2dPlan>(true, layer_name, input_shape,
                                      read_windows(options, "max_pool2d", input_shape));
}

std::unique_ptr<LayerPlan> Pool2dPlan::read_average(const config::OptionTable& options,
                                                    const std::string& layer_name,
                                                    const Shape& input_shape) {
  return std::make_unique<Pool2dPlan>(false, layer_name, input_shape,
                                      read_windows(options, "avg_pool2d", input_shape));
}

Counts Pool2dPlan::counts(Phase phase, std::size_t batch, std::size_t scalar_bytes,
                          bool input_gradient) const {
  const double inputs = double(batch) * size_of(input), outputs = double(batch) * size_of(output);
  const double values = double(batch) * sample.planes * window_values(sample);
  Counts counts;
  double scalars = 0;
  if (phase == Phase::forward) {
    counts.flops = values + (largest ? 0 : outputs);
    scalars = inputs + outputs;
  } else if (input_gradient) {
    counts.flops = largest ? outputs : values + outputs;
    scalars = (largest ? 2 : 1) * inputs + outputs;
  }
  counts.bytes = counts.working_set_bytes = scalars * scalar_bytes;
  return counts;
}

template <class Space, class T>
Pool2d<Space, T>::Pool2d(const Pool2dPlan& plan, const Target&)
    : largest_(plan.largest),
      sample_(plan.sample),
      forward_(plan.name + "/forward"),
      backward_(plan.name + "/backward") {}

template <class Space, class T>
PoolShape Pool2d<Space, T>::shape(std::size_t batch) const {
  PoolShape all = sample_;
  all.planes *= batch;
  return all;
}

template <class Space, class T>
void Pool2d<Space, T>::forward(const Space& instance, Mode /*mode*/,
                               const Matrix<Space, const T>& x, const Matrix<Space, T>& y) {
  kernels::pool<Space, T>(instance, forward_, shape(x.extent(0)), largest_, as_vector(x),
                          as_vector(y));
}

template <class Space, class T>
void Pool2d<Space, T>::backward(const Space& instance, const Matrix<Space, const T>& x,
                                const Matrix<Space, const T>& /*y*/,
                                const Matrix<Space, const T>& dy, const Matrix<Space, T>& dx) {
  if (!dx.data()) return;
  kernels::pool_gradient<Space, T>(instance, backward_, shape(x.extent(0)), largest_, as_vector(x),
                                   as_vector(dy), as_vector(dx));
}

#define RIDGELINE_POOL2D(Space, T) template class Pool2d<Space, T>;
RIDGELINE_FOR_SPACES(RIDGELINE_POOL2D)

}  // namespace ridgeline::layers
