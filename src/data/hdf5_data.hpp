#pragma once

#include <string>
#include <vector>

#include "config/deck.hpp"
#include "data/dataset.hpp"

namespace ridgeline::data {

/// The samples of an HDF5 file, `/train` and, where it has one, `/test`: `inputs` are values or,
/// as integers, tokens; `targets` are values or, as integers, labels, one a sample or one a token.
/// Throws RequestError naming file and object, and sample and position where one value is wrong.
Dataset load_hdf5(const config::DataOptions& options);

/// Returns the files that the values come from besides the file itself: sources of virtual
/// datasets.
std::vector<std::string> hdf5_sources(const config::DataOptions& options);

}  // namespace ridgeline::data
