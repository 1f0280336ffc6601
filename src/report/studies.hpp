#pragma once

#include "report/page.hpp"
#include "report/result_file.hpp"

namespace ridgeline::report {

/// Returns what a `ridgeline-study` file shows: its claim, answers, pictures with tables, the
/// table of its fit. Throws io::Json::exception if the file lacks what the study writes.
Block study_block(const ResultFile& file);

/// Names of the studies in the order of the page.
const std::vector<std::string>& study_names();

}  // namespace ridgeline::report
