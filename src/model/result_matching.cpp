#include "model/result_matching.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <tuple>
#include <unordered_map>
#include <utility>

namespace ridgeline::model {
namespace {

using io::Json;

// Runs of one thing on the two sides, in the order in which they were measured.
struct Group {
  Json thing;
  std::array<std::vector<const ResultRun*>, 2> sides;
};

using Groups = std::vector<Group>;

// Groups that have the same `thing_of(run)`.
template <class ThingOf>
Groups group_by(const std::array<std::vector<const ResultRun*>, 2>& sides,
                const ThingOf& thing_of) {
  Groups groups;
  std::unordered_map<std::string, std::size_t> places;
  for (std::size_t side = 0; side < 2; ++side) {
    for (const ResultRun* run : sides[side]) {
      Json thing = thing_of(*run);
      const auto [place, is_new] = places.emplace(thing.dump(), groups.size());
      if (is_new) groups.push_back({std::move(thing), {}});
      groups[place->second].sides[side].push_back(run);
    }
  }
  return groups;
}

// The variants of which one side has several values.
std::set<std::string> counting_variants(const Group& group) {
  std::set<std::string> counting;
  for (const auto& side : group.sides) {
    std::map<std::string, std::string> values;
    for (const ResultRun* run : side) {
      for (const auto& [name, value] : run->variant.items()) {
        if (values.emplace(name, value.dump()).first->second != value.dump()) {
          counting.insert(name);
        }
      }
    }
  }
  return counting;
}

std::string shown(const Json& value) {
  if (value.is_null()) return "none";
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_array()) return value.dump();
  std::string text;
  for (const Json& each : value) text += (text.empty() ? "" : " ") + shown(each);
  return text.empty() ? "none" : text;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines(1);
  for (const char character : text) {
    if (character == '\n') {
      lines.emplace_back();
    } else {
      lines.back() += character;
    }
  }
  return lines;
}

// The first line in which two decks differ.
OriginDifference deck_difference(const std::string& before, const std::string& after) {
  const std::vector<std::string> a = lines_of(before), b = lines_of(after);
  std::size_t line = 0;
  while (line < a.size() && line < b.size() && a[line] == b[line]) ++line;
  const auto at = [&](const std::vector<std::string>& lines) {
    return line < lines.size() ? "\"" + lines[line] + "\"" : std::string("its end");
  };
  return {"the deck, from its line " + std::to_string(line + 1) + " on", at(a), at(b)};
}

// Returns the values of one side, each once; at most three are shown.
std::string joined(const std::set<std::string>& values) {
  constexpr std::size_t kShown = 3;
  std::string text;
  std::size_t count = 0;
  for (const std::string& value : values) {
    if (count++ == kShown) break;
    text += (text.empty() ? "" : " | ") + value;
  }
  if (values.size() > kShown) text += " | and " + std::to_string(values.size() - kShown) + " more";
  return text.empty() ? "unknown" : text;
}

void add_differences(const Group& group, std::vector<OriginDifference>& differences) {
  std::vector<std::string> names;
  std::map<std::string, std::array<std::set<std::string>, 2>> values;
  for (std::size_t side = 0; side < 2; ++side) {
    for (const ResultRun* run : group.sides[side]) {
      for (const auto& [name, value] : run->origin.items()) {
        if (values.find(name) == values.end()) names.push_back(name);
        values[name][side].insert(shown(value));
      }
    }
  }
  for (const std::string& name : names) {
    const auto& [before, after] = values[name];
    if (before == after) continue;
    OriginDifference difference{name, joined(before), joined(after)};
    if (name == "deck_text" && !before.empty() && !after.empty()) {
      difference = deck_difference(*before.begin(), *after.begin());
    }
    const auto same = [&](const OriginDifference& other) {
      return std::tie(other.name, other.before, other.after) ==
             std::tie(difference.name, difference.before, difference.after);
    };
    // Files of several things contain the same about their machine.
    if (std::none_of(differences.begin(), differences.end(), same)) {
      differences.push_back(std::move(difference));
    }
  }
}

// Returns whether the runs alternate in time: both first ones before both second ones, and so on.
// Times have seconds, so that equal ones may be in either order.
bool are_in_turn(const Group& group) {
  const auto& [before, after] = group.sides;
  if (before.size() != after.size()) return false;
  for (std::size_t i = 0; i + 1 < before.size(); ++i) {
    if (std::max(before[i]->created, after[i]->created) >
        std::min(before[i + 1]->created, after[i + 1]->created)) {
      return false;
    }
  }
  return before.front()->created < before.back()->created;
}

// Returns the state of every run: 0, 1, ... from fast to slow exchange between threads, separated
// by gaps. All are 0 unless all exchange times are known, of the same number of threads on the same
// processor.
std::map<const ResultRun*, int> states_of(const Group& group, std::vector<MachineState>& states) {
  constexpr double kGap = 1.3;
  std::vector<std::tuple<double, std::size_t, const ResultRun*>> runs;
  std::map<const ResultRun*, int> numbers;
  const ResultRun& first = *group.sides[0].front();
  for (std::size_t side = 0; side < 2; ++side) {
    for (const ResultRun* run : group.sides[side]) {
      const auto differs = [&](const char* name) {
        return run->variant.value(name, Json()) != first.variant.value(name, Json());
      };
      if (!run->exchange || differs("threads") || differs("cpu_model")) return {};
      runs.emplace_back(*run->exchange, side, run);
    }
  }
  std::sort(runs.begin(), runs.end());
  double last = 0;
  for (const auto& [exchange, side, run] : runs) {
    if (exchange > kGap * last) states.push_back({exchange, 0, 0});
    last = exchange;
    numbers[run] = static_cast<int>(states.size()) - 1;
    ++(side == 0 ? states.back().before : states.back().after);
  }
  return numbers;
}

void add_records(const Group& group, ResultMatch& match) {
  const bool in_turn = are_in_turn(group);
  std::vector<MachineState> states;
  std::map<const ResultRun*, int> state = states_of(group, states);
  if (states.size() > 1) match.states.emplace_back(in_words(group.thing), std::move(states));
  struct Found {
    const ResultRecord* record;
    std::array<std::vector<RunTime>, 2> times;
  };
  std::vector<Found> found;
  std::unordered_map<std::string, std::size_t> places;
  for (std::size_t side = 0; side < 2; ++side) {
    for (const ResultRun* run : group.sides[side]) {
      for (const ResultRecord& record : run->records) {
        // Seconds and a rate are never the same quantity.
        const auto [place, is_new] = places.emplace(record.key.dump() + record.unit, found.size());
        if (is_new) found.push_back({&record, {}});
        found[place->second].times[side].push_back(record.time);
        found[place->second].times[side].back().state = state[run];
      }
    }
  }
  const std::string thing = in_words(group.thing);
  for (Found& each : found) {
    auto& [before, after] = each.times;
    if (before.empty() || after.empty()) {
      (before.empty() ? match.after_only : match.before_only)
          .push_back(thing + ": " + in_words(each.record->key));
      continue;
    }
    // If a run lacks a quantity, its times cannot be paired.
    const bool all_in_turn =
        in_turn && before.size() == group.sides[0].size() && after.size() == group.sides[1].size();
    match.records.push_back(
        {group.thing,
         each.record->key,
         each.record->unit,
         each.record->is_rate,
         {std::move(before), std::move(after), each.record->best_counts, all_in_turn}});
  }
}

}  // namespace

