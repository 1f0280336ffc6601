#pragma once

#include <optional>
#include <vector>

#include "model/least_squares.hpp"

namespace ridgeline::model {

/// Seconds of the same work with more and more threads; a number of threads may come several times.
struct ScalingCurve {
  std::vector<int> threads;
  std::vector<double> seconds;
};

/// Amdahl's law: T(p) = T(1) (s + (1 - s) / p).
struct Amdahl {
  Estimate serial_fraction;  ///< s; below 0 where p threads are more than p times as fast
};

/// Fits Amdahl's law by relative errors, whatever a few of the points say. Nothing where fewer than
/// two numbers of threads, or fewer than three points, were measured.
std::optional<Amdahl> fit_amdahl(const ScalingCurve& curve);

/// The Universal Scalability Law: speedup(p) = p / (1 + σ (p - 1) + κ p (p - 1)) (Gunther,
/// Guerrilla Capacity Planning, 2007).
struct Scalability {
  Estimate contention;  ///< σ: what waits
  Estimate coherence;   ///< κ: what talks
  /// Threads at which it is fastest, √((1 − σ)/κ): nothing where κ may be 0, and more threads are
  /// always faster as far as the data say.
  std::optional<Estimate> most_useful_threads;
};

/// Fits the law by relative errors, likewise. Nothing where fewer than three numbers of threads, or
/// fewer than four points, were measured: one thread's time, σ and κ are three unknowns.
std::optional<Scalability> fit_scalability(const ScalingCurve& curve);

}  // namespace ridgeline::model
