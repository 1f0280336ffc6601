#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/least_squares.hpp"

namespace ridgeline::model {

/// One size at which two spaces were timed in turn.
struct SizePoint {
  double size = 0;             ///< batch, width, bytes: whatever grows
  std::vector<double> ratios;  ///< seconds of the first space / seconds of the second, turn by turn
};

/// From which size on the second space wins.
struct Crossover {
  enum class Kind {
    from,    ///< from `size` on, and not at the size before
    always,  ///< at every size measured
    never,   ///< not at the largest
  };
  Kind kind = Kind::never;
  /// The smallest size measured from which the second wins at every larger one (GPU-BLOB's
  /// definition); infinite for never. The interval is of 95 % of bootstrap resamples of the turns.
  Estimate size;
};

/// "from 64", "at every size", "never".
std::string to_string(const Crossover& crossover);

/// The crossover of sizes in increasing order, by the medians of their ratios: the second wins
/// where that is above 1.02, since two runs of the same code may differ by less. The interval: the
/// turns of every size are drawn again with replacement (Efron, "Bootstrap methods: another look at
/// the jackknife", Annals of Statistics 7, 1979), `resamples` times, by Philox.
Crossover find_crossover(const std::vector<SizePoint>& points, int resamples = 1000,
                         std::uint64_t seed = 1);

/// How an advantage grows with the bytes that an operation touches.
struct Advantage {
  Estimate per_doubling;  ///< factor by which the ratio grows when the bytes double
  Estimate break_even;    ///< bytes at which the ratio is 1, where the line says so
  double residual_deviation;
};

/// Fits log ratio = p + q log bytes. Nothing where there are fewer than three points.
std::optional<Advantage> fit_advantage(const std::vector<double>& bytes,
                                       const std::vector<double>& ratios);

}  // namespace ridgeline::model
