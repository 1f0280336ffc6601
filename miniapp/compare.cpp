#include "model/comparison.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "io/json.hpp"
#include "io/run_files.hpp"
#include "io/table.hpp"
#include "machine/description.hpp"
#include "model/result_matching.hpp"
#include "model/result_records.hpp"
#include "session.hpp"
#include "verbs.hpp"

namespace ridgeline::miniapp {
namespace {

using model::Compared;
using model::MatchedRecord;
using model::ResultRun;

struct Request {
  std::string before, after, output;
  std::optional<double> fail_above;
};

// Rows of a printed table; csv and json have all.
constexpr std::size_t kMostRows = 40;

struct Comparison {
  std::vector<ResultRun> before, after;
  std::vector<std::string> notes;
  model::ResultMatch match;
  std::vector<Compared> outcomes;  // of match.records
  model::CompareOptions options;
};

// Returns "roofline, A network, batch 64 and 2 more".
std::string first_and_more(const std::vector<std::string>& list) {
  return list.front() +
         (list.size() > 1 ? fmt::format(" and {} more", list.size() - 1) : std::string());
}

Comparison compare(const Request& request) {
  Comparison comparison;
  comparison.before = model::read_results(request.before, comparison.notes);
  comparison.after = model::read_results(request.after, comparison.notes);
  comparison.match = model::match_results(comparison.before, comparison.after);
  const model::ResultMatch& match = comparison.match;
  for (const auto& [path, runs] : {std::pair(&request.before, &comparison.before),
                                   std::pair(&request.after, &comparison.after)}) {
    if (std::all_of(runs->begin(), runs->end(),
                    [](const ResultRun& run) { return run.records.empty(); })) {
      throw RequestError(*path +
                         ": holds no measurement; it was stopped before its first, or every "
                         "time in it is impossible");
    }
  }
  if (match.records.empty()) {
    throw RequestError(
        fmt::format("nothing in {} matches anything in {}: there is {} in one, {} in "
                    "the other",
                    request.before, request.after, first_and_more(match.things_before),
                    first_and_more(match.things_after)));
  }
  std::vector<model::Matched> times;
  for (const MatchedRecord& record : match.records) times.push_back(record.times);
  comparison.outcomes = model::compare(times, comparison.options);
  return comparison;
}

std::string name_of(const MatchedRecord& record) {
  return model::in_words(record.thing) + ": " + model::in_words(record.key);
}

// Returns a value in the file's unit.
double shown_value(const MatchedRecord& record, double time) {
  return record.is_rate ? 1 / time : time;
}

// Sorts differences first, by size; the others are in the order of the files.
std::vector<std::size_t> reading_order(const std::vector<Compared>& outcomes) {
  std::vector<std::size_t> order(outcomes.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  const auto size = [&](std::size_t i) {
    return outcomes[i].differs.value_or(false) ? std::abs(std::log(outcomes[i].ratio)) : 0;
  };
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return size(a) > size(b); });
  return order;
}

std::vector<std::string> parts_of(const std::string& words) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin <= words.size();) {
    const std::size_t end = std::min(words.find(", ", begin), words.size());
    parts.push_back(words.substr(begin, end - begin));
    begin = end + 2;
  }
  return parts;
}

// Keeps the parts that are among `others`, or those that are not.
void keep_if(std::vector<std::string>& parts, const std::vector<std::string>& others, bool among) {
  parts.erase(std::remove_if(parts.begin(), parts.end(),
                             [&](const std::string& part) {
                               return (std::count(others.begin(), others.end(), part) > 0) != among;
                             }),
              parts.end());
}

// Names of the rows' measurements: the part that all have in common, and the remainder of each.
struct Things {
  std::vector<std::string> common;

  explicit Things(const std::vector<MatchedRecord>& records) {
    if (records.empty()) return;
    common = parts_of(model::in_words(records.front().thing));
    for (const MatchedRecord& record : records) {
      keep_if(common, parts_of(model::in_words(record.thing)), true);
    }
  }
  std::string remainder(const MatchedRecord& record) const {
    std::vector<std::string> parts = parts_of(model::in_words(record.thing));
    keep_if(parts, common, false);
    // "float32 on openmp" goes before batch and phase, since the middle of a long text is cut.
    const auto space = std::find_if(parts.begin(), parts.end(), [](const std::string& part) {
      return part.find(" on ") != std::string::npos;
    });
    if (space != parts.end() && space != parts.begin()) {
      std::rotate(parts.begin() + 1, space, space + 1);
    }
    return fmt::format("{}", fmt::join(parts, ", "));
  }
};

std::string shown_rate(double value, const std::string& unit) {
  return value < 1000 ? fmt::format("{:.4g} {}", value, unit)
                      : fmt::format("{:.0f} {}", value, unit);
}

