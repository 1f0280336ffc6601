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
  /// definition). The interval is of 95 % of bootstrap resamples of the turns. Not reached() for
  /// never, whose lower bound is the largest size at most, and where stated() does not state it.
  Estimate size;
};

/// "from", "always", "never".
std::string to_string(Crossover::Kind kind);

/// A ratio above this is a win, and one below its inverse a loss: two runs of the same code may
/// differ by less.
inline constexpr double kWin = 1.02;

/// The crossover of sizes in increasing order, by the medians of their ratios: the second wins
/// where that is above kWin. The interval: the turns of every size are drawn again with replacement
/// (Efron, "Bootstrap methods: another look at the jackknife", Annals of Statistics 7, 1979),
/// `resamples` times, by Philox.
Crossover find_crossover(const std::vector<SizePoint>& points, int resamples = 1000,
                         std::uint64_t seed = 1);

/// How an advantage grows with the bytes that an operation touches.
struct Advantage {
  Estimate per_doubling;  ///< factor by which the ratio grows when the bytes double
  /// Bytes at which the ratio is 1. Not reached() where that lies outside the bytes measured, and
  /// without bounds where the ratio may not grow at all (the interval of `per_doubling` holds 1).
  Estimate break_even;
  double residual_deviation;
};

/// Bytes have to grow by this factor before anything is said of how an advantage grows with them.
inline constexpr double kLeastGrowth = 4;

/// Fits log ratio = p + q log bytes, which a few disturbed points do not change. Returns nullopt if
/// there are fewer than three points, or if the bytes grow by less than kLeastGrowth.
std::optional<Advantage> fit_advantage(const std::vector<double>& bytes,
                                       const std::vector<double>& ratios);

}  // namespace ridgeline::model
