#include <gtest/gtest.h>

#include <string>

#include "layers/harness.hpp"
#include "support/layer_tables.hpp"
#include "support/tally.hpp"

// The counts of conv2d against plain loops that do the work and count each operation and each
// scalar moved. A tap on padding counts: it multiplies a zero.

namespace ridgeline::layers {
namespace {

using testing::Array;
using testing::Number;
using testing::plan_of;
using testing::Tally;

struct Case {
  Shape input;
  std::string keys;
  std::size_t batch;
};

const Case kCases[] = {
    {{1, 4, 5}, "channels = 3\nkernel = 3\npadding = 1", 2},
    {{4, 5, 7}, "channels = 6\nkernel = [3, 2]\nstride = [1, 1]\ngroups = 2\nbias = false", 3},
    {{2, 7, 7}, "channels = 2\nkernel = 3\nstride = 2\npadding = 1\nactivation = \"relu\"", 2},
    {{2, 6, 6}, "channels = 3\nkernel = 2\nactivation = \"tanh\"\nbias = false", 2},
};

// The weight, input (none on padding) and output of each multiply-add.
template <class Body>
void for_taps(const kernels::ConvolutionShape& s, const Body& body) {
  const int height = s.height.out(), width = s.width.out(), channels = s.channels / s.groups;
  for (int n = 0; n < s.batch; ++n) {
    for (int k = 0; k < s.filters; ++k) {
      for (int p = 0; p < height; ++p) {
        for (int q = 0; q < width; ++q) {
          for (int c = 0; c < channels; ++c) {
            for (int r = 0; r < s.height.kernel; ++r) {
              for (int t = 0; t < s.width.kernel; ++t) {
                const int h = p * s.height.stride + r * s.height.dilation - s.height.padding;
                const int w = q * s.width.stride + t * s.width.dilation - s.width.padding;
                const bool inside = h >= 0 && h < s.height.in && w >= 0 && w < s.width.in;
                const int channel = k / (s.filters / s.groups) * channels + c;
                body(((n * s.filters + k) * height + p) * width + q,
                     inside ? ((n * s.channels + channel) * s.height.in + h) * s.width.in + w : -1,
                     ((k * channels + c) * s.height.kernel + r) * s.width.kernel + t);
              }
            }
          }
        }
      }
    }
  }
}

void expect_counts(const Counts& found, double flops, double matrix_flops,
                   const std::vector<const Array*>& arrays, std::size_t scalar_bytes,
                   const std::string& what) {
  EXPECT_EQ(found.flops, flops) << what;
  EXPECT_EQ(found.matrix_flops, matrix_flops) << what;
  EXPECT_EQ(found.bytes, testing::traffic(arrays) * double(scalar_bytes)) << what;
  EXPECT_EQ(found.working_set_bytes, testing::touched(arrays) * double(scalar_bytes)) << what;
}

struct Sizes {
  explicit Sizes(const Case& c)
      : plan(plan_of("kind = \"conv2d\"\n" + c.keys, c.input)),
        deck(testing::deck_of_layers("[[network.layer]]\nkind = \"conv2d\"\n" + c.keys)),
        shape(testing::convolution_of(deck.network.layers.front(), c.input, c.batch)),
        bias(plan->parameters().size() > 1),
        activation(kernels::activation_named(
            deck.network.layers.front().string("activation", std::string("identity")))),
        inputs(c.batch * size_of(plan->input)),
        outputs(c.batch * size_of(plan->output)) {}
  std::size_t filter(std::size_t y) const {
    return y / std::size_t(shape.out_pixels()) % std::size_t(shape.filters);
  }
  std::unique_ptr<Layer> plan;
  const config::Deck deck;
  const kernels::ConvolutionShape shape;
  const bool bias;
  const kernels::Activation activation;
  const std::size_t inputs, outputs;
};

TEST(Conv2dCounts, ForwardEqualsAPlainLoop) {
  for (const Case& c : kCases) {
    const Sizes sizes(c);
    Array x(sizes.inputs), w(sizes.shape.weights()), b(sizes.shape.filters), y(sizes.outputs);
    // Inputs that no tap reaches count as read: all bytes of the layer's input are compulsory.
    for (std::size_t i = 0; i < sizes.inputs; ++i) x.read(i);
    std::vector<Number> z(sizes.outputs);
    Tally::reset();
    for_taps(sizes.shape, [&](int at_y, int at_x, int at_w) {
      z[at_y] = z[at_y] + (at_x < 0 ? Number{0} : x.read(at_x)) * w.read(at_w);
    });
    const double matrix_flops = Tally::flops;
    for (std::size_t i = 0; i < sizes.outputs; ++i) {
      if (sizes.bias) z[i] = z[i] + b.read(sizes.filter(i));
      if (sizes.activation == kernels::Activation::relu) {
        z[i] = z[i] > Number{0} ? z[i] : Number{0};
      } else if (sizes.activation == kernels::Activation::tanh) {
        z[i] = tanh(z[i]);
      }
      y.write(i, z[i]);
    }
    for (const std::size_t scalar : {4, 8}) {
      for (const bool input_gradient : {true, false}) {
        expect_counts(sizes.plan->counts({Phase::forward, c.batch, input_gradient}, scalar),
                      Tally::flops, matrix_flops, {&x, &w, &b, &y}, scalar, c.keys);
      }
    }
  }
}

TEST(Conv2dCounts, BackwardEqualsAPlainLoopAlsoOfAFirstLayer) {
  for (const Case& c : kCases) {
    for (const bool input_gradient : {true, false}) {
      const Sizes sizes(c);
      const std::size_t weights = sizes.shape.weights(), filters = sizes.shape.filters;
      Array x(sizes.inputs), w(weights), dy(sizes.outputs), kept(sizes.outputs);
      Array dx(sizes.inputs), dw(weights), db(filters);
      std::vector<Number> dz(sizes.outputs), to_x(sizes.inputs), to_w(weights), to_b(filters);
      Tally::reset();
      for (std::size_t i = 0; i < sizes.outputs; ++i) {
        dz[i] = dy.read(i);
        if (sizes.activation == kernels::Activation::relu) {
          dz[i] = dz[i] * (kept.read(i) > Number{0} ? Number{1} : Number{0});
        } else if (sizes.activation == kernels::Activation::tanh) {
          const Number y = kept.read(i);
          dz[i] = dz[i] * (Number{1} - y * y);
        }
        if (sizes.bias) {
          const std::size_t filter = sizes.filter(i);
          to_b[filter] = to_b[filter] + dz[i];
        }
      }
      const double before = Tally::flops;
      for (std::size_t i = 0; i < sizes.inputs; ++i) x.read(i);
      Number padding;
      for_taps(sizes.shape, [&](int at_y, int at_x, int at_w) {
        to_w[at_w] = to_w[at_w] + dz[at_y] * (at_x < 0 ? Number{0} : x.read(at_x));
        if (!input_gradient) return;
        Number& to = at_x < 0 ? padding : to_x[at_x];
        to = to + dz[at_y] * w.read(at_w);
      });
      const double matrix_flops = Tally::flops - before;
      for (std::size_t i = 0; i < weights; ++i) dw.write(i, to_w[i]);
      for (std::size_t i = 0; sizes.bias && i < filters; ++i) db.write(i, to_b[i]);
      for (std::size_t i = 0; input_gradient && i < sizes.inputs; ++i) dx.write(i, to_x[i]);
      for (const std::size_t scalar : {4, 8}) {
        expect_counts(sizes.plan->counts({Phase::backward, c.batch, input_gradient}, scalar),
                      Tally::flops, matrix_flops, {&x, &w, &dy, &dx, &dw, &db}, scalar, c.keys);
      }
    }
  }
}

}  // namespace
}  // namespace ridgeline::layers
