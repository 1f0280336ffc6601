#pragma once

#include "report/page.hpp"
#include "report/result_file.hpp"

namespace ridgeline::report {

// What a file of each kind shows. Each throws io::Json::exception if the file lacks what its verb
// writes.

/// Ceilings of every space: latency and bandwidth ladders, peaks, dispatch, transfers.
Block machine_block(const ResultFile& file);

/// Losses and accuracy by epoch, shares of the step's time.
Block training_block(const ResultFile& file);

/// Ratios with their intervals.
Block comparison_block(const ResultFile& file);

}  // namespace ridgeline::report
