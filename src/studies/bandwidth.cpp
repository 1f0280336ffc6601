#include "studies/bandwidth.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "io/units.hpp"
#include "machine/bandwidth.hpp"
#include "machine/peak.hpp"
#include "machine/space_memory.hpp"
#include "model/levels.hpp"
#include "model/measured_range.hpp"

namespace ridgeline::studies {
namespace {

using machine::BandwidthPoint;
using machine::Pages;
using machine::readable_bytes;
using machine::StreamKernel;

// The points of one space with one number of threads and one page size.
struct Ladder {
  std::string space, pages;
  int threads;
  std::vector<BandwidthPoint> points;
};

struct Curve {
  std::vector<double> bytes, seconds_per_byte;
};

Curve triad_of(const Ladder& ladder) {
  Curve curve;
  for (const BandwidthPoint& point : ladder.points) {
    if (point.kernel != StreamKernel::triad) continue;
    curve.bytes.push_back(static_cast<double>(point.working_set_bytes));
    curve.seconds_per_byte.push_back(point.seconds.min / curve.bytes.back());
  }
  return curve;
}

// Returns the highest GB/s of a kernel among the working sets of a level.
double best(const Ladder& ladder, StreamKernel kernel, double from, double to) {
  double rate = 0;
  for (const BandwidthPoint& point : ladder.points) {
    const double bytes = static_cast<double>(point.working_set_bytes);
    if (point.kernel == kernel && bytes >= from && bytes <= to) {
      rate = std::max(rate, point.gbytes_per_second());
    }
  }
  return rate;
}

// Returns the median over a level of the triad's GB/s with huge pages relative to small pages.
double tlb_ratio(const Ladder& small, const Ladder& huge, double from, double to) {
  std::vector<double> ratios;
  for (const BandwidthPoint& a : huge.points) {
    const double bytes = static_cast<double>(a.working_set_bytes);
    if (a.kernel != StreamKernel::triad || bytes < from || bytes > to) continue;
    for (const BandwidthPoint& b : small.points) {
      if (b.kernel != a.kernel || b.working_set_bytes != a.working_set_bytes) continue;
      ratios.push_back(b.seconds.min / a.seconds.min);
    }
  }
  return median_of(ratios);
}

// Returns the triad's GB/s of a level; an upper bound if the curve is still falling there.
model::Estimate rate_of(const model::CurveLevel& level) {
  const model::Estimate& cost = level.cost;  // seconds per byte
  if (!level.settled) return model::below_range(1e-9 / cost.value);
  const auto bound = [](double seconds, double unknown) {
    return std::isfinite(seconds) ? 1e-9 / seconds : unknown;
  };
  return {1e-9 / cost.value, bound(cost.high, cost.low), bound(cost.low, cost.high)};
}

io::Cell rate_cell(double rate) { return rate > 0 ? io::Cell(rate, "{:.1f}") : io::Cell(); }

// A level of a ladder's curve.
struct LadderLevel {
  model::CurveLevel level;
  double to;                 // bytes: its capacity, or the end of the sweep
  std::vector<double> best;  // GB/s, in the order of kStreamKernels: the triad last
  double pages_ratio = 0;    // the triad's GB/s on huge pages relative to small ones; 0: unknown

