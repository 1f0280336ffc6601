#include <fmt/format.h>

#include <algorithm>

#include "config/document.hpp"
#include "config/other_names.hpp"
#include "core/text.hpp"

// Where a table is in its deck, and how messages name it.

namespace ridgeline::config {
namespace {

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

/// Returns the name of element `index` of an array of tables, or its number.
std::string element_name(const toml::table* element, const std::string& index) {
  if (element != nullptr) {
    const auto name = (*element)["name"].value<std::string>();
    if (name && !name->empty()) return *name;
  }
  return index;
}

}  // namespace

OptionTable child(const OptionTable::State& parent, const toml::table& table,
                  const std::vector<std::string>& segments) {
  auto state = std::make_shared<OptionTable::State>();
  state->document = parent.document;
  state->table = &table;
  state->path = parent.path;
  state->path.insert(state->path.end(), segments.begin(), segments.end());
  return OptionTable(std::move(state));
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
  if (state_->path.empty() || state_->document == nullptr) return "the deck";
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
    const std::string name = layer.string(
        {"name",
         "Name in tables, checkpoints and errors, such as dense1; names of siblings differ.",
         "kind and number"},
        automatic);
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

std::string in_a_table_inside(const OptionTable::State& state, const std::string& key) {
  if (state.document == nullptr) return {};
  std::string prefix;
  for (const std::string& segment : state.path) prefix += segment + ".";
  for (const std::string& path : state.document->requested) {
    const std::string leaf = path.substr(path.rfind('.') + 1);
    const bool is_inside = path.rfind(prefix, 0) == 0 && path.size() > prefix.size() + leaf.size();
    if (is_inside && !called_elsewhere(key, {leaf}).empty()) return path;
  }
  return {};
}

}  // namespace ridgeline::config
