#include <gtest/gtest.h>

#include <string>

#include "layers/harness.hpp"
#include "support/tally.hpp"

// The counts of lstm and gru against plain loops over PyTorch's formulas and their derivatives.

namespace ridgeline::layers {
namespace {

using testing::Array;
using testing::Number;
using testing::plan_of;
using testing::Tally;

const Number kOne{1};

Number sigmoid(Number z) { return kOne / (kOne + exp(-z)); }

// One layer, counted; batch, length, features and units as in the formulas.
struct Counted {
  bool lstm, sequence;
  std::size_t batch, length, features, units;
  std::size_t gates = lstm ? 4 : 3, rows = batch * length;
  double matrix_flops = 0;
  Array x{rows * features}, dx{rows * features};
  Array y{sequence ? rows * units : batch * units}, dy{y};
  Array w_ih{gates * units * features}, dw_ih{w_ih}, w_hh{gates * units * units}, dw_hh{w_hh};
  Array b_ih{gates * units}, db_ih{b_ih}, b_hh{gates * units}, db_hh{b_hh};
  // Saved from forward for backward, and therefore neither input nor output: no traffic.
  std::vector<Number> gate = std::vector<Number>(rows * gates * units);
  std::vector<Number> h = std::vector<Number>((rows + 1) * units), c{h}, tanh_c{h}, q{h};

  std::size_t at(std::size_t row, std::size_t u) const { return row * units + u; }
  Number& gate_at(std::size_t row, std::size_t g, std::size_t u) {
    return gate[(row * gates + g) * units + u];
  }

  // sum += a b, as a part of a product.
  void multiply_add(Number& sum, Number a, Number b) {
    sum = sum + a * b;
    matrix_flops += 2;
  }
  void input_product(Number& sum, std::size_t row, std::size_t k) {
    for (std::size_t i = 0; i < features; ++i) {
      multiply_add(sum, x.read(row * features + i), w_ih.read(k * features + i));
    }
  }
  void state_product(Number& sum, const Number* before, std::size_t k) {
    for (std::size_t i = 0; i < units; ++i) {
      multiply_add(sum, before[i], w_hh.read(k * units + i));
    }
  }

  void forward() {
    Tally::reset();
    for (std::size_t sample = 0; sample < batch; ++sample) {
      std::vector<Number> state(units), cell(units);
      for (std::size_t t = 0; t < length; ++t) {
        const std::size_t row = sample * length + t;
        const std::vector<Number> before = state;
        for (std::size_t u = 0; u < units; ++u) {
          Number z[4], inner;
          for (std::size_t g = 0; g < gates; ++g) {
            const std::size_t k = g * units + u;
            const bool apart = !lstm && g == 2;  // r multiplies the part from the state
            input_product(z[g], row, k);
            state_product(apart ? inner : z[g], before.data(), k);
            z[g] = z[g] + b_ih.read(k);
            (apart ? inner : z[g]) = (apart ? inner : z[g]) + b_hh.read(k);
          }
          const Number first = sigmoid(z[0]), second = sigmoid(z[1]);
          if (lstm) {
            const Number third = tanh(z[2]), fourth = sigmoid(z[3]);
            cell[u] = second * cell[u] + first * third;
            state[u] = fourth * tanh(cell[u]);
          } else {
            const Number n = tanh(z[2] + first * inner);
            state[u] = n + second * (before[u] - n);
          }
          if (sequence) y.write(at(row, u), state[u]);
          if (!sequence && t + 1 == length) y.write(at(sample, u), state[u]);
        }
      }
    }
  }

