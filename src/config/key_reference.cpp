#include "config/key_reference.hpp"

#include <algorithm>
#include <utility>

#include "config/key_notes.hpp"
#include "core/error.hpp"

namespace ridgeline::config {
namespace {

bool operator==(const DescribedKey& a, const DescribedKey& b) {
  return a.name == b.name && a.type == b.type && a.range == b.range && a.fallback == b.fallback &&
         a.about == b.about;
}

/// Returns whether all keys of two tables are equal.
bool same_keys(const std::vector<DescribedKey>& a, const std::vector<DescribedKey>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const DescribedKey& x, const DescribedKey& y) { return x == y; });
}

/// Returns the key with this name; the end if there is none.
template <class Keys>
auto find_key(Keys& keys, const std::string& name) {
  return std::find_if(keys.begin(), keys.end(), [&](const auto& key) { return key.name == name; });
}

DescribedKey described(const NotedKey& noted) {
  DescribedKey key;
  key.name = noted.key.name;
  key.type = noted.type + (noted.accepts_text ? " or text" : "");
  key.range = noted.range;
  key.about = noted.key.about;
  key.fallback = !noted.key.fallback.empty() ? noted.key.fallback
                 : noted.fallback            ? *noted.fallback
                 : noted.optional            ? "none"
                                             : "required";
  return key;
}

/// Adds the keys of another reading of the same table and kind.
void merge(DescribedTable& table, const TableNotes& notes) {
  for (const NotedKey& noted : notes.keys) {
    const DescribedKey key = described(noted);
    const auto known = find_key(table.keys, key.name);
    if (known == table.keys.end()) {
      table.keys.push_back(key);
    } else if (known->about.empty()) {
      *known = key;
    }
  }
  table.complete |= notes.complete;
}

/// Returns one table per path and kind.
std::vector<DescribedTable> tables_of(const Describing& describing) {
  std::vector<DescribedTable> tables;
  for (const auto& notes : describing.tables) {
    DescribedTable table;
    table.path = notes->path;
    table.is_list = !table.path.empty() && table.path.back() == kAnyElement;
    table.path.erase(std::remove(table.path.begin(), table.path.end(), kAnyElement),
                     table.path.end());
    if (!notes->kind.empty()) table.kinds = {notes->kind};
    table.complete = false;
    auto known = std::find_if(tables.begin(), tables.end(), [&](const DescribedTable& other) {
      return other.path == table.path && other.kinds == table.kinds;
    });
    if (known == tables.end()) known = tables.insert(tables.end(), std::move(table));
    merge(*known, *notes);
  }
  return tables;
}

/// Splits the kinds of one table into the keys that all have, and the remaining ones of each kind,
/// in which kinds with the same keys share a table.
std::vector<DescribedTable> split(const std::vector<DescribedTable>& kinds) {
  if (kinds.size() == 1) return kinds;
  const auto is_common = [&](const DescribedKey& key) {
    return std::all_of(kinds.begin(), kinds.end(), [&](const DescribedTable& table) {
      const auto found = find_key(table.keys, key.name);
      return found != table.keys.end() && *found == key;
    });
  };
  std::vector<DescribedTable> found = {kinds.front()};
  found.front().kinds.clear();
  found.front().keys.clear();
  for (const DescribedKey& key : kinds.front().keys) {
    if (is_common(key)) found.front().keys.push_back(key);
  }
  for (const DescribedTable& kind : kinds) {
    DescribedTable own = kind;
    own.keys.erase(std::remove_if(own.keys.begin(), own.keys.end(), is_common), own.keys.end());
    const auto same = std::find_if(found.begin() + 1, found.end(), [&](const auto& other) {
      return same_keys(own.keys, other.keys);
    });
    found.front().complete &= own.complete;
    if (same == found.end()) {
      found.push_back(std::move(own));
    } else {
      same->kinds.push_back(own.kinds.front());
      same->complete &= own.complete;
    }
  }
  return found;
}

}  // namespace

std::string DescribedTable::header() const {
  if (path.empty()) return "top level";
  std::string text;
  for (const std::string& segment : path) text += (text.empty() ? "" : ".") + segment;
  return is_list ? "[[" + text + "]]" : "[" + text + "]";
}

std::vector<DescribedTable> describe_keys(const std::vector<std::string>& path,
                                          const std::function<void(const OptionTable&)>& read) {
  const auto describing = std::make_shared<Describing>();
  for (; describing->round < describing->rounds; ++describing->round) {
    try {
      read(described_table(describing, path));
    } catch (const RequestError&) {  // of a placeholder
    }
  }
  std::vector<DescribedTable> found;
  std::vector<DescribedTable> remaining = tables_of(*describing);
  while (!remaining.empty()) {
    const std::vector<std::string> first = remaining.front().path;
    const auto others =
        std::stable_partition(remaining.begin(), remaining.end(),
                              [&](const DescribedTable& table) { return table.path == first; });
    for (DescribedTable& table : split({remaining.begin(), others})) {
      if (!table.keys.empty()) found.push_back(std::move(table));
    }
    remaining.erase(remaining.begin(), others);
  }
  return found;
}

OptionTable described_table(const std::shared_ptr<Describing>& describing,
                            const std::vector<std::string>& path) {
  auto state = std::make_shared<OptionTable::State>();
  state->path = path;
  state->describing = describing;
  state->notes = std::make_shared<TableNotes>();
  state->notes->path = path;
  describing->tables.push_back(state->notes);
  return OptionTable(std::move(state));
}

NotedKey& noted(OptionTable::State& state, const Key& key) {
  std::vector<NotedKey>& keys = state.notes->keys;
  const auto found = std::find_if(
      keys.begin(), keys.end(), [&](const NotedKey& other) { return other.key.name == key.name; });
  if (found != keys.end()) return *found;
  keys.push_back({key, {}, {}, {}, false, false});
  return keys.back();
}

bool note(OptionTable::State& state, const Key& key, const std::string& type,
          const std::string& range, const std::optional<std::string>& fallback) {
  if (state.notes == nullptr) return false;
  NotedKey& entry = noted(state, key);
  // Of several requests, that with a sentence is the most specific.
  const bool has_sentence = entry.key.about.empty() && !key.about.empty();
  const bool is_first = entry.type.empty();
  if (!type.empty() && (is_first || has_sentence)) {
    entry.type = type;
    entry.range = range;
    entry.fallback = fallback;
  }
  if (has_sentence) entry.key = key;
  if (is_first) {  // the order of the reference is that of reading
    std::vector<NotedKey>& keys = state.notes->keys;
    const auto place = keys.begin() + (&entry - keys.data());
    std::rotate(place, place + 1, keys.end());
  }
  return true;
}

std::string placeholder_of(OptionTable::State& state, const Key& key,
                           const std::vector<std::string>& choices) {
  if (key.name != "kind") return choices.front();
  Describing& describing = *state.describing;
  describing.rounds = std::max(describing.rounds, choices.size());
  state.notes->kind = choices[std::min(describing.round, choices.size() - 1)];
  return state.notes->kind;
}

}  // namespace ridgeline::config
