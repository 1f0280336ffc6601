#include "config/option_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "config/document.hpp"
#include "config/key_notes.hpp"
#include "config/other_names.hpp"
#include "config/toml_text.hpp"
#include "core/error.hpp"
#include "core/text.hpp"

namespace ridgeline::config {
namespace {

constexpr const char* kText = "text";
constexpr const char* kInteger = "integer";
constexpr const char* kNumber = "number";
constexpr const char* kBoolean = "true or false";
constexpr const char* kOneOf = "one of";
constexpr const char* kTextOrTexts = "text or list of texts";
constexpr const char* kIntegers = "list of integers";
constexpr const char* kPair = "one or two integers";
constexpr const char* kTable = "table";
constexpr const char* kTables = "list of tables";

std::string integer_range(std::int64_t minimum, std::int64_t maximum) {
  if (maximum == std::numeric_limits<std::int64_t>::max()) {
    return fmt::format("at least {}", minimum);
  }
  return fmt::format("from {} to {}", minimum, maximum);
}

std::string integer_description(std::int64_t minimum, std::int64_t maximum) {
  const std::string range = integer_range(minimum, maximum);
  return (range[0] == 'a' ? "an integer of " : "an integer ") + range;
}

/// Returns a number in `range`.
double placeholder_in(const Range& range) {
  for (const double value : {0.0, 1.0, range.minimum, (range.minimum + range.maximum) / 2}) {
    if (range.contains(value)) return value;
  }
  return range.maximum;
}

/// Returns a list as in a deck.
std::string shown_list(const std::vector<std::int64_t>& values) {
  std::vector<std::string> words;
  for (const std::int64_t value : values) words.push_back(std::to_string(value));
  return "[" + joined(words) + "]";
}

std::string quoted(const std::vector<std::string>& words) {
  std::vector<std::string> marked;
  for (const std::string& word : words) marked.push_back("\"" + word + "\"");
  return joined(marked);
}

/// Returns the node under `key` and marks the key as requested; null if it is missing.
const toml::node* find(OptionTable::State& state, const std::string& key) {
  state.requested.insert(key);
  if (state.document != nullptr) {
    std::string path;
    for (const std::string& segment : state.path) path += segment + ".";
    state.document->requested.insert(path + key);
  }
  return state.table == nullptr ? nullptr : state.table->get(key);
}

/// Returns the node under `key`; throws if it is missing.
const toml::node& require(const OptionTable& table, OptionTable::State& state,
                          const std::string& key, const std::string& description) {
  const toml::node* node = find(state, key);
  if (node == nullptr) {
    // A misspelled key is both missing and unknown; the latter message is more specific.
    std::vector<std::string> given = table.keys();
    given.erase(
        std::remove_if(given.begin(), given.end(),
                       [&](const std::string& name) { return state.requested.count(name) > 0; }),
        given.end());
    std::string near = named_otherwise(key, given);
    if (near.empty()) near = nearest(key, given);
    // "out_channels" for "channels".
    for (const std::string& name : given) {
      if (near.empty() && name.find(key) != std::string::npos) near = name;
    }
    if (!near.empty()) {
      table.fail(near, fmt::format("unknown key \"{}\" in {}, did you mean \"{}\"?", near,
                                   table.label(), key));
    }
    table.fail(key, table.path(key) + " is missing; it must be " + description);
  }
  return *node;
}

[[noreturn]] void refuse(const OptionTable& table, const std::string& key,
                         const std::string& description, const toml::node& node) {
  std::string advice;
  // --set takes a value that is not valid TOML as a text.
  if (const auto* text = node.as_string();
      text != nullptr && !text->get().empty() && (text->get()[0] == '{' || text->get()[0] == '[')) {
    if (const auto value = unquoted_value("value = " + text->get(), 1)) {
      advice = ", which is not valid TOML: " + needs_quotes(*value);
    }
  }
  table.fail(key,
             table.path(key) + " must be " + description + ", not " + show_value(node) + advice);
}

std::int64_t checked_integer(const OptionTable& table, const std::string& key,
                             const std::string& description, const toml::node& node,
                             std::int64_t minimum, std::int64_t maximum) {
  const auto* value = node.as_integer();
  if (value != nullptr && value->get() >= minimum && value->get() <= maximum) return value->get();
  // "1e3" is a real number in TOML.
  const auto* real = node.as_floating_point();
  const bool is_whole =
      real != nullptr && std::floor(real->get()) == real->get() && std::fabs(real->get()) < 1e15;
  if (is_whole) {
    const auto whole = static_cast<std::int64_t>(real->get());
    if (whole >= minimum && whole <= maximum) {
      table.fail(key, fmt::format("{} must be {}, not the real number {}; write {}",
                                  table.path(key), description, show_value(node), whole));
    }
  }
  refuse(table, key, description, node);
}

/// Returns the text in the brackets of a TOML table header: the keys without array indices.
std::string header_of(const OptionTable::State& state, const std::string& key) {
  std::string header;
  const toml::node* node = state.document ? &state.document->root : nullptr;
  for (const std::string& segment : state.path) {
    if (node == nullptr) break;
    const auto* array = node->as_array();
    node = array != nullptr ? array->get(std::stoul(segment)) : node->as_table()->get(segment);
    if (array == nullptr) header += segment + ".";
  }
  return header + key;
}

}  // namespace

OptionTable::OptionTable() : state_(std::make_shared<State>()) {}
OptionTable::OptionTable(std::shared_ptr<State> state) : state_(std::move(state)) {}

OptionTable OptionTable::generated(const std::string& toml, const std::string& name) {
  auto document = std::make_shared<Document>(parse_document(toml, name));
  document->root = toml::table(std::as_const(document->root));  // a copy has no line numbers
  return root_table(document);
}

bool OptionTable::has(const Key& key) const {
  if (note(*state_, key, {})) return noted(*state_, key).optional = true;
  return find(*state_, key.name) != nullptr;
}

std::vector<std::string> OptionTable::keys() const {
  std::vector<std::string> names;
  if (state_->table != nullptr) {
    for (const auto& [key, value] : *state_->table) names.emplace_back(key.str());
  }
  return names;
}

std::string OptionTable::string(const Key& key) const {
  if (note(*state_, key, kText)) {
    const bool is_kind = key.name == "kind" && !state_->notes->kind.empty();
    return is_kind ? state_->notes->kind : kPlaceholderText;
  }
  const toml::node& node = require(*this, *state_, key.name, "a text in quotes");
  const auto* value = node.as_string();
  if (value == nullptr) refuse(*this, key.name, "a text in quotes", node);
  return value->get();
}

std::string OptionTable::string(const Key& key, const std::string& fallback) const {
  if (note(*state_, key, kText, {}, "\"" + fallback + "\"")) return fallback;
  return has(key) ? string(key) : fallback;
}

bool OptionTable::is_string(const Key& key) const {
  if (note(*state_, key, {})) {
    noted(*state_, key).accepts_text = true;
    return false;
  }
  const toml::node* node = find(*state_, key.name);
  return node != nullptr && node->is_string();
}

std::vector<std::string> OptionTable::strings(const Key& key) const {
  if (note(*state_, key, kTextOrTexts)) return {kPlaceholderText};
  const std::string description = "a text in quotes or a list of them";
  const toml::node& node = require(*this, *state_, key.name, description);
  const auto* array = node.as_array();
  if (array == nullptr && !node.is_string()) refuse(*this, key.name, description, node);
  if (array == nullptr) return {string(key)};
  if (array->empty())
    fail(key.name, path(key.name) + " must be " + description + ", not an empty list");
  std::vector<std::string> values;
  for (const toml::node& element : *array) {
    const auto* value = element.as_string();
    if (value == nullptr) refuse(*this, key.name, description, element);
    values.push_back(value->get());
  }
  return values;
}

std::string OptionTable::one_of(const Key& key, const std::vector<std::string>& choices,
                                const std::optional<std::string>& fallback) const {
  if (note(*state_, key, kOneOf, quoted(choices),
           fallback ? quoted({*fallback}) : std::optional<std::string>())) {
    return fallback ? *fallback : placeholder_of(*state_, key, choices);
  }
  if (fallback && !has(key)) return *fallback;
  const std::string description =
      choices.size() == 1 ? quoted(choices) : "one of " + quoted(choices);
  const toml::node& node = require(*this, *state_, key.name, description);
  const auto* value = node.as_string();
  if (value == nullptr) refuse(*this, key.name, description, node);
  const std::string& text = value->get();
  if (std::find(choices.begin(), choices.end(), text) != choices.end()) return text;
  const std::string near = meant_by(text, choices);
  fail(key.name,
       fmt::format("{} must be {}, not {}{}", path(key.name), description, show_value(node),
                   near.empty() ? "" : "; did you mean \"" + near + "\"?"));
}

std::int64_t OptionTable::integer(const Key& key, std::int64_t minimum,
                                  std::int64_t maximum) const {
  if (note(*state_, key, kInteger, integer_range(minimum, maximum))) return minimum;
  const std::string description = integer_description(minimum, maximum);
  return checked_integer(*this, key.name, description,
                         require(*this, *state_, key.name, description), minimum, maximum);
}

std::int64_t OptionTable::integer(const Key& key, std::int64_t minimum, std::int64_t maximum,
                                  std::int64_t fallback) const {
  if (note(*state_, key, kInteger, integer_range(minimum, maximum), std::to_string(fallback)))
    return fallback;
  return has(key) ? integer(key, minimum, maximum) : fallback;
}

double OptionTable::real(const Key& key, const Range& range) const {
  if (note(*state_, key, kNumber, range.text())) return placeholder_in(range);
  const toml::node& node = require(*this, *state_, key.name, range.description());
  const auto value = node.is_number() ? node.value<double>() : std::nullopt;
  if (!value || !range.contains(*value)) refuse(*this, key.name, range.description(), node);
  return *value;
}

double OptionTable::real(const Key& key, const Range& range, double fallback) const {
  if (note(*state_, key, kNumber, range.text(), fmt::format("{}", fallback))) return fallback;
  return has(key) ? real(key, range) : fallback;
}

bool OptionTable::boolean(const Key& key) const {
  if (note(*state_, key, kBoolean)) return false;
  const toml::node& node = require(*this, *state_, key.name, "true or false");
  const auto* value = node.as_boolean();
  if (value == nullptr) refuse(*this, key.name, "true or false", node);
  return value->get();
}

bool OptionTable::boolean(const Key& key, bool fallback) const {
  if (note(*state_, key, kBoolean, {}, fallback ? "true" : "false")) return fallback;
  return has(key) ? boolean(key) : fallback;
}

std::vector<std::int64_t> OptionTable::integers(const Key& key, std::int64_t minimum,
                                                std::int64_t maximum) const {
  if (note(*state_, key, kIntegers, integer_range(minimum, maximum))) return {minimum};
  const std::string element = integer_description(minimum, maximum);
  const std::string description = "a list, each element " + element;
  const toml::node& node = require(*this, *state_, key.name, description);
  const auto* array = node.as_array();
  if (array == nullptr) refuse(*this, key.name, description, node);
  if (array->empty()) {
    fail(key.name, path(key.name) + " must be " + description + ", not an empty list");
  }
  std::vector<std::int64_t> values;
  for (const toml::node& value : *array) {
    values.push_back(checked_integer(*this, key.name, description, value, minimum, maximum));
  }
  return values;
}

std::vector<std::int64_t> OptionTable::integers(const Key& key, std::int64_t minimum,
                                                std::int64_t maximum,
                                                const std::vector<std::int64_t>& fallback) const {
  if (note(*state_, key, kIntegers, integer_range(minimum, maximum), shown_list(fallback))) {
    return fallback;
  }
  return has(key) ? integers(key, minimum, maximum) : fallback;
}

std::array<std::int64_t, 2> OptionTable::pair(const Key& key, std::int64_t minimum,
                                              std::int64_t maximum) const {
  if (note(*state_, key, kPair, integer_range(minimum, maximum))) return {minimum, minimum};
  const std::string description =
      integer_description(minimum, maximum) + ", or a list of two (height, width)";
  const toml::node& node = require(*this, *state_, key.name, description);
  const auto* array = node.as_array();
  if (array == nullptr) {
    const auto both = checked_integer(*this, key.name, description, node, minimum, maximum);
    return {both, both};
  }
  if (array->size() != 2) {
    fail(key.name, fmt::format("{} must be {}, not a list of {}", path(key.name), description,
                               array->size()));
  }
  return {checked_integer(*this, key.name, description, *array->get(0), minimum, maximum),
          checked_integer(*this, key.name, description, *array->get(1), minimum, maximum)};
}

std::array<std::int64_t, 2> OptionTable::pair(const Key& key, std::int64_t minimum,
                                              std::int64_t maximum,
                                              const std::array<std::int64_t, 2>& fallback) const {
  if (note(*state_, key, kPair, integer_range(minimum, maximum),
           fallback[0] == fallback[1] ? std::to_string(fallback[0])
                                      : shown_list({fallback[0], fallback[1]}))) {
    return fallback;
  }
  return has(key) ? pair(key, minimum, maximum) : fallback;
}

OptionTable OptionTable::table(const Key& key) const {
  if (note(*state_, key, kTable)) {
    std::vector<std::string> path = state_->path;
    path.push_back(key.name);
    return described_table(state_->describing, path);
  }
  const toml::node& node = require(*this, *state_, key.name, "a table");
  const auto* found = node.as_table();
  if (found == nullptr) refuse(*this, key.name, "a table", node);
  return child(*state_, *found, {key.name});
}

std::optional<OptionTable> OptionTable::optional_table(const Key& key) const {
  if (!has(key)) return {};
  return table(key);
}

std::vector<OptionTable> OptionTable::tables(const Key& key) const {
  if (note(*state_, key, kTables)) {
    std::vector<std::string> path = state_->path;
    // The list of an element would never end.
    if (!path.empty() && path.back() == kAnyElement) return {};
    path.insert(path.end(), {key.name, kAnyElement});
    return {described_table(state_->describing, path)};
  }
  const toml::node* node = find(*state_, key.name);
  if (node == nullptr) return {};
  const std::string description = "a list of tables, [[" + header_of(*state_, key.name) + "]]";
  const auto* array = node->as_array();
  if (array == nullptr) refuse(*this, key.name, description, *node);
  std::vector<OptionTable> found;
  for (std::size_t i = 0; i < array->size(); ++i) {
    const auto* element = array->get(i)->as_table();
    if (element == nullptr) refuse(*this, key.name, description, *array->get(i));
    found.push_back(child(*state_, *element, {key.name, std::to_string(i)}));
  }
  return found;
}

void OptionTable::fail(const std::string& key, const std::string& message) const {
  const std::string where = place(key);
  throw RequestError(where.empty() ? message : where + ": " + message);
}

std::vector<std::string> OptionTable::known_keys() const {
  return {state_->requested.begin(), state_->requested.end()};
}

void OptionTable::finish() const {
  if (state_->notes != nullptr) state_->notes->complete = true;
  const std::vector<std::string> known = known_keys();
  for (const std::string& key : keys()) {
    if (state_->requested.count(key) != 0) continue;
    std::string near = meant_by(key, known);
    if (near.empty()) near = in_a_table_inside(*state_, key);
    fail(key, fmt::format("unknown key \"{}\" in {}{} (known: {})", key, label(),
                          near.empty() ? "" : ", did you mean \"" + near + "\"?", joined(known)));
  }
}

}  // namespace ridgeline::config
