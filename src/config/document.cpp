#include "config/document.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <sstream>

#include "config/toml_text.hpp"
#include "core/error.hpp"
#include "core/text.hpp"
#include "io/units.hpp"

namespace ridgeline::config {
namespace {

/// toml++ describes some errors in several lines; messages of Ridgeline are one line.
std::string one_line(std::string_view text) {
  std::string line(text);
  std::replace(line.begin(), line.end(), '\n', ' ');
  return line;
}

/// Splits `a.b."c.d"` at its dots.
std::vector<std::string> split_key(const std::string& key, const std::string& spelled) {
  const auto fail = [&](const std::string& reason) {
    throw RequestError(spelled + ": " + reason + "; expected key=value, such as train.epochs=2");
  };
  std::vector<std::string> segments(1);
  if (static_cast<std::size_t>(std::count(key.begin(), key.end(), '.')) > kDeepestToml) {
    fail("the key has more than " + std::to_string(kDeepestToml) + " parts");
  }
  bool quoted = false;
  for (const char c : key) {
    if (c == '"') {
      quoted = !quoted;
    } else if (c == '.' && !quoted) {
      segments.emplace_back();
    } else {
      segments.back() += c;
    }
  }
  if (quoted) fail("a quote is not closed");
  for (std::string& segment : segments) {
    segment.erase(0, segment.find_first_not_of(" \t"));
    segment.erase(segment.find_last_not_of(" \t") + 1);
    if (segment.empty()) fail("the key is not complete");
  }
  return segments;
}

/// Returns parse_toml_value(), or a table with the text itself as the value if it is not TOML.
toml::table parse_value(const std::string& text) {
  if (std::optional<toml::table> parsed = parse_toml_value(text)) return *std::move(parsed);
  toml::table bare;
  bare.insert("value", text);
  return bare;
}

bool is_index(const std::string& segment) {
  return !segment.empty() && segment.size() <= 9 &&
         std::all_of(segment.begin(), segment.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool holds_tables(const toml::array& array) {
  return std::any_of(array.cbegin(), array.cend(),
                     [](const auto& node) { return node.is_table(); });
}

/// Returns the canonical text of a scalar or a list of scalars.
std::string canonical(const toml::node& node) {
  if (const auto* array = node.as_array()) {
    std::vector<std::string> elements;
    for (const toml::node& element : *array) elements.push_back(canonical(element));
    return "[" + joined(elements) + "]";
  }
  if (const auto* real = node.as_floating_point();
      real != nullptr && std::floor(real->get()) == real->get() && std::fabs(real->get()) < 1e15) {
    return std::to_string(static_cast<std::int64_t>(real->get()));
  }
  return show_value(node);
}

void flatten_into(std::map<std::string, std::string>& out, const std::string& path,
                  const toml::node& node) {
  if (const auto* table = node.as_table()) {
    for (const auto& [key, value] : *table) {
      flatten_into(out, path + "." + std::string(key.str()), value);
    }
  } else if (const auto* array = node.as_array(); array != nullptr && holds_tables(*array)) {
    out[path] = std::to_string(array->size()) + " layers";
    for (std::size_t i = 0; i < array->size(); ++i) {
      flatten_into(out, path + "." + std::to_string(i), *array->get(i));
    }
  } else {
    out[path] = canonical(node);
  }
}

}  // namespace

Document parse_document(const std::string& text, const std::string& name) {
  if (text.size() > kMostDeckBytes) {
    throw RequestError(name + ": is larger than " +
                       io::show_bytes(static_cast<double>(kMostDeckBytes)) +
                       ", which no deck needs");
  }
  const auto fail = [&](std::size_t line, const std::string& reason, bool is_value) {
    const std::optional<std::string> value =
        is_value ? unquoted_value(text, line) : std::optional<std::string>();
    throw RequestError(name + ":" + std::to_string(line) + ": " +
                       (value ? "not valid TOML: " + needs_quotes(*value) : reason));
  };
  if (const auto fault = fault_in(text)) {
    fail(line_of(text, fault->at), fault->reason,
         static_cast<unsigned char>(text[fault->at]) >= 0x80);
  }
  Document document;
  document.name = name;
  try {
    document.root = toml::parse(text, name);
  } catch (const toml::parse_error& error) {
    fail(error.source().begin.line, "not valid TOML: " + one_line(error.description()), true);
  } catch (const TomlAssertion&) {
    throw RequestError(name + ": not valid TOML");
  }
  return document;
}

std::optional<std::size_t> find_element(const toml::array& array, const std::string& segment) {
  for (std::size_t i = 0; i < array.size(); ++i) {
    const toml::table* element = array.get(i)->as_table();
    if (element != nullptr && (*element)["name"].value<std::string>() == segment) return i;
  }
  if (is_index(segment)) {
    const std::size_t index = std::stoul(segment);
    if (index <= array.size()) return index;
    return {};
  }
  std::map<std::string, int> siblings;
  for (std::size_t i = 0; i < array.size(); ++i) {
    const toml::table* element = array.get(i)->as_table();
    if (element == nullptr) continue;
    const auto kind = (*element)["kind"].value<std::string>();
    if (!kind) continue;
    const std::string name = *kind + std::to_string(++siblings[*kind]);
    if (!element->contains("name") && name == segment) return i;
  }
  return {};
}

void override_value(Document& document, const std::string& key, const std::string& value,
                    const std::string& spelled) {
  const std::vector<std::string> names = split_key(key, spelled);
  std::vector<std::string> path = names;  // names of array elements replaced by indices
  const auto fail = [&](std::size_t depth, const std::string& reason) {
    std::string prefix;
    for (std::size_t i = 0; i < depth; ++i) prefix += (i == 0 ? "" : ".") + names[i];
    throw RequestError(spelled + ": " + prefix + " " + reason);
  };

  toml::node* parent = &document.root;
  for (std::size_t depth = 0; depth < path.size(); ++depth) {
    const bool last = depth + 1 == path.size();
    const toml::table parsed = last ? parse_value(value) : toml::table{};
    if (toml::table* table = parent->as_table()) {
      if (last) {
        table->insert_or_assign(path[depth], *parsed.get("value"));
      } else if (!table->contains(path[depth])) {
        if (path[depth + 1] == "0") {
          table->insert(path[depth], toml::array{});
        } else {
          table->insert(path[depth], toml::table{});
        }
      }
      parent = table->get(path[depth]);
    } else if (toml::array* array = parent->as_array()) {
      const auto index = find_element(*array, path[depth]);
      if (!index) {
        fail(depth, fmt::format("has {} elements and none called \"{}\"; they count from 0",
                                array->size(), path[depth]));
      }
      path[depth] = std::to_string(*index);
      if (last) {
        if (*index < array->size())
          array->erase(array->cbegin() + static_cast<std::ptrdiff_t>(*index));
        array->insert(array->cbegin() + static_cast<std::ptrdiff_t>(*index), *parsed.get("value"));
      } else if (*index == array->size()) {
        array->push_back(toml::table{});
      }
      parent = array->get(*index);
    } else {
      fail(depth, "is " + show_value(*parent) + ", not a table");
    }
  }
  document.overrides.push_back({std::move(path), spelled});
}

void apply_set(Document& document, const std::string& argument) {
  if (!is_utf8(argument)) throw RequestError("--set " + one_line(argument) + ": is not UTF-8");
  const std::size_t equals = argument.find('=');
  if (equals == std::string::npos) {
    throw RequestError("--set " + one_line(argument) +
                       ": no '='; expected key=value, such as train.epochs=2");
  }
  const std::string key = argument.substr(0, equals);
  override_value(document, key, argument.substr(equals + 1), "--set " + one_line(key));
}

std::string to_toml(const Document& document) {
  std::ostringstream out;
  out << toml::toml_formatter{document.root} << '\n';
  return out.str();
}

OptionTable root_table(std::shared_ptr<const Document> document) {
  auto state = std::make_shared<OptionTable::State>();
  state->table = &document->root;
  state->document = std::move(document);
  return OptionTable(std::move(state));
}

std::map<std::string, std::string> flatten(const OptionTable& table) {
  std::map<std::string, std::string> out;
  const OptionTable::State& state = *table.state();
  if (state.table == nullptr) return out;
  for (const auto& [key, value] : *state.table) {
    flatten_into(out, std::string(key.str()), value);
  }
  return out;
}

std::string show_value(const toml::node& node) {
  if (node.is_table()) return "a table";
  if (node.is_array()) return "a list";
  if (const auto* text = node.as_string()) {
    constexpr std::size_t kShown = 60;
    const std::string line = one_line(text->get());
    return "\"" + line.substr(0, kShown) + (line.size() > kShown ? "…\"" : "\"");
  }
  if (const auto* value = node.as_boolean()) return value->get() ? "true" : "false";
  if (const auto* value = node.as_integer()) return std::to_string(value->get());
  if (const auto* value = node.as_floating_point()) return fmt::format("{}", value->get());
  return "a date or time";
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

}  // namespace ridgeline::config
