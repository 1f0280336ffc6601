#include <gtest/gtest.h>

#include <string>

#include "layers/harness.hpp"
#include "layers/layer.hpp"
#include "support/tally.hpp"

// The counts of every layer against plain loops that do the work and count each operation and each
// scalar moved.

namespace ridgeline::layers {
namespace {

using testing::Array;
using testing::Number;
using testing::plan_of;
using testing::Tally;

const char* const kActivations[] = {"identity", "relu",      "leaky_relu", "tanh",    "sigmoid",
                                    "gelu",     "gelu_tanh", "silu",       "softplus"};

Number sigmoid(Number z) { return Number{1} / (Number{1} + exp(-z)); }

// tanh of gelu_tanh's argument, z (a + b z²).
Number gelu_tanh(Number z, Number square) {
  return tanh(z * (Number{0.8} + Number{0.04} * square));
}

Number activated(const std::string& f, Number z) {
  if (f == "relu") return z > Number{0} ? z : Number{0};
  if (f == "leaky_relu") {
    const Number below = Number{0.01} * z;
    return z > Number{0} ? z : below;
  }
  if (f == "tanh") return tanh(z);
  if (f == "sigmoid") return sigmoid(z);
  if (f == "gelu") return Number{0.5} * z * (Number{1} + erf(z * Number{0.7}));
  if (f == "gelu_tanh") return Number{0.5} * z * (Number{1} + gelu_tanh(z, z * z));
  if (f == "silu") return z * sigmoid(z);
  if (f == "softplus") {
    const Number below = log(Number{1} + exp(z));
    return z > Number{20} ? z : below;
  }
  return z;
}

// dy · f', from z for gelu, silu and softplus and from y for the others; identity uses neither.
Number through(const std::string& f, Number dy, Array& kept, std::size_t i) {
  if (f == "identity") return dy;
  const Number k = kept.read(i);
  if (f == "relu") return dy * (k > Number{0} ? Number{1} : Number{0});
  if (f == "leaky_relu") return dy * (k > Number{0} ? Number{1} : Number{0.01});
  if (f == "tanh") return dy * (Number{1} - k * k);
  if (f == "sigmoid") return dy * (k * (Number{1} - k));
  if (f == "gelu_tanh") {
    const Number square = k * k, t = gelu_tanh(k, square);
    const Number inner_derivative = Number{0.8} + Number{0.12} * square;
    return dy * (Number{0.5} * (Number{1} + t) +
                 Number{0.5} * k * (Number{1} - t * t) * inner_derivative);
  }
  if (f == "silu") {
    const Number s = sigmoid(k);
    return dy * (s * (Number{1} + k * (Number{1} - s)));
  }
  if (f == "softplus") {
    const Number below = sigmoid(k);
    return dy * (k > Number{20} ? Number{1} : below);
  }
  const Number density = Number{0.4} * exp(Number{-0.5} * k * k);
  return dy * (Number{0.5} * (Number{1} + erf(k * Number{0.7})) + k * density);
}

void expect_counts(const Counts& found, double flops, double matrix_flops,
                   const std::vector<const Array*>& arrays, std::size_t scalar_bytes,
                   const std::string& what) {
  EXPECT_EQ(found.flops, flops) << what;
  EXPECT_EQ(found.matrix_flops, matrix_flops) << what;
  EXPECT_EQ(found.bytes, testing::traffic(arrays) * double(scalar_bytes)) << what;
  EXPECT_EQ(found.working_set_bytes, testing::touched(arrays) * double(scalar_bytes)) << what;
}

struct DenseCase {
  Shape input;
  std::size_t units, batch;
  bool bias;
  std::string activation;