  bool is_last() const { return std::isinf(level.capacity_bytes.value); }
  // Returns the TLB's share of the triad's time on small pages.
  double tlb_share() const { return pages_ratio > 0 ? std::max(0.0, 1 - 1 / pages_ratio) : 0; }
};

// `on_small`, if given, is the ladder on small pages.
std::vector<LadderLevel> fit(const Ladder& ladder, const Ladder* on_small) {
  const Curve curve = triad_of(ladder);
  std::vector<LadderLevel> levels;
  for (const model::CurveLevel& level : model::find_levels(curve.bytes, curve.seconds_per_byte)) {
    LadderLevel fitted{level, level.capacity_bytes.value, {}};
    if (fitted.is_last()) fitted.to = curve.bytes.back();
    for (const StreamKernel kernel : machine::kStreamKernels) {
      fitted.best.push_back(best(ladder, kernel, level.from_bytes, fitted.to));
    }
    if (on_small) fitted.pages_ratio = tlb_ratio(*on_small, ladder, level.from_bytes, fitted.to);
    levels.push_back(std::move(fitted));
  }
  return levels;
}

io::Json json_of(const LadderLevel& fitted) {
  io::Json json = {{"triad_gbytes_per_second", to_json(rate_of(fitted.level))},
                   {"from_bytes", fitted.level.from_bytes},
                   {"capacity_bytes", to_json(fitted.level.capacity_bytes)}};
  std::size_t i = 0;
  for (const StreamKernel kernel : machine::kStreamKernels) {
    json["best_gbytes_per_second"][machine::to_string(kernel)] = fitted.best[i++];
  }
  if (fitted.pages_ratio > 0) json["seconds_small_pages_over_huge"] = fitted.pages_ratio;
  return json;
}

std::vector<io::Cell> row_of(const LadderLevel& fitted, const Ladder& ladder, int number) {
  std::vector<io::Cell> row = {ladder.space, ladder.threads, number,
                               bytes_cell(fitted.level.from_bytes),
                               fitted.is_last() ? no_number("end") : bytes_cell(fitted.to)};
  for (const double rate : fitted.best) row.push_back(rate_cell(rate));
  if (fitted.pages_ratio > 0) row.push_back(io::Cell(100 * fitted.tlb_share(), "{:.0f} %"));
  return row;
}

void present_levels(const std::vector<LadderLevel>& levels, const Ladder& ladder, bool in_table,
                    Study& study) {
  io::Json list = io::Json::array();
  for (const LadderLevel& fitted : levels) {
    list.push_back(json_of(fitted));
    if (in_table) study.table.add_row(row_of(fitted, ladder, static_cast<int>(list.size())));
  }
  study.fit["levels"].push_back({{"space", ladder.space},
                                 {"threads", ladder.threads},
                                 {"pages", ladder.pages},
                                 {"levels", list}});
}

const Ladder* find(const std::vector<Ladder>& ladders, const std::string& space, int threads,
                   const std::string& pages) {
  for (const Ladder& ladder : ladders) {
    if (ladder.space == space && ladder.threads == threads && ladder.pages == pages) return &ladder;
  }
  return nullptr;
}

// Returns whether most of the memory of a ladder's large working sets is on huge pages.
bool came_on_huge_pages(const Ladder& ladder) {
  for (auto point = ladder.points.rbegin(); point != ladder.points.rend(); ++point) {
    if (point->working_set_bytes < (std::size_t{8} << 20)) break;
    return point->huge_bytes > point->working_set_bytes / 10 * 8;
  }
  return true;  // too small to decide from a few huge pages
}

// Fits and presents the ladders of one space, and tells how many threads saturate memory.
void present(SpaceKind kind, const std::vector<Ladder>& ladders, Study& study) {
  const std::string space = name_of(kind);
  double largest = 0;
  for (const Ladder& ladder : ladders) {
    if (ladder.space != space || ladder.points.empty()) continue;
    largest = std::max(largest, static_cast<double>(ladder.points.back().working_set_bytes));
  }
  if (largest == 0) return;
  const bool in_memory = reaches_memory(kind, largest, study.notes);
  std::vector<int> counts;
  std::vector<double> memory;  // GB/s of the triad
  for (const Ladder& ladder : ladders) {
    if (ladder.space != space) continue;
    const bool huge = ladder.pages == "huge";
    const Ladder* other =
        find(ladders, space, ladder.threads, huge ? machine::small_page_label() : "huge");
    const bool in_table = huge || !other;
    const std::vector<LadderLevel> levels = fit(ladder, huge ? other : nullptr);
    present_levels(levels, ladder, in_table, study);
    if (!in_table || ladder.points.empty()) continue;
    const bool has_last = !levels.empty() && levels.back().is_last();
    const double rate = has_last ? levels.back().best.back() : 0;
    counts.push_back(ladder.threads);
    memory.push_back(rate);
    if (!in_memory || !huge || !other || rate == 0) continue;
    study.answers.push_back(
        fmt::format("{}, {}: memory gives the triad {:.1f} GB/s on huge pages; on {} pages the TLB "
                    "takes {:.0f} % of its time",
                    space, io::show_count(ladder.threads, "thread"), rate,
                    machine::small_page_label(), 100 * levels.back().tlb_share()));
  }
  if (!in_memory || counts.size() < 2 || *std::max_element(memory.begin(), memory.end()) <= 0) {
    return;
  }
  const model::Estimate threads = saturating_threads(counts, memory);
  study.fit["saturation"].push_back(
      {{"space", space}, {"triad_in_memory_threads", to_json(threads)}});
  study.answers.push_back(space + ": " + tell_saturating_threads(counts, memory));
}

// What the study measures, after all checks.
struct BandwidthPlan {
  machine::BandwidthOptions options;
  std::vector<int> threads;  // of a host
  SpaceKind host = SpaceKind::serial;
  bool has_host = false, has_device = false;
  std::size_t largest_on_host = 0, largest_on_device = 0;
  std::size_t largest = 0;  // of the first space
};

BandwidthPlan plan_of(BandwidthBounds bounds, const Control& control) {
  BandwidthPlan plan;
  plan.has_host = std::any_of(bounds.spaces.begin(), bounds.spaces.end(), machine::is_host);
  plan.has_device = !std::all_of(bounds.spaces.begin(), bounds.spaces.end(), machine::is_host);
  plan.host = host_among(bounds.spaces);
  if (bounds.threads.empty() && control.quick && plan.host != SpaceKind::serial) {
    bounds.threads = {1, Runtime::host_threads().count};
  }
  plan.threads = host_thread_counts(bounds.threads, plan.host);
  plan.options.smallest = bounds.smallest > 0 ? bounds.smallest : std::size_t{8} << 10;
  plan.options.per_octave = bounds.per_octave > 0 ? bounds.per_octave : control.quick ? 2 : 4;
  plan.options.min_seconds = control.quick ? 0.004 : 0.015;
  plan.options.stopped = control.stopped;
  for (const SpaceKind space : bounds.spaces) {
    std::size_t& bytes = machine::is_host(space) ? plan.largest_on_host : plan.largest_on_device;
    if (bytes > 0) continue;
    bytes = bounds.largest > 0 ? bounds.largest
                               : std::min(std::size_t{control.quick ? 384u : 1024u} << 20,
                                          machine::memory_share(space));
    if (plan.largest == 0) plan.largest = bytes;
    require_order("--from and --to", static_cast<double>(plan.options.smallest),
                  static_cast<double>(bytes));
    require_memory(space, static_cast<double>(bytes));
  }
  const double ladders =
      (plan.has_host ? static_cast<double>(plan.threads.size()) : 0.0) + (plan.has_device ? 1 : 0);
  plan.options.budget_seconds = (control.quick ? 19 : 140) / ladders;
  return plan;
}

Study empty_study(const BandwidthPlan& plan) {
  Study study("bandwidth", "GPUs fetch large amounts quickly",
              {{"space", "space", io::Align::left},
               {"threads", "threads", io::Align::right, 0},
               {"level", "level", io::Align::right, 0},
               {"from", "from_bytes"},
               {"to", "capacity_bytes"},
               {"read GB/s", "read_gbytes_per_second"},
               {"write", "write_gbytes_per_second", io::Align::right, 2},
               {"copy", "copy_gbytes_per_second", io::Align::right, 2},
               {"scale", "scale_gbytes_per_second", io::Align::right, 3},
               {"triad", "triad_gbytes_per_second"},
               {"TLB", "tlb_percent"}});
  study.settings = {{"smallest_bytes", plan.options.smallest},
                    {"largest_bytes", plan.largest},
                    {"per_octave", plan.options.per_octave},
                    {"threads", plan.threads}};
  study.fit = {{"levels", io::Json::array()}, {"saturation", io::Json::array()}};
  note_binding(study.notes);
  return study;
}

// Returns the ladders of one space with one number of threads, one per page size that was
// available.
std::vector<Ladder> measure_ladders(SpaceKind space, int threads, const std::vector<Pages>& pages,
                                    machine::BandwidthOptions options, const Control& control,
                                    std::vector<std::string>& notes) {
  options.threads = threads;
  options.pages = pages;
  const auto points = machine::bandwidth_ladder(space, options, control.progress, &notes);
  std::vector<Ladder> ladders;
  for (const Pages kind : pages) {
    Ladder ladder{
        name_of(space), machine::is_host(space) ? machine::to_string(kind) : "huge", threads, {}};
    for (const BandwidthPoint& point : points) {
      if (point.pages == kind) ladder.points.push_back(point);
    }
    if (ladder.points.empty()) continue;
    ladder.threads = ladder.points.front().threads;
    if (kind == Pages::huge && !came_on_huge_pages(ladder)) {
      notes.push_back(fmt::format("no bandwidth of {} on huge pages: the kernel did not grant them",
                                  io::show_count(threads, "thread")));
      continue;
    }
    ladders.push_back(std::move(ladder));
  }
  return ladders;
}

std::vector<Ladder> measure_all(const BandwidthPlan& plan, const Control& control,
                                std::vector<std::string>& notes) {
  std::vector<Ladder> measured;
  const auto add = [&](SpaceKind space, int threads, const std::vector<Pages>& pages) {
    if (control.should_stop()) return;
    machine::BandwidthOptions options = plan.options;
    options.largest = machine::is_host(space) ? plan.largest_on_host : plan.largest_on_device;
    for (Ladder& ladder : measure_ladders(space, threads, pages, options, control, notes)) {
      measured.push_back(std::move(ladder));
    }
  };
  if (plan.has_host) {
    machine::warm_up(plan.host);
    for (const int threads : plan.threads) add(plan.host, threads, {Pages::small, Pages::huge});
  }
  if (plan.has_device) {
    machine::warm_up(SpaceKind::cuda);
    add(SpaceKind::cuda, 0, {Pages::ordinary});
  }
  return measured;
}

void add_points(const Ladder& ladder, Study& study) {
  for (const BandwidthPoint& point : ladder.points) {
    study.add_point({{"space", ladder.space},
                     {"kernel", machine::to_string(point.kernel)},
                     {"threads", point.threads},
                     {"pages", ladder.pages},
                     {"working_set_bytes", point.working_set_bytes},
                     {"gbytes_per_second", point.gbytes_per_second()},
                     {"seconds", point.seconds},
                     {"huge_page_bytes", point.huge_bytes}},
                    fmt::format("{}, {}, threads {}, {}, working_set_bytes {}", ladder.space,
                                machine::to_string(point.kernel), point.threads, ladder.pages,
                                point.working_set_bytes),
                    {point.seconds});
  }
}

}  // namespace

model::Estimate saturating_threads(const std::vector<int>& counts,
                                   const std::vector<double>& rates) {
  const double most = *std::max_element(rates.begin(), rates.end());
  std::size_t i = 0;
  while (rates[i] < 0.95 * most) ++i;
  if (i > 0 && i + 1 == counts.size()) return model::beyond_range(counts[i - 1]);
  return {static_cast<double>(counts[i]),
          i == 0 ? static_cast<double>(counts[0]) : counts[i - 1] + 1.0,
          static_cast<double>(counts[i])};
}

std::string tell_saturating_threads(const std::vector<int>& counts,
                                    const std::vector<double>& rates) {
  const double most = *std::max_element(rates.begin(), rates.end());
  const model::Estimate threads = saturating_threads(counts, rates);
  const auto reach = [](int count) {
    return count == 1 ? std::string("one reaches") : fmt::format("{} reach", count);
  };
  if (!threads.reached()) {
    return fmt::format(
        "memory is not saturated by fewer than the {} threads measured: {} {:.1f} GB/s, all of "
        "them {:.1f}",
        counts.back(), reach(counts[counts.size() - 2]), rates[rates.size() - 2], rates.back());
  }
  if (threads.value == counts.front()) {
    return fmt::format(
        "more threads bring no more from memory: of {} threads {} {:.1f} of {:.1f} GB/s",
        counts.back(), reach(counts.front()), rates.front(), most);
  }
  return fmt::format("{:g} of {} threads saturate memory, at {:.1f} GB/s; {} {:.1f}", threads.value,
                     counts.back(), most, reach(counts.front()), rates.front());
}

Study study_bandwidth(const BandwidthBounds& bounds, const Control& control) {
  const BandwidthPlan plan = plan_of(bounds, control);
  Study study = empty_study(plan);
  const std::vector<Ladder> ladders = measure_all(plan, control, study.notes);
  for (const Ladder& ladder : ladders) add_points(ladder, study);
  for (const SpaceKind kind : {plan.host, SpaceKind::cuda}) present(kind, ladders, study);
  finish(study, control);
  return study;
}

}  // namespace ridgeline::studies
