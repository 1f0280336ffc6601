#include "machine/dispatch.hpp"

#include <algorithm>
#include <type_traits>

#include "core/launch.hpp"
#include "core/timing.hpp"

namespace ridgeline::machine {
namespace detail {

struct EmptyKernel {
  KOKKOS_FUNCTION void operator()(int) const {}
};

struct CountThreads {
  KOKKOS_FUNCTION void operator()(int, int& count) const { ++count; }
};

template <class Space>
struct Barriers {
  int count;
  using Member = typename Kokkos::TeamPolicy<Space>::member_type;
  KOKKOS_FUNCTION void operator()(const Member& team) const {
    for (int i = 0; i < count; ++i) team.team_barrier();
  }
};

}  // namespace detail

namespace {

// One barrier: a thousandth of the time that a thousand more of them add to a kernel.
template <class Space>
void measure_barrier(const Space& instance, const MeasureOptions& options, DispatchCosts& costs) {
  using Policy = Kokkos::TeamPolicy<Space>;
  constexpr int kBarriers = 1000;
  const detail::Barriers<Space> with{kBarriers}, without{0};
  const int most = Policy(instance, 1, 1).team_size_max(with, Kokkos::ParallelForTag());
  // All threads of a host; on a device a team of a common size.
  const int team_size = std::min(most, kIsHost<Space> ? instance.concurrency() : 256);
  const auto time = [&](const detail::Barriers<Space>& body) {
    return measure(instance, options, [&] {
      Kokkos::parallel_for("dispatch/barriers", Policy(instance, 1, team_size), body);
    });
  };
  const Timing kernel = time(without), all = time(with);
  const auto one = [&](double seconds) {
    return std::max(0.0, (seconds - kernel.median) / kBarriers);
  };
  Timing barrier = all;
  // Subtracts the kernel's median, because its minimum would make the barrier appear slower.
  for (double* each : {&barrier.min, &barrier.median, &barrier.max, &barrier.low, &barrier.high}) {
    *each = one(*each);
  }
  for (double& sample : barrier.samples) sample = one(sample);
  costs.team_barrier = barrier;
  costs.team_size = team_size;
}

template <class Space>
DispatchCosts dispatch_on(const Space& instance, const MeasureOptions& options) {
  using Policy = Kokkos::RangePolicy<Space, Kokkos::Schedule<Kokkos::Static>, int>;
  // On a host one iteration per thread, so that each takes part; on a device as many as a team has.
  const int size = kIsHost<Space> ? instance.concurrency() : 256;
  const Policy policy(instance, 0, size);
  DispatchCosts costs;
  costs.empty_kernel = measure(instance, options, [&] {
    Kokkos::parallel_for("dispatch/empty", policy, detail::EmptyKernel());
  });
  costs.empty_kernel_fenced = measure(instance, options, [&] {
    Kokkos::parallel_for("dispatch/empty", policy, detail::EmptyKernel());
    instance.fence();
  });
  int total = 0;
  costs.reduction = measure(instance, options, [&] {
    Kokkos::parallel_reduce("dispatch/reduction", policy, detail::CountThreads(), total);
  });
  if (total != size) throw RunError("the dispatch probe's reduction gave a wrong result");
  if constexpr (kIsHost<Space>) {
    const auto nothing = [](int) {};
    costs.single_thread_kernel = measure(instance, options, [&] {
      for_blocks(instance, "dispatch/single_thread", 1, Cost(), nothing);
    });
  }
  measure_barrier(instance, options, costs);
  return costs;
}

}  // namespace

DispatchCosts measure_dispatch(SpaceKind space, MeasureOptions options) {
  options.clock = Clock::host;
  return with_space(space, [&](const auto& instance) { return dispatch_on(instance, options); });
}

}  // namespace ridgeline::machine
