#pragma once

#include <cstddef>

#include "core/function.hpp"
#include "core/math.hpp"

namespace ridgeline::kernels {

// The cells of recurrence.hpp: one step of one unit. They are also part of the host's core, which
// does not use Kokkos, so they hold pointers. A row is a sample's step: sample · length + t.

/// The LSTM. With the gates' arguments z = W_ih x_t + b_ih + W_hh h_{t-1} + b_hh, in the order i,
/// f, g, o,
///
///     i, f, o = σ(z),  g = tanh(z),  c_t = f c_{t-1} + i g,  h_t = o tanh(c_t)
///
/// and backward, from dh = dL/dh_t and dc (the carry of step t + 1, 0 at the last step),
///
///     dc  = dc + dh o (1 - tanh²(c_t))
///     dz  = [dc g i(1-i), dc c_{t-1} f(1-f), dc i (1-g²), dh tanh(c_t) o(1-o)]
///     dc' = dc f,  dh' = W_hhᵀ dz
struct Lstm {
  static constexpr int kGates = 4;

  // z: the gates of a row, `kept` of one unit: c_{t-1}.
  template <bool Training, class T>
  RIDGELINE_FUNCTION static void forward(T* z, const T* bias, T* kept, int u, int units,
                                         const T (&sum)[kGates], T& carry, T (&next)[1]) {
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
      *kept = carry;
    }
    carry = f * carry + i * g;
    next[0] = o * math::tanh(carry);
  }

  template <class T>
  RIDGELINE_FUNCTION static void backward(T* gate, const T& /*before*/, const T& kept, int u,
                                          int units, const T (&sum)[1], T& carry,
                                          T (&next)[kGates]) {
    const T i = gate[u], f = gate[units + u], g = gate[2 * units + u], o = gate[3 * units + u];
    const T before = kept, dh = sum[0];
    const T c = math::tanh(f * before + i * g);
    const T dc = carry + dh * o * (T(1) - c * c);
    next[0] = dc * g * (i * (T(1) - i));
    next[1] = dc * before * (f * (T(1) - f));
    next[2] = dc * i * (T(1) - g * g);
    next[3] = dh * c * (o * (T(1) - o));
    carry = dc * f;
  }
};

/// The GRU. With p = W_ih x_t + b_ih and q = W_hh h_{t-1} + b_hh, both in the order r, z, n,
///
///     r, z = σ(p + q),  n = tanh(p_n + r q_n),  h_t = n + z (h_{t-1} - n)
///
/// and backward, from dh = dL/dh_t, with dp the gradient of p and dq that of q,
///
///     dp  = [dn' q_n r(1-r), dh (h_{t-1} - n) z(1-z), dn']   with dn' = dh (1-z) (1-n²)
///     dq  = [dp_r, dp_z, dn' r],  dh' = dh z + W_hhᵀ dq
struct Gru {
  static constexpr int kGates = 3;

  // p: the gates of a row, `kept` of one unit: q_n.
  template <bool Training, class T>
  RIDGELINE_FUNCTION static void forward(T* p, const T* bias, T* kept, int u, int units,
                                         const T (&sum)[kGates], T& carry, T (&next)[1]) {
    const int at_z = units + u, at_n = 2 * units + u;
    const T r = math::sigmoid(p[u] + sum[0] + bias[u]);
    const T z = math::sigmoid(p[at_z] + sum[1] + bias[at_z]);
    const T q = sum[2] + bias[at_n];
    const T n = math::tanh(p[at_n] + r * q);
    if constexpr (Training) {
      p[u] = r;
      p[at_z] = z;
      p[at_n] = n;
      *kept = q;
    }
    carry = n + z * (carry - n);
    next[0] = carry;
  }

