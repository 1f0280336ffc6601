#pragma once

// Private to this folder: what the getters of OptionTable record while keys are described.

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/document.hpp"

namespace ridgeline::config {

/// The requests of one key, combined.
struct NotedKey {
  Key key;
  std::string type, range;
  std::optional<std::string> fallback;
  bool optional = false;      ///< requested with has()
  bool accepts_text = false;  ///< requested with is_string()
};

/// The requests of one table.
struct TableNotes {
  std::vector<std::string> path;
  std::string kind;
  std::vector<NotedKey> keys;
  bool complete = false;  ///< finish() was called
};

/// One description: its tables are read once per round, with another `kind` in every round.
struct Describing {
  std::size_t round = 0, rounds = 1;
  std::vector<std::shared_ptr<TableNotes>> tables;
};

/// The index of an element of a list, in a path.
inline constexpr const char* kAnyElement = "0";

/// A text that is valid as a name, a path and a duration.
inline constexpr const char* kPlaceholderText = "1s";

/// Returns a table without keys, whose getters record.
OptionTable described_table(const std::shared_ptr<Describing>& describing,
                            const std::vector<std::string>& path);

/// Records a request and returns true while keys are described; returns false otherwise. The getter
/// then returns a placeholder.
bool note(OptionTable::State& state, const Key& key, const std::string& type,
          const std::string& range = {}, const std::optional<std::string>& fallback = {});

/// Returns the record of a key, which is added if it is new. Keys must be being described.
NotedKey& noted(OptionTable::State& state, const Key& key);

/// Returns the placeholder of a key that has `choices`: the kind of this round, or the first.
std::string placeholder_of(OptionTable::State& state, const Key& key,
                           const std::vector<std::string>& choices);

}  // namespace ridgeline::config
