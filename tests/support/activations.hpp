#pragma once

#include <cmath>
#include <string>
#include <vector>

namespace ridgeline::testing {

/// An activation by its name in decks, and its definition in float64.
struct ActivationFunction {
  const char* name;
  double (*f)(double);
};

inline double sigmoid_of(double z) { return 1.0 / (1.0 + std::exp(-z)); }

/// All of them, in the order of decks and of the enumeration.
inline const std::vector<ActivationFunction>& activation_functions() {
  static const std::vector<ActivationFunction> functions = {
      {"identity", [](double z) { return z; }},
      {"relu", [](double z) { return z > 0 ? z : 0.0; }},
      {"leaky_relu", [](double z) { return z > 0 ? z : 0.01 * z; }},
      {"tanh", [](double z) { return std::tanh(z); }},
      {"sigmoid", sigmoid_of},
      {"gelu", [](double z) { return 0.5 * z * std::erfc(-z / std::sqrt(2.0)); }},
      {"gelu_tanh",
       [](double z) {
         return 0.5 * z * (1 + std::tanh(std::sqrt(2 / M_PI) * (z + 0.044715 * z * z * z)));
       }},
      {"silu", [](double z) { return z * sigmoid_of(z); }},
      {"softplus", [](double z) { return z > 20 ? z : std::log1p(std::exp(z)); }}};
  return functions;
}

/// The definition of the activation of that name.
inline double activated(const std::string& name, double z) {
  for (const ActivationFunction& function : activation_functions()) {
    if (name == function.name) return function.f(z);
  }
  return std::nan("");
}

}  // namespace ridgeline::testing
