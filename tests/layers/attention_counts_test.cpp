#include <gtest/gtest.h>

#include <string>

#include "layers/harness.hpp"
#include "support/tally.hpp"

// attention's counts against a plain loop that does the work and counts it.

namespace ridgeline::layers {
namespace {

using testing::Array;
using testing::Number;
using testing::Tally;

struct Problem {
  std::size_t batch, length, heads, features;
  bool causal;
  std::size_t width() const { return heads * features; }
  std::size_t rows() const { return batch * length; }
  // Returns the number of keys that a position attends to.
  std::size_t keys(std::size_t position) const { return causal ? position + 1 : length; }
};

using Numbers = std::vector<Number>;

// c[m, n] = a[m, k] b[k, n] with any strides; every operation belongs to `matrix_flops`.
struct Product {
  double matrix_flops = 0;
  template <class A, class B>
  Number dot(std::size_t depth, const A& a, const B& b) {
    const double before = Tally::flops;
    Number sum;
    for (std::size_t k = 0; k < depth; ++k) sum = sum + a(k) * b(k);
    matrix_flops += Tally::flops - before;
    return sum;
  }
};

struct Memory {
  explicit Memory(const Problem& p)
      : x(p.rows() * p.width()),
        y(x),
        dy(x),
        dx(x),
        w_in(3 * p.width() * p.width()),
        b_in(3 * p.width()),
        w_out(p.width() * p.width()),
        b_out(p.width()),
        dw_in(w_in),
        db_in(b_in),
        dw_out(w_out),
        db_out(b_out) {}
  Array x, y, dy, dx, w_in, b_in, w_out, b_out, dw_in, db_in, dw_out, db_out;
  std::vector<const Array*> all() const {
    return {&x, &y, &dy, &dx, &w_in, &b_in, &w_out, &b_out, &dw_in, &db_in, &dw_out, &db_out};
  }
};

double forward(const Problem& p, Memory& m) {
  const std::size_t d = p.width();
  Product product;
  Numbers qkv(p.rows() * 3 * d), o(p.rows() * d);
  for (std::size_t r = 0; r < p.rows(); ++r) {
    for (std::size_t c = 0; c < 3 * d; ++c) {
      qkv[r * 3 * d + c] = product.dot(
                               d, [&](auto k) { return m.x.read(r * d + k); },
                               [&](auto k) { return m.w_in.read(c * d + k); }) +
                           m.b_in.read(c);
    }
  }
  for (std::size_t r = 0; r < p.rows(); ++r) {
    const std::size_t first = r / p.length * p.length, keys = p.keys(r % p.length);
    for (std::size_t h = 0; h < p.heads; ++h) {
      Numbers weight(keys);
      Number largest{-1e300}, total;
      for (std::size_t k = 0; k < keys; ++k) {
        const Number* q = &qkv[r * 3 * d + h * p.features];
        const Number* key = &qkv[(first + k) * 3 * d + d + h * p.features];
        weight[k] = Number{0.5} *
                    product.dot(
                        p.features, [&](auto f) { return q[f]; }, [&](auto f) { return key[f]; });
        largest = weight[k] > largest ? weight[k] : largest;
      }
      for (Number& w : weight) {
        w = exp(w - largest);
        total = total + w;
      }
      for (Number& w : weight) w = w / total;
      for (std::size_t f = 0; f < p.features; ++f) {
        o[r * d + h * p.features + f] = product.dot(
            keys, [&](auto k) { return weight[k]; },
            [&](auto k) { return qkv[(first + k) * 3 * d + 2 * d + h * p.features + f]; });
      }
    }
  }
  for (std::size_t r = 0; r < p.rows(); ++r) {
    for (std::size_t c = 0; c < d; ++c) {
      m.y.write(r * d + c, product.dot(
                               d, [&](auto k) { return o[r * d + k]; },
                               [&](auto k) { return m.w_out.read(c * d + k); }) +
                               m.b_out.read(c));
    }
  }
  return product.matrix_flops;
}

// From x, dy and the parameters: the results of forward are available, since they can be recomputed
// from these, which is not counted. It reads the biases.
double backward(const Problem& p, Memory& m, bool input_gradient) {
  const std::size_t d = p.width();
  Product product;
  const Numbers qkv(p.rows() * 3 * d), o(p.rows() * d);
  Numbers dqkv(p.rows() * 3 * d), d_o(p.rows() * d);
  for (std::size_t c = 0; c < 3 * d; ++c) m.b_in.read(c);
  for (std::size_t c = 0; c < d; ++c) m.b_out.read(c);
  for (std::size_t r = 0; r < p.rows(); ++r) {
    for (std::size_t c = 0; c < d; ++c) {
      d_o[r * d + c] = product.dot(
          d, [&](auto k) { return m.dy.read(r * d + k); },
          [&](auto k) { return m.w_out.read(k * d + c); });
    }
  }
  for (std::size_t c = 0; c < d; ++c) {
    for (std::size_t k = 0; k < d; ++k) {
      m.dw_out.write(c * d + k, product.dot(
                                    p.rows(), [&](auto r) { return m.dy.read(r * d + c); },
                                    [&](auto r) { return o[r * d + k]; }));
    }
    Number sum;
    for (std::size_t r = 0; r < p.rows(); ++r) sum = sum + m.dy.read(r * d + c);
    m.db_out.write(c, sum);
  }
  // Every sum of products over pairs of queries and keys that are not masked.
  for (std::size_t r = 0; r < p.rows(); ++r) {
    for (std::size_t h = 0; h < p.heads; ++h) {
      Number delta;
      for (std::size_t f = 0; f < p.features; ++f) {
        delta = delta + o[r * d + h * p.features + f] * d_o[r * d + h * p.features + f];
      }
      for (std::size_t k = 0; k < p.keys(r % p.length); ++k) {
        const Number probability{0.5};
        const Number dp = product.dot(
            p.features, [&](auto) { return Number{1}; }, [&](auto) { return Number{1}; });
        const Number ds = Number{0.5} * (probability * (dp - delta));
        const double before = Tally::flops;
        for (std::size_t f = 0; f < p.features; ++f) {
          Number& dq = dqkv[r * 3 * d + f];
          dq = dq + ds * qkv[0];                   // of the query,
          dq = dq + ds * qkv[0];                   // of the key,
          dq = dq + probability * d_o[r * d + f];  // of the value
        }
        product.matrix_flops += Tally::flops - before;
      }
    }
  }
  for (std::size_t c = 0; c < 3 * d; ++c) {
    for (std::size_t k = 0; k < d; ++k) {
      m.dw_in.write(c * d + k, product.dot(
                                   p.rows(), [&](auto r) { return dqkv[r * 3 * d + c]; },
                                   [&](auto r) { return m.x.read(r * d + k); }));
    }
    Number sum;
    for (std::size_t r = 0; r < p.rows(); ++r) sum = sum + dqkv[r * 3 * d + c];
    m.db_in.write(c, sum);
  }
  for (std::size_t r = 0; input_gradient && r < p.rows(); ++r) {
    for (std::size_t k = 0; k < d; ++k) {
      m.dx.write(r * d + k, product.dot(
                                3 * d, [&](auto c) { return dqkv[r * 3 * d + c]; },
                                [&](auto c) { return m.w_in.read(c * d + k); }));
    }
  }
  return product.matrix_flops;
}

TEST(AttentionCounts, EqualAPlainLoopInBothPhases) {
  for (const Problem& p : {Problem{2, 5, 2, 3, false}, Problem{3, 4, 1, 5, true},
                           Problem{1, 1, 3, 1, true}, Problem{2, 7, 4, 2, true}}) {
    const auto plan = testing::plan_of("kind = \"attention\"\nheads = " + std::to_string(p.heads) +
                                           "\ncausal = " + (p.causal ? "true" : "false"),
                                       {p.length, p.width()});
    const auto check = [&](Phase phase, bool input_gradient) {
      Memory memory(p);
      Tally::reset();
      const double matrix_flops =
          phase == Phase::forward ? forward(p, memory) : backward(p, memory, input_gradient);
      for (const std::size_t scalar : {4, 8}) {
        const Counts found = plan->counts({phase, p.batch, input_gradient}, scalar);
        EXPECT_EQ(found.matrix_flops, matrix_flops) << to_string(phase) << input_gradient;
        EXPECT_EQ(found.flops, Tally::flops) << to_string(phase) << input_gradient;
        EXPECT_EQ(found.bytes, testing::traffic(memory.all()) * scalar);
        EXPECT_EQ(found.working_set_bytes, testing::touched(memory.all()) * scalar);
      }
    };
    check(Phase::forward, true);
    check(Phase::forward, false);
    check(Phase::backward, true);
    check(Phase::backward, false);
  }
}

}  // namespace
}  // namespace ridgeline::layers
