#pragma once

#include <string>
#include <vector>

#include "config/deck.hpp"
#include "data/dataset.hpp"
#include "io/hdf5.hpp"

namespace ridgeline::data {

/// Kind of the inputs in an HDF5 file.
enum class InputKind {
  values,  ///< real numbers
  tokens,  ///< integers
  images   ///< uint8 [n, channels, height, width], scaled to x / 255
};

/// Returns the kind of a dataset from its type and shape. Throws RequestError if it does not
/// contain numbers.
InputKind input_kind(const io::Hdf5Reader& reader, const std::string& path);

/// Reads the samples of an HDF5 file, `/train` and, if present, `/test`. `inputs` are of any
/// input_kind(); `targets` are values or, as integers, labels, one per sample or one per token.
/// Throws RequestError naming file and object, and sample and position of an invalid value.
Dataset load_hdf5(const config::DataOptions& options);

/// Returns the other files that contain the values: sources of virtual datasets.
std::vector<std::string> hdf5_sources(const config::DataOptions& options);

}  // namespace ridgeline::data
