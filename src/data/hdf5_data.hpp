#pragma once

#include <string>
#include <vector>

#include "config/deck.hpp"
#include "data/dataset.hpp"
#include "io/hdf5.hpp"

namespace ridgeline::data {

/// What the inputs of an HDF5 file are.
enum class InputKind {
  values,  ///< real numbers
  tokens,  ///< integers
  images   ///< uint8 [n, channels, height, width], which become x / 255
};

/// Returns what the type and shape of a dataset make it. Throws RequestError if it holds no
/// numbers.
InputKind input_kind(const io::Hdf5Reader& reader, const std::string& path);

/// The samples of an HDF5 file, `/train` and, where it has one, `/test`: `inputs` are as
/// input_kind() says; `targets` are values or, as integers, labels, one a sample or one a token.
/// Throws RequestError naming file and object, and sample and position where one value is wrong.
Dataset load_hdf5(const config::DataOptions& options);

/// Returns the files that the values come from besides the file itself: sources of virtual
/// datasets.
std::vector<std::string> hdf5_sources(const config::DataOptions& options);

}  // namespace ridgeline::data