  void backward(bool input_gradient) {
    Tally::reset();
    std::vector<Number> dp(rows * gates * units), dq(dp);
    for (std::size_t sample = 0; sample < batch; ++sample) {
      std::vector<Number> from_later(units), carry(units);
      for (std::size_t t = length; t-- > 0;) {
        const std::size_t row = sample * length + t;
        for (std::size_t u = 0; u < units; ++u) {
          Number dh = from_later[u];
          if (sequence) dh = dh + dy.read(at(row, u));
          if (!sequence && t + 1 == length) dh = dy.read(at(sample, u));
          Number* p = &dp[row * gates * units + u];
          Number* hidden = &dq[row * gates * units + u];
          const Number a = gate_at(row, 0, u), b = gate_at(row, 1, u), n = gate_at(row, 2, u);
          if (lstm) {
            const Number o = gate_at(row, 3, u), tc = tanh_c[at(row, u)];
            const Number dc = carry[u] + dh * o * (kOne - tc * tc);
            p[0] = dc * n * (a * (kOne - a));
            p[units] = dc * c[at(row, u)] * (b * (kOne - b));
            p[2 * units] = dc * a * (kOne - n * n);
            p[3 * units] = dh * tc * (o * (kOne - o));
            for (std::size_t g = 0; g < gates; ++g) hidden[g * units] = p[g * units];
            carry[u] = dc * b;
          } else {
            const Number keep = kOne - b;
            const Number dn = dh * keep * (kOne - n * n);
            p[0] = hidden[0] = dn * q[at(row, u)] * (a * (kOne - a));
            p[units] = hidden[units] = dh * (h[at(row, u)] - n) * (b * keep);
            p[2 * units] = dn;
            hidden[2 * units] = dn * a;
            carry[u] = dh * b;
          }
        }
        for (std::size_t u = 0; u < units; ++u) {
          Number sum = lstm ? Number() : carry[u];
          for (std::size_t k = 0; k < gates * units; ++k) {
            multiply_add(sum, dq[row * gates * units + k], w_hh.read(k * units + u));
          }
          from_later[u] = sum;
        }
      }
    }
    for (std::size_t k = 0; k < gates * units; ++k) {
      // The gates whose dp is dq have one sum for both biases.
      const bool same = lstm || k < 2 * units;
      Number ih, hh;
      for (std::size_t row = 0; row < rows; ++row) {
        ih = ih + dp[row * gates * units + k];
        if (!same) hh = hh + dq[row * gates * units + k];
      }
      b_ih.read(k), b_hh.read(k);  // each parameter is read once
      db_ih.write(k, ih);
      db_hh.write(k, same ? ih : hh);
      for (std::size_t i = 0; i < features; ++i) {
        Number sum;
        for (std::size_t row = 0; row < rows; ++row) {
          multiply_add(sum, dp[row * gates * units + k], x.read(row * features + i));
        }
        dw_ih.write(k * features + i, sum);
      }
      for (std::size_t i = 0; i < units; ++i) {
        Number sum;
        for (std::size_t row = 0; row < rows; ++row) {
          multiply_add(sum, dq[row * gates * units + k], h[at(row, i)]);
        }
        dw_hh.write(k * units + i, sum);
      }
    }
    for (std::size_t row = 0; input_gradient && row < rows; ++row) {
      for (std::size_t i = 0; i < features; ++i) {
        Number sum;
        for (std::size_t k = 0; k < gates * units; ++k) {
          multiply_add(sum, dp[row * gates * units + k], w_ih.read(k * features + i));
        }
        dx.write(row * features + i, sum);
      }
    }
  }
};

struct Case {
  bool lstm, sequence;
  std::size_t batch, length, features, units;
  std::unique_ptr<Layer> plan() const {
    return plan_of(std::string("kind = \"") + (lstm ? "lstm" : "gru") +
                       "\"\nunits = " + std::to_string(units) +
                       "\nreturn_sequence = " + (sequence ? "true" : "false"),
                   {length, features});
  }
  std::string text() const {
    return (lstm ? "lstm " : "gru ") + std::to_string(length) + "x" + std::to_string(features) +
           " to " + std::to_string(units) + (sequence ? " sequence" : " last");
  }
};

std::vector<Case> cases() {
  std::vector<Case> list;
  for (const bool lstm : {true, false}) {
    for (const bool sequence : {true, false}) {
      list.push_back({lstm, sequence, 1, 1, 1, 1});
      list.push_back({lstm, sequence, 3, 4, 5, 2});
      list.push_back({lstm, sequence, 2, 3, 2, 7});
    }
  }
  return list;
}

void expect_counts(const Counts& found, const Counted& counted, std::size_t scalar_bytes,
                   const std::string& what) {
  const std::vector<const Array*> arrays = {
      &counted.x,    &counted.dx,    &counted.y,    &counted.dy,    &counted.w_ih, &counted.dw_ih,
      &counted.w_hh, &counted.dw_hh, &counted.b_ih, &counted.db_ih, &counted.b_hh, &counted.db_hh};
  EXPECT_EQ(found.flops, Tally::flops) << what;
  EXPECT_EQ(found.matrix_flops, counted.matrix_flops) << what;
  EXPECT_EQ(found.bytes, testing::traffic(arrays) * double(scalar_bytes)) << what;
  EXPECT_EQ(found.working_set_bytes, testing::touched(arrays) * double(scalar_bytes)) << what;
}

TEST(RecurrentCounts, ForwardEqualsAPlainLoop) {
  for (const Case& c : cases()) {
    Counted counted{c.lstm, c.sequence, c.batch, c.length, c.features, c.units};
    counted.forward();
    for (const std::size_t scalar : {4, 8}) {
      for (const bool input_gradient : {true, false}) {
        expect_counts(c.plan()->counts({Phase::forward, c.batch, input_gradient}, scalar), counted,
                      scalar, c.text());
      }
    }
  }
}

TEST(RecurrentCounts, BackwardEqualsAPlainLoopAlsoOfAFirstLayer) {
  for (const Case& c : cases()) {
    for (const bool input_gradient : {true, false}) {
      Counted counted{c.lstm, c.sequence, c.batch, c.length, c.features, c.units};
      counted.backward(input_gradient);
      for (const std::size_t scalar : {4, 8}) {
        expect_counts(c.plan()->counts({Phase::backward, c.batch, input_gradient}, scalar), counted,
                      scalar, c.text() + (input_gradient ? "" : " first"));
      }
    }
  }
}

TEST(RecurrentCounts, MatrixFlopsAndBytesAreThoseOfTheMethod) {
  // The table of docs/layers.md written out for B = 32, T = 64, n = 100, h = 128.
  const double B = 32, T = 64, n = 100, h = 128;
  for (const bool lstm : {true, false}) {
    const double g = lstm ? 4 : 3;
    const auto plan = Case{lstm, false, 32, 64, 100, 128}.plan();
    const Counts forward = plan->counts({Phase::forward, 32, true}, 4);
    const Counts backward = plan->counts({Phase::backward, 32, true}, 4);
    const Counts first = plan->counts({Phase::backward, 32, false}, 4);
    EXPECT_EQ(forward.matrix_flops, 2 * g * B * T * h * (n + h));
    EXPECT_EQ(backward.matrix_flops, 4 * g * B * T * h * (n + h));
    EXPECT_EQ(backward.matrix_flops - first.matrix_flops, 2 * g * B * T * h * n);
    EXPECT_EQ(forward.bytes, 4 * (B * T * n + g * h * (n + h + 2) + B * h));
    EXPECT_EQ(backward.bytes, 4 * (2 * B * T * n + 2 * g * h * (n + h + 2) + B * h));
    EXPECT_EQ(backward.bytes - first.bytes, 4 * (B * T * n + g * h * n));
  }
}

}  // namespace
}  // namespace ridgeline::layers