ResultMatch match_results(const std::vector<ResultRun>& before,
                          const std::vector<ResultRun>& after) {
  std::array<std::vector<const ResultRun*>, 2> sides;
  for (const ResultRun& run : before) sides[0].push_back(&run);
  for (const ResultRun& run : after) sides[1].push_back(&run);
  for (auto& side : sides) {
    std::stable_sort(side.begin(), side.end(), [](const ResultRun* a, const ResultRun* b) {
      return a->created < b->created;
    });
  }
  ResultMatch match;
  for (const Group& same : group_by(sides, [](const ResultRun& run) { return run.thing; })) {
    const std::set<std::string> counting = counting_variants(same);
    const Groups groups = group_by(same.sides, [&](const ResultRun& run) {
      Json thing = run.thing;
      for (const std::string& name : counting) {
        if (run.variant.contains(name)) thing[name] = run.variant[name];
      }
      return thing;
    });
    for (const Group& group : groups) {
      const std::string words = in_words(group.thing);
      if (!group.sides[0].empty()) match.things_before.push_back(words);
      if (!group.sides[1].empty()) match.things_after.push_back(words);
      if (group.sides[0].empty() || group.sides[1].empty()) {
        (group.sides[0].empty() ? match.after_only : match.before_only).push_back(words);
        continue;
      }
      add_differences(group, match.differences);
      add_records(group, match);
    }
  }
  return match;
}

}  // namespace ridgeline::model