  std::unique_ptr<Layer> plan() const {
    return plan_of("kind = \"dense\"\nunits = " + std::to_string(units) + "\nbias = " +
                       (bias ? "true" : "false") + "\nactivation = \"" + activation + "\"",
                   input);
  }
  std::string text() const {
    return ridgeline::to_string(input) + " to " + std::to_string(units) + (bias ? " bias " : " ") +
           activation;
  }
};

std::vector<DenseCase> dense_cases() {
  std::vector<DenseCase> cases;
  for (const char* activation : kActivations) {
    for (const bool bias : {true, false}) {
      cases.push_back({{5}, 3, 4, bias, activation});
      cases.push_back({{2, 3, 4}, 7, 3, bias, activation});
    }
  }
  return cases;
}

TEST(DenseCounts, ForwardEqualsAPlainLoop) {
  for (const DenseCase& c : dense_cases()) {
    const std::size_t in = c.input.back(), rows = c.batch * size_of(c.input) / in, out = c.units;
    Array x(rows * in), w(out * in), b(out), y(rows * out);
    Tally::reset();
    double matrix_flops = 0;
    for (std::size_t row = 0; row < rows; ++row) {
      for (std::size_t o = 0; o < out; ++o) {
        Number z;
        const double before = Tally::flops;
        for (std::size_t i = 0; i < in; ++i) z = z + x.read(row * in + i) * w.read(o * in + i);
        matrix_flops += Tally::flops - before;
        if (c.bias) z = z + b.read(o);
        y.write(row * out + o, activated(c.activation, z));
      }
    }
    for (const std::size_t scalar : {4, 8}) {
      for (const bool input_gradient : {true, false}) {
        expect_counts(c.plan()->counts({Phase::forward, c.batch, input_gradient}, scalar),
                      Tally::flops, matrix_flops, {&x, &w, &b, &y}, scalar, c.text());
      }
    }
  }
}

TEST(DenseCounts, BackwardEqualsAPlainLoopAlsoOfAFirstLayer) {
  for (const DenseCase& c : dense_cases()) {
    for (const bool input_gradient : {true, false}) {
      const std::size_t in = c.input.back(), rows = c.batch * size_of(c.input) / in, out = c.units;
      Array x(rows * in), w(out * in), dy(rows * out), kept(rows * out);
      Array dx(rows * in), dw(out * in), db(out);
      std::vector<Number> dz(rows *
                             out);  // recomputed by kernels, and therefore neither stored nor moved
      Tally::reset();
      for (std::size_t i = 0; i < rows * out; ++i) {
        dz[i] = through(c.activation, dy.read(i), kept, i);
      }
      if (c.bias) {
        for (std::size_t o = 0; o < out; ++o) {
          Number sum;
          for (std::size_t row = 0; row < rows; ++row) sum = sum + dz[row * out + o];
          db.write(o, sum);
        }
      }
      const double before = Tally::flops;
      for (std::size_t o = 0; o < out; ++o) {
        for (std::size_t i = 0; i < in; ++i) {
          Number sum;
          for (std::size_t row = 0; row < rows; ++row) {
            sum = sum + dz[row * out + o] * x.read(row * in + i);
          }
          dw.write(o * in + i, sum);
        }
      }
      for (std::size_t row = 0; input_gradient && row < rows; ++row) {
        for (std::size_t i = 0; i < in; ++i) {
          Number sum;
          for (std::size_t o = 0; o < out; ++o) {
            sum = sum + dz[row * out + o] * w.read(o * in + i);
          }
          dx.write(row * in + i, sum);
        }
      }
      const double matrix_flops = Tally::flops - before;
      for (const std::size_t scalar : {4, 8}) {
        expect_counts(c.plan()->counts({Phase::backward, c.batch, input_gradient}, scalar),
                      Tally::flops, matrix_flops, {&x, &w, &dy, &kept, &dx, &dw, &db}, scalar,
                      c.text());
      }
    }
  }
}

TEST(ActivationCounts, EqualAPlainLoopInBothPhases) {
  const Shape shape = {3, 4};
  const std::size_t batch = 5, size = batch * size_of(shape);
  for (const std::string f : kActivations) {
    const auto plan = plan_of("kind = \"activation\"\nfunction = \"" + f + "\"", shape);
    Array x(size), y(size), kept(size), dy(size), dx(size);
    Tally::reset();
    for (std::size_t i = 0; i < size; ++i) y.write(i, activated(f, x.read(i)));
    expect_counts(plan->counts({Phase::forward, batch, true}, 4), Tally::flops, 0, {&x, &y}, 4, f);
    Tally::reset();
    for (std::size_t i = 0; i < size; ++i) dx.write(i, through(f, dy.read(i), kept, i));
    expect_counts(plan->counts({Phase::backward, batch, true}, 4), Tally::flops, 0,
                  {&kept, &dy, &dx}, 4, f);
    // A first one has no gradient to compute.
    expect_counts(plan->counts({Phase::backward, batch, false}, 4), 0, 0, {}, 4, f);
  }
}

TEST(FlattenCounts, AreZero) {
  const auto plan = plan_of("kind = \"flatten\"", {3, 4});
  for (const Phase phase : {Phase::forward, Phase::backward}) {
    expect_counts(plan->counts({phase, 7, true}, 4), 0, 0, {}, 4, "flatten");
  }
}

}  // namespace
}  // namespace ridgeline::layers
