#pragma once

// Private to this folder: the only header that exposes toml++.

#include <stdexcept>

namespace ridgeline::config {
/// A failed assertion of toml++. Some fail for invalid TOML; without them version 3.3 continues
/// with undefined behaviour.
struct TomlAssertion : std::logic_error {
  TomlAssertion() : std::logic_error("an assertion of toml++ failed") {}
};
[[noreturn]] inline void fail_toml_assertion() { throw TomlAssertion(); }
}  // namespace ridgeline::config

// toml++ has no assertions if NDEBUG is defined.
#pragma push_macro("NDEBUG")
#undef NDEBUG
#define TOML_ASSERT(condition) \
  ((condition) ? static_cast<void>(0) : ::ridgeline::config::fail_toml_assertion())
#if __has_include(<toml++/toml.hpp>)
#include <toml++/toml.hpp>
#else
#include <toml++/toml.h>
#endif
#pragma pop_macro("NDEBUG")

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "config/option_table.hpp"

namespace ridgeline::config {

/// Maximum size of a deck. A value of one or two bytes takes about 90 bytes in toml++.
inline constexpr std::size_t kMostDeckBytes = std::size_t{4} << 20;

/// A parsed deck with the overrides of --set.
struct Document {
  struct Override {
    std::vector<std::string> path;  ///< with indices for elements of arrays
    std::string spelled;            ///< as given: "--set train.epochs"
  };

  std::string name;  ///< file name, for messages
  toml::table root;
  std::vector<Override> overrides;
  mutable std::set<std::string> requested;  ///< paths of requested keys
};

struct Describing;
struct TableNotes;

/// State of an OptionTable.
struct OptionTable::State {
  std::shared_ptr<const Document> document;
  const toml::table* table = nullptr;
  std::vector<std::string> path;    ///< with indices for elements of arrays
  std::set<std::string> requested;  ///< requested keys
  /// While keys are described, without document and table; see key_notes.hpp.
  std::shared_ptr<Describing> describing;
  std::shared_ptr<TableNotes> notes;
};

/// Parses TOML; throws RequestError "NAME:LINE: …".
Document parse_document(const std::string& text, const std::string& name);

/// Sets the dotted `key` to `value`, a TOML value or else a bare string; `spelled` names the
/// override in errors.
void override_value(Document& document, const std::string& key, const std::string& value,
                    const std::string& spelled);

/// Applies the argument of one --set, "key=value".
void apply_set(Document& document, const std::string& argument);

/// Returns the document as TOML that parses to the same values.
std::string to_toml(const Document& document);

OptionTable root_table(std::shared_ptr<const Document> document);

/// Returns the table inside another one.
OptionTable child(const OptionTable::State& parent, const toml::table& table,
                  const std::vector<std::string>& segments);

/// Returns every scalar and list of scalars in a table by its dotted path, as canonical text:
/// integral reals equal integers, so that 1 and 1.0 do not differ. For a list of tables (layers) it
/// contains the length, "2 layers", and the contents.
std::map<std::string, std::string> flatten(const OptionTable& table);

/// Returns the innermost existing table on a path of flatten(), and the remainder of the path: the
/// key, or more if the deck has no such table.
std::pair<OptionTable, std::string> locate(const OptionTable& table, const std::string& path);

/// Returns the path of a key that has this name, or that other frameworks call so, in a table
/// inside this one, as far as it has been read; empty if there is none.
std::string in_a_table_inside(const OptionTable::State& state, const std::string& key);

/// Returns a value in the format of messages: `-3`, `"abc"`, `a table`.
std::string show_value(const toml::node& node);

/// Returns the index of the array element that a path segment denotes: a number, or the name of a
/// layer. Returns the array's size for one past the end, and nullopt if there is no such element.
std::optional<std::size_t> find_element(const toml::array& array, const std::string& segment);

/// Returns "a, b, c".
std::string joined(const std::vector<std::string>& words);

}  // namespace ridgeline::config
