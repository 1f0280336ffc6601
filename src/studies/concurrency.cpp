#include "studies/concurrency.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "core/launch.hpp"
#include "core/timing.hpp"
#include "io/units.hpp"
#include "machine/bandwidth.hpp"
#include "machine/chains.hpp"
#include "machine/latency.hpp"
#include "machine/peak.hpp"
#include "machine/space_memory.hpp"
#include "model/saturation.hpp"

namespace ridgeline::studies {
namespace {

using machine::ChainedLoads;
using machine::readable_bytes;

// Approximate duration of a launch of chained loads.
constexpr double kLaunchSeconds = 4e-3;

// Measurements for Little's law: seconds of one load (on a device, of one warp's loads, of which
// the slowest counts), and bytes per second of two reads of independent addresses, one sequential
// (a prefetcher helps) and one in random order (a prefetcher does not help).
struct Little {
  double latency = 0, single = 0, streaming = 0, independent = 0;
};

// One curve: bandwidth against loads in flight.
struct LoadCurve {
  std::string space, pages;
  int threads = 0;  ///< of a host; 0: a device, whose threads vary along the curve
  std::size_t working_set = 0;
  double bytes_a_load = 0;
  std::vector<double> loads, rates;
};

// One measured point of a curve.
struct LoadPoint {
  const char* what;  ///< "chains", "independent", "warp"
  int threads;
  double loads;  ///< per repeat
  Timing seconds;
  std::optional<int> loads_per_thread = {};  ///< in flight
  std::optional<double> rate = {};           ///< bytes per second
};

void add_point(const LoadCurve& curve, const LoadPoint& point, Study& study) {
  io::Json json = {{"space", curve.space},     {"what", point.what},
                   {"threads", point.threads}, {"working_set_bytes", curve.working_set},
                   {"pages", curve.pages},     {"bytes_per_load", curve.bytes_a_load},
                   {"loads", point.loads},     {"seconds", point.seconds}};
  if (point.loads_per_thread) {
    json["loads_in_flight_per_thread"] = *point.loads_per_thread;
    json["loads_in_flight"] = static_cast<long>(point.threads) * *point.loads_per_thread;
  }
  if (point.rate) json["gbytes_per_second"] = 1e-9 * *point.rate;
  study.add_point(std::move(json),
                  fmt::format("{}, {}, threads {}, working_set_bytes {}, {}", curve.space,
                              point.what, point.threads, curve.working_set, curve.pages),
                  {point.seconds});
}

template <class Space>
void measure_point(const Space& instance, ChainedLoads<Space>& chained, int threads, int chains,
                   const MeasureOptions& options, const Control& control, LoadCurve& curve,
                   Study& study) {
  chained.prepare(threads, chains);
  Stopwatch<Space> watch(instance);
  long steps = 32;
  for (; steps < (1L << 30); steps *= 2) {
    watch.start();
    chained.run(steps);
    watch.stop();
    if (watch.seconds() >= kLaunchSeconds / 2) break;
  }
  const Timing timing = measure(instance, options, [&] { chained.run(steps); });
  if (!chained.verify()) {
    throw RunError("the concurrency study's loads went astray on " + curve.space);
  }
  const double count = chained.loads(steps);
  const double rate = count * curve.bytes_a_load / timing.median;
  curve.loads.push_back(static_cast<double>(threads) * chains);
  curve.rates.push_back(rate);
  add_point(curve, {"chains", threads, count, timing, chains, rate}, study);
  control.tell(fmt::format("{}: {}, {} in flight each", curve.space,
                           io::show_count(threads, "thread"), io::show_count(chains, "load")));
}

// Fits a curve, and compares the result with Little's law.
void analyse(const LoadCurve& curve, const Little& little, Study& study) {
  const auto fit = model::fit_saturation(curve.loads, curve.rates, curve.bytes_a_load);
  if (!fit) {
    const std::string points =
        io::show_count(static_cast<std::int64_t>(curve.loads.size()), "point");
    study.notes.push_back(
        fmt::format("{}: bandwidth against loads has {}, too few to fit", curve.space, points));
    return;
  }
  const double streaming = little.latency * little.streaming / curve.bytes_a_load;
  const double independent = little.latency * little.independent / curve.bytes_a_load;
  const double most = *std::max_element(curve.rates.begin(), curve.rates.end());
  const model::Estimate& knee = fit->loads_in_flight;
  const auto over = [&](double loads) {
    return knee.reached() ? io::Json(knee.value / loads) : io::Json();
  };
  const io::Json threads = curve.threads > 0 ? io::Json(curve.threads) : io::Json();
  study.fit["saturation"].push_back({{"space", curve.space},
                                     {"threads", threads},
                                     {"latency_seconds", to_json(fit->latency_seconds)},
                                     {"bytes_per_second", to_json(fit->bytes_per_second)},
                                     {"loads_in_flight", to_json(fit->loads_in_flight)},
                                     {"sharpness", fit->sharpness},
                                     {"relative_deviation", fit->residual_deviation},
                                     {"little",
                                      {{"latency_seconds", little.latency},
                                       {"single_load_seconds", little.single},
                                       {"independent_bytes_per_second", little.independent},
                                       {"independent_loads_in_flight", independent},
                                       {"measured_over_independent", over(independent)},
                                       {"streaming_bytes_per_second", little.streaming},
                                       {"streaming_loads_in_flight", streaming},
                                       {"measured_over_streaming", over(streaming)}}}});
  const auto number = [](double n) { return fmt::format("{:.1f}", n); };
  const auto ratio_cell = [&](double loads) {
    return knee.reached() ? io::Cell(knee.value / loads, "{:.2f}") : io::Cell();
  };
  study.table.add_row({curve.space, curve.threads > 0 ? io::Cell(curve.threads) : no_number("all"),
                       io::Cell::shown_as(little.latency, io::show_seconds(little.latency)),
                       io::Cell(1e-9 * most, "{:.2f}"), estimate_cell(knee, number),
                       io::Cell(1e-9 * little.independent, "{:.2f}"),
                       io::Cell(independent, "{:.1f}"), ratio_cell(independent),
                       io::Cell(1e-9 * little.streaming, "{:.2f}"), io::Cell(streaming, "{:.1f}"),
                       ratio_cell(streaming)});
  study.answers.push_back(fmt::format(
      "{}{}: {}; Little's law says {:.1f} for the {:.1f} GB/s of independent random reads, and "
      "{:.1f} for the {:.1f} of a read in order",
      curve.space,
      curve.threads > 0 ? fmt::format(", {} thread{}", curve.threads, curve.threads == 1 ? "" : "s")
                        : "",
      tell_saturation(*fit, curve.loads, most), independent, 1e-9 * little.independent, streaming,
      1e-9 * little.streaming));
}

// Returns the seconds of one dependent load; 0 if the study was stopped.
double latency_at(SpaceKind kind, std::size_t working_set, machine::Pages pages,
                  const Control& control, std::vector<std::string>& notes) {
  machine::LatencyOptions options;
  options.smallest = options.largest = working_set;
  options.pages = {pages};
  options.stopped = control.stopped;
  const auto points = machine::latency_ladder(kind, options, {}, &notes);
  return points.empty() ? 0 : points.front().seconds.min;
}

double read_bandwidth(SpaceKind kind, std::size_t working_set, int threads, machine::Pages pages,
                      const Control& control) {
  machine::BandwidthOptions options;
  options.smallest = options.largest = working_set;
  options.threads = threads;
  options.pages = {pages};
  options.stopped = control.stopped;
  double best = 0;
  for (const machine::BandwidthPoint& point : machine::bandwidth_ladder(kind, options)) {
    if (point.kernel == machine::StreamKernel::read) best = 1e9 * point.gbytes_per_second();
  }
  return best;
}

// Returns the bytes per second of independent random reads.
template <class Space>
double independent_bandwidth(const Space& instance, ChainedLoads<Space>& chained, int threads,
                             const MeasureOptions& options, const LoadCurve& curve, Study& study) {
  const Timing timing = measure(instance, options, [&] { chained.run_independent(); });
  if (!chained.verify_independent()) {
    throw RunError("the concurrency study's independent reads gave a wrong sum on " + curve.space);
  }
  const double rate = chained.independent_loads() * curve.bytes_a_load / timing.median;
  const LoadPoint point = {"independent", threads, chained.independent_loads(), timing, {}, rate};
  add_point(curve, point, study);
  return rate;
}

// Returns the seconds of a dependent load of every thread of one warp.
template <class Space>
double warp_latency(const Space& instance, ChainedLoads<Space>& chained, double single,
                    const MeasureOptions& options, const LoadCurve& curve, Study& study) {
  constexpr long kSteps = 4096;
  chained.prepare(kWarp, 1);
  const Timing timing = measure(instance, options, [&] { chained.run(kSteps); });
  add_point(curve, {"warp", kWarp, chained.loads(kSteps), timing}, study);
  const double seconds = timing.min / static_cast<double>(kSteps);
  study.answers.push_back(
      fmt::format("{}: one load takes {}, those of a warp's {} threads together {}", curve.space,
                  io::show_seconds(single), kWarp, io::show_seconds(seconds)));
  return seconds;
}

// Returns the numbers of loads in flight per thread.
std::vector<int> loads_of(SpaceKind kind, const ConcurrencyBounds& bounds) {
  if (!bounds.loads.empty()) return bounds.loads;
  if (!machine::is_host(kind)) return {1, 2, 4, 8};
  return {1, 2, 3, 4, 6, 8, 10, 12, 16, 20, 24, 32};
}

// Returns the maximum number of chains of all threads together.
std::size_t most_chains(SpaceKind kind, const ConcurrencyBounds& bounds) {
  const std::vector<int> loads = loads_of(kind, bounds);
  const auto each = static_cast<std::size_t>(*std::max_element(loads.begin(), loads.end()));
  std::size_t threads = 0;
  with_space(kind, [&](const auto& instance) {
    threads = static_cast<std::size_t>(instance.concurrency());
  });
  return threads * each;
}

// Returns a working set that exceeds the caches: four times the caches of all threads, and large
// enough that no chain reaches lines that an adjacent chain has loaded.
std::size_t memory_set(SpaceKind kind, std::size_t chains, const Control& control) {
  const std::size_t wanted =
      std::max({4 * machine::all_cache_bytes(kind), 8 * chains * machine::kNodeStride,
                std::size_t{control.quick ? 128u : 256u} << 20});
  const std::size_t in_time = std::size_t{control.quick ? 512u : 4096u} << 20;
  return std::min(
      {wanted, std::max(in_time, 8 * chains * machine::kNodeStride), machine::memory_share(kind)});
}

// Measures the curves of a host, one per number of threads.
template <class Space>
void measure_host(const Space& instance, SpaceKind kind, const ConcurrencyBounds& bounds,
                  LoadCurve curve, Little little, const MeasureOptions& options,
                  const Control& control, Study& study) {
  for (const int threads : bounds.threads) {
    if (control.should_stop()) return;
    curve.threads = threads;
    curve.loads.clear(), curve.rates.clear();
    little.streaming =
        read_bandwidth(kind, curve.working_set, threads, machine::Pages::huge, control);
    if (control.should_stop()) return;
    ChainedLoads<Space> chained(instance, curve.working_set, threads);
    little.independent = independent_bandwidth(instance, chained, threads, options, curve, study);
    for (const int chains : loads_of(kind, bounds)) {
      if (control.should_stop()) return;
      measure_point(instance, chained, threads, chains, options, control, curve, study);
    }
    analyse(curve, little, study);
  }
}

// Measures the one curve of a device, along which the threads vary.
template <class Space>
void measure_device(const Space& instance, SpaceKind kind, const ConcurrencyBounds& bounds,
                    LoadCurve curve, Little little, const MeasureOptions& options,
                    const Control& control, Study& study) {
  little.streaming = read_bandwidth(kind, curve.working_set, 0, machine::Pages::ordinary, control);
  if (control.should_stop()) return;
  const int most = static_cast<int>(instance.concurrency());
  ChainedLoads<Space> chained(instance, curve.working_set, most);
  little.independent = independent_bandwidth(instance, chained, most, options, curve, study);
  little.latency = warp_latency(instance, chained, little.single, options, curve, study);
  for (int threads = 4 * kWarp; threads < 4 * most; threads *= 4) {
    for (const int chains : loads_of(kind, bounds)) {
      if (control.should_stop()) return;
      measure_point(instance, chained, std::min(threads, most), chains, options, control, curve,
                    study);
    }
  }
  analyse(curve, little, study);
}

bool gets_huge_pages() {
  const machine::PageBuffer probe(std::size_t{8} << 20, machine::Pages::huge);
  probe.touch();
  return probe.huge_bytes() > 0;
}

void measure_space(SpaceKind kind, const ConcurrencyBounds& bounds, std::size_t working_set,
                   const Control& control, Study& study) {
  const bool host = machine::is_host(kind);
  const std::string space = name_of(kind);
  machine::warm_up(kind);
  MeasureOptions options = MeasureOptions::ladder_point();
  options.min_seconds = control.quick ? 0.03 : 0.1;
  options.stopped = control.stopped;

  const bool huge = !host || gets_huge_pages();
  if (!huge) study.notes.push_back("the kernel grants no huge pages: the TLB slows every load");
  const std::string pages = huge ? "huge" : machine::small_page_label();
  reaches_memory(kind, static_cast<double>(working_set), study.notes);
  Little little;
  little.single = little.latency =
      latency_at(host ? SpaceKind::serial : kind, working_set,
                 huge ? machine::Pages::huge : machine::Pages::small, control, study.notes);
  control.tell(space + ": latency of one load");
  const LoadCurve curve{
      space, pages, 0, working_set, static_cast<double>(machine::bytes_a_load(kind)), {}, {}};
  with_space(kind, [&](const auto& instance) {
    if constexpr (kIsHost<std::decay_t<decltype(instance)>>) {
      measure_host(instance, kind, bounds, curve, little, options, control, study);
    } else {
      measure_device(instance, kind, bounds, curve, little, options, control, study);
    }
  });
}

// What the study measures, after all checks: one working set per space; all hosts count as one
// space.
struct ConcurrencyPlan {
  ConcurrencyBounds bounds;
  std::vector<std::pair<SpaceKind, std::size_t>> spaces;
};

void require_loads(SpaceKind kind, const std::vector<int>& loads) {
  for (const int count : loads) {
    const bool possible = machine::is_host(kind)
                              ? count >= 1 && count <= 32
                              : count == 1 || count == 2 || count == 4 || count == 8;
    if (!possible) {
      throw RequestError(fmt::format("--loads: {} on {}; possible are {}", count, to_string(kind),
                                     machine::is_host(kind) ? "1 to 32" : "1, 2, 4 and 8"));
    }
  }
}

ConcurrencyPlan plan_of(ConcurrencyBounds bounds, const Control& control) {
  const SpaceKind host = host_among(bounds.spaces);
  bounds.threads = host_thread_counts(bounds.threads, host);
  std::sort(bounds.loads.begin(), bounds.loads.end());
  bounds.loads.erase(std::unique(bounds.loads.begin(), bounds.loads.end()), bounds.loads.end());
  ConcurrencyPlan plan;
  for (const SpaceKind space : bounds.spaces) {
    const SpaceKind kind = machine::is_host(space) ? host : space;
    const auto same = [&](const auto& entry) { return entry.first == kind; };
    if (std::any_of(plan.spaces.begin(), plan.spaces.end(), same)) continue;
    require_loads(kind, bounds.loads);
    const std::size_t chains = most_chains(kind, bounds);
    const std::size_t working_set =
        bounds.working_set > 0 ? bounds.working_set : memory_set(kind, chains, control);
    if (working_set < 2 * chains * machine::kNodeStride) {
      throw RequestError(
          fmt::format("--working-set: {} on {}; its {} loads in flight need {} to be apart",
                      readable_bytes(static_cast<double>(working_set)), to_string(kind), chains,
                      readable_bytes(2 * static_cast<double>(chains * machine::kNodeStride))));
    }
    // The list of the nodes' order, and the list from which it is generated, need memory too.
    require_memory(kind, static_cast<double>(working_set) *
                             (1 + 8.0 / static_cast<double>(machine::kNodeStride)));
    plan.spaces.push_back({kind, working_set});
  }
  plan.bounds = std::move(bounds);
  return plan;
}

}  // namespace

std::string tell_saturation(const model::Saturation& fit, const std::vector<double>& loads,
                            double most) {
  const auto number = [](double n) { return fmt::format("{:.1f}", n); };
  const auto rate = [](double bytes) { return fmt::format("{:.1f}", 1e-9 * bytes); };
  const model::Estimate& knee = fit.loads_in_flight;
  const double last = *std::max_element(loads.begin(), loads.end());
  if (!fit.grows) {
    return fmt::format(
        "random reads do not gain from more loads in flight: {:g} have {} GB/s already", knee.high,
        shown(fit.bytes_per_second, rate));
  }
  if (knee.reached()) {
    return fmt::format("{} loads in flight saturate random reads at {} GB/s", shown(knee, number),
                       shown(fit.bytes_per_second, rate));
  }
  if (std::isinf(knee.value) && knee.value > 0) {
    return fmt::format(
        "random reads are not saturated by the {:g} loads in flight measured: it takes more than "
        "{:.1f}; the most that was measured are {:.1f} GB/s",
        last, knee.low, 1e-9 * most);
  }
  return fmt::format(
      "how many loads in flight saturate random reads is {}; the most that was measured are {:.1f} "
      "GB/s",
      shown(knee, number), 1e-9 * most);
}

Study study_concurrency(const ConcurrencyBounds& bounds, const Control& control) {
  const ConcurrencyPlan plan = plan_of(bounds, control);
  Study study{"concurrency",
              "parallel threads hide latency",
              {{"working_set_bytes", plan.spaces.empty() ? 0 : plan.spaces.front().second},
               {"threads", plan.bounds.threads}},
              io::Json::array(),
              {{"saturation", io::Json::array()}},
              io::Table({{"space", "space", io::Align::left},
                         {"threads", "threads", io::Align::right, 0},
                         {"latency", "latency_seconds"},
                         {"most GB/s", "most_gbytes_per_second"},
                         {"loads that saturate", "loads_in_flight", io::Align::right, 0},
                         {"independent GB/s", "independent_gbytes_per_second", io::Align::right, 2},
                         {"Little", "independent_loads_in_flight"},
                         {"ratio", "measured_over_independent"},
                         {"in order GB/s", "streaming_gbytes_per_second", io::Align::right, 3},
                         {"Little", "streaming_loads_in_flight", io::Align::right, 3},
                         {"ratio", "measured_over_streaming", io::Align::right, 3}}),
              {},
              {},
              true};
  note_binding(study.notes);
  for (const auto& [kind, working_set] : plan.spaces) {
    if (control.should_stop()) break;
    measure_space(kind, plan.bounds, working_set, control, study);
  }
  finish(study, control);
  return study;
}

}  // namespace ridgeline::studies
