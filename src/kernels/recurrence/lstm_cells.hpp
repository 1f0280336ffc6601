#pragma once

#include <cstddef>

#include "core/function.hpp"
#include "core/math.hpp"

namespace ridgeline::kernels {

// The LSTM's cells for recurrence.hpp. With the gates' arguments
// z = W_ih x_t + b_ih + W_hh h_{t-1} + b_hh, in the order i, f, g, o,
//
//   i, f, o = σ(z),  g = tanh(z),  c_t = f c_{t-1} + i g,  h_t = o tanh(c_t)
//
// and backward, from dh = dL/dh_t and dc (what step t + 1 left, 0 at the last),
//
//   dc  = dc + dh o (1 - tanh²(c_t))
//   dz  = [dc g i(1-i), dc c_{t-1} f(1-f), dc i (1-g²), dh tanh(c_t) o(1-o)]
//   dc' = dc f,  dh' = W_hhᵀ dz
//
// A row is a sample's step: sample · length + t.

/// Forward. `Training` keeps what the backward pass needs.
template <class T, bool Training>
struct LstmForward {
  using Scalar = T;
  static constexpr int kSums = 4, kStates = 1;
  static constexpr bool kBackward = false;

  int length, units;
  bool sequence;  ///< the output has every step
  T* gates;       ///< [rows, 4 units]: W_ih x + b_ih, and after training the gates
  const T* bias;  ///< b_hh [4 units]
  T* before;      ///< [rows, units]: h_{t-1}, kept by training
  T* cells;       ///< [rows, units]: c_{t-1}, kept by training
  T* y;           ///< [batch, length, units] or [batch, units]

  /// Where the state before and after a step is kept, or null.
  RIDGELINE_FUNCTION T* keeps_before(std::size_t row) const {
    return Training ? before + row * units : nullptr;
  }
  RIDGELINE_FUNCTION T* keeps_after(std::size_t sample, int t) const {
    if (sequence) return y + (sample * length + t) * units;
    return t + 1 == length ? y + sample * units : nullptr;
  }
  /// What is added to the first sum, or null.
  RIDGELINE_FUNCTION const T* addend(std::size_t /*sample*/, int /*t*/) const { return nullptr; }

  RIDGELINE_FUNCTION void operator()(std::size_t row, int u, const T (&sum)[kSums], T& carry,
                                     T (&next)[kStates]) const {
    T* z = gates + row * 4 * units;
    const int at_f = units + u, at_g = 2 * units + u, at_o = 3 * units + u;
    const T i = math::sigmoid(z[u] + sum[0] + bias[u]);
    const T f = math::sigmoid(z[at_f] + sum[1] + bias[at_f]);
    const T g = math::tanh(z[at_g] + sum[2] + bias[at_g]);
    const T o = math::sigmoid(z[at_o] + sum[3] + bias[at_o]);
    if constexpr (Training) {
      z[u] = i;
      z[at_f] = f;
      z[at_g] = g;
      z[at_o] = o;
      cells[row * units + u] = carry;
    }
    carry = f * carry + i * g;
    next[0] = o * math::tanh(carry);
  }
};

/// Backward: the state is dz.
template <class T>
struct LstmBackward {
  using Scalar = T;
  static constexpr int kSums = 1, kStates = 4;
  static constexpr bool kBackward = true;

  int length, units;
  bool sequence;
  T* gates;        ///< [rows, 4 units]: the gates, and then dz in their place
  const T* cells;  ///< [rows, units]
  const T* dy;     ///< as y of the forward pass

  RIDGELINE_FUNCTION T* keeps_before(std::size_t /*row*/) const { return nullptr; }
  RIDGELINE_FUNCTION T* keeps_after(std::size_t sample, int t) const {
    return gates + (sample * length + t) * 4 * units;
  }
  RIDGELINE_FUNCTION const T* addend(std::size_t sample, int t) const {
    if (sequence) return dy + (sample * length + t) * units;
    return t + 1 == length ? dy + sample * units : nullptr;
  }

  RIDGELINE_FUNCTION void operator()(std::size_t row, int u, const T (&sum)[kSums], T& carry,
                                     T (&next)[kStates]) const {
    const T* gate = gates + row * 4 * units;
    const T i = gate[u], f = gate[units + u], g = gate[2 * units + u], o = gate[3 * units + u];
    const T before = cells[row * units + u], dh = sum[0];
    const T c = math::tanh(f * before + i * g);
    const T dc = carry + dh * o * (T(1) - c * c);
    next[0] = dc * g * (i * (T(1) - i));
    next[1] = dc * before * (f * (T(1) - f));
    next[2] = dc * i * (T(1) - g * g);
    next[3] = dh * c * (o * (T(1) - o));
    carry = dc * f;
  }
};

}  // namespace ridgeline::kernels
