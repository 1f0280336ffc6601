#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace ridgeline::config {

/// The range of a real option; values must be finite.
struct Range {
  double minimum = -std::numeric_limits<double>::infinity();
  double maximum = std::numeric_limits<double>::infinity();
  bool minimum_allowed = true;
  bool maximum_allowed = true;

  static Range any() { return {}; }
  static Range positive() { return {0.0, std::numeric_limits<double>::infinity(), false, true}; }
  static Range at_least(double minimum) {
    return {minimum, std::numeric_limits<double>::infinity(), true, true};
  }
  static Range closed(double minimum, double maximum) { return {minimum, maximum, true, true}; }
  /// What is added to a denominator: a value that float32 can hold with full precision.
  static Range epsilon() { return closed(1e-37, 1e37); }
  /// [minimum, maximum): momentum, dropout rate.
  static Range half_open(double minimum, double maximum) { return {minimum, maximum, true, false}; }

  bool contains(double value) const;
  /// Returns "from 0 to below 1", "finite" if there are no limits.
  std::string text() const;
  /// Returns "a number from 0 to below 1", for errors.
  std::string description() const;
};

/// The name of a key, and what the reference of the deck's keys (`ridgeline deck --keys`) shows
/// besides its type and its range. A text alone is a name.
struct Key {
  Key(std::string key_name, std::string meaning = {}, std::string shown_default = {})  // NOLINT
      : name(std::move(key_name)), about(std::move(meaning)), fallback(std::move(shown_default)) {}
  Key(const char* key_name, std::string meaning = {}, std::string shown_default = {})  // NOLINT
      : Key(std::string(key_name), std::move(meaning), std::move(shown_default)) {}

  std::string name;
  std::string about;     ///< one sentence; empty where another request of the key has it
  std::string fallback;  ///< words for a default that is no fixed value; by default the value
};

/// One table of a deck, read key by key. It records the requested keys, so that finish() can reject
/// the others. Copies are cheap and share the deck and the record.
///
/// Every getter throws RequestError "FILE:LINE: …" naming key, value and the valid values if the
/// key is missing and there is no fallback, if its type is wrong, or if it is out of range. A value
/// from --set is reported as "--set KEY: …" instead.
///
/// The getters are also the source of the deck's reference: while describe_keys() calls them, they
/// record key, type, range and default, and return valid placeholders.
class OptionTable {
 public:
  /// Constructs an empty table without a deck.
  OptionTable();
  /// Parses the TOML of a table that a program wrote, not a user: errors are "NAME: …", without a
  /// line, and keys have no enclosing table.
  static OptionTable generated(const std::string& toml, const std::string& name);

  /// Returns whether the key exists; marks it as known.
  bool has(const Key& key) const;
  /// Returns the keys of the table, sorted; marks none as known.
  std::vector<std::string> keys() const;
  /// Returns the keys that were requested so far, sorted, whether they exist or not.
  std::vector<std::string> known_keys() const;

  std::string string(const Key& key) const;
  std::string string(const Key& key, const std::string& fallback) const;

  /// Returns whether the key exists and is a text, for keys that accept a text or a number.
  bool is_string(const Key& key) const;

  /// Returns the texts of `"a"` or `["a", "b"]`, which must not be empty.
  std::vector<std::string> strings(const Key& key) const;

  /// Returns a text that must be one of `choices`.
  std::string one_of(const Key& key, const std::vector<std::string>& choices,
                     const std::optional<std::string>& fallback = {}) const;

  /// Returns the enumerator of the text; see one_of.
  template <class Enum>
  Enum choice(const Key& key, std::initializer_list<std::pair<const char*, Enum>> choices,
              const std::optional<std::string>& fallback = {}) const {
    std::vector<std::string> names;
    for (const auto& [name, value] : choices) names.emplace_back(name);
    const std::string chosen = one_of(key, names, fallback);
    for (const auto& [name, value] : choices) {
      if (chosen == name) return value;
    }
    fail(key.name, path(key.name) + " has the unknown default \"" + chosen + "\"");
  }

  std::int64_t integer(const Key& key, std::int64_t minimum, std::int64_t maximum) const;
  std::int64_t integer(const Key& key, std::int64_t minimum, std::int64_t maximum,
                       std::int64_t fallback) const;

  /// Returns a finite number in `range`; accepts integers.
  double real(const Key& key, const Range& range) const;
  double real(const Key& key, const Range& range, double fallback) const;

  bool boolean(const Key& key) const;
  bool boolean(const Key& key, bool fallback) const;

  /// Returns a list of at least one integer.
  std::vector<std::int64_t> integers(const Key& key, std::int64_t minimum,
                                     std::int64_t maximum) const;
  std::vector<std::int64_t> integers(const Key& key, std::int64_t minimum, std::int64_t maximum,
                                     const std::vector<std::int64_t>& fallback) const;

  /// Returns the pair of `3` (both) or `[3, 5]` (height, width).
  std::array<std::int64_t, 2> pair(const Key& key, std::int64_t minimum,
                                   std::int64_t maximum) const;
  std::array<std::int64_t, 2> pair(const Key& key, std::int64_t minimum, std::int64_t maximum,
                                   const std::array<std::int64_t, 2>& fallback) const;

  /// Return a table inside this one. If the key is missing, the first throws and the second returns
  /// nullopt.
  OptionTable table(const Key& key) const;
  std::optional<OptionTable> optional_table(const Key& key) const;

  /// Returns an array of tables; empty if the key is missing.
  std::vector<OptionTable> tables(const Key& key) const;

  /// Throws RequestError "FILE:LINE: MESSAGE" with the line of the key, or of the table if the key
  /// is missing or empty.
  [[noreturn]] void fail(const std::string& key, const std::string& message) const;

  /// Returns "FILE:LINE" of the key (or of the table), "FILE" if there is no line, "--set KEY" if
  /// the value is from --set.
  std::string place(const std::string& key = {}) const;

  /// Returns the key with its enclosing tables, "network.layer.fc1.units", as in --set.
  std::string path(const std::string& key) const;

  /// Returns the name of the table for messages: `[train]`, `[[network.layer]] "fc1"`.
  std::string label() const;

  /// Throws RequestError for the first key that was not requested, with the nearest known key.
  void finish() const;

  struct State;  ///< toml++'s table and the requested keys; defined in document.hpp
  explicit OptionTable(std::shared_ptr<State> state);
  const std::shared_ptr<State>& state() const { return state_; }

 private:
  std::shared_ptr<State> state_;
};

/// Returns the names of sibling layers in order: `name`, or else the kind and the layer's number
/// among its siblings of that kind ("dense1", "dense2"). Marks `name` and `kind` as known. Throws
/// RequestError for an empty, reserved or duplicate name, and one with a `/`.
std::vector<std::string> layer_names(const std::vector<OptionTable>& siblings);

}  // namespace ridgeline::config
