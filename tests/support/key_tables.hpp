#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "config/key_reference.hpp"

namespace ridgeline::testing {

/// Returns the path of a table, joined by dots: "train.optimizer".
inline std::string path_of(const config::DescribedTable& table) {
  std::string text;
  for (const std::string& segment : table.path) text += (text.empty() ? "" : ".") + segment;
  return text;
}

/// Returns the description of a key of a table of this kind, "" for a table without kinds; null if
/// there is none.
inline const config::DescribedKey* find_key(const std::vector<config::DescribedTable>& tables,
                                            const std::string& path, const std::string& kind,
                                            const std::string& name) {
  for (const config::DescribedTable& table : tables) {
    const bool applies =
        table.kinds.empty() || std::count(table.kinds.begin(), table.kinds.end(), kind) > 0;
    if (path_of(table) != path || !applies) continue;
    for (const config::DescribedKey& key : table.keys) {
      if (key.name == name) return &key;
    }
  }
  return nullptr;
}

/// Returns "name: type range = default (about)".
inline std::string line_of(const config::DescribedKey& key) {
  return key.name + ": " + key.type + (key.range.empty() ? "" : " " + key.range) + " = " +
         key.fallback + (key.about.empty() ? "" : " (" + key.about + ")");
}

}  // namespace ridgeline::testing
