#include "machine/fork_join.hpp"

#include <algorithm>
#include <type_traits>

#include "core/timing.hpp"

namespace ridgeline::machine {
namespace {

// Padded results of the threads, to avoid false sharing.
constexpr std::size_t kStride = 16;

struct EqualWork {
  std::uint64_t* results;
  long steps;
  void operator()(int thread) const {
    results[kStride * static_cast<std::size_t>(thread)] =
        fork_join_work(static_cast<std::uint64_t>(thread), steps);
  }
};

template <class Space>
ForkJoinPoint measure_work(const Space& instance, const ForkJoinWork& work, int threads,
                           const MeasureOptions& options) {
  using Policy = Kokkos::RangePolicy<Space, Kokkos::Schedule<Kokkos::Static>, int>;
  std::vector<std::uint64_t> results(kStride * static_cast<std::size_t>(threads));
  const EqualWork body{results.data(), work.steps};
  ForkJoinPoint point;
  point.work = work;
  point.threads = threads;
  point.team = static_cast<int>(instance.concurrency());
  point.seconds = measure(instance, options, [&] {
    Kokkos::parallel_for("fork_join/equal_work", Policy(instance, 0, threads, Kokkos::ChunkSize(1)),
                         body);
  });
  for (int thread = 0; thread < threads; ++thread) {
    if (results[kStride * static_cast<std::size_t>(thread)] !=
        fork_join_work(static_cast<std::uint64_t>(thread), work.steps)) {
      throw RunError("the fork-join probe computed a wrong result");
    }
  }
  return point;
}

}  // namespace

[[gnu::noinline]] std::uint64_t fork_join_work(std::uint64_t x, long steps) {
  for (long step = 0; step < steps; ++step) {
    x = x * 6364136223846793005u + 1442695040888963407u;
  }
  return x;
}

ForkJoinWork work_of(double seconds) {
  // The minimum of several, since disturbances only make a thread slower.
  constexpr long kSteps = 20000;
  constexpr int kTurns = 15;
  double fastest = 1e300;
  volatile std::uint64_t result = 0;
  for (int turn = 0; turn < kTurns; ++turn) {
    const double begin = host_seconds();
    result = fork_join_work(result, kSteps);
    fastest = std::min(fastest, host_seconds() - begin);
  }
  const double steps = seconds / fastest * static_cast<double>(kSteps);
  return {seconds, std::max(1L, static_cast<long>(steps))};
}

std::vector<ForkJoinPoint> measure_fork_join(SpaceKind space, int threads,
                                             const std::vector<ForkJoinWork>& works,
                                             const MeasureOptions& options) {
  std::vector<ForkJoinPoint> points;
  with_space(space, [&](const auto& instance) {
    if constexpr (kIsHost<std::decay_t<decltype(instance)>>) {
      for (const ForkJoinWork& work : works) {
        if (options.should_stop()) break;
        points.push_back(measure_work(instance, work, threads, options));
      }
    }
  });
  return points;
}

}  // namespace ridgeline::machine
