#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/least_squares.hpp"

namespace ridgeline::model {

/// One size at which two spaces were timed alternately.
struct SizePoint {
  double size = 0;             ///< batch, width or bytes
  std::vector<double> ratios;  ///< seconds of the first space / seconds of the second, turn by turn
};

/// The size from which on the second space is faster.
struct Crossover {
  enum class Kind {
    from,    ///< from `size` on, and not at the size before
    always,  ///< at every size measured
    never,   ///< not at the largest
  };
  Kind kind = Kind::never;
  /// The smallest size measured from which on the second is faster at every larger one (GPU-BLOB's
  /// definition). The interval contains 95 % of bootstrap resamples of the turns. Not reached() for
  /// never, whose lower bound is at most the largest size, and if stated() does not state it.
  Estimate size;
};

/// Returns "from", "always" or "never".
std::string to_string(Crossover::Kind kind);

/// A ratio above this is a win, and one below its inverse a loss: two runs of the same code may
/// differ by less.
inline constexpr double kWin = 1.02;

/// Finds the crossover of sizes in increasing order, by the medians of their ratios: the second
/// wins if that is above kWin. For the interval the turns of every size are drawn with replacement
/// (Efron, "Bootstrap methods: another look at the jackknife", Annals of Statistics 7, 1979),
/// `resamples` times, by Philox.
Crossover find_crossover(const std::vector<SizePoint>& points, int resamples = 1000,
                         std::uint64_t seed = 1);

/// The growth of an advantage with the bytes that an operation accesses.
struct Advantage {
  Estimate per_doubling;  ///< factor by which the ratio grows when the bytes double
  /// Bytes at which the ratio is 1. Not reached() if that lies outside the bytes measured, and
  /// without bounds if the ratio may not grow at all (the interval of `per_doubling` contains 1).
  Estimate break_even;
  double residual_deviation;
};

/// The growth of an advantage is reported only if the bytes grow by at least this factor.
inline constexpr double kLeastGrowth = 4;

/// Fits log ratio = p + q log bytes, robust against a few disturbed points. Returns nullopt if
/// there are fewer than three points, or if the bytes grow by less than kLeastGrowth.
std::optional<Advantage> fit_advantage(const std::vector<double>& bytes,
                                       const std::vector<double>& ratios);

}  // namespace ridgeline::model