// In a table a value has its unit; in csv and json the unit is a column.
void add_row(io::Table& table, const MatchedRecord& record, const Compared& outcome,
             const std::string& thing, bool with_thing, bool for_people) {
  std::vector<io::Cell> row;
  if (with_thing) row.emplace_back(thing);
  row.emplace_back(model::in_words(record.key));
  for (const double time : {outcome.before, outcome.after}) {
    const double value = shown_value(record, time);
    row.push_back(io::Cell::shown_as(
        value, record.is_rate ? shown_rate(value, record.unit) : show_seconds(value)));
  }
  if (!for_people) row.emplace_back(record.unit);
  row.emplace_back(outcome.ratio, "{:.3f}");
  if (for_people) {
    row.push_back(outcome.interval ? fmt::format("{:.3f} to {:.3f}", outcome.interval->low,
                                                 outcome.interval->high)
                                   : "");
  } else {
    row.push_back(outcome.interval ? io::Cell(outcome.interval->low, "{:.3f}") : io::Cell());
    row.push_back(outcome.interval ? io::Cell(outcome.interval->high, "{:.3f}") : io::Cell());
  }
  row.emplace_back(model::verdict_of(outcome.differs, outcome.ratio));
  table.add_row(std::move(row));
}

void print_table(const Comparison& comparison, io::TableFormat format) {
  const std::vector<MatchedRecord>& records = comparison.match.records;
  const bool for_people = format == io::TableFormat::table;
  const bool one_thing = std::all_of(records.begin(), records.end(), [&](const auto& record) {
    return record.thing == records.front().thing;
  });
  const bool with_thing = !for_people || !one_thing;
  const Things things(records);
  if (for_people && !things.common.empty()) {
    print_wrapped(fmt::format("{}\n\n", fmt::join(things.common, ", ")));
  }
  std::vector<io::Column> columns;
  if (with_thing) columns.push_back({"of", "of", io::Align::left});
  columns.insert(columns.end(), {{"what", "what", io::Align::left, 0},
                                 {"before", "before", io::Align::right, 1},
                                 {"after", "after", io::Align::right, 2}});
  if (!for_people) columns.push_back({"unit", "unit"});
  columns.push_back({"ratio", "ratio", io::Align::right, 0});
  if (for_people) {
    columns.push_back({"interval", "interval", io::Align::right, 0});
  } else {
    columns.push_back({"from", "ratio_low"});
    columns.push_back({"to", "ratio_high"});
  }
  columns.push_back({"differs", "differs", io::Align::left, 0});
  io::Table table(columns);
  std::size_t rows = 0, left_out = 0;
  for (const std::size_t i : reading_order(comparison.outcomes)) {
    const Compared& outcome = comparison.outcomes[i];
    if (for_people && rows >= kMostRows && !outcome.differs.value_or(false)) {
      ++left_out;
      continue;
    }
    ++rows;
    add_row(table, records[i], outcome,
            for_people ? things.remainder(records[i]) : model::in_words(records[i].thing),
            with_thing, for_people);
  }
  print(table, format);
  if (left_out > 0) {
    print(fmt::format("... and {} more, none of which is known to differ; --format csv lists all\n",
                      left_out));
  }
}

std::string quantities(std::size_t count) {
  return fmt::format("{} {}", count, count == 1 ? "quantity" : "quantities");
}

// Returns the number of quantities whose interval is from the samples within one run on either
// side.
std::size_t from_samples(const std::vector<Compared>& outcomes) {
  return std::size_t(std::count_if(outcomes.begin(), outcomes.end(), [](const Compared& outcome) {
    return outcome.interval && outcome.from_samples;
  }));
}

// Returns the findings, one sentence each.
std::vector<std::string> findings(const Comparison& comparison) {
  const std::vector<Compared>& outcomes = comparison.outcomes;
  std::size_t slower = 0, faster = 0, judged = 0;
  std::vector<double> limits;
  for (const Compared& outcome : outcomes) {
    if (!outcome.interval) continue;
    ++judged;
    limits.push_back(outcome.interval->high / outcome.ratio * comparison.options.smallest_effect);
    const std::string verdict = model::verdict_of(outcome.differs, outcome.ratio);
    slower += verdict == model::kSlower;
    faster += verdict == model::kFaster;
  }
  if (judged == 0) {
    return {fmt::format(
        "Whether any of {} differs cannot be judged: there is one run without samples "
        "on either side, or the two sides have no runs in the same state of the machine.",
        quantities(outcomes.size()))};
  }
  const double percent = 100 * (comparison.options.smallest_effect - 1);
  std::vector<std::string> sentences;
  if (slower + faster == 0) {
    sentences.push_back(fmt::format("None of {} differs by more than the noise and {:.0f} %.",
                                    quantities(judged), percent));
  } else {
    sentences.push_back(
        fmt::format("Of {} {} {} slower and {} {} faster, by more than the noise and {:.0f} %.",
                    quantities(judged), slower, slower == 1 ? "is" : "are", faster,
                    faster == 1 ? "is" : "are", percent));
  }
  if (std::any_of(outcomes.begin(), outcomes.end(), [](const auto& each) { return each.paired; })) {
    sentences.push_back(
        "Runs are compared in pairs, since those measured one after the other are similar.");
  }
  if (const std::size_t single = from_samples(outcomes); single > 0) {
    sentences.push_back(fmt::format(
        "Of {} there is one run on either side: the intervals are from repetitions within it, "
        "and do not include the variation between runs.",
        quantities(single)));
    if (single == judged) return sentences;
  }
  sentences.push_back(fmt::format(
      "All intervals contain their true ratio with {:.0f} % confidence together; for half of the "
      "quantities a change of less than about {:.1f} % would not have been found.",
      100 * comparison.options.level, 100 * (median_of(limits) - 1)));
  return sentences;
}

