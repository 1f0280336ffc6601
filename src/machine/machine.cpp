#include "machine/machine.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <type_traits>

#include "core/timing.hpp"
#include "io/units.hpp"
#include "machine/description.hpp"
#include "machine/identity.hpp"
#include "machine/pages.hpp"
#include "machine/space_memory.hpp"
#include "machine/stream_arrays.hpp"

namespace ridgeline::machine {
namespace {

using io::Json;

TimerCheck timer_check(SpaceKind space) {
  return with_space(space, [&](const auto& instance) {
    using Space = std::decay_t<decltype(instance)>;
    StreamArrays<Space> arrays(instance, 1, std::size_t{1} << 17);
    arrays.prepare(StreamKernel::read);
    return check_timer(instance, [&] { arrays.run(StreamKernel::write, 4); });
  });
}

template <class Options>
Options bounded(Options options, SpaceKind space) {
  options.largest = std::min(options.largest, memory_share(space));
  options.smallest = std::min(options.smallest, options.largest);
  return options;
}

// Results that are measured once for all spaces of a host.
struct OneThread {
  bool measured = false;
  std::vector<LatencyPoint> latency;
  std::vector<BandwidthPoint> bandwidth;
  std::vector<ChainPoint> chain;
};

void measure_one_thread(const MachineOptions& options, const Progress& progress,
                        MachineMeasurement& measurement, OneThread& one) {
  if (one.measured) return;
  one.measured = true;
  one.latency = latency_ladder(SpaceKind::serial, bounded(options.latency, SpaceKind::serial),
                               progress, &measurement.notes);
  one.bandwidth =
      bandwidth_ladder(SpaceKind::serial, bounded(options.bandwidth_one_thread, SpaceKind::serial),
                       progress, &measurement.notes);
  one.chain = chain_ladder(SpaceKind::serial, options.chain, progress);
}

// Fewer threads may have the same memory bandwidth, or a higher one.
void measure_other_counts(SpaceKind kind, const MachineOptions& options, const Progress& progress,
                          MachineMeasurement& measurement, SpaceMeasurement& space) {
  for (int threads = 2; threads < space.concurrency; threads *= 2) {
    BandwidthOptions few = bounded(options.bandwidth_other_counts, kind);
    few.threads = threads;
    for (const BandwidthPoint& point : bandwidth_ladder(kind, few, progress, &measurement.notes)) {
      space.bandwidth.push_back(point);
    }
  }
}

double memory_bandwidth(const std::vector<BandwidthPoint>& points, int threads) {
  double best = 0;
  std::size_t largest = 0;
  for (const BandwidthPoint& point : points) {
    if (point.threads == threads) largest = std::max(largest, point.working_set_bytes);
  }
  for (const BandwidthPoint& point : points) {
    if (point.threads == threads && 2 * point.working_set_bytes > largest) {
      best = std::max(best, point.gbytes_per_second());
    }
  }
  return best;
}

// Notes thread counts with a lower memory bandwidth than fewer threads.
void note_slow_threads(const SpaceMeasurement& space, std::vector<std::string>& notes) {
  const double all = memory_bandwidth(space.bandwidth, space.concurrency);
  int fastest = space.concurrency;
  double most = all;
  for (const BandwidthPoint& point : space.bandwidth) {
    const double rate = memory_bandwidth(space.bandwidth, point.threads);
    if (rate <= most) continue;
    most = rate;
    fastest = point.threads;
  }
  if (fastest == space.concurrency) return;
  notes.push_back(fmt::format(
      "{}: {} get {:.1f} GB/s from memory and {} {:.1f}: the ceiling is that of the best count",
      to_string(space.space), io::show_count(space.concurrency, "thread"), all,
      io::show_count(fastest, "thread"), most));
}

// Notes a shared last cache that others use: the ladder's result is valid at that moment alone.
void note_lost_caches(const SpaceMeasurement& space, std::vector<std::string>& notes) {
  for (const Level& level : space.levels) {
    const LatencyPlateau plateau = latency_plateau(space.latency, small_page_label(), level);
    if (level.capacity_bytes == 0 || level.shared_by == 1 || plateau.seconds == 0) continue;
    if (2 * plateau.seen_bytes < level.capacity_bytes) {
      notes.push_back("a chase found only " +
                      readable_bytes(static_cast<double>(plateau.seen_bytes)) + " of the " +
                      readable_bytes(static_cast<double>(level.capacity_bytes)) + " of " +
                      level.name + ": others share it, so its figures come and go");
    }
  }
}

// The ladders of a device: its own memory, and transfers to it and back.
void measure_device_memory(SpaceKind kind, const MachineOptions& options, const Progress& tell,
                           MachineMeasurement& measurement, SpaceMeasurement& space) {
  space.latency = latency_ladder(kind, bounded(options.latency, kind), tell, &measurement.notes);
  space.bandwidth =
      bandwidth_ladder(kind, bounded(options.bandwidth, kind), tell, &measurement.notes);
  TransferOptions transfer = bounded(options.transfer, kind);
  transfer.largest = std::min(transfer.largest, memory_share(SpaceKind::serial));
  space.transfer = transfer_ladder(kind, transfer, tell, &measurement.notes);
}

void measure_host_memory(SpaceKind kind, const MachineOptions& options, const Progress& tell,
                         MachineMeasurement& measurement, OneThread& one, SpaceMeasurement& space) {
  if (kind != SpaceKind::serial && space.concurrency > 1) {
    space.bandwidth =
        bandwidth_ladder(kind, bounded(options.bandwidth, kind), tell, &measurement.notes);
    measure_other_counts(kind, options, tell, measurement, space);
    space.chain = chain_ladder(kind, options.chain, tell);
    space.numa = numa_bandwidth(bounded(options.bandwidth, kind).largest / 4,
                                MeasureOptions::ladder_point());
  }
  measure_one_thread(options, tell, measurement, one);
  space.latency = one.latency;
  space.chain.insert(space.chain.end(), one.chain.begin(), one.chain.end());
  space.bandwidth.insert(space.bandwidth.end(), one.bandwidth.begin(), one.bandwidth.end());
}

// Measures a space; returns nothing if it was stopped.
std::optional<SpaceMeasurement> measure_space(SpaceKind kind, const MachineOptions& options,
                                              const Progress& tell, WorkProbes& work,
                                              OneThread& one, MachineMeasurement& measurement) {
  SpaceMeasurement space;
  space.space = kind;
  space.concurrency = with_space(
      kind, [](const auto& instance) { return static_cast<int>(instance.concurrency()); });
  warm_up(kind);
  space.timer = timer_check(kind);
  if (!space.timer.ok) {
    measurement.notes.push_back(to_string(kind) + ": twice the work took " +
                                std::to_string(2 * space.timer.ratio) +
                                " times as long: other programs disturb this machine, or its "
                                "clock is not to be trusted");
  }
  space.peak_float32 = measure_peak<float>(kind, options.peak);
  space.peak_float64 = measure_peak<double>(kind, options.peak);
  tell("peak arithmetic");
  space.dispatch = measure_dispatch(kind, options.dispatch);
  tell("dispatch");
  space.work = work.measure(kind, space.peak_float32, space.peak_float64, tell, &measurement.notes);
  tell("work");
  if (is_host(kind)) {
    measure_host_memory(kind, options, tell, measurement, one, space);
  } else {
    measure_device_memory(kind, options, tell, measurement, space);
  }
  if (options.peak.should_stop()) return std::nullopt;
  if (is_host(kind)) note_slow_threads(space, measurement.notes);
  const std::size_t largest = space.latency.empty() ? 0 : space.latency.back().working_set_bytes;
  space.levels = memory_levels(caches_of(kind), largest);
  return space;
}

Json latency_json(const std::vector<LatencyPoint>& points) {
  Json list = Json::array();
  for (const LatencyPoint& point : points) {
    list.push_back({{"working_set_bytes", point.working_set_bytes},
                    {"pages", point.pages},
                    {"seconds", point.seconds},
                    {"loads_per_repeat", point.loads_per_repeat}});
  }
  return list;
}

Json bandwidth_json(const std::vector<BandwidthPoint>& points) {
  Json list = Json::array();
  for (const BandwidthPoint& point : points) {
    list.push_back({{"kernel", to_string(point.kernel)},
                    {"working_set_bytes", point.working_set_bytes},
                    {"threads", point.threads},
                    {"gbytes_per_second", point.gbytes_per_second()},
                    {"seconds", point.seconds},
                    {"pages", point.on_huge_pages() ? "huge" : small_page_label()},
                    {"stores", to_string(point.stores)},
                    {"passes_per_launch", point.passes},
                    {"huge_page_bytes", point.huge_bytes}});
  }
  return list;
}

Json chain_json(const std::vector<ChainPoint>& points) {
  Json list = Json::array();
  for (const ChainPoint& point : points) {
    list.push_back({{"kernel", to_string(point.kernel)},
                    {"threads", point.threads},
                    {"handoff", point.from_other ? "other" : "own"},
                    {"bytes", point.bytes},
                    {"arena_bytes", point.arena_bytes},
                    {"gbytes_per_second", point.gbytes_per_second()},
                    {"seconds", point.seconds}});
  }
  return list;
}

Json numa_json(const std::vector<NumaPoint>& points) {
  Json list = Json::array();
  for (const NumaPoint& point : points) {
    list.push_back({{"threads_domain", point.threads_domain},
                    {"memory_domain", point.memory_domain},
                    {"kernel", to_string(point.kernel)},
                    {"threads", point.threads},
                    {"working_set_bytes", point.working_set_bytes},
                    {"gbytes_per_second", point.gbytes_per_second()},
                    {"seconds", point.seconds}});
  }
  return list;
}

Json dispatch_json(const DispatchCosts& costs) {
  Json dispatch;
  dispatch["empty_kernel"] = costs.empty_kernel;
  dispatch["empty_kernel_fenced"] = costs.empty_kernel_fenced;
  dispatch["reduction"] = costs.reduction;
  if (costs.single_thread_kernel) dispatch["single_thread_kernel"] = *costs.single_thread_kernel;
  if (costs.team_barrier) dispatch["team_barrier"] = *costs.team_barrier;
  dispatch["team_size"] = costs.team_size;
  return dispatch;
}

Json space_json(const SpaceMeasurement& space) {
  Json json;
  json["concurrency"] = space.concurrency;
  json["peak_gflops"] = {{"float32", space.peak_float32.gflops()},
                         {"float64", space.peak_float64.gflops()}};
  json["peak_threads"] = space.peak_float32.threads;
  json["bandwidth"] = bandwidth_json(space.bandwidth);
  json["latency"] = latency_json(space.latency);
  if (!space.chain.empty()) json["chain"] = chain_json(space.chain);
  if (!space.numa.empty()) json["numa"] = numa_json(space.numa);
  json["dispatch"] = dispatch_json(space.dispatch);
  add_to_json(space.work, json);
  if (!is_host(space.space)) {
    Json list = Json::array();
    for (const TransferPoint& point : space.transfer) {
      list.push_back({{"direction", point.direction},
                      {"bytes", point.bytes},
                      {"seconds", point.seconds},
                      {"host_memory", point.host_memory}});
    }
    json["transfer"] = list;
  }
  Json levels = Json::array();
  for (const Level& level : space.levels) {
    Json entry = {{"level", level.name}};
    entry["capacity_bytes"] = level.capacity_bytes > 0 ? Json(level.capacity_bytes) : Json();
    for (const std::string& pages : {small_page_label(), std::string("huge")}) {
      const LatencyPlateau plateau = latency_plateau(space.latency, pages, level);
      if (plateau.seconds == 0) continue;
      entry["latency"][pages] = {{"seconds_per_load", plateau.seconds},
                                 {"seen_bytes", plateau.seen_bytes}};
    }
    levels.push_back(entry);
  }
  json["levels"] = levels;
  json["timer_check"] = {{"ratio", space.timer.ratio}, {"within_10_percent", space.timer.ok}};
  json["clock"] = is_host(space.space) ? "host clock, fence on the instance"
                                       : "events on the instance's stream; dispatch and transfers "
                                         "by the host clock, end to end";
  return json;
}

}  // namespace

MachineOptions MachineOptions::standard(bool quick) {
  MachineOptions options;
  const std::vector<Cache> caches = host_caches();
  const std::size_t first = caches.empty() ? std::size_t{32} << 10 : caches.front().bytes;
  options.latency.smallest = first / 2;
  options.latency.largest = std::size_t{quick ? 256u : 1024u} << 20;
  options.latency.budget_seconds = quick ? 5 : 34;
  options.bandwidth.largest = std::size_t{quick ? 384u : 1024u} << 20;
  options.bandwidth.per_octave = quick ? 1 : 2;
  options.bandwidth.budget_seconds = quick ? 4 : 32;
  options.bandwidth.pages = {Pages::ordinary, Pages::huge};
  options.bandwidth.nontemporal = true;
  if (quick) {
    options.bandwidth.min_seconds = 0.005;  // every octave has five kernels
    options.bandwidth.repeats = 4;          // the largest set has 18 points with any budget
  }
  options.bandwidth_one_thread = options.bandwidth;
  options.bandwidth_one_thread.per_octave = 1;
  options.bandwidth_one_thread.budget_seconds = quick ? 3 : 20;
  options.bandwidth_other_counts = options.bandwidth;
  options.bandwidth_other_counts.smallest = options.bandwidth.largest;
  options.bandwidth_other_counts.budget_seconds = quick ? 1 : 4;
  if (quick) {
    options.chain.min_seconds = 0.002;
    options.chain.repeats = 3;
    options.chain.largest_arena = std::size_t{16} << 20;
    options.chain.largest = std::size_t{4} << 20;
  }
  options.chain.largest_beyond_caches = std::size_t{quick ? 256u : 1024u} << 20;
  options.transfer.largest = std::size_t{quick ? 256u : 1024u} << 20;
  options.transfer.budget_seconds = quick ? 2 : 5;
  for (MeasureOptions* each : {&options.peak, &options.dispatch}) {
    each->min_seconds = quick ? 0.05 : 0.2;
    each->warm_up_seconds = 0.01;
  }
  options.work = WorkOptions::standard(quick);
  return options;
}

void MachineOptions::stop_when(const std::function<bool()>& stopped) {
  latency.stopped = bandwidth.stopped = bandwidth_one_thread.stopped = transfer.stopped = stopped;
  bandwidth_other_counts.stopped = chain.stopped = stopped;
  peak.stopped = dispatch.stopped = stopped;
  work.stop_when(stopped);
}

MachineMeasurement measure_machine(const MachineOptions& requested, const Progress& progress) {
  const double begin = host_seconds();
  MachineMeasurement measurement;
  MachineOptions options = requested;
  options.chain = bounded_arenas(options.chain, memory_share(SpaceKind::serial), measurement.notes);
  Guard guard(Runtime::host_threads().count);
  OneThread one;
  WorkProbes work(options.work);
  for (const SpaceKind kind : options.spaces.empty() ? built_spaces() : options.spaces) {
    const auto tell = [&](const std::string& line) {
      if (progress) progress(to_string(kind) + ": " + line);
    };
    auto space = measure_space(kind, options, tell, work, one, measurement);
    measurement.complete = space.has_value();
    if (!space) break;
    measurement.spaces.push_back(std::move(*space));
  }
  for (const SpaceMeasurement& space : measurement.spaces) {
    if (!is_host(space.space)) continue;
    note_lost_caches(space, measurement.notes);
    break;  // all spaces of a host have one latency ladder
  }
  measurement.disturbance = guard.report();
  measurement.seconds = host_seconds() - begin;
  return measurement;
}

Json to_json(const MachineMeasurement& measurement) {
  Json file = new_result("ridgeline-machine");
  file["model_id"] = machine_id(gpu_model());
  file["isa"] = processor_features();
  file["complete"] = measurement.complete;
  file["measuring_seconds"] = measurement.seconds;
  file["quiet"] = !measurement.disturbance.alarm();
  const auto pulse = [](const Timing& timing) {
    return timing.repeats > 0 ? Json(timing.median) : Json();
  };
  file["pulse"] = {{"arithmetic", pulse(measurement.disturbance.arithmetic_pulse)},
                   {"stream", pulse(measurement.disturbance.stream_pulse)},
                   {"exchange", pulse(measurement.disturbance.exchange_pulse)}};
  file["disturbed"] = to_json(measurement.disturbance);
  Json spaces = Json::object();
  for (const SpaceMeasurement& space : measurement.spaces) {
    spaces[to_string(space.space)] = space_json(space);
  }
  file["spaces"] = spaces;
  file["notes"] = measurement.notes;
  return file;
}

}  // namespace ridgeline::machine
