#pragma once

#include <string>
#include <vector>

#include "report/page.hpp"
#include "report/result_file.hpp"

namespace ridgeline::report {

/// Arranges results as one page: a summary, machines, rooflines, spaces and machines side by side,
/// training, the studies, comparisons. Throws RequestError "FILE: …" for a file whose content is
/// not what its verb writes.
Page make_page(const std::vector<ResultFile>& files);

/// Returns the page's pictures, whose names differ.
std::vector<const Picture*> pictures_of(const Page& page);

}  // namespace ridgeline::report
