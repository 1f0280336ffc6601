#pragma once

#include <cmath>
#include <cstddef>
#include <string>
#include <type_traits>
#include <vector>

#include "core/function.hpp"
#include "core/math.hpp"

namespace ridgeline::kernels {

// Elementwise activations y = f(z) and their derivatives f'(z). Names and formulas are PyTorch's.

enum class Activation {
  identity,
  relu,
  leaky_relu,  ///< gradient 0.01 below zero
  tanh,
  sigmoid,
  gelu,       ///< with erf
  gelu_tanh,  ///< GELU's approximation with tanh
  silu,
  softplus  ///< the last
};

/// The gradient of leaky_relu below zero: PyTorch's default.
inline constexpr double kLeakySlope = 0.01;

/// Above it softplus is the identity: PyTorch's default.
inline constexpr double kSoftplusThreshold = 20;

namespace detail {

// The argument of gelu_tanh's tanh is z (a + b z²), with a = sqrt(2 / π) and b = 0.044715 a.
inline constexpr double kGeluTanhA = 0.79788456080286535588;
inline constexpr double kGeluTanhB = 0.044715 * kGeluTanhA;

// Returns (1 + tanh u) / 2 as sigmoid(2 u), which avoids cancellation if tanh u is near -1.
template <class T>
RIDGELINE_FUNCTION T gelu_tanh_weight(T z, T square) {
  return math::sigmoid(z * (T(2 * kGeluTanhA) + T(2 * kGeluTanhB) * square));
}

}  // namespace detail

/// Returns f(z).
template <Activation F, class T>
RIDGELINE_FUNCTION T activate(T z) {
  if constexpr (F == Activation::relu) {
    return z < T(0) ? T(0) : z;  // NaN propagates, so that divergence is detected
  } else if constexpr (F == Activation::leaky_relu) {
    return z < T(0) ? T(kLeakySlope) * z : z;
  } else if constexpr (F == Activation::tanh) {
    return math::tanh(z);
  } else if constexpr (F == Activation::sigmoid) {
    return math::sigmoid(z);
  } else if constexpr (F == Activation::gelu) {
    return T(0.5) * z * (T(1) + math::erf(z * T(0.70710678118654752440)));
  } else if constexpr (F == Activation::gelu_tanh) {
    return z * detail::gelu_tanh_weight(z, z * z);
  } else if constexpr (F == Activation::silu) {
    return z * math::sigmoid(z);
  } else if constexpr (F == Activation::softplus) {
    const T correction = math::log1p_of_fraction(math::exp(z > T(0) ? -z : z));
    return z > T(kSoftplusThreshold) ? z : (z > T(0) ? z : T(0)) + correction;
  } else {
    return z;
  }
}

/// Returns f'(z) from `kept`, which is z if derivative_needs_input(), else y = f(z).
template <Activation F, class T>
RIDGELINE_FUNCTION T derivative(T kept) {
  if constexpr (F == Activation::relu) {
    return kept > T(0) ? T(1) : T(0);
  } else if constexpr (F == Activation::leaky_relu) {
    return kept > T(0) ? T(1) : T(kLeakySlope);
  } else if constexpr (F == Activation::tanh) {
    return T(1) - kept * kept;
  } else if constexpr (F == Activation::sigmoid) {
    return kept * (T(1) - kept);
  } else if constexpr (F == Activation::gelu) {
    const T density = T(0.39894228040143267794) * math::exp(T(-0.5) * kept * kept);
    return T(0.5) * (T(1) + math::erf(kept * T(0.70710678118654752440))) + kept * density;
  } else if constexpr (F == Activation::gelu_tanh) {
    const T square = kept * kept;
    const T w = detail::gelu_tanh_weight(kept, square);
    const T slope = T(2 * detail::kGeluTanhA) + T(6 * detail::kGeluTanhB) * square;
    return w + kept * w * (T(1) - w) * slope;
  } else if constexpr (F == Activation::silu) {
    const T s = math::sigmoid(kept);
    return s * (T(1) + kept * (T(1) - s));
  } else if constexpr (F == Activation::softplus) {
    return kept > T(kSoftplusThreshold) ? T(1) : math::sigmoid(kept);
  } else {
    return T(1);
  }
}

/// Returns whether the derivative is computed from z rather than from the output y.
constexpr bool derivative_needs_input(Activation f) {
  return f == Activation::gelu || f == Activation::gelu_tanh || f == Activation::silu ||
         f == Activation::softplus;
}

/// Calls `body(std::integral_constant<Activation, f>)`, so that inner loops are compiled once per
/// function.
template <Activation F = Activation::identity, class Body>
RIDGELINE_FUNCTION void with_activation(Activation f, const Body& body) {
  if (f == F) {
    body(std::integral_constant<Activation, F>());
  } else if constexpr (F != Activation::softplus) {
    with_activation<static_cast<Activation>(static_cast<int>(F) + 1)>(f, body);
  }
}

/// Returns the names that decks use, in the order of the enumeration.
inline const std::vector<std::string>& activation_names() {
  static const std::vector<std::string> names = {
      "identity", "relu", "leaky_relu", "tanh", "sigmoid", "gelu", "gelu_tanh", "silu", "softplus"};
  return names;
}

/// Returns the activation of that name; `name` is one of activation_names().
inline Activation activation_named(const std::string& name) {
  const std::vector<std::string>& names = activation_names();
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == name) return static_cast<Activation>(i);
  }
  return Activation::identity;
}

/// Return the elementary operations of f, and of f' times the incoming gradient, as docs/layers.md
/// derives them.
constexpr int forward_flops(Activation f) {
  switch (f) {
    case Activation::relu:
      return 1;  // a comparison
    case Activation::leaky_relu:
      return 2;  // a comparison, a product
    case Activation::tanh:
      return 1;
    case Activation::sigmoid:
      return 4;  // negate, exp, add, divide
    case Activation::gelu:
      return 5;  // scale, erf, add, two products
    case Activation::gelu_tanh:
      return 8;  // argument 4 (three products, a sum), tanh, add, two products
    case Activation::silu:
      return 5;  // sigmoid 4, the product
    case Activation::softplus:
      return 4;  // comparison with the threshold; log(1 + exp z): exp, add, log
    default:
      return 0;
  }
}
constexpr int backward_flops(Activation f) {
  switch (f) {
    case Activation::relu:
    case Activation::leaky_relu:
      return 2;  // a comparison, the product
    case Activation::tanh:
      return 3;
    case Activation::sigmoid:
      return 3;
    case Activation::gelu:
      return 11;  // erf branch 4, density 4 (two products, exp, scale), product, sum, the product
    case Activation::gelu_tanh:
      // z² 1, argument 3, tanh, ½(1 + t) 2, argument' 2, ½ z (1 - t²) argument' 5, sum, the product
      return 16;
    case Activation::silu:
      return 9;  // sigmoid 4, s (1 + z (1 - s)) 4, the product
    case Activation::softplus:
      return 6;  // comparison with the threshold, sigmoid 4, the product
    default:
      return 0;
  }
}

}  // namespace ridgeline::kernels
