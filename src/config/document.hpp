#pragma once

// Private to this folder: the only header that shows toml++.

#include <stdexcept>

namespace ridgeline::config {
/// An assertion of toml++ that does not hold. Some fail for texts that are not valid TOML, and
/// without them its version 3.3 goes on with undefined behaviour.
struct TomlAssertion : std::logic_error {
  TomlAssertion() : std::logic_error("an assertion of toml++ failed") {}
};
[[noreturn]] inline void fail_toml_assertion() { throw TomlAssertion(); }
}  // namespace ridgeline::config

// toml++ has no assertions where NDEBUG is defined.
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

/// The largest deck. A value of one or two bytes takes about 90 in toml++.
inline constexpr std::size_t kMostDeckBytes = std::size_t{4} << 20;

/// A parsed deck with the values that --set put into it.
struct Document {
  struct Override {
    std::vector<std::string> path;  ///< with indices for elements of arrays
    std::string spelled;            ///< as it was given: "--set train.epochs"
  };

  std::string name;  ///< file name, for messages
  toml::table root;
  std::vector<Override> overrides;
  mutable std::set<std::string> asked;  ///< paths of keys that something asked for
};

/// What an OptionTable stands on.
struct OptionTable::State {
  std::shared_ptr<const Document> document;
  const toml::table* table = nullptr;
  std::vector<std::string> path;  ///< with indices for elements of arrays
  std::set<std::string> asked;    ///< keys that something asked for
};

/// Parses TOML; throws RequestError "NAME:LINE: …".
Document parse_document(const std::string& text, const std::string& name);

/// Puts `value`, a TOML value or else a bare string, at the dotted `key`; `spelled` names the
/// request in errors.
void override_value(Document& document, const std::string& key, const std::string& value,
                    const std::string& spelled);

/// Applies the argument of one --set, "key=value".
void apply_set(Document& document, const std::string& argument);

/// The document as TOML that parses to the same values.
std::string to_toml(const Document& document);

OptionTable root_table(std::shared_ptr<const Document> document);

/// Every scalar and list of scalars in a table by its dotted path, as canonical text: integral
/// reals equal integers, so that 1 and 1.0 do not differ. A list of tables, which are
/// layers, has its length, "2 layers", beside what is in them.
std::map<std::string, std::string> flatten(const OptionTable& table);

/// The innermost table on a path of flatten(), and what is left of the path there: the key, or
/// more where the deck has no such table.
std::pair<OptionTable, std::string> locate(const OptionTable& table, const std::string& path);

/// A value as messages show it: `-3`, `"abc"`, `a table`.
std::string show_value(const toml::node& node);

/// Index of the element of an array that a segment of a path means: a number, or the name of a
/// layer. Returns the array's size for one past the end, and nothing where there is none.
std::optional<std::size_t> find_element(const toml::array& array, const std::string& segment);

/// "a, b, c".
std::string joined(const std::vector<std::string>& words);

}  // namespace ridgeline::config
