#pragma once

#include <cstddef>
#include <vector>

#include "model/least_squares.hpp"

namespace ridgeline::model {

/// A flat part of a curve of costs (seconds per load, seconds per byte) against working set: one
/// level of the memory hierarchy, within the range of the curve.
struct CurveLevel {
  std::size_t first = 0, last = 0;  ///< indices of its points
  Estimate cost;                    ///< geometric mean of its undisturbed points
  bool settled = true;    ///< false: the curve is still rising there, and cost is a lower bound
  double from_bytes = 0;  ///< the first working set with the cost of the level
  /// The last working set of the level, an estimate of its capacity; the interval ends at the next
  /// point of the sweep. Infinite if the curve ends with this level.
  Estimate capacity_bytes;
};

/// Returns the levels of a curve, innermost first, without knowledge of the machine. The cost does
/// not decrease with the working set, so a point a tenth above a later one is disturbed. The
/// remaining curve is divided into straight pieces (of log cost against log working set), as many
/// as its noise justifies, by dynamic programming (Bellman, "On the approximation of curves by line
/// segments using dynamic programming", CACM 4, 1961). A level is a range of at least three points
/// and half an octave in which the pieces rise by less than an eighth per octave. Adjacent levels
/// that differ by less than a sixth are one level, whose capacity is that of the second. If the
/// curve is still rising at its end, the last point alone is a level that is not settled.
///
/// `bytes` increases; `cost` is positive. Fewer than four points have no levels.
std::vector<CurveLevel> find_levels(const std::vector<double>& bytes,
                                    const std::vector<double>& cost);

}  // namespace ridgeline::model
