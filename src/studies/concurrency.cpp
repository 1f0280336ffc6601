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
#include "studies/concurrency_report.hpp"

namespace ridgeline::studies {
namespace {

using machine::ChainedLoads;
using machine::readable_bytes;

// Approximate duration of a launch of chained loads.
constexpr double kLaunchSeconds = 4e-3;

// The sweep of one space; all hosts count as one.
struct SpacePlan {
  SpaceKind kind;
  std::vector<int> loads;  // in flight per thread
  std::size_t working_set;
};

// What the study measures, after all checks.
struct ConcurrencyPlan {
  std::vector<int> threads;  // of a host
  std::vector<SpacePlan> spaces;
};

// Returns the numbers of loads in flight per thread.
std::vector<int> loads_of(SpaceKind kind, std::vector<int> requested) {
  std::sort(requested.begin(), requested.end());
  requested.erase(std::unique(requested.begin(), requested.end()), requested.end());
  for (const int count : requested) {
    const bool possible = machine::is_host(kind)
                              ? count >= 1 && count <= 32
                              : count == 1 || count == 2 || count == 4 || count == 8;
    if (!possible) {
      throw RequestError(fmt::format("--loads: {} on {}; possible are {}", count, to_string(kind),
                                     machine::is_host(kind) ? "1 to 32" : "1, 2, 4 and 8"));
    }
  }
  if (!requested.empty()) return requested;
  if (!machine::is_host(kind)) return {1, 2, 4, 8};
  return {1, 2, 3, 4, 6, 8, 10, 12, 16, 20, 24, 32};
}

// Returns a working set that exceeds the caches: four times the caches of all threads, and large
// enough that no chain reaches lines that an adjacent chain has loaded.
std::size_t memory_set(SpaceKind kind, std::size_t chains, bool quick) {
  const std::size_t wanted =
      std::max({4 * machine::all_cache_bytes(kind), 8 * chains * machine::kNodeStride,
                std::size_t{quick ? 128u : 256u} << 20});
  const std::size_t in_time = std::size_t{quick ? 512u : 4096u} << 20;
  return std::min(
      {wanted, std::max(in_time, 8 * chains * machine::kNodeStride), machine::memory_share(kind)});
}

SpacePlan plan_of(SpaceKind kind, const ConcurrencyBounds& bounds, bool quick) {
  SpacePlan plan{kind, loads_of(kind, bounds.loads), bounds.working_set};
  const int threads = with_space(kind, [](const auto& instance) { return instance.concurrency(); });
  // The maximum number of chains of all threads together.
  const std::size_t chains =
      static_cast<std::size_t>(threads) * static_cast<std::size_t>(plan.loads.back());
  if (plan.working_set == 0) plan.working_set = memory_set(kind, chains, quick);
  const double bytes = static_cast<double>(plan.working_set);
  if (plan.working_set < 2 * chains * machine::kNodeStride) {
    throw RequestError(
        fmt::format("--working-set: {} on {}; its {} loads in flight need {} to be apart",
                    readable_bytes(bytes), to_string(kind), chains,
                    readable_bytes(2 * static_cast<double>(chains * machine::kNodeStride))));
  }
  // The list of the nodes' order, and the list from which it is generated, need memory too.
  require_memory(kind, bytes * (1 + 8.0 / static_cast<double>(machine::kNodeStride)));
  return plan;
}

ConcurrencyPlan plan_of(const ConcurrencyBounds& bounds, bool quick) {
  const SpaceKind host = host_among(bounds.spaces);
  ConcurrencyPlan plan{host_thread_counts(bounds.threads, host), {}};
  for (const SpaceKind space : bounds.spaces) {
    const SpaceKind kind = machine::is_host(space) ? host : space;
    const auto same = [&](const SpacePlan& other) { return other.kind == kind; };
    if (std::any_of(plan.spaces.begin(), plan.spaces.end(), same)) continue;
    plan.spaces.push_back(plan_of(kind, bounds, quick));
  }
  return plan;
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

bool gets_huge_pages() {
  const machine::PageBuffer probe(std::size_t{8} << 20, machine::Pages::huge);
  probe.touch();
  return probe.huge_bytes() > 0;
}

template <class Space>
LoadPoint measure_independent(const Space& instance, ChainedLoads<Space>& chained, int threads,
                              const MeasureOptions& options, const std::string& space) {
  const Timing seconds = measure(instance, options, [&] { chained.run_independent(); });
  if (!chained.verify_independent()) {
    throw RunError("the concurrency study's independent reads gave a wrong sum on " + space);
  }
  return {threads, chained.independent_loads(), seconds};
}

template <class Space>
LoadPoint measure_warp(const Space& instance, ChainedLoads<Space>& chained,
                       const MeasureOptions& options) {
  constexpr long kSteps = 4096;
  chained.prepare(kWarp, 1);
  const Timing seconds = measure(instance, options, [&] { chained.run(kSteps); });
  return {kWarp, chained.loads(kSteps), seconds};
}

template <class Space>
LoadPoint measure_chains(const Space& instance, ChainedLoads<Space>& chained, int threads,
                         int chains, const MeasureOptions& options, const std::string& space) {
  chained.prepare(threads, chains);
  Stopwatch<Space> watch(instance);
  long steps = 32;
  for (; steps < (1L << 30); steps *= 2) {
    watch.start();
    chained.run(steps);
    watch.stop();
    if (watch.seconds() >= kLaunchSeconds / 2) break;
  }
  const Timing seconds = measure(instance, options, [&] { chained.run(steps); });
  if (!chained.verify()) throw RunError("the concurrency study's loads went astray on " + space);
  return {threads, chained.loads(steps), seconds, chains};
}

// Measures one curve, along which the threads and their loads vary.
template <class Space>
LoadCurve measure_curve(const Space& instance, const ConcurrencyMeasurement& measured,
                        const std::vector<int>& threads, const std::vector<int>& loads,
                        const MeasureOptions& options, const Control& control) {
  const int most = threads.back();
  const auto pages = kIsHost<Space> ? machine::Pages::huge : machine::Pages::ordinary;
  LoadCurve curve{kIsHost<Space> ? most : 0, 0, {}, {}, {}};
  curve.streaming =
      read_bandwidth(measured.kind, measured.working_set, curve.threads, pages, control);
  if (control.should_stop()) return curve;
  ChainedLoads<Space> chained(instance, measured.working_set, most);
  curve.independent = measure_independent(instance, chained, most, options, measured.space);
  if (!kIsHost<Space>) curve.warp = measure_warp(instance, chained, options);
  for (const int count : threads) {
    for (const int chains : loads) {
      if (control.should_stop()) return curve;
      curve.chains.push_back(
          measure_chains(instance, chained, count, chains, options, measured.space));
      control.tell(fmt::format("{}: {}, {} in flight each", measured.space,
                               io::show_count(count, "thread"), io::show_count(chains, "load")));
    }
  }
  curve.complete = true;
  return curve;
}

// Measures a host's curves, one per number of threads, or the one curve of a device.
template <class Space>
void measure_curves(const Space& instance, const SpacePlan& plan, const std::vector<int>& threads,
                    const MeasureOptions& options, const Control& control,
                    ConcurrencyMeasurement& measured) {
  const auto add = [&](const std::vector<int>& counts) {
    if (control.should_stop()) return;
    measured.curves.push_back(
        measure_curve(instance, measured, counts, plan.loads, options, control));
  };
  if constexpr (kIsHost<Space>) {
    for (const int count : threads) add({count});
  } else {
    const int most = static_cast<int>(instance.concurrency());
    std::vector<int> counts;
    for (int count = 4 * kWarp; count < most; count *= 4) counts.push_back(count);
    counts.push_back(most);
    add(counts);
  }
}

ConcurrencyMeasurement measure_space(const SpacePlan& plan, const std::vector<int>& threads,
                                     const Control& control) {
  const bool host = machine::is_host(plan.kind);
  machine::warm_up(plan.kind);
  MeasureOptions options = MeasureOptions::ladder_point();
  options.min_seconds = control.quick ? 0.03 : 0.1;
  options.stopped = control.stopped;
  ConcurrencyMeasurement measured{plan.kind, name_of(plan.kind), plan.working_set,
                                  !host || gets_huge_pages()};
  measured.load_seconds = latency_at(
      host ? SpaceKind::serial : plan.kind, plan.working_set,
      measured.huge_pages ? machine::Pages::huge : machine::Pages::small, control, measured.notes);
  control.tell(measured.space + ": latency of one load");
  with_space(plan.kind, [&](const auto& instance) {
    measure_curves(instance, plan, threads, options, control, measured);
  });
  return measured;
}

Study empty_study(const ConcurrencyPlan& plan) {
  Study study("concurrency", "parallel threads hide latency",
              {{"space", "space", io::Align::left},
               {"threads", "threads", io::Align::right, 0},
               {"latency", "latency_seconds"},
               {"most GB/s", "most_gbytes_per_second"},
               {"loads that saturate", "loads_in_flight", io::Align::right, 0},
               {"independent GB/s", "independent_gbytes_per_second", io::Align::right, 2},
               {"Little", "independent_loads_in_flight"},
               {"ratio", "measured_over_independent"},
               {"in order GB/s", "streaming_gbytes_per_second", io::Align::right, 3},
               {"Little", "streaming_loads_in_flight", io::Align::right, 3},
               {"ratio", "measured_over_streaming", io::Align::right, 3}});
  study.settings = {
      {"working_set_bytes", plan.spaces.empty() ? 0 : plan.spaces.front().working_set},
      {"threads", plan.threads}};
  study.fit = {{"saturation", io::Json::array()}};
  note_binding(study.notes);
  return study;
}

}  // namespace

Study study_concurrency(const ConcurrencyBounds& bounds, const Control& control) {
  const ConcurrencyPlan plan = plan_of(bounds, control.quick);
  Study study = empty_study(plan);
  for (const SpacePlan& space : plan.spaces) {
    if (control.should_stop()) break;
    present(measure_space(space, plan.threads, control), study);
  }
  finish(study, control);
  return study;
}

}  // namespace ridgeline::studies
