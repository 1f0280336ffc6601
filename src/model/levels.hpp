#pragma once

#include <cstddef>
#include <vector>

#include "model/least_squares.hpp"

namespace ridgeline::model {

/// A flat part of a curve of costs (seconds a load, seconds a byte) against working set: one level
/// of the memory hierarchy, as far as the curve shows it.
struct CurveLevel {
  std::size_t first = 0, last = 0;  ///< indices of its points
  Estimate cost;                    ///< geometric mean of its points that were not disturbed
  bool settled = true;              ///< false: the curve still rises there, cost is a lower bound
  double from_bytes = 0;            ///< its first working set that costs what the level does
  /// Its last working set, which is as much as the level held; the interval ends at the next point
  /// of the sweep. Infinite where the curve ends with this level.
  Estimate capacity_bytes;
};

/// The levels in a curve, innermost first, found without knowing the machine. A larger set never
/// costs less, so a point a tenth above a later one is disturbed; without those, the curve is cut
/// into straight pieces (of log cost against log working set), as many as its noise warrants, by
/// dynamic programming (Bellman, "On the approximation of curves by line segments using dynamic
/// programming", CACM 4, 1961); where the pieces rise by less than an eighth an octave, and that
/// for at least three points and half an octave, there is a level. Levels that differ by less than
/// a sixth are one, and its capacity is where the second ends. A curve that still rises at its end
/// has a last level of its last point alone, which is not settled.
///
/// `bytes` increases; `cost` is positive. Fewer than four points have no levels.
std::vector<CurveLevel> find_levels(const std::vector<double>& bytes,
                                    const std::vector<double>& cost);

}  // namespace ridgeline::model
