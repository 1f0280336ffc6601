#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "core/function.hpp"

namespace ridgeline::config {
class Deck;
}

namespace ridgeline::network {

/// The learning rate as a function of the step alone, so that a space can compute it without the
/// host.
struct Schedule {
  enum class Kind { constant, step, cosine };

  Kind kind = Kind::constant;
  double learning_rate = 0;      ///< the maximum
  double final_rate = 0;         ///< cosine: the rate at the end
  std::int64_t total_steps = 1;  ///< cosine: over the whole run
  std::int64_t warmup_steps = 0;
  std::int64_t drop_every = 1;  ///< step: the rate is multiplied by the factor every so many steps
  double factor = 1;            ///< step

  /// Returns the rate of step `step`, counted from 0: it rises linearly over warmup_steps, and then
  /// is constant, or multiplied by the factor every drop_every steps of the run, or follows half a
  /// cosine from learning_rate to final_rate (Loshchilov and Hutter, SGDR, ICLR 2017).
  RIDGELINE_FUNCTION double rate(std::int64_t step) const {
    if (step < warmup_steps) {
      return learning_rate * static_cast<double>(step + 1) / static_cast<double>(warmup_steps);
    }
    if (kind == Kind::constant) return learning_rate;
    if (kind == Kind::step) {
      return learning_rate * std::pow(factor, static_cast<double>(step / drop_every));
    }
    const std::int64_t span = total_steps - warmup_steps;
    const double done =
        span > 0 ? static_cast<double>(step - warmup_steps) / static_cast<double>(span) : 1.0;
    const double wave = 0.5 * (1.0 + std::cos(3.14159265358979323846 * (done < 1.0 ? done : 1.0)));
    return final_rate + (learning_rate - final_rate) * wave;
  }
};

/// Returns the steps of an epoch of `samples`; the last one may have fewer samples than a batch.
std::int64_t steps_per_epoch(const config::Deck& deck, std::size_t samples);

/// Returns the deck's learning rate schedule for a training set of `samples`.
Schedule make_schedule(const config::Deck& deck, std::size_t samples);

}  // namespace ridgeline::network
