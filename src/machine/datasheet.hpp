#pragma once

#include <string>
#include <vector>

#include "io/json.hpp"

namespace ridgeline::machine {

/// A key of `machine --from-datasheet`: its name, the unit of its value and its meaning.
struct DatasheetKey {
  const char* name;
  const char* unit;  ///< empty for a text
  const char* meaning;
};

/// Returns every key, in the order of the help text.
const std::vector<DatasheetKey>& datasheet_keys();

/// Returns the `ridgeline-machine` file of a machine as its data sheet describes it: `items` are
/// texts "KEY=VALUE,KEY=VALUE…". A part without a key belongs to the text before it, so that names
/// and sources may hold commas. The file has `measured: false`, the `datasheet` items that it was
/// made from, and one space; values that the sheet does not give are absent or empty there.
///
/// Throws RequestError for an unknown or repeated key (and names the nearest), a value that is not
/// a number above 0, and a sheet without name, kind, source or any rate.
io::Json from_datasheet(const std::vector<std::string>& items);

}  // namespace ridgeline::machine
