#include "machine/bandwidth.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/timing.hpp"
#include "io/units.hpp"
#include "machine/space_memory.hpp"
#include "machine/stream_arrays.hpp"
#include "machine/system.hpp"

namespace ridgeline::machine {
namespace {

// Much longer than a dispatch, much shorter than the 20 ms of a point.
constexpr double kLaunchSeconds = 200e-6;

// Returns the passes after which a launch takes about kLaunchSeconds.
template <class Space>
long passes_for(StreamArrays<Space>& arrays, StreamKernel kernel, std::size_t bytes,
                Stopwatch<Space>& watch) {
  // One pass is long enough even at 50 TB/s, several times the bandwidth of any memory today.
  if (static_cast<double>(bytes) > 5e13 * kLaunchSeconds) return 1;
  for (long passes = 1;;) {
    // One launch may be disturbed, and the first one has cold caches.
    double seconds = 1e9;
    for (int attempt = 0; attempt < 3 && seconds >= kLaunchSeconds; ++attempt) {
      watch.start();
      arrays.run(kernel, passes);
      watch.stop();
      seconds = std::min(seconds, watch.seconds());
    }
    if (seconds >= kLaunchSeconds || passes > (1L << 30)) return passes;
    // A short launch's time still includes the dispatch: grow step by step.
    const double factor = std::min(8.0, 1.1 * kLaunchSeconds / std::max(seconds, 1e-9));
    passes = static_cast<long>(std::ceil(factor * static_cast<double>(passes)));
  }
}

template <class Space>
BandwidthPoint measure_point(const Space& instance, StreamArrays<Space>& arrays,
                             StreamKernel kernel, const BandwidthOptions& options) {
  BandwidthPoint point;
  point.kernel = kernel;
  point.working_set_bytes =
      arrays.size() * sizeof(double) * static_cast<std::size_t>(stream_array_count(kernel));
  point.threads = arrays.threads();
  arrays.prepare(kernel);
  Stopwatch<Space> watch(instance);
  point.passes = passes_for(arrays, kernel, point.working_set_bytes, watch);
  MeasureOptions measure_options = MeasureOptions::ladder_point();
  measure_options.min_repeats = options.repeats;
  measure_options.min_seconds = options.min_seconds;
  const Timing launch =
      measure(instance, measure_options, [&] { arrays.run(kernel, point.passes); });
  point.seconds = launch.per(static_cast<double>(point.passes));
  point.huge_bytes = arrays.huge_bytes();
  if (!arrays.verify(kernel)) {
    throw RunError("the bandwidth probe's " + to_string(kernel) + " over " +
                   readable_bytes(static_cast<double>(point.working_set_bytes)) +
                   " computed a wrong result: this machine or this build cannot be trusted");
  }
  return point;
}

template <class Space>
void ladder(const Space& instance, SpaceKind kind, const BandwidthOptions& options,
            const Progress& progress, std::vector<std::string>* notes,
            std::vector<BandwidthPoint>& points) {
  // Divisible into one, two and three arrays of whole lines, so that all kernels share a grid.
  constexpr std::size_t kUnit = 6 * 64;
  const auto sets = working_sets(options.smallest, options.largest, options.per_octave, kUnit);
  std::size_t in_cache = 0;
  for (const Cache& cache : host_caches()) in_cache = std::max(in_cache, cache.bytes);
  const std::size_t all_caches = cache_bytes_of_threads(
      kind, options.threads > 0 ? options.threads : static_cast<int>(instance.concurrency()));
  const bool nontemporal = kIsHost<Space> && options.nontemporal && host::has_nontemporal_stores();
  LadderOrder order(sets, options.per_octave, in_cache, options.budget_seconds, options.stopped);
  while (const auto index = order.next()) {
    const std::size_t bytes = sets[*index];
    for (int count = 1; count <= 3; ++count) {
      for (const Pages pages : options.pages) {
        if (pages == Pages::huge && options.pages.size() > 1 && bytes < kLeastHugeBytes) continue;
        // New memory for each number of arrays: the threads' parts differ, and
        // the pages of a part must be first touched by its thread.
        StreamArrays<Space> arrays(instance, count,
                                   bytes / sizeof(double) / static_cast<std::size_t>(count),
                                   options.threads, pages);
        for (const StreamKernel kernel : kStreamKernels) {
          if (stream_array_count(kernel) != count) continue;
          for (const Stores stores : {Stores::ordinary, Stores::nontemporal}) {
            if (stores == Stores::nontemporal && (!nontemporal || kernel == StreamKernel::read ||
                                                  (bytes <= all_caches && bytes < sets.back()))) {
              continue;
            }
            arrays.set_stores(stores);
            points.push_back(measure_point(instance, arrays, kernel, options));
            points.back().pages = pages;
            points.back().stores = stores;
          }
        }
      }
    }
    if (progress) {
      progress(fmt::format("bandwidth, {}, {}", io::show_count(points.back().threads, "thread"),
                           readable_bytes(static_cast<double>(bytes))));
    }
  }
  std::stable_sort(points.begin(), points.end(),
                   [](const BandwidthPoint& a, const BandwidthPoint& b) {
                     return a.working_set_bytes < b.working_set_bytes;
                   });
  if (points.empty()) return;
  note_left_out("bandwidth, " + io::show_count(points.back().threads, "thread"), order.left_out(),
                sets.size(), notes);
}

}  // namespace

std::string to_string(Stores stores) {
  return stores == Stores::ordinary ? "ordinary" : "non-temporal";
}

std::string to_string(StreamKernel kernel) {
  switch (kernel) {
    case StreamKernel::read:
      return "read";
    case StreamKernel::write:
      return "write";
    case StreamKernel::copy:
      return "copy";
    case StreamKernel::scale:
      return "scale";
    default:
      return "triad";
  }
}

std::vector<BandwidthPoint> bandwidth_ladder(SpaceKind space, const BandwidthOptions& options,
                                             const Progress& progress,
                                             std::vector<std::string>* notes) {
  std::vector<BandwidthPoint> points;
  with_space(space, [&](const auto& instance) {
    ladder(instance, space, options, progress, notes, points);
  });
  return points;
}

}  // namespace ridgeline::machine
