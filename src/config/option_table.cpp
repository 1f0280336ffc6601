#include "config/option_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "config/document.hpp"
#include "core/error.hpp"
#include "core/text.hpp"

namespace ridgeline::config {
namespace {

std::string integer_description(std::int64_t minimum, std::int64_t maximum) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  if (maximum == kMost) return fmt::format("an integer of at least {}", minimum);
  return fmt::format("an integer from {} to {}", minimum, maximum);
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
    std::string near = nearest(key, given);
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
  table.fail(key, table.path(key) + " must be " + description + ", not " + show_value(node));
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

OptionTable child(const OptionTable::State& parent, const toml::table& table,
                  const std::vector<std::string>& segments) {
  auto state = std::make_shared<OptionTable::State>();
  state->document = parent.document;
  state->table = &table;
  state->path = parent.path;
  state->path.insert(state->path.end(), segments.begin(), segments.end());
  return OptionTable(std::move(state));
}

/// Returns the override that set `path` or an enclosing table, or that created the table.
const Document::Override* find_override(const Document& document,
                                        const std::vector<std::string>& path) {
  const Document::Override* found = nullptr;
  for (const auto& candidate : document.overrides) {
    const std::size_t common = std::min(candidate.path.size(), path.size());
    if (std::equal(path.begin(), path.begin() + static_cast<std::ptrdiff_t>(common),
                   candidate.path.begin())) {
      found = &candidate;
    }
  }
  return found;
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

/// Returns the name of element `index` of an array of tables, or its number.
std::string element_name(const toml::table* element, const std::string& index) {
  if (element != nullptr) {
    const auto name = (*element)["name"].value<std::string>();
    if (name && !name->empty()) return *name;
  }
  return index;
}

}  // namespace

bool Range::contains(double value) const {
  return std::isfinite(value) && (minimum_allowed ? value >= minimum : value > minimum) &&
         (maximum_allowed ? value <= maximum : value < maximum);
}

std::string Range::description() const {
  const std::string low = std::isfinite(minimum)
                              ? (minimum_allowed ? "" : "above ") + fmt::format("{}", minimum)
                              : std::string();
  const std::string high = std::isfinite(maximum)
                               ? (maximum_allowed ? "" : "below ") + fmt::format("{}", maximum)
                               : std::string();
  if (low.empty() && high.empty()) return "a finite number";
  if (high.empty()) return minimum_allowed ? "a number of at least " + low : "a number " + low;
  if (low.empty()) return maximum_allowed ? "a number of at most " + high : "a number " + high;
  return "a number from " + low + " to " + high;
}

OptionTable::OptionTable() : state_(std::make_shared<State>()) {}
OptionTable::OptionTable(std::shared_ptr<State> state) : state_(std::move(state)) {}

OptionTable OptionTable::generated(const std::string& toml, const std::string& name) {
  auto document = std::make_shared<Document>(parse_document(toml, name));
  document->root = toml::table(std::as_const(document->root));  // a copy has no line numbers
  return root_table(document);
}

bool OptionTable::has(const std::string& key) const { return find(*state_, key) != nullptr; }

std::vector<std::string> OptionTable::keys() const {
  std::vector<std::string> names;
  if (state_->table != nullptr) {
    for (const auto& [key, value] : *state_->table) names.emplace_back(key.str());
  }
  return names;
}

std::string OptionTable::string(const std::string& key) const {
  const toml::node& node = require(*this, *state_, key, "a text in quotes");
  const auto* value = node.as_string();
  if (value == nullptr) refuse(*this, key, "a text in quotes", node);
  return value->get();
}

std::string OptionTable::string(const std::string& key, const std::string& fallback) const {
  return has(key) ? string(key) : fallback;
}

bool OptionTable::is_string(const std::string& key) const {
  const toml::node* node = find(*state_, key);
  return node != nullptr && node->is_string();
}

std::vector<std::string> OptionTable::strings(const std::string& key) const {
  const std::string description = "a text in quotes or a list of them";
  const toml::node& node = require(*this, *state_, key, description);
  const auto* array = node.as_array();
  if (array == nullptr && !node.is_string()) refuse(*this, key, description, node);
  if (array == nullptr) return {string(key)};
  if (array->empty()) fail(key, path(key) + " must be " + description + ", not an empty list");
  std::vector<std::string> values;
  for (const toml::node& element : *array) {
    const auto* value = element.as_string();
    if (value == nullptr) refuse(*this, key, description, element);
    values.push_back(value->get());
  }
  return values;
}

std::string OptionTable::one_of(const std::string& key, const std::vector<std::string>& choices,
                                const std::optional<std::string>& fallback) const {
  if (fallback && !has(key)) return *fallback;
  const std::string description =
      choices.size() == 1 ? quoted(choices) : "one of " + quoted(choices);
  const toml::node& node = require(*this, *state_, key, description);
  const auto* value = node.as_string();
  if (value == nullptr) refuse(*this, key, description, node);
  const std::string& text = value->get();
  if (std::find(choices.begin(), choices.end(), text) != choices.end()) return text;
  const std::string near = nearest(text, choices);
  fail(key, fmt::format("{} must be {}, not {}{}", path(key), description, show_value(node),
                        near.empty() ? "" : "; did you mean \"" + near + "\"?"));
}

std::int64_t OptionTable::integer(const std::string& key, std::int64_t minimum,
                                  std::int64_t maximum) const {
  const std::string description = integer_description(minimum, maximum);
  return checked_integer(*this, key, description, require(*this, *state_, key, description),
                         minimum, maximum);
}

std::int64_t OptionTable::integer(const std::string& key, std::int64_t minimum,
                                  std::int64_t maximum, std::int64_t fallback) const {
  return has(key) ? integer(key, minimum, maximum) : fallback;
}

double OptionTable::real(const std::string& key, const Range& range) const {
  const toml::node& node = require(*this, *state_, key, range.description());
  const auto value = node.is_number() ? node.value<double>() : std::nullopt;
  if (!value || !range.contains(*value)) refuse(*this, key, range.description(), node);
  return *value;
}

double OptionTable::real(const std::string& key, const Range& range, double fallback) const {
  return has(key) ? real(key, range) : fallback;
}

bool OptionTable::boolean(const std::string& key) const {
  const toml::node& node = require(*this, *state_, key, "true or false");
  const auto* value = node.as_boolean();
  if (value == nullptr) refuse(*this, key, "true or false", node);
  return value->get();
}

bool OptionTable::boolean(const std::string& key, bool fallback) const {
  return has(key) ? boolean(key) : fallback;
}

std::vector<std::int64_t> OptionTable::integers(const std::string& key, std::int64_t minimum,
                                                std::int64_t maximum) const {
  const std::string element = integer_description(minimum, maximum);
  const std::string description = "a list, each element " + element;
  const toml::node& node = require(*this, *state_, key, description);
  const auto* array = node.as_array();
  if (array == nullptr) refuse(*this, key, description, node);
  if (array->empty()) {
    fail(key, path(key) + " must be " + description + ", not an empty list");
  }
  std::vector<std::int64_t> values;
  for (const toml::node& value : *array) {
    values.push_back(checked_integer(*this, key, description, value, minimum, maximum));
  }
  return values;
}

std::array<std::int64_t, 2> OptionTable::pair(const std::string& key, std::int64_t minimum,
                                              std::int64_t maximum) const {
  const std::string description =
      integer_description(minimum, maximum) + ", or a list of two (height, width)";
  const toml::node& node = require(*this, *state_, key, description);
  const auto* array = node.as_array();
  if (array == nullptr) {
    const auto both = checked_integer(*this, key, description, node, minimum, maximum);
    return {both, both};
  }
  if (array->size() != 2) {
    fail(key,
         fmt::format("{} must be {}, not a list of {}", path(key), description, array->size()));
  }
  return {checked_integer(*this, key, description, *array->get(0), minimum, maximum),
          checked_integer(*this, key, description, *array->get(1), minimum, maximum)};
}

std::array<std::int64_t, 2> OptionTable::pair(const std::string& key, std::int64_t minimum,
                                              std::int64_t maximum,
                                              const std::array<std::int64_t, 2>& fallback) const {
  return has(key) ? pair(key, minimum, maximum) : fallback;
}

OptionTable OptionTable::table(const std::string& key) const {
  const toml::node& node = require(*this, *state_, key, "a table");
  const auto* found = node.as_table();
  if (found == nullptr) refuse(*this, key, "a table", node);
  return child(*state_, *found, {key});
}

std::optional<OptionTable> OptionTable::optional_table(const std::string& key) const {
  if (!has(key)) return {};
  return table(key);
}

std::vector<OptionTable> OptionTable::tables(const std::string& key) const {
  const toml::node* node = find(*state_, key);
  if (node == nullptr) return {};
  const std::string description = "a list of tables, [[" + header_of(*state_, key) + "]]";
  const auto* array = node->as_array();
  if (array == nullptr) refuse(*this, key, description, *node);
  std::vector<OptionTable> found;
  for (std::size_t i = 0; i < array->size(); ++i) {
    const auto* element = array->get(i)->as_table();
    if (element == nullptr) refuse(*this, key, description, *array->get(i));
    found.push_back(child(*state_, *element, {key, std::to_string(i)}));
  }
  return found;
}

void OptionTable::fail(const std::string& key, const std::string& message) const {
  const std::string where = place(key);
  throw RequestError(where.empty() ? message : where + ": " + message);
}

std::string OptionTable::place(const std::string& key) const {
  if (state_->document == nullptr) return {};
  const Document& document = *state_->document;
  std::vector<std::string> path = state_->path;
  const toml::node* node = state_->table;
  if (const toml::node* value = key.empty() ? nullptr : state_->table->get(key)) {
    node = value;
    path.push_back(key);
  }
  if (node == &document.root) return document.name;
  if (node->source().begin) {
    return document.name + ":" + std::to_string(node->source().begin.line);
  }
  const Document::Override* from = find_override(document, path);
  return from == nullptr ? document.name : from->spelled;
}

std::string OptionTable::path(const std::string& key) const {
  std::string text;
  const toml::node* node = state_->document ? &state_->document->root : nullptr;
  for (const std::string& segment : state_->path) {
    if (node == nullptr) break;
    const auto* array = node->as_array();
    node = array != nullptr ? array->get(std::stoul(segment)) : node->as_table()->get(segment);
    text += array != nullptr ? element_name(node->as_table(), segment) : segment;
    text += ".";
  }
  if (key.empty() && !text.empty()) text.pop_back();
  return text + key;
}

std::string OptionTable::label() const {
  if (state_->path.empty()) return "the deck";
  std::string sections;
  std::string element;
  const toml::node* node = &state_->document->root;
  for (const std::string& segment : state_->path) {
    const auto* array = node->as_array();
    node = array != nullptr ? array->get(std::stoul(segment)) : node->as_table()->get(segment);
    element.clear();
    if (array == nullptr) {
      sections += (sections.empty() ? "" : ".") + segment;
    } else {
      const std::string name = element_name(node->as_table(), segment);
      element = name == segment ? " number " + std::to_string(std::stoul(segment) + 1)
                                : " \"" + name + "\"";
    }
  }
  return element.empty() ? "[" + sections + "]" : "[[" + sections + "]]" + element;
}

std::vector<std::string> OptionTable::known_keys() const {
  return {state_->requested.begin(), state_->requested.end()};
}

void OptionTable::finish() const {
  const std::vector<std::string> known = known_keys();
  for (const std::string& key : keys()) {
    if (state_->requested.count(key) != 0) continue;
    const std::string near = nearest(key, known);
    fail(key, fmt::format("unknown key \"{}\" in {}{} (known: {})", key, label(),
                          near.empty() ? "" : ", did you mean \"" + near + "\"?", joined(known)));
  }
}

std::pair<OptionTable, std::string> locate(const OptionTable& table, const std::string& path) {
  OptionTable found = table;
  std::string remaining = path;
  const auto take = [](const std::string& text) { return text.substr(0, text.find('.')); };
  for (;;) {
    const std::string key = take(remaining);
    if (key == remaining) return {found, remaining};
    const OptionTable::State& state = *found.state();
    const toml::node* node = state.table == nullptr ? nullptr : state.table->get(key);
    std::vector<std::string> segments = {key};
    std::string inner = remaining.substr(key.size() + 1);
    if (const auto* array = node == nullptr ? nullptr : node->as_array()) {
      segments.push_back(take(inner));
      const bool index = segments[1].find_first_not_of("0123456789") == std::string::npos;
      if (!index || segments[1].size() > 9 || inner == segments[1]) return {found, remaining};
      node = array->get(std::stoul(segments[1]));
      inner = inner.substr(segments[1].size() + 1);
    }
    const toml::table* next = node == nullptr ? nullptr : node->as_table();
    // A missing element is reported at the line of the list.
    if (next == nullptr) return {found, remaining};
    found = child(state, *next, segments);
    remaining = inner;
  }
}

std::vector<std::string> layer_names(const std::vector<OptionTable>& siblings) {
  std::vector<std::string> names;
  std::set<std::string> taken;
  std::map<std::string, int> of_kind;
  for (const OptionTable& layer : siblings) {
    const std::string kind = layer.string("kind");
    const std::string automatic = kind + std::to_string(++of_kind[kind]);
    const std::string name = layer.string("name", automatic);
    const std::string key = layer.has("name") ? "name" : "";
    if (!layer.has("name") && kind.find_first_of("/.") != std::string::npos) {
      layer.fail("kind", fmt::format("there is no kind of layer \"{}\"", kind));
    }
    if (name.empty() || name.find('/') != std::string::npos || name == "." || name == "..") {
      layer.fail(key, fmt::format("a layer's name must not be empty, hold \"/\" or be \".\", "
                                  "unlike \"{}\"",
                                  name));
    }
    if (has_control_character(name)) {
      layer.fail(key, "a layer's name must not hold control characters, unlike \"" + name + "\"");
    }
    if (name == "shortcut" || name == "loss" || name == "optimizer") {
      layer.fail(key, fmt::format("\"{}\" is a reserved name; choose another", name));
    }
    if (!taken.insert(name).second) {
      layer.fail(key,
                 fmt::format("two layers are called \"{}\"; names of siblings must differ", name));
    }
    names.push_back(name);
  }
  return names;
}

}  // namespace ridgeline::config