void warn_of_side(const std::string& name, const std::vector<ResultRun>& runs) {
  std::size_t disturbed = 0, incomplete = 0, unusable = 0;
  std::string reasons;
  for (const ResultRun& run : runs) {
    unusable += run.unusable;
    incomplete += !run.complete;
    if (!run.disturbed) continue;
    ++disturbed;
    if (!reasons.empty()) continue;
    for (const std::string& reason : run.disturbance) {
      reasons += (reasons.empty() ? ": " : "; ") + reason;
    }
  }
  if (disturbed > 0) {
    warn(fmt::format("{}: {} of {} measured while disturbed{}", name, disturbed,
                     io::show_count(static_cast<std::int64_t>(runs.size()), "run"), reasons));
  }
  if (incomplete > 0) {
    warn(fmt::format("{}: {} of {} stopped before the end", name, incomplete,
                     io::show_count(static_cast<std::int64_t>(runs.size()), "run")));
  }
  if (unusable > 0) {
    note(fmt::format("note: {}: {} left out: 0, below the timer's resolution, or impossible", name,
                     io::show_count(static_cast<std::int64_t>(unusable), "time")));
  }
}

// Returns notes on what only one side has, and on differences in origin.
std::vector<std::string> notes_of(const Request& request, const Comparison& comparison) {
  std::vector<std::string> notes = comparison.notes;
  const model::ResultMatch& match = comparison.match;
  for (const auto& [side, only] : {std::pair(&request.before, &match.before_only),
                                   std::pair(&request.after, &match.after_only)}) {
    if (only->empty()) continue;
    notes.push_back(
        fmt::format("{}: {} without a match: {}", *side, only->size(), first_and_more(*only)));
  }
  for (const model::OriginDifference& difference : match.differences) {
    notes.push_back(fmt::format("{}: {} before, {} after", difference.name, difference.before,
                                difference.after));
  }
  if (!match.states.empty()) {
    const auto& [thing, states] = match.states.front();
    std::string list;
    for (const model::MachineState& state : states) {
      list += fmt::format("{}{} ({} before, {} after)", list.empty() ? "" : ", ",
                          show_seconds(state.exchange), state.before, state.after);
    }
    const std::size_t more = match.states.size() - 1;
    notes.push_back(fmt::format(
        "{}{}: one thread read what another wrote in {}: the threads' processors were not equally "
        "close in all runs, so that each run is compared with those in the same state",
        thing, more > 0 ? fmt::format(" (and, with other times, {} more)", more) : "", list));
  }
  if (from_samples(comparison.outcomes) > 0) {
    notes.push_back(
        "with one run on either side a difference may be the variation between any two runs; "
        "measure five of each, alternately");
  }
  return notes;
}

