#include "studies/latency.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "io/units.hpp"
#include "machine/latency.hpp"
#include "machine/pages.hpp"
#include "machine/peak.hpp"
#include "machine/space_memory.hpp"
#include "model/levels.hpp"
#include "model/measured_range.hpp"

namespace ridgeline::studies {
namespace {

using machine::LatencyPoint;
using machine::readable_bytes;

// The sweep of one space.
struct SpaceLadder {
  SpaceKind space;
  machine::LatencyOptions options;
};

// Returns what the study measures, after all checks. All spaces of a host share one ladder.
std::vector<SpaceLadder> plan_of(const LatencyBounds& bounds, const Control& control) {
  std::vector<SpaceKind> spaces;
  for (const SpaceKind space : bounds.spaces) {
    const SpaceKind kind = machine::is_host(space) ? SpaceKind::serial : space;
    if (std::find(spaces.begin(), spaces.end(), kind) == spaces.end()) spaces.push_back(kind);
  }
  std::vector<SpaceLadder> ladders;
  for (const SpaceKind space : spaces) {
    machine::LatencyOptions options;
    options.smallest = bounds.smallest > 0 ? bounds.smallest : std::size_t{4} << 10;
    options.largest = bounds.largest > 0 ? bounds.largest
                                         : std::min(std::size_t{control.quick ? 256u : 1024u} << 20,
                                                    machine::memory_share(space));
    options.per_octave = bounds.per_octave > 0 ? bounds.per_octave : control.quick ? 4 : 8;
    options.budget_seconds = (control.quick ? 18.0 : 130.0) / static_cast<double>(spaces.size());
    options.stopped = control.stopped;
    require_order("--from and --to", static_cast<double>(options.smallest),
                  static_cast<double>(options.largest));
    // A host has two copies, one per page size; the cycle's indices take four more bytes per node.
    require_memory(space, static_cast<double>(options.largest) *
                              ((machine::is_host(space) ? 2 : 1) +
                               4.0 / static_cast<double>(machine::kNodeStride)));
    ladders.push_back({space, options});
  }
  return ladders;
}

// The measurements on one space.
struct LatencyMeasurement {
  SpaceKind kind;
  std::vector<LatencyPoint> points = {};
  std::vector<std::string> notes = {};  // on points that were left out
};

LatencyMeasurement measure_space(const SpaceLadder& plan, const Control& control) {
  machine::warm_up(plan.space);
  LatencyMeasurement measured{plan.space};
  measured.points =
      machine::latency_ladder(plan.space, plan.options, control.progress, &measured.notes);
  return measured;
}

// The curve of one space with one page size.
struct LatencyCurve {
  std::vector<double> bytes, seconds;
};

LatencyCurve curve_of(const std::vector<LatencyPoint>& points, const std::string& pages) {
  LatencyCurve curve;
  for (const LatencyPoint& point : points) {
    if (point.pages != pages) continue;
    curve.bytes.push_back(static_cast<double>(point.working_set_bytes));
    curve.seconds.push_back(point.seconds.min);
  }
  return curve;
}

// Returns the latency of a curve at a working set; 0 if it was not measured there.
double at(const LatencyCurve& curve, double bytes) {
  const auto found = std::find(curve.bytes.begin(), curve.bytes.end(), bytes);
  return found == curve.bytes.end()
             ? 0
             : curve.seconds[static_cast<std::size_t>(found - curve.bytes.begin())];
}

// Returns the time that small pages add to a load in a level: the median over the points of both
// curves, since it grows along a level.
model::Estimate tlb_part(const LatencyCurve& small, const LatencyCurve& huge,
                         const model::CurveLevel& level) {
  std::vector<double> parts;
  for (std::size_t i = level.first; i <= level.last; ++i) {
    const double on_small = at(small, huge.bytes[i]);
    if (on_small > 0) parts.push_back(on_small - huge.seconds[i]);
  }
  const double nan = std::nan("");
  return model::median_estimate(parts).value_or(model::Estimate{nan, nan, nan});
}

// A level, and the time that the TLB adds on small pages, if both page sizes were measured.
struct Row {
  model::CurveLevel level;
  std::optional<model::Estimate> tlb;
  bool is_last() const { return std::isinf(level.capacity_bytes.value); }
  // Noise may make the estimate negative.
  double tlb_seconds() const { return std::max(tlb->value, 0.0); }
};

std::vector<Row> rows_of(const LatencyCurve& curve, const LatencyCurve* on_small) {
  std::vector<Row> rows;
  for (const model::CurveLevel& level : model::find_levels(curve.bytes, curve.seconds)) {
    rows.push_back({level, {}});
    if (on_small) rows.back().tlb = tlb_part(*on_small, curve, level);
  }
  return rows;
}

// The levels of a space's curves, on small and on huge pages.
struct LatencyFit {
  std::vector<Row> on_small, on_huge;
};

LatencyFit fit(const LatencyMeasurement& measured) {
  const LatencyCurve small = curve_of(measured.points, machine::small_page_label());
  const LatencyCurve huge = curve_of(measured.points, "huge");
  return {rows_of(small, nullptr), rows_of(huge, small.bytes.empty() ? nullptr : &small)};
}

// The caches of a space, and whether the sweep exceeded them.
struct Hierarchy {
  std::vector<machine::Cache> caches;
  bool memory;
};

// Returns the name of the cache with this nominal size, within a factor of two.
std::string nominal(const Hierarchy& hierarchy, double capacity) {
  for (const machine::Cache& cache : hierarchy.caches) {
    const double ratio = capacity / static_cast<double>(cache.bytes);
    if (ratio >= 0.5 && ratio < 2) {
      return fmt::format("L{} {}", cache.level, readable_bytes(static_cast<double>(cache.bytes)));
    }
  }
  return std::isinf(capacity) && hierarchy.memory ? "memory" : "";
}

std::string percent(double part, double whole) {
  return fmt::format("{:.0f} %", 100 * part / whole);
}

io::Cell cell_of(double seconds) { return io::Cell::shown_as(seconds, io::show_seconds(seconds)); }

// Returns the cost of a load in a level; a lower bound if the curve is still rising there.
model::Estimate cost_of(const model::CurveLevel& level) {
  return level.settled ? level.cost : model::beyond_range(level.cost.value);
}

io::Cell cost_cell(const model::CurveLevel& level) {
  const std::string text = shown(cost_of(level), io::show_seconds);
  return level.settled
             ? io::Cell::shown_as(level.cost.value, text, io::show_seconds(level.cost.value))
             : no_number(text);
}

io::Json json_of(const std::vector<Row>& rows, const Hierarchy& hierarchy) {
  io::Json list = io::Json::array();
  for (const Row& row : rows) {
    io::Json entry = {{"seconds_per_load", to_json(cost_of(row.level))},
                      {"from_bytes", row.level.from_bytes},
                      {"capacity_bytes", to_json(row.level.capacity_bytes)},
                      {"system_says", nominal(hierarchy, row.level.capacity_bytes.value)}};
    if (row.tlb) entry["tlb_seconds_per_load"] = to_json(*row.tlb);
    list.push_back(entry);
  }
  return list;
}

std::vector<io::Cell> cells_of(const Row& row, int number, const std::string& space, bool on_huge,
                               const Hierarchy& hierarchy) {
  const double seconds = row.level.cost.value, capacity = row.level.capacity_bytes.value;
  std::vector<io::Cell> cells = {space, number, bytes_cell(row.level.from_bytes),
                                 row.is_last() ? no_number("end") : bytes_cell(capacity),
                                 nominal(hierarchy, capacity)};
  cells.push_back(on_huge ? cost_cell(row.level) : io::Cell());
  if (!on_huge) cells.push_back(cost_cell(row.level));
  if (row.tlb && row.level.settled) {
    const double tlb = row.tlb_seconds(), all = seconds + tlb;
    cells.push_back(cell_of(all));
    cells.push_back(cell_of(tlb));
    cells.push_back(io::Cell::shown_as(100 * tlb / all, percent(tlb, all)));
  }
  return cells;
}

// Returns "1.2 ns (1.1 ns to 1.3 ns) up to 48 KiB".
std::string clause_of(const Row& row, const Hierarchy& hierarchy) {
  const std::string seconds = io::show_seconds(row.level.cost.value);
  if (!row.level.settled) {
    return "more than " + seconds + " beyond, where it still grows at the end of the sweep";
  }
  return shown(row.level.cost, io::show_seconds) +
         (!row.is_last()     ? " up to " + readable_bytes(row.level.capacity_bytes.value)
          : hierarchy.memory ? " from " + readable_bytes(row.level.from_bytes) + " on"
                             : " up to the end of the sweep");
}

void tell_answers(const std::vector<Row>& rows, const std::string& space,
                  const Hierarchy& hierarchy, Study& study) {
  if (rows.empty()) return;
  std::string sentence;
  for (const Row& row : rows) {
    sentence += (sentence.empty() ? "" : ", ") + clause_of(row, hierarchy);
  }
  study.answers.push_back(fmt::format("{}: a dependent load takes {}", space, sentence));
  const Row& last = rows.back();
  if (!last.is_last() || !last.level.settled || !hierarchy.memory || !last.tlb) return;
  const double tlb = last.tlb_seconds(), all = last.level.cost.value + tlb;
  study.answers.push_back(
      fmt::format("{}: of {} for a load from memory on {} pages the TLB takes {} ({})", space,
                  io::show_seconds(all), machine::small_page_label(), io::show_seconds(tlb),
                  percent(tlb, all)));
}

Study empty_study(const std::vector<SpaceLadder>& plan) {
  Study study("latency", "CPUs fetch small amounts quickly",
              {{"space", "space", io::Align::left},
               {"level", "level", io::Align::right, 0},
               {"from", "from_bytes"},
               {"to", "capacity_bytes"},
               {"cache", "system_says", io::Align::left, 2},
               {"huge pages", "seconds_huge_pages"},
               {machine::small_page_label(), "seconds_small_pages"},
               {"TLB", "tlb_seconds", io::Align::right, 3},
               {"of it", "tlb_percent"}});
  if (!plan.empty()) {
    const machine::LatencyOptions& first = plan.front().options;
    study.settings = {{"smallest_bytes", first.smallest},
                      {"per_octave", first.per_octave},
                      {"largest_bytes", first.largest}};
  }
  note_binding(study.notes);
  return study;
}

void add_points(const std::string& space, const std::vector<LatencyPoint>& points, Study& study) {
  for (const LatencyPoint& point : points) {
    study.add_point(
        {{"space", space},
         {"pages", point.pages},
         {"working_set_bytes", point.working_set_bytes},
         {"seconds", point.seconds},
         {"loads_per_repeat", point.loads_per_repeat}},
        fmt::format("{}, {}, working_set_bytes {}", space, point.pages, point.working_set_bytes),
        {point.seconds});
  }
}

void present(const LatencyMeasurement& measured, const LatencyFit& fits, Study& study) {
  study.notes.insert(study.notes.end(), measured.notes.begin(), measured.notes.end());
  if (measured.points.empty()) return;
  const std::string space = name_of(measured.kind);
  add_points(space, measured.points, study);
  double largest = 0;
  for (const LatencyPoint& point : measured.points) {
    largest = std::max(largest, static_cast<double>(point.working_set_bytes));
  }
  const Hierarchy hierarchy{machine::caches_of(measured.kind),
                            reaches_memory(measured.kind, largest, study.notes)};
  io::Json& levels = study.fit[space]["levels"];
  if (!fits.on_small.empty()) {
    levels[machine::small_page_label()] = json_of(fits.on_small, hierarchy);
  }
  if (!fits.on_huge.empty()) levels["huge"] = json_of(fits.on_huge, hierarchy);
  // Huge pages separate the caches; on small pages the TLB's reach looks like another level.
  const bool on_huge = !fits.on_huge.empty();
  const std::vector<Row>& rows = on_huge ? fits.on_huge : fits.on_small;
  int number = 0;
  for (const Row& row : rows) {
    study.table.add_row(cells_of(row, ++number, space, on_huge, hierarchy));
  }
  tell_answers(rows, space, hierarchy, study);
}

}  // namespace

Study study_latency(const LatencyBounds& bounds, const Control& control) {
  const std::vector<SpaceLadder> plan = plan_of(bounds, control);
  Study study = empty_study(plan);
  for (const SpaceLadder& space : plan) {
    if (control.should_stop()) break;
    const LatencyMeasurement measured = measure_space(space, control);
    present(measured, fit(measured), study);
  }
  finish(study, control);
  return study;
}

}  // namespace ridgeline::studies
