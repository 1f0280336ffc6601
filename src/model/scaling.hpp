#pragma once

#include <optional>
#include <vector>

#include "model/least_squares.hpp"

namespace ridgeline::model {

/// Seconds of the same work with increasing numbers of threads; a number may occur several times.
struct ScalingCurve {
  std::vector<int> threads;
  std::vector<double> seconds;
};

/// Amdahl's law: T(p) = T(1) (s + (1 - s) / p).
struct Amdahl {
  /// s; below 0 if p threads are more than p times as fast. Not reached() if its interval is
  /// wider than from 0 to 1.
  Estimate serial_fraction;
};

/// Fits Amdahl's law by relative errors, robust against a few outliers. Returns nullopt
/// if fewer than two numbers of threads, or fewer than three points, were measured.
std::optional<Amdahl> fit_amdahl(const ScalingCurve& curve);

/// The Universal Scalability Law: speedup(p) = p / (1 + σ (p - 1) + κ p (p - 1)) (Gunther,
/// Guerrilla Capacity Planning, 2007).
struct Scalability {
  /// σ: contention; κ: coherence. Not reached() if the interval of the time with the most
  /// threads is wider than one thread's whole time.
  Estimate contention, coherence;
  /// The number of threads at which it is fastest, √((1 − σ)/κ). Not reached() if that is more than
  /// were measured, and without bounds if κ may be 0: by the data, more threads may then always be
  /// faster.
  Estimate most_useful_threads;
};

/// Fits the law by relative errors, likewise. Returns nullopt if fewer than three numbers of
/// threads, or fewer than four points, were measured: one thread's time, σ and κ are three
/// unknowns.
std::optional<Scalability> fit_scalability(const ScalingCurve& curve);

}  // namespace ridgeline::model