  template <class T>
  RIDGELINE_FUNCTION static void backward(T* gate, const T& before, const T& kept, int u, int units,
                                          const T (&sum)[1], T& carry, T (&next)[kGates]) {
    const int at_z = units + u, at_n = 2 * units + u;
    const T r = gate[u], z = gate[at_z], n = gate[at_n];
    const T h = before, q = kept;
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

/// A forward pass. If `Training`, it stores what the backward pass needs.
template <class Kind, class T, bool Training>
struct ForwardCell {
  using Scalar = T;
  static constexpr int kSums = Kind::kGates, kStates = 1;
  static constexpr bool kBackward = false;

  int length, units;
  bool sequence;  ///< the output contains every step
  T* gates;       ///< [rows, gates · units]: W_ih x + b_ih, and after training the gates
  const T* bias;  ///< b_hh [gates · units]
  T* before;      ///< [rows, units]: h_{t-1}, stored in training
  T* kept;        ///< [rows, units]: c_{t-1} or q_n, stored in training
  T* y;           ///< [batch, length, units] or [batch, units]

  /// Return where the state before and after a step is stored; may be null.
  RIDGELINE_FUNCTION T* keeps_before(std::size_t row) const {
    return Training ? before + row * units : nullptr;
  }
  RIDGELINE_FUNCTION T* keeps_after(std::size_t sample, int t) const {
    if (sequence) return y + (sample * length + t) * units;
    return t + 1 == length ? y + sample * units : nullptr;
  }
  /// Returns what is added to the first sum; may be null.
  RIDGELINE_FUNCTION const T* addend(std::size_t /*sample*/, int /*t*/) const { return nullptr; }

  RIDGELINE_FUNCTION void operator()(std::size_t row, int u, const T (&sum)[kSums], T& carry,
                                     T (&next)[kStates]) const {
    T* const keep = Training ? kept + row * units + u : nullptr;
    Kind::template forward<Training>(gates + row * kSums * units, bias, keep, u, units, sum, carry,
                                     next);
  }
};

/// A backward pass: the state is dq, the gradient of W_hh h_{t-1} + b_hh.
template <class Kind, class T>
struct BackwardCell {
  using Scalar = T;
  static constexpr int kSums = 1, kStates = Kind::kGates;
  static constexpr bool kBackward = true;

  int length, units;
  bool sequence;
  T* gates;                ///< [rows, gates · units]: the gates, then the gradient of W_ih x
  const T *before, *kept;  ///< [rows, units]
  const T* dy;             ///< shaped as y of the forward pass
  T* dq;                   ///< [rows, gates · units]; the same memory as `gates` for an LSTM

  RIDGELINE_FUNCTION T* keeps_before(std::size_t /*row*/) const { return nullptr; }
  RIDGELINE_FUNCTION T* keeps_after(std::size_t sample, int t) const {
    return dq + (sample * length + t) * kStates * units;
  }
  RIDGELINE_FUNCTION const T* addend(std::size_t sample, int t) const {
    if (sequence) return dy + (sample * length + t) * units;
    return t + 1 == length ? dy + sample * units : nullptr;
  }

  RIDGELINE_FUNCTION void operator()(std::size_t row, int u, const T (&sum)[kSums], T& carry,
                                     T (&next)[kStates]) const {
    const std::size_t at = row * units + u;
    Kind::backward(gates + row * kStates * units, before[at], kept[at], u, units, sum, carry, next);
  }
};

template <class T, bool Training>
using LstmForward = ForwardCell<Lstm, T, Training>;
template <class T>
using LstmBackward = BackwardCell<Lstm, T>;
template <class T, bool Training>
using GruForward = ForwardCell<Gru, T, Training>;
template <class T>
using GruBackward = BackwardCell<Gru, T>;

}  // namespace ridgeline::kernels

// Instantiates MACRO(Space, T, cell) for every cell of a scalar.
#define RIDGELINE_FOR_CELLS(MACRO, Space, T) \
  MACRO(Space, T, LstmForward<T, true>)      \
  MACRO(Space, T, LstmForward<T, false>)     \
  MACRO(Space, T, LstmBackward<T>)           \
  MACRO(Space, T, GruForward<T, true>)       \
  MACRO(Space, T, GruForward<T, false>)      \
  MACRO(Space, T, GruBackward<T>)
