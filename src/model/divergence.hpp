#pragma once

#include <optional>
#include <vector>

#include "model/least_squares.hpp"

namespace ridgeline::model {

/// Returns the average number of different paths of `neighbours` iterations, out of `paths` equally
/// likely ones: P (1 - (1 - 1/P)^n).
double expected_paths(int paths, int neighbours);

/// Fits s in T(P) = T(1) (1 + s (P - 1)), by relative errors: the share of the other paths' time
/// that delays every path, 1 if they run one after the other and 0 if they are independent. `paths`
/// may be averages; the first is 1. Robust against disturbed points. Not reached() if its interval
/// is wider than from 0 to 1; nullopt if there are fewer than three points.
std::optional<Estimate> fit_waiting_share(const std::vector<double>& paths,
                                          const std::vector<double>& seconds);

}  // namespace ridgeline::model
