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

/// The real numbers that an option may have; always finite ones.
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
  /// [minimum, maximum): momentum, dropout rate.
  static Range half_open(double minimum, double maximum) { return {minimum, maximum, true, false}; }

  bool contains(double value) const;
  /// "a number from 0 to below 1", for errors.
  std::string description() const;
};

/// One table of a deck, read key by key. It remembers which keys were asked for, so that finish()
/// can refuse the others. Copies are cheap and share the deck and that memory.
///
/// Every getter throws RequestError "FILE:LINE: …" naming key, value and what would be right: where
/// the key is missing and there is no fallback, where its type is wrong, where it is out of range.
/// A value that came from --set is reported as "--set KEY: …" instead.
class OptionTable {
 public:
  /// An empty table of no deck.
  OptionTable();

  /// Whether the key is there; marks it as known.
  bool has(const std::string& key) const;
  /// The keys of the table, sorted; marks nothing.
  std::vector<std::string> keys() const;

  std::string string(const std::string& key) const;
  std::string string(const std::string& key, const std::string& fallback) const;

  /// Whether the key is there and holds a text, for one that takes a text or a number.
  bool is_string(const std::string& key) const;

  /// `"a"` or `["a", "b"]`, which must not be empty.
  std::vector<std::string> strings(const std::string& key) const;

  /// One of `choices`.
  std::string one_of(const std::string& key, const std::vector<std::string>& choices,
                     const std::optional<std::string>& fallback = {}) const;

  /// The enumerator that belongs to the text; see one_of.
  template <class Enum>
  Enum choice(const std::string& key, std::initializer_list<std::pair<const char*, Enum>> choices,
              const std::optional<std::string>& fallback = {}) const {
    std::vector<std::string> names;
    for (const auto& [name, value] : choices) names.emplace_back(name);
    const std::string chosen = one_of(key, names, fallback);
    for (const auto& [name, value] : choices) {
      if (chosen == name) return value;
    }
    fail(key, path(key) + " has the unknown default \"" + chosen + "\"");
  }

  std::int64_t integer(const std::string& key, std::int64_t minimum, std::int64_t maximum) const;
  std::int64_t integer(const std::string& key, std::int64_t minimum, std::int64_t maximum,
                       std::int64_t fallback) const;

  /// A finite number in `range`; an integer is accepted too.
  double real(const std::string& key, const Range& range) const;
  double real(const std::string& key, const Range& range, double fallback) const;

  bool boolean(const std::string& key) const;
  bool boolean(const std::string& key, bool fallback) const;

  /// A list of at least one integer.
  std::vector<std::int64_t> integers(const std::string& key, std::int64_t minimum,
                                     std::int64_t maximum) const;

  /// `3` (both) or `[3, 5]` (height, width).
  std::array<std::int64_t, 2> pair(const std::string& key, std::int64_t minimum,
                                   std::int64_t maximum) const;
  std::array<std::int64_t, 2> pair(const std::string& key, std::int64_t minimum,
                                   std::int64_t maximum,
                                   const std::array<std::int64_t, 2>& fallback) const;

  /// A table inside this one; without the key an error, or nothing from the second.
  OptionTable table(const std::string& key) const;
  std::optional<OptionTable> optional_table(const std::string& key) const;

  /// An array of tables; empty where the key is missing.
  std::vector<OptionTable> tables(const std::string& key) const;

  /// Throws RequestError "FILE:LINE: MESSAGE" with the line of the key, or of the table where the
  /// key is missing or empty.
  [[noreturn]] void fail(const std::string& key, const std::string& message) const;

  /// "FILE:LINE" of the key (or of the table), "FILE" where there is no line, "--set KEY" where the
  /// value came from there.
  std::string place(const std::string& key = {}) const;

  /// The key with the tables around it, "network.layer.fc1.units", as --set addresses it.
  std::string path(const std::string& key) const;

  /// What the table is, for messages: `[train]`, `[[network.layer]] "fc1"`.
  std::string label() const;

  /// Throws RequestError for the first key that nothing asked for, with the nearest known key.
  void finish() const;

  struct State;  ///< toml++'s table and the memory of reads; complete inside this folder alone
  explicit OptionTable(std::shared_ptr<State> state);
  const std::shared_ptr<State>& state() const { return state_; }

 private:
  std::shared_ptr<State> state_;
};

/// Names of sibling layers in order: `name`, or else the kind and the layer's number among its
/// siblings of that kind ("dense1", "dense2"). Marks `name` and `kind` as known. Throws
/// RequestError for an empty or reserved name, one with a `/`, and one that a sibling has.
std::vector<std::string> layer_names(const std::vector<OptionTable>& siblings);

}  // namespace ridgeline::config
