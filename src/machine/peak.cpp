#include "machine/peak.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "core/random.hpp"
#include "core/timing.hpp"
#include "core/views.hpp"
#include "machine/host_peak.hpp"
#include "machine/space_memory.hpp"

namespace ridgeline::machine {
namespace detail {

// x converges to the fixed point 1 of x · factor + addend from anywhere in [0.5, 1.5): it is never
// large or small, and lanes differ until long after the last step checked.
template <class T>
inline constexpr T kFactor = T(0.999998);
template <class T>
inline constexpr T kAddend = T(0.000002);

inline constexpr int kDeviceChains = 8, kDeviceUnroll = 16;

/// One host thread, with its own initial and final values.
template <class T>
struct HostPeak {
  const T* first;
  T* last;
  std::size_t chains, stride;
  long steps;
  void operator()(int thread) const {
    T* mine = last + static_cast<std::size_t>(thread) * stride;
    std::copy(first, first + chains, mine);
    host::fma_chains(mine, kFactor<T>, kAddend<T>, steps);
  }
};

/// A device thread has its chains in registers; the number of threads hides latency.
template <class T>
struct DevicePeak {
  const T* first;  ///< kDeviceChains values
  T* last;         ///< a device thread's sum of its chains
  int blocks;      ///< of kDeviceUnroll steps
  KOKKOS_FUNCTION void operator()(int thread) const {
    T x[kDeviceChains];
    for (int i = 0; i < kDeviceChains; ++i) x[i] = first[i];
    for (int block = 0; block < blocks; ++block) {
      // The inner loops are unrolled completely: loop counters would use issue slots.
      for (int step = 0; step < kDeviceUnroll; ++step) {
        for (int i = 0; i < kDeviceChains; ++i) x[i] = x[i] * kFactor<T> + kAddend<T>;
      }
    }
    T sum = 0;
    for (int i = 0; i < kDeviceChains; ++i) sum += x[i];
    last[thread] = sum;
  }
};

}  // namespace detail

namespace {

// Steps with which a launch takes about a millisecond on a host and on a device.
constexpr long kHostSteps = 50000, kDeviceSteps = 2048;

template <class T>
std::vector<T> initial_values(std::size_t count) {
  std::vector<T> numbers(count);
  for (std::size_t i = 0; i < count; ++i) {
    numbers[i] = static_cast<T>(0.5 + Philox(2, stream::kProbe, i).uniform(0));
  }
  return numbers;
}

/// A chain's value, and its value if the compiler does not fuse multiplications and additions:
/// each product is rounded too, always in the same direction after convergence.
template <class T>
struct Expected {
  T fused = 0, unfused = 0;
  void add(T x, long steps) {
    T y = x;
    for (long step = 0; step < steps; ++step) {
      x = std::fma(x, detail::kFactor<T>, detail::kAddend<T>);
      const volatile T product = y * detail::kFactor<T>;
      y = product + detail::kAddend<T>;
    }
    fused += x;
    unfused += y;
  }
};

template <class T>
void check(T found, const Expected<T>& expected, long steps) {
  // If only some steps are fused, errors form a random walk, damped by later steps.
  const double tolerance = 4.0 * std::sqrt(static_cast<double>(steps)) *
                           static_cast<double>(std::numeric_limits<T>::epsilon());
  const auto agrees = [&](T right) {
    return std::abs(static_cast<double>(found) - static_cast<double>(right)) <=
           tolerance * std::abs(static_cast<double>(right));
  };
  if (!agrees(expected.fused) && !agrees(expected.unfused)) {
    throw RunError(
        "the peak probe computed a wrong result: this machine or this build cannot be trusted");
  }
}

template <class T, class Space>
Peak peak_on_host(const Space& instance, const MeasureOptions& options, int threads) {
  const std::size_t chains = host::fma_chain_count<T>();
  const std::size_t stride = aligned_size<T>(chains) + aligned_size<T>(1);
  if (threads == 0) threads = instance.concurrency();
  const std::vector<T> first = initial_values<T>(chains);
  std::vector<T> last(stride * static_cast<std::size_t>(threads));
  const detail::HostPeak<T> body{first.data(), last.data(), chains, stride, kHostSteps};
  using Policy = Kokkos::RangePolicy<Space, Kokkos::Schedule<Kokkos::Static>, int>;
  Peak peak;
  peak.threads = threads;
  peak.flops = 2.0 * static_cast<double>(chains) * static_cast<double>(kHostSteps) * threads;
  peak.seconds = measure(instance, options, [&] {
    Kokkos::parallel_for("peak/fma", Policy(instance, 0, threads, Kokkos::ChunkSize(1)), body);
  });
  for (int thread = 0; thread < threads; ++thread) {
    // Every seventh lane: all vectors and, the number of lanes being even, all lanes of a vector.
    for (std::size_t i = 0; i < chains; i += 7) {
      Expected<T> expected;
      expected.add(first[i], kHostSteps);
      check(last[static_cast<std::size_t>(thread) * stride + i], expected, kHostSteps);
    }
  }
  return peak;
}

template <class T, class Space>
Peak peak_on_device(const Space& instance, const MeasureOptions& options) {
  const std::vector<T> first = initial_values<T>(detail::kDeviceChains);
  // Several times the threads that the device runs at once, so that its multiprocessors end
  // together.
  const int threads = 8 * instance.concurrency();
  const Buffer<Space, T> begin = allocate<T>(instance, "peak/first", first.size());
  const Buffer<Space, T> last =
      allocate<T>(instance, "peak/last", static_cast<std::size_t>(threads));
  Kokkos::deep_copy(instance, begin, host_view(first.data(), first.size()));
  const detail::DevicePeak<T> body{begin.data(), last.data(),
                                   static_cast<int>(kDeviceSteps / detail::kDeviceUnroll)};
  Peak peak;
  peak.threads = threads;
  peak.flops = 2.0 * detail::kDeviceChains * static_cast<double>(kDeviceSteps) * threads;
  peak.seconds = measure(instance, options, [&] {
    Kokkos::parallel_for("peak/fma", Kokkos::RangePolicy<Space, int>(instance, 0, threads), body);
  });
  const auto sums = Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), last);
  Expected<T> expected;
  for (const T x : first) expected.add(x, kDeviceSteps);
  for (int thread = 0; thread < threads; thread += 997) {
    check(sums(static_cast<std::size_t>(thread)), expected, kDeviceSteps);
  }
  return peak;
}

}  // namespace

template <class T>
Peak measure_peak(SpaceKind space, const MeasureOptions& options, int threads) {
  return with_space(space, [&](const auto& instance) {
    if constexpr (kIsHost<std::decay_t<decltype(instance)>>) {
      return peak_on_host<T>(instance, options, threads);
    } else {
      return peak_on_device<T>(instance, options);
    }
  });
}

template Peak measure_peak<float>(SpaceKind, const MeasureOptions&, int);
template Peak measure_peak<double>(SpaceKind, const MeasureOptions&, int);

void warm_up(SpaceKind space) {
  const double seconds = is_host(space) ? 0.05 : 1.0;
  MeasureOptions options;
  options.min_repeats = 1;
  options.min_seconds = 0;
  options.warm_up_seconds = seconds;
  measure_peak<float>(space, options);
}

}  // namespace ridgeline::machine
