#pragma once

#include <string>
#include <vector>

#include "config/deck.hpp"
#include "data/dataset.hpp"
#include "io/hdf5.hpp"

namespace ridgeline::data {

/// Reads or makes what [data] of a deck asks for. A text has the tokens of `vocabulary`, a
/// checkpoint's, where it is given, and otherwise those of its own characters. Throws RequestError:
/// a missing path with the deck's line of `path`, a broken file with its name, dataset and
/// position.
Dataset load_dataset(const config::DataOptions& options, const Vocabulary* vocabulary = nullptr);

/// Returns the files that load_dataset reads, as far as they are there; files that are missing or
/// damaged are errors of load_dataset alone.
std::vector<std::string> data_files(const config::DataOptions& options);

/// `/inputs` [samples, sample_shape] of an HDF5 file that was opened for it, of any input_kind(),
/// as the test split of a dataset without targets, normalised as the deck's own data is; real
/// values of a deck whose data are bytes are those scaled to [0, 1]. Throws RequestError also where
/// a sample has another shape.
Dataset load_inputs(const io::Hdf5Reader& reader, const config::DataOptions& options,
                    const Shape& sample_shape);

}  // namespace ridgeline::data
