#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/function.hpp"
#include "core/views.hpp"
#include "kernels/optimizer/health.hpp"

namespace ridgeline::kernels {

// Updates all parameters in one kernel; formulas, names and defaults are PyTorch's.
//   sgd      g += λ p;  v = μ v + g;  p -= η (nesterov ? g + μ v : v)
//   adam     g += λ p;  m = β₁ m + (1 - β₁) g;  v = β₂ v + (1 - β₂) g²;
//            p -= η / (1 - β₁ᵗ) · m / (sqrt(v) / sqrt(1 - β₂ᵗ) + ε)
//   adamw    p -= η λ p, then as adam without λ (Loshchilov and Hutter, ICLR 2019)
//   rmsprop  g += λ p;  v = α v + (1 - α) g²;  b = μ b + g / (sqrt(v) + ε);  p -= η b

enum class UpdateKind { sgd, adam, adamw, rmsprop };

/// The hyperparameters of an update; each kind reads those of its formula.
struct UpdateRule {
  UpdateKind kind = UpdateKind::sgd;
  double momentum = 0;  ///< μ
  bool nesterov = false;
  double weight_decay = 0;            ///< λ
  double beta1 = 0.9, beta2 = 0.999;  ///< β₁, β₂
  double alpha = 0.99;                ///< α
  double epsilon = 1e-8;              ///< ε
};

/// Returns PyTorch's names of the state of one parameter, in the order of
/// OptimizerArguments::state.
std::vector<std::string> state_names(const UpdateRule& rule);
inline constexpr std::size_t kMostStates = 2;

/// Returns the elementary operations of one update of one parameter.
double update_flops(const UpdateRule& rule);

/// Values that change between steps, in the memory of the space.
enum StepNumber {
  kRate,           ///< the learning rate η
  kCorrection,     ///< adam: η / (1 - β₁ᵗ)
  kRootScale,      ///< adam: 1 / sqrt(1 - β₂ᵗ)
  kGradientScale,  ///< factor of every gradient: 1, or less if the norm is clipped
  kApply,          ///< 1, or 0 if nothing is updated
  kStepNumbers
};

/// Stores the values of step `step`, counted from 0, at this rate in `numbers` [kStepNumbers],
/// except kGradientScale and kApply.
template <class Numbers>
KOKKOS_FUNCTION void set_step_numbers(const UpdateRule& rule, double rate, std::int64_t step,
                                      const Numbers& numbers) {
  numbers(kRate) = rate;
  const double t = static_cast<double>(step + 1);
  numbers(kCorrection) = rate / (1.0 - std::pow(rule.beta1, t));
  numbers(kRootScale) = 1.0 / std::sqrt(1.0 - std::pow(rule.beta2, t));
}

template <class Space, class T>
struct OptimizerArguments {
  Vector<Space, T> parameters;          ///< [n]
  Vector<Space, const T> gradients;     ///< [n]
  Vector<Space, T> state[kMostStates];  ///< [n] each, as many as state_names() returns
  Vector<Space, const double> numbers;  ///< [kStepNumbers]
};

/// Updates all parameters in one kernel; does nothing if numbers[kApply] is 0. `clipped`: gradients
/// are multiplied by kGradientScale.
template <class Space, class T>
void update(const Space& instance, const std::string& label, const UpdateRule& rule, bool clipped,
            const OptimizerArguments<Space, T>& arguments);

/// Returns the doubles of memory that clip_scale needs for n gradients.
std::size_t clip_partials(std::size_t n);

/// Computes numbers[kGradientScale] = min(1, most / (‖g‖ + 1e-6)), where the norm is that of all
/// gradients together (torch.nn.utils.clip_grad_norm_), summed in an order that depends on n alone.
/// A norm that is not finite is recorded in `health` unless that is empty. Labels: `label` and
/// `label_scale`.
template <class Space, class T>
void clip_scale(const Space& instance, const std::string& label, const std::string& label_scale,
                double most, const Vector<Space, const T>& gradients,
                const Vector<Space, double>& partials, const Vector<Space, double>& numbers,
                const HealthView<Space>& health);

}  // namespace ridgeline::kernels
