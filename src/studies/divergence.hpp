#pragma once

#include <cstddef>
#include <vector>

#include "studies/study.hpp"

namespace ridgeline::studies {

/// Bounds of `study divergence`.
struct DivergenceBounds {
  std::vector<SpaceKind> spaces;
  std::vector<int> paths;       ///< empty: 1, 2, 4, 8, 16, 32
  std::size_t iterations = 0;   ///< 0: 2²⁰
  std::size_t array_bytes = 0;  ///< size of the array that is read; 0: 256 MiB (64 MiB if quick)
};

/// "GPUs serve specialised, CPUs general computation". Measures the same FLOPs in 1 to 32 different
/// paths, which consecutive iterations take sorted, alternately or at random; and an array that is
/// read in order, at independent addresses, and at addresses that depend on the previous read. Fits
/// s in T(P) = T(1) (1 + s (P − 1)), where P is the number of paths that iterations executed
/// together take: s = 1 if the paths are executed one after the other, s = 0 if further paths cost
/// no time.
Study study_divergence(const DivergenceBounds& bounds, const Control& control);

/// Returns a clause on what each further path adds, by the fitted share s of one path's time.
std::string tell_waiting_share(const model::Estimate& share);

}  // namespace ridgeline::studies
