#pragma once

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "config/option_table.hpp"
#include "core/shape.hpp"
#include "io/hdf5.hpp"
#include "support/matrices.hpp"
#include "support/paths.hpp"

namespace ridgeline::testing {

/// A file of PyTorch's results; tests/references/make.py describes its content.
inline std::string reference_file(const std::string& name) {
  return source_folder() + "/tests/references/" + name;
}

/// The tolerance to PyTorch's results in float64, relative in norm.
template <class T>
constexpr double kReferenceTolerance = sizeof(T) == 4 ? 1e-5 : 1e-10;

/// The shape of one sample in a dataset whose first dimension is the sample.
inline Shape sample_shape(const io::Hdf5Reader& file, const std::string& path) {
  const Shape shape = file.shape(path);
  return Shape(shape.begin() + 1, shape.end());
}

/// Expects what was computed to be a dataset of the file to the tolerance.
template <class Value>
void expect_reference(const std::vector<Value>& found, const io::Hdf5Reader& file,
                      const std::string& path, double tolerance) {
  ASSERT_TRUE(file.has(path)) << path;
  const std::vector<double> expected = file.read<double>(path);
  ASSERT_EQ(found.size(), expected.size()) << path;
  EXPECT_LT(relative_error(found, expected), tolerance) << path;
}

/// The keys in the tables of each kind of layer, the keys that their layers accept, and the
/// activations in them.
struct KeysSeen {
  /// Adds a table from which a layer has been read.
  void add(const config::OptionTable& layer) {
    const std::string kind = layer.string("kind");
    for (const std::string& key : layer.known_keys()) {
      if (key != "kind" && key != "name") known[kind].insert(key);
    }
    for (const std::string& key : layer.keys()) {
      if (key != "kind" && key != "name") given[kind].insert(key);
      if (key == "activation" || key == "function") activations[kind].insert(layer.string(key));
      if (key != "layer" && key != "shortcut") continue;
      for (const config::OptionTable& inner : layer.tables(key)) add(inner);
    }
    given[kind];
    known[kind];
  }
  std::map<std::string, std::set<std::string>> given, known, activations;
};

}  // namespace ridgeline::testing
