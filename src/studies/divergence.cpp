#include "studies/divergence.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

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

std::string readable(std::size_t bytes) {
  return machine::readable_bytes(static_cast<double>(bytes));
}

template <class Space>
void measure_paths(const Space& instance, const std::string& space, const DivergenceBounds& bounds,
                   const MeasureOptions& options, const Control& control, Study& study) {
  DivergentWork<Space> work(instance, bounds.iterations);
  const double flops = double(DivergentWork<Space>::kFlops) * double(bounds.iterations);
  const Timing straight = measure(instance, options, [&] { work.run_straight(); });
  if (!work.verify()) {
    throw RunError("the divergence study's kernel computed a wrong result on " + space);
  }
  study.add_point({{"space", space},
                   {"what", "no choice"},
                   {"seconds", straight},
                   {"flops_per_iteration", DivergentWork<Space>::kFlops},
                   {"gflops_per_second", 1e-9 * flops / straight.median}},
                  space + ", no choice", {straight});
  for (const Arrangement arrangement :
       {Arrangement::sorted, Arrangement::alternating, Arrangement::random}) {
    const std::string how = machine::to_string(arrangement);
    std::vector<int> paths;
    std::vector<double> met, seconds;
    std::vector<io::Cell> row = {space, how, {}};  // the third is set below
    for (const int count : bounds.paths) {
      if (control.should_stop()) return;
      work.prepare(count, arrangement);
      const Timing timing = measure(instance, options, [&] { work.run(); });
      if (!work.verify()) {
        throw RunError("the divergence study's kernel computed a wrong result on " + space);
      }
      paths.push_back(count);
      // With random paths, a warp's threads do not take all of them.
      const bool some = !kIsHost<Space> && arrangement == Arrangement::random;
      met.push_back(some ? model::expected_paths(count, kWarp) : count);
      seconds.push_back(timing.median);
      const double ratio = timing.median / seconds.front();
      study.add_point({{"space", space},
                       {"what", "paths"},
                       {"arrangement", how},
                       {"paths", count},
                       {"seconds", timing},
                       {"gflops_per_second", 1e-9 * flops / timing.median},
                       {"times_one_path", ratio}},
                      fmt::format("{}, paths, {}, paths {}", space, how, count), {timing});
      if (seconds.size() == 1) row[2] = io::Cell(straight.median / timing.median, "{:.2f}");
      row.push_back(io::Cell(ratio, "{:.2f}"));
      control.tell(fmt::format("{}: {}", space, io::show_count(count, how + " path")));
    }
    row.resize(3 + bounds.paths.size());
    if (const auto share = model::fit_waiting_share(met, seconds)) {
      study.fit[space][how] = {{"paths_met", met}, {"waiting_share", to_json(*share)}};
      row.push_back(estimate_cell(*share, [](double s) { return fmt::format("{:.3f}", s); }));
      study.answers.push_back(fmt::format(
          "{}: {} different paths, {}, take {:.2f} times as long as one: {}", space, paths.back(),
          how == "sorted"   ? "neighbours taking the same"
          : how == "random" ? "at random"
                            : "neighbours differing in turn",
          seconds.back() / seconds.front(), tell_waiting_share(*share)));
    }
    study.table.add_row(row);
  }
}

template <class Space>
void measure_access(const Space& instance, const std::string& space, const DivergenceBounds& bounds,
                    const MeasureOptions& options, const Control& control, Study& study) {
  if (control.should_stop()) return;
  ReadAccess<Space> reads(instance, bounds.array_bytes / sizeof(std::uint32_t));
  double regular = 0;
  std::string sentence;
  for (const Access access : {Access::regular, Access::gathered, Access::dependent}) {
    if (control.should_stop()) return;
    const Timing timing = measure(instance, options, [&] { reads.run(access); });
    if (!reads.verify(access)) {
      throw RunError("the divergence study's read gave a wrong result on " + space);
    }
    const double count = static_cast<double>(reads.reads(access));
    const double each = timing.median / count;
    if (access == Access::regular) regular = each;
    const std::string how = machine::to_string(access);
    const auto chains = access == Access::dependent ? reads.chains() : 0;
    study.add_point({{"space", space},
                     {"what", "access"},
                     {"access", how},
                     {"array_bytes", bounds.array_bytes},
                     {"reads", reads.reads(access)},
                     {"chains", chains},
                     {"seconds", timing},
                     {"seconds_per_read", each},
                     {"times_regular", each / regular}},
                    fmt::format("{}, access, {}, array_bytes {}, reads {}, chains {}", space, how,
                                bounds.array_bytes, reads.reads(access), chains),
                    {timing});
    study.fit[space]["access"][how + "_times_regular"] = each / regular;
    if (access == Access::regular) continue;
    sentence += fmt::format("{}{} {:.1f}", sentence.empty() ? "" : ", ", how, each / regular);
    control.tell(space + ": " + how + " access");
  }
  study.answers.push_back(
      fmt::format("{}: one value of {} read in order takes {}; relative time: {}", space,
                  readable(bounds.array_bytes), io::show_seconds(regular), sentence));
}

// Returns the bounds with all defaults, after all checks.
DivergenceBounds checked(DivergenceBounds bounds, bool quick) {
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

Study empty_study(const DivergenceBounds& bounds) {
  std::vector<io::Column> columns = {{"space", "space", io::Align::left},
                                     {"neighbours", "arrangement", io::Align::left, 0},
                                     {"no choice", "times_one_path_straight"}};
  for (const int count : bounds.paths) {
    columns.push_back({fmt::format("{} path{}", count, count == 1 ? "" : "s"),
                       fmt::format("times_one_path_{}", count), io::Align::right,
                       count == bounds.paths.back() ? 1 : 2});
  }
  columns.push_back({"s, 95 %", "waiting_share"});
  return {"divergence",
          "GPUs serve specialised, CPUs general computation",
          {{"iterations", bounds.iterations},
           {"paths", bounds.paths},
           {"array_bytes", bounds.array_bytes}},
          io::Json::array(),
          io::Json::object(),
          io::Table(columns),
          {},
          {},
          true};
}

}  // namespace

std::string tell_waiting_share(const model::Estimate& share) {
  const auto number = [](double s) { return fmt::format("{:.3f}", s); };
  if (!share.reached()) {
    return "the times vary too much to say what a path adds, s is " + shown(share, number);
  }
  if (share.low <= 0 && share.high >= 0) {
    return "a path adds nothing that can be told from 0, s = " + shown(share, number);
  }
  return fmt::format("each path adds s = {} of one path's time", shown(share, number));
}

Study study_divergence(const DivergenceBounds& requested, const Control& control) {
  const DivergenceBounds bounds = checked(requested, control.quick);
  Study study = empty_study(bounds);
  note_binding(study.notes);
  for (const SpaceKind kind : bounds.spaces) {
    if (control.should_stop()) break;
    machine::warm_up(kind);
    MeasureOptions options = MeasureOptions::ladder_point();
    options.min_seconds = control.quick ? 0.1 : 0.4;
    options.stopped = control.stopped;
    with_space(kind, [&](const auto& instance) {
      measure_paths(instance, to_string(kind), bounds, options, control, study);
      measure_access(instance, to_string(kind), bounds, options, control, study);
    });
  }
  finish(study, control);
  return study;
}

}  // namespace ridgeline::studies
