#pragma once

#include <cmath>
#include <cstddef>
#include <string>
#include <type_traits>
#include <vector>

#include "core/function.hpp"

namespace ridgeline::kernels {

// Elementwise activations y = f(z) and their derivatives f'(z). Names and formulas are PyTorch's.

enum class Activation { identity, relu, tanh, sigmoid, gelu };

/// f(z).
template <Activation F, class T>
RIDGELINE_FUNCTION T activate(T z) {
  if constexpr (F == Activation::relu) {
    return z < T(0) ? T(0) : z;  // keeps a NaN, so that divergence shows
  } else if constexpr (F == Activation::tanh) {
    return std::tanh(z);
  } else if constexpr (F == Activation::sigmoid) {
    return T(1) / (T(1) + std::exp(-z));
  } else if constexpr (F == Activation::gelu) {
    return T(0.5) * z * (T(1) + std::erf(z * T(0.70710678118654752440)));
  } else {
    return z;
  }
}

/// f'(z), from whichever of z and y = f(z) `derivative_needs_input` says is kept.
template <Activation F, class T>
RIDGELINE_FUNCTION T derivative(T kept) {
  if constexpr (F == Activation::relu) {
    return kept > T(0) ? T(1) : T(0);
  } else if constexpr (F == Activation::tanh) {
    return T(1) - kept * kept;
  } else if constexpr (F == Activation::sigmoid) {
    return kept * (T(1) - kept);
  } else if constexpr (F == Activation::gelu) {
    const T density = T(0.39894228040143267794) * std::exp(T(-0.5) * kept * kept);
    return T(0.5) * (T(1) + std::erf(kept * T(0.70710678118654752440))) + kept * density;
  } else {
    return T(1);
  }
}

/// Whether the derivative is computed from z (gelu) rather than from the output y.
constexpr bool derivative_needs_input(Activation f) { return f == Activation::gelu; }

/// Calls `body(std::integral_constant<Activation, f>)`, so that inner loops are compiled once a
/// function.
template <class Body>
RIDGELINE_FUNCTION void with_activation(Activation f, const Body& body) {
  switch (f) {
    case Activation::identity:
      return body(std::integral_constant<Activation, Activation::identity>());
    case Activation::relu:
      return body(std::integral_constant<Activation, Activation::relu>());
    case Activation::tanh:
      return body(std::integral_constant<Activation, Activation::tanh>());
    case Activation::sigmoid:
      return body(std::integral_constant<Activation, Activation::sigmoid>());
    case Activation::gelu:
      return body(std::integral_constant<Activation, Activation::gelu>());
  }
}

/// Names as decks spell them, in the order of the enumeration.
inline const std::vector<std::string>& activation_names() {
  static const std::vector<std::string> names = {"identity", "relu", "tanh", "sigmoid", "gelu"};
  return names;
}

/// The activation of that name; `name` is one of activation_names().
inline Activation activation_named(const std::string& name) {
  const std::vector<std::string>& names = activation_names();
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == name) return static_cast<Activation>(i);
  }
  return Activation::identity;
}

/// Elementary operations of f and of f' times the incoming gradient, as docs/layers.md derives
/// them.
constexpr int forward_flops(Activation f) {
  switch (f) {
    case Activation::relu:
      return 1;  // a comparison
    case Activation::tanh:
      return 1;
    case Activation::sigmoid:
      return 4;  // negate, exp, add, divide
    case Activation::gelu:
      return 5;  // scale, erf, add, two products
    default:
      return 0;
  }
}
constexpr int backward_flops(Activation f) {
  switch (f) {
    case Activation::relu:
      return 2;  // a comparison, the product
    case Activation::tanh:
      return 3;
    case Activation::sigmoid:
      return 3;
    case Activation::gelu:
      return 11;  // erf branch 4, density 4 (two products, exp, scale), product, sum, the product
    default:
      return 0;
  }
}

}  // namespace ridgeline::kernels
