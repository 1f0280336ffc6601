#pragma once

#include <string>
#include <vector>

#include "config/deck.hpp"
#include "data/dataset.hpp"
#include "io/hdf5.hpp"

namespace ridgeline::data {

/// Reads or generates the data of a deck's [data]. Texts use the tokens of `vocabulary` (a
/// checkpoint's) if given, otherwise those of their own characters. Throws RequestError: for a
/// missing path with the deck's line of `path`, for an invalid file with its name, dataset and
/// position.
Dataset load_dataset(const config::DataOptions& options, const Vocabulary* vocabulary = nullptr);

/// Returns the existing files that load_dataset reads; only load_dataset reports missing or damaged
/// files.
std::vector<std::string> data_files(const config::DataOptions& options);

/// Reads `/inputs` [samples, sample_shape] of an HDF5 file opened for it, of any input_kind(), as
/// the test split of a dataset without targets, normalised as the deck's data. If the deck's data
/// are bytes, real values must be those scaled to [0, 1]. Throws RequestError also if a sample has
/// another shape.
Dataset load_inputs(const io::Hdf5Reader& reader, const config::DataOptions& options,
                    const Shape& sample_shape);

}  // namespace ridgeline::data
