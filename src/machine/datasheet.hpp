#pragma once

#include <string>
#include <vector>

#include "io/json.hpp"

namespace ridgeline::machine {

/// A key of `machine --from-datasheet`: its name, the unit of its value and what it says.
struct DatasheetKey {
  const char* name;
  const char* unit;  ///< empty for a text
  const char* what;
};

/// Every key, in the order in which help shows them.
const std::vector<DatasheetKey>& datasheet_keys();

/// Returns the `ridgeline-machine` file of a machine as its data sheet describes it: `items` are
/// texts "KEY=VALUE,KEY=VALUE…". A part without a key belongs to the text before it, so that names
/// and sources may hold commas. The file has `measured: false`, the `datasheet` items that it was
/// made from, and one space; what the sheet does not say is absent or empty there.
///
/// Throws RequestError for an unknown or repeated key (and names the nearest), a value that is no
/// number above 0, and a sheet without name, kind, source or any rate.
io::Json from_datasheet(const std::vector<std::string>& items);

}  // namespace ridgeline::machine
