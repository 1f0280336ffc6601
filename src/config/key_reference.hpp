#pragma once

#include <functional>
#include <string>
#include <vector>

#include "config/option_table.hpp"

namespace ridgeline::config {

/// A key that decks may have, as the reference shows it.
struct DescribedKey {
  std::string name;
  std::string type;      ///< in words: "integer", "one of", "list of integers"
  std::string range;     ///< "from 1 to 16", the texts that are allowed; empty if there is no limit
  std::string fallback;  ///< the default as TOML or in words; "required" or "none"
  std::string about;     ///< one sentence
};

/// Keys of one table of the deck: those of every kind of the table, or the additional ones of some
/// kinds.
struct DescribedTable {
  std::vector<std::string> path;   ///< {"train", "optimizer"}; empty at the top level
  bool is_list = false;            ///< one of a list of tables
  std::vector<std::string> kinds;  ///< values of `kind`; empty: every one
  std::vector<DescribedKey> keys;
  /// Whether reading reached the end of the table. Otherwise a check failed with the placeholders,
  /// and keys that are read after it would be missing here.
  bool complete = true;

  /// Returns `[train.optimizer]`, `[[network.layer]]`, "top level".
  std::string header() const;
};

/// Returns the keys that `read` requests of its argument, a table with this path ("0" stands for an
/// element of a list), and of the tables inside. Tables with a key `kind` are read in every kind.
/// An error that `read` throws because of a placeholder ends one reading.
std::vector<DescribedTable> describe_keys(const std::vector<std::string>& path,
                                          const std::function<void(const OptionTable&)>& read);

/// Returns the keys of the deck, except those of its layers, which the layers read.
std::vector<DescribedTable> describe_sections();

}  // namespace ridgeline::config
