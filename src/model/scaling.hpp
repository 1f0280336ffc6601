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
  /// s; below 0 where p threads are more than p times as fast. Not reached() if its interval is
  /// wider than from 0 to 1.
  Estimate serial_fraction;
};

/// Fits Amdahl's law by relative errors, which a few of the points do not change. Returns nothing
/// if fewer than two numbers of threads, or fewer than three points, were measured.
std::optional<Amdahl> fit_amdahl(const ScalingCurve& curve);

/// The Universal Scalability Law: speedup(p) = p / (1 + σ (p - 1) + κ p (p - 1)) (Gunther,
/// Guerrilla Capacity Planning, 2007).
struct Scalability {
  /// σ: contention; κ: coherence. Not reached() if the interval leaves the time with the most
  /// threads uncertain by more than one thread's whole time.
  Estimate contention, coherence;
  /// Threads at which it is fastest, √((1 − σ)/κ). Not reached() where that is more than were
  /// measured, and without bounds where κ may be 0: more threads are then always faster as far as
  /// the data say.
  Estimate most_useful_threads;
};

/// Fits the law by relative errors, likewise. Returns nothing if fewer than three numbers of
/// threads, or fewer than four points, were measured: one thread's time, σ and κ are three
/// unknowns.
std::optional<Scalability> fit_scalability(const ScalingCurve& curve);

}  // namespace ridgeline::model
