#pragma once

#include <cstddef>

#include "core/function.hpp"
#include "core/math.hpp"

namespace ridgeline::kernels {

// The GRU's cells for recurrence.hpp. With p = W_ih x_t + b_ih and q = W_hh h_{t-1} + b_hh, both in
// the order r, z, n,
//
//   r, z = σ(p + q),  n = tanh(p_n + r q_n),  h_t = n + z (h_{t-1} - n)
//
// and backward, from dh = dL/dh_t, with dp the gradient of p and dq that of q,
//
//   dp  = [dn' q_n r(1-r), dh (h_{t-1} - n) z(1-z), dn']   with dn' = dh (1-z) (1-n²)
//   dq  = [dp_r, dp_z, dn' r],  dh' = dh z + W_hhᵀ dq
//
// A row is a sample's step: sample · length + t.

/// Forward. `Training` keeps what the backward pass needs.
template <class T, bool Training>
struct GruForward {
  using Scalar = T;
  static constexpr int kSums = 3, kStates = 1;
  static constexpr bool kBackward = false;

  int length, units;
  bool sequence;  ///< the output has every step
  T* gates;       ///< [rows, 3 units]: p, and after training the gates
  const T* bias;  ///< b_hh [3 units]
  T* before;      ///< [rows, units]: h_{t-1}, kept by training
  T* hidden;      ///< [rows, units]: q_n, kept by training
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
    T* p = gates + row * 3 * units;
    const int at_z = units + u, at_n = 2 * units + u;
    const T r = math::sigmoid(p[u] + sum[0] + bias[u]);
    const T z = math::sigmoid(p[at_z] + sum[1] + bias[at_z]);
    const T q = sum[2] + bias[at_n];
    const T n = math::tanh(p[at_n] + r * q);
    if constexpr (Training) {
      p[u] = r;
      p[at_z] = z;
      p[at_n] = n;
      hidden[row * units + u] = q;
    }
    carry = n + z * (carry - n);
    next[0] = carry;
  }
};

/// Backward: the state is dq, the carry is dh z.
template <class T>
struct GruBackward {
  using Scalar = T;
  static constexpr int kSums = 1, kStates = 3;
  static constexpr bool kBackward = true;

  int length, units;
  bool sequence;
  T* gates;                  ///< [rows, 3 units]: the gates, and then dp in their place
  const T *before, *hidden;  ///< [rows, units]
  const T* dy;               ///< as y of the forward pass
  T* dq;                     ///< [rows, 3 units]

  RIDGELINE_FUNCTION T* keeps_before(std::size_t /*row*/) const { return nullptr; }
  RIDGELINE_FUNCTION T* keeps_after(std::size_t sample, int t) const {
    return dq + (sample * length + t) * 3 * units;
  }
  RIDGELINE_FUNCTION const T* addend(std::size_t sample, int t) const {
    if (sequence) return dy + (sample * length + t) * units;
    return t + 1 == length ? dy + sample * units : nullptr;
  }

  RIDGELINE_FUNCTION void operator()(std::size_t row, int u, const T (&sum)[kSums], T& carry,
                                     T (&next)[kStates]) const {
    T* gate = gates + row * 3 * units;
    const int at_z = units + u, at_n = 2 * units + u;
    const T r = gate[u], z = gate[at_z], n = gate[at_n];
    const T h = before[row * units + u], q = hidden[row * units + u];
    const T dh = sum[0] + carry, keep = T(1) - z;
    const T dn = dh * keep * (T(1) - n * n);
    next[0] = dn * q * (r * (T(1) - r));
    next[1] = dh * (h - n) * (z * keep);
    next[2] = dn * r;
    gate[u] = next[0];
    gate[at_z] = next[1];
    gate[at_n] = dn;
    carry = dh * z;
  }
};

}  // namespace ridgeline::kernels
