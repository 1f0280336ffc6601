#pragma once

#include <cstddef>
#include <vector>

#include "studies/study.hpp"

namespace ridgeline::studies {

/// What `study divergence` sweeps.
struct DivergenceBounds {
  std::vector<SpaceKind> spaces;
  std::vector<int> paths;       ///< empty: 1, 2, 4, 8, 16, 32
  std::size_t iterations = 0;   ///< 0: 2²⁰
  std::size_t array_bytes = 0;  ///< of the read array; 0: 256 MiB (64 MiB if quick)
};

/// "GPUs serve specialised, CPUs general computation": the same FLOPs in 1 to 32 different paths,
/// taken by neighbouring iterations in order, in turn and at random, and an array read in order, at
/// places known in time, and at places that the read before names. Fitted is s in
/// T(P) = T(1) (1 + s (P − 1)), with P the paths that neighbours meet: 1 where every path waits for
/// all others, 0 where none does.
Study study_divergence(const DivergenceBounds& bounds, const Control& control);

/// Returns a clause on what each further path adds, by the fitted share s of one path's time.
std::string tell_waiting_share(const model::Estimate& share);

}  // namespace ridgeline::studies