io::Json to_json(const Request& request, const Comparison& comparison,
                 const std::vector<std::string>& notes) {
  io::Json json = machine::new_result("ridgeline-comparison");
  for (const auto& [name, path, runs] : {std::tuple("before", &request.before, &comparison.before),
                                         std::tuple("after", &request.after, &comparison.after)}) {
    io::Json files = io::Json::array();
    bool disturbed = false;
    for (const ResultRun& run : *runs) {
      if (files.empty() || files.back() != run.file) files.push_back(run.file);
      disturbed = disturbed || run.disturbed;
    }
    json[name] = {{"path", *path}, {"files", files}, {"disturbed", disturbed}};
  }
  json["level"] = comparison.options.level;
  json["smallest_effect"] = comparison.options.smallest_effect;
  json["fail_above"] = request.fail_above ? io::Json(*request.fail_above) : io::Json();
  io::Json& differences = json["differences"] = io::Json::array();
  for (const model::OriginDifference& each : comparison.match.differences) {
    differences.push_back({{"name", each.name}, {"before", each.before}, {"after", each.after}});
  }
  json["before_only"] = comparison.match.before_only;
  json["after_only"] = comparison.match.after_only;
  io::Json& records = json["records"] = io::Json::array();
  for (std::size_t i = 0; i < comparison.outcomes.size(); ++i) {
    const MatchedRecord& record = comparison.match.records[i];
    const Compared& outcome = comparison.outcomes[i];
    io::Json entry = {{"name", name_of(record)},
                      {"of", record.thing},
                      {"what", record.key},
                      {"unit", record.unit},
                      {"statistic", outcome.by_best ? "min" : "median"},
                      {"paired", outcome.paired},
                      {"runs_before", record.times.before.size()},
                      {"runs_after", record.times.after.size()},
                      {"by_state", outcome.by_state},
                      {"runs_left_out", outcome.left_out},
                      {"before", shown_value(record, outcome.before)},
                      {"after", shown_value(record, outcome.after)},
                      {"ratio", outcome.ratio}};
    entry["interval"] =
        outcome.interval ? io::Json({outcome.interval->low, outcome.interval->high}) : io::Json();
    entry["differs"] = outcome.differs ? io::Json(*outcome.differs) : io::Json();
    records.push_back(std::move(entry));
  }
  json["findings"] = findings(comparison);
  json["notes"] = notes;
  return json;
}

// Throws RunError if a quantity is slower than allowed.
void require_below(double limit, const Comparison& comparison) {
  std::size_t above = 0, judged = 0, worst = 0;
  for (std::size_t i = 0; i < comparison.outcomes.size(); ++i) {
    const Compared& outcome = comparison.outcomes[i];
    if (!outcome.interval) continue;
    ++judged;
    if (!(outcome.interval->low > limit)) continue;
    if (above++ == 0 || outcome.interval->low > comparison.outcomes[worst].interval->low) worst = i;
  }
  if (judged == 0) warn("--fail-above cannot be judged: there are no intervals");
  if (above == 0) return;
  const Compared& outcome = comparison.outcomes[worst];
  throw RunError(fmt::format(
      "{} of {} above --fail-above {}; {} takes {:.3f} times as long ({:.3f} to {:.3f})", above,
      io::show_count(static_cast<std::int64_t>(judged), "interval"), limit,
      name_of(comparison.match.records[worst]), outcome.ratio, outcome.interval->low,
      outcome.interval->high));
}

void show(const Request& request, const Comparison& comparison,
          const std::vector<std::string>& notes, io::TableFormat format) {
  warn_of_side(request.before, comparison.before);
  warn_of_side(request.after, comparison.after);
  for (const std::string& text : notes) note("note: " + text);
  print_table(comparison, format);
  if (format == io::TableFormat::table) {
    print("\n");
    for (const std::string& sentence : findings(comparison)) print_wrapped(sentence + "\n");
  }
}

Status run(const Request& request, const CommonOptions& common) {
  const io::TableFormat format = io::parse_table_format(common.format);
  const Comparison comparison = compare(request);
  if (!request.output.empty()) {
    io::RunFiles files;
    std::set<std::string> inputs;
    for (const auto* runs : {&comparison.before, &comparison.after}) {
      for (const ResultRun& run : *runs) inputs.insert(run.file);
    }
    for (const std::string& file : inputs) files.input("a result that is compared", file);
    add_output("--output", request.output, "choose another --output", files);
  }
  const std::vector<std::string> notes = notes_of(request, comparison);
  write_and_show(
      [&] {
        if (request.output.empty()) return;
        io::write_json(request.output, to_json(request, comparison, notes));
      },
      [&] { show(request, comparison, notes, format); });
  if (!request.output.empty()) note(written_to({request.output}));
  if (request.fail_above) require_below(*request.fail_above, comparison);
  return Status::done;
}

}  // namespace

void add_compare(CLI::App& app, const CommonOptions& common, Action& action) {
  CLI::App* verb = app.add_subcommand(
      "compare", "Ratios of two files or folders of results, and which exceed the noise");
  auto request = std::make_shared<Request>();
  verb->add_option("BEFORE", request->before,
                   "Result file (JSON), or a folder of them: one or several runs of each")
      ->required();
  verb->add_option("AFTER", request->after, "The same after a change")->required();
  verb->add_option("--fail-above", request->fail_above,
                   "End with status 1 if any ratio's interval lies above this, such as 1.05")
      ->transform(real(0.001, 1000));
  verb->add_option("--output", request->output, "Write every ratio to this file (JSON)");
  verb->footer(
      "Example:\n  ridgeline compare results/before results/after --fail-above 1.05\n"
      "A ratio above 1 is slower. docs/comparing.md explains the intervals.");
  verb->callback(
      [=, &common, &action] { action = [=, &common] { return run(*request, common); }; });
}

}  // namespace ridgeline::miniapp
