#pragma once

#include <optional>
#include <vector>

#include "model/least_squares.hpp"

namespace ridgeline::model {

/// How many different of `paths` equally likely ones `neighbours` iterations meet on average:
/// P (1 - (1 - 1/P)^n).
double expected_paths(int paths, int neighbours);

/// s in T(P) = T(1) (1 + s (P - 1)), by relative errors: the share of the other paths that every
/// path waits for, 1 where they run one after the other and 0 where they do not meet. `paths` may
/// be averages; the first is 1. Disturbed points move it little. Not reached() if its interval is
/// wider than from 0 to 1; nothing where there are fewer than three points.
std::optional<Estimate> fit_waiting_share(const std::vector<double>& paths,
                                          const std::vector<double>& seconds);

}  // namespace ridgeline::model
