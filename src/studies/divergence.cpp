#include "studies/divergence.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/launch.hpp"
#include "core/timing.hpp"
#include "io/units.hpp"
#include "machine/divergence.hpp"
#include "machine/peak.hpp"
#include "machine/space_memory.hpp"
#include "model/divergence.hpp"

namespace ridgeline::studies {
namespace {

using machine::Access;
using machine::Arrangement;
using machine::DivergentWork;
using machine::ReadAccess;

constexpr Access kAccesses[] = {Access::regular, Access::gathered, Access::dependent};

std::string readable(std::size_t bytes) {
  return machine::readable_bytes(static_cast<double>(bytes));
}

// Returns the bounds with all defaults, after all checks.
DivergenceBounds plan_of(DivergenceBounds bounds, bool quick) {
  if (bounds.paths.empty()) bounds.paths = {1, 2, 4, 8, 16, 32};
  std::sort(bounds.paths.begin(), bounds.paths.end());
  for (const int count : bounds.paths) {
    if (count < 1 || count > machine::kMostPaths) {
      throw RequestError(
          fmt::format("--paths: {}; 1 to {} are possible", count, machine::kMostPaths));
    }
  }
  // All other times are relative to that of one path.
  if (bounds.paths.front() != 1) bounds.paths.insert(bounds.paths.begin(), 1);
  if (bounds.iterations == 0) bounds.iterations = std::size_t{1} << 20;
  const auto least_bytes = [](SpaceKind space) {
    return with_space(space, [](const auto& instance) {
      return sizeof(std::uint32_t) * ReadAccess<std::decay_t<decltype(instance)>>::least(instance);
    });
  };
  constexpr std::size_t kMostNumbers = ReadAccess<Kokkos::Serial>::kMost;  // of all spaces
  if (bounds.array_bytes == 0) {
    bounds.array_bytes = std::size_t{quick ? 64u : 256u} << 20;
    // A device has one chain for each of its many threads.
    for (const SpaceKind space : bounds.spaces) {
      while (bounds.array_bytes < least_bytes(space)) bounds.array_bytes *= 2;
    }
  }
  for (const SpaceKind space : bounds.spaces) {
    const std::size_t numbers = bounds.array_bytes / sizeof(std::uint32_t);
    if (numbers * sizeof(std::uint32_t) < least_bytes(space) || numbers > kMostNumbers) {
      throw RequestError(fmt::format("--array: {} on {}; {} to {} are possible",
                                     readable(bounds.array_bytes), to_string(space),
                                     readable(least_bytes(space)),
                                     readable(sizeof(std::uint32_t) * kMostNumbers)));
    }
    // While the array is generated, its copy on the host needs memory too.
    require_memory(space, 2.0 * static_cast<double>(bounds.array_bytes) +
                              9.0 * static_cast<double>(bounds.iterations));
  }
  return bounds;
}

// One number of paths in one arrangement.
struct PathPoint {
  int paths;
  double paths_met;  // on average, by iterations that are executed together
  Timing seconds;
};

struct PathSeries {
  Arrangement arrangement;
  std::vector<PathPoint> points;  // the first has one path
};

struct AccessPoint {
  Access access;
  std::size_t reads;
  int chains;  // 0: the reads are independent
  Timing seconds;
  double seconds_per_read() const { return seconds.median / static_cast<double>(reads); }
};

// The measurements on one space. A study that is stopped early lacks some of them.
struct DivergenceMeasurement {
  std::string space;
  int flops_per_iteration;
  Timing straight;  // one path, known at compile time
  std::vector<PathSeries> series;
  std::vector<AccessPoint> accesses;  // the first is regular
};

template <class Space>
void measure_paths(const Space& instance, const DivergenceBounds& plan,
                   const MeasureOptions& options, const Control& control,
                   DivergenceMeasurement& measured) {
  DivergentWork<Space> work(instance, plan.iterations);
  const auto verify = [&] {
    if (work.verify()) return;
    throw RunError("the divergence study's kernel computed a wrong result on " + measured.space);
  };
  measured.flops_per_iteration = DivergentWork<Space>::kFlops;
  measured.straight = measure(instance, options, [&] { work.run_straight(); });
  verify();
  for (const Arrangement arrangement :
       {Arrangement::sorted, Arrangement::alternating, Arrangement::random}) {
    measured.series.push_back({arrangement, {}});
    for (const int paths : plan.paths) {
      if (control.should_stop()) return;
      work.prepare(paths, arrangement);
      const Timing seconds = measure(instance, options, [&] { work.run(); });
      verify();
      // With random paths, a warp's threads do not take all of them.
      const bool some = !kIsHost<Space> && arrangement == Arrangement::random;
      const double met = some ? model::expected_paths(paths, kWarp) : paths;
      measured.series.back().points.push_back({paths, met, seconds});
      control.tell(fmt::format("{}: {}", measured.space,
                               io::show_count(paths, machine::to_string(arrangement) + " path")));
    }
  }
}

template <class Space>
void measure_access(const Space& instance, const DivergenceBounds& plan,
                    const MeasureOptions& options, const Control& control,
                    DivergenceMeasurement& measured) {
  if (control.should_stop()) return;
  ReadAccess<Space> reads(instance, plan.array_bytes / sizeof(std::uint32_t));
  for (const Access access : kAccesses) {
    if (control.should_stop()) return;
    const Timing seconds = measure(instance, options, [&] { reads.run(access); });
    if (!reads.verify(access)) {
      throw RunError("the divergence study's read gave a wrong result on " + measured.space);
    }
    const int chains = access == Access::dependent ? reads.chains() : 0;
    measured.accesses.push_back({access, reads.reads(access), chains, seconds});
    if (access == Access::regular) continue;
    control.tell(measured.space + ": " + machine::to_string(access) + " access");
  }
}

DivergenceMeasurement measure_space(SpaceKind kind, const DivergenceBounds& plan,
                                    const Control& control) {
  machine::warm_up(kind);
  MeasureOptions options = MeasureOptions::ladder_point();
  options.min_seconds = control.quick ? 0.1 : 0.4;
  options.stopped = control.stopped;
  DivergenceMeasurement measured{to_string(kind), 0, {}, {}, {}};
  with_space(kind, [&](const auto& instance) {
    measure_paths(instance, plan, options, control, measured);
    measure_access(instance, plan, options, control, measured);
  });
  return measured;
}

// A series' share of the other paths' time that delays every path; nullopt if it is not known.
using WaitingShare = std::optional<model::Estimate>;

// Returns the waiting share of each series.
std::vector<WaitingShare> fit(const DivergenceMeasurement& measured) {
  std::vector<WaitingShare> shares;
  for (const PathSeries& series : measured.series) {
    std::vector<double> met, seconds;
    for (const PathPoint& point : series.points) {
      met.push_back(point.paths_met);
      seconds.push_back(point.seconds.median);
    }
    shares.push_back(model::fit_waiting_share(met, seconds));
  }
  return shares;
}

Study empty_study(const DivergenceBounds& plan) {
  std::vector<io::Column> columns = {{"space", "space", io::Align::left},
                                     {"neighbours", "arrangement", io::Align::left, 0},
                                     {"no choice", "times_one_path_straight"}};
  for (const int count : plan.paths) {
    columns.push_back({fmt::format("{} path{}", count, count == 1 ? "" : "s"),
                       fmt::format("times_one_path_{}", count), io::Align::right,
                       count == plan.paths.back() ? 1 : 2});
  }
  columns.push_back({"s, 95 %", "waiting_share"});
  Study study("divergence", "GPUs serve specialised, CPUs general computation", columns);
  study.settings = {
      {"iterations", plan.iterations}, {"paths", plan.paths}, {"array_bytes", plan.array_bytes}};
  note_binding(study.notes);
  return study;
}

std::string show_share(double share) { return fmt::format("{:.3f}", share); }

void present_points(const PathSeries& series, const std::string& space, double flops,
                    Study& study) {
  const std::string arrangement = machine::to_string(series.arrangement);
  for (const auto& [paths, met, seconds] : series.points) {
    study.add_point({{"space", space},
                     {"what", "paths"},
                     {"arrangement", arrangement},
                     {"paths", paths},
                     {"seconds", seconds},
                     {"gflops_per_second", 1e-9 * flops / seconds.median},
                     {"times_one_path", seconds.median / series.points[0].seconds.median}},
                    fmt::format("{}, paths, {}, paths {}", space, arrangement, paths), {seconds});
  }
}

// Presents a series that has all its points.
void present_series(const PathSeries& series, const WaitingShare& share, const std::string& space,
                    const Timing& straight, Study& study) {
  const std::string arrangement = machine::to_string(series.arrangement);
  const double one_path = series.points[0].seconds.median;
  std::vector<io::Cell> row = {space, arrangement, io::Cell(straight.median / one_path, "{:.2f}")};
  io::Json met = io::Json::array();
  for (const PathPoint& point : series.points) {
    row.push_back(io::Cell(point.seconds.median / one_path, "{:.2f}"));
    met.push_back(point.paths_met);
  }
  if (share) {
    study.fit[space][arrangement] = {{"paths_met", met}, {"waiting_share", to_json(*share)}};
    row.push_back(estimate_cell(*share, show_share));
    const PathPoint& last = series.points.back();
    study.answers.push_back(fmt::format(
        "{}: {} different paths, {}, take {:.2f} times as long as one: {}", space, last.paths,
        series.arrangement == Arrangement::sorted   ? "neighbours taking the same"
        : series.arrangement == Arrangement::random ? "at random"
                                                    : "neighbours differing in turn",
        last.seconds.median / one_path, tell_waiting_share(*share)));
  }
  study.table.add_row(row);
}

void present_accesses(const DivergenceMeasurement& measured, std::size_t array_bytes,
                      Study& study) {
  const std::string& space = measured.space;
  std::string sentence;
  for (const AccessPoint& point : measured.accesses) {
    const std::string access = machine::to_string(point.access);
    const double each = point.seconds_per_read();
    const double ratio = each / measured.accesses[0].seconds_per_read();
    study.add_point({{"space", space},
                     {"what", "access"},
                     {"access", access},
                     {"array_bytes", array_bytes},
                     {"reads", point.reads},
                     {"chains", point.chains},
                     {"seconds", point.seconds},
                     {"seconds_per_read", each},
                     {"times_regular", ratio}},
                    fmt::format("{}, access, {}, array_bytes {}, reads {}, chains {}", space,
                                access, array_bytes, point.reads, point.chains),
                    {point.seconds});
    study.fit[space]["access"][access + "_times_regular"] = ratio;
    if (point.access == Access::regular) continue;
    sentence += fmt::format("{}{} {:.1f}", sentence.empty() ? "" : ", ", access, ratio);
  }
  if (measured.accesses.size() < std::size(kAccesses)) return;
  study.answers.push_back(fmt::format(
      "{}: one value of {} read in order takes {}; relative time: {}", space, readable(array_bytes),
      io::show_seconds(measured.accesses[0].seconds_per_read()), sentence));
}

void present(const DivergenceMeasurement& measured, const std::vector<WaitingShare>& shares,
             const DivergenceBounds& plan, Study& study) {
  const double flops = double(measured.flops_per_iteration) * double(plan.iterations);
  study.add_point({{"space", measured.space},
                   {"what", "no choice"},
                   {"seconds", measured.straight},
                   {"flops_per_iteration", measured.flops_per_iteration},
                   {"gflops_per_second", 1e-9 * flops / measured.straight.median}},
                  measured.space + ", no choice", {measured.straight});
  for (std::size_t i = 0; i < measured.series.size(); ++i) {
    const PathSeries& series = measured.series[i];
    present_points(series, measured.space, flops, study);
    if (series.points.size() < plan.paths.size()) continue;
    present_series(series, shares[i], measured.space, measured.straight, study);
  }
  present_accesses(measured, plan.array_bytes, study);
}

}  // namespace

std::string tell_waiting_share(const model::Estimate& share) {
  if (!share.reached()) {
    return "the times vary too much to say what a path adds, s is " + shown(share, show_share);
  }
  if (share.low <= 0 && share.high >= 0) {
    return "a path adds nothing that can be told from 0, s = " + shown(share, show_share);
  }
  return fmt::format("each path adds s = {} of one path's time", shown(share, show_share));
}

Study study_divergence(const DivergenceBounds& bounds, const Control& control) {
  const DivergenceBounds plan = plan_of(bounds, control.quick);
  Study study = empty_study(plan);
  for (const SpaceKind space : plan.spaces) {
    if (control.should_stop()) break;
    const DivergenceMeasurement measured = measure_space(space, plan, control);
    present(measured, fit(measured), plan, study);
  }
  finish(study, control);
  return study;
}

}  // namespace ridgeline::studies
