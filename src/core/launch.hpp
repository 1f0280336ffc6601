#pragma once

#include <Kokkos_Core.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <type_traits>

#if defined(_OPENMP)
#include <omp.h>
#endif

#include "core/function.hpp"
#include "core/kokkos_bridge.hpp"
#include "core/spaces.hpp"

namespace ridgeline {

/// What a kernel does, so that a host space can tell whether it pays for a parallel region.
struct Cost {
  double flops = 0;
  double bytes = 0;
};

/// Threads of a device that run one instruction, and wait for it, together.
inline constexpr int kWarp = 32;

/// A range of any length: a device's own index type has 32 bits.
template <class Space>
using LongRange = Kokkos::RangePolicy<Space, Kokkos::IndexType<std::size_t>>;

/// Kernels launched by this thread since the program began. On a host space a kernel too small for
/// a parallel region is `single`; every other launch is `parallel`.
struct LaunchCount {
  long parallel = 0;
  long single = 0;
  long barriers = 0;  ///< that the kernels' teams wait for, one after the other

  LaunchCount& operator+=(const LaunchCount& other) {
    parallel += other.parallel;
    single += other.single;
    barriers += other.barriers;
    return *this;
  }
  LaunchCount operator-(const LaunchCount& other) const {
    return {parallel - other.parallel, single - other.single, barriers - other.barriers};
  }
};
inline thread_local LaunchCount launch_count;

/// While one exists, kernels of host spaces are launched and counted and do nothing: what remains
/// of a step's time is launching, and the code between launches.
class EmptyLaunches {
 public:
  EmptyLaunches() { ++count_; }
  ~EmptyLaunches() { --count_; }
  EmptyLaunches(const EmptyLaunches&) = delete;
  EmptyLaunches& operator=(const EmptyLaunches&) = delete;
  static bool any() { return count_ > 0; }

 private:
  static inline int count_ = 0;
};

/// Whether a host kernel runs on the calling thread alone. A parallel region costs 1 to 3 µs
/// between two threads and more between many, so what one thread does in about 4 µs stays there:
/// at the rate of its second-level cache, which holds what is that small, and of arithmetic that is
/// not all fused multiply-adds.
inline bool runs_on_one_thread(const Cost& cost) {
  constexpr double kSeconds = 4e-6, kFlopsPerSecond = 2e10, kBytesPerSecond = 5e10;
  return std::max(cost.flops / kFlopsPerSecond, cost.bytes / kBytesPerSecond) < kSeconds;
}

/// How many blocks a host instance runs at the same time; a block's `worker` is below it.
template <class Space>
int worker_count(const Space& instance) {
  return kIsHost<Space> ? static_cast<int>(instance.concurrency()) : 1;
}

namespace detail {

// Which of the host's threads runs this block.
inline int worker() {
#if defined(_OPENMP)
  return omp_get_thread_num();
#else
  return 0;
#endif
}

// The one compiled body of a block: both ways of running it call this same machine code, so that
// the result does not depend on which was taken.
template <class Body>
[[gnu::noinline]] void run_block(const Body& body, int block) {
  if constexpr (std::is_invocable_v<const Body&, int, int>) {
    body(block, worker());
  } else {
    body(block);
  }
}

template <class Body>
struct BlockFunctor {
  const Body* body;  // the launch on a host space is over before the caller's body goes away
  void operator()(int block) const { run_block(*body, block); }
};

template <class Space, class Functor>
void launch_blocks(const Space& instance, const std::string& label, int blocks,
                   const Functor& functor) {
  using Policy = Kokkos::RangePolicy<Space, Kokkos::Schedule<Kokkos::Static>, int>;
  Kokkos::parallel_for(label, Policy(instance, 0, blocks, Kokkos::ChunkSize(1)), functor);
}

struct EmptyBlock {
  void operator()(int) const {}
};

template <class Body>
struct ElementBlock {
  const Body* body;
  std::size_t size, per_block;
  void operator()(int block) const {
    const std::size_t begin = std::size_t(block) * per_block;
    const std::size_t end = std::min(size, begin + per_block);
    const Body local = *body;
    for (std::size_t i = begin; i < end; ++i) local(i);
  }
};

}  // namespace detail

/// Runs `body(block)` or `body(block, worker)` for every block in [0, blocks) on a host space, in
/// any order. `worker` is in [0, worker_count(instance)), and no two blocks that run at the same
/// time have the same: it chooses scratch memory, and must not change the result. `label` is the
/// kernel's name to Kokkos Tools.
template <class Space, class Body>
void for_blocks(const Space& instance, const std::string& label, int blocks, const Cost& cost,
                const Body& body) {
  static_assert(kIsHost<Space>, "blocks are how host spaces work; a device has its own kernels");
  const bool single = blocks <= 1 || instance.concurrency() == 1 || runs_on_one_thread(cost);
  ++(single ? launch_count.single : launch_count.parallel);
  const auto launch = [&](const auto& functor) {
    if (single) {
      detail::launch_blocks(bridge::serial_instance(), label, blocks, functor);
    } else {
      detail::launch_blocks(instance, label, blocks, functor);
    }
  };
  if (EmptyLaunches::any()) {
    launch(detail::EmptyBlock());
  } else {
    launch(detail::BlockFunctor<Body>{&body});
  }
}

/// Threads that should share `size` elements on a device: up to eight elements each once there are
/// more than it runs at a time. It starts its blocks one after the other, about one a clock, and a
/// kernel of small ones (Kokkos's have 64 threads) with an element a thread ends there, and not at
/// the memory's rate.
template <class Space>
std::size_t threads_to_share(const Space& instance, std::size_t size) {
  const std::size_t resident = static_cast<std::size_t>(instance.concurrency());
  const std::size_t each = std::min<std::size_t>(8, (size + resident - 1) / resident);
  return each > 1 ? (size + each - 1) / each : size;
}

/// Calls `body` for the share of [0, size) that each of `threads` threads has: elements as far
/// apart as there are threads, so that neighbours still read neighbours.
template <class Body>
struct SharedElements {
  Body body;
  std::size_t size, threads;

  KOKKOS_FUNCTION void operator()(std::size_t i) const {
    for (; i < size; i += threads) body(i);
  }
};

/// Runs `body(i)` for every i in [0, size) as a device does: threads share the elements.
template <class Space, class Body>
void launch_elements(const Space& instance, const std::string& label, std::size_t size,
                     const Body& body) {
  ++launch_count.parallel;
  const SharedElements<Body> shared{body, size, threads_to_share(instance, size)};
  Kokkos::parallel_for(label, LongRange<Space>(instance, 0, shared.threads), shared);
}

/// What SharedElements is to a loop, to a sum: `body(i, sum)`.
template <class Body, class Sum>
struct SharedSum {
  Body body;
  std::size_t size, threads;

  KOKKOS_FUNCTION void operator()(std::size_t i, Sum& sum) const {
    // Loads that do not wait for one another.
    RIDGELINE_UNROLL_BY_4
    for (std::size_t at = i; at < size; at += threads) body(at, sum);
  }
};

/// Runs `body(i)` for every i in [0, size) on any space; `body` writes only what belongs to i. On a
/// host, blocks of about `grain` elements are what threads share.
template <class Space, class Body>
void for_elements(const Space& instance, const std::string& label, std::size_t size,
                  const Cost& cost, const Body& body, std::size_t grain = 4096) {
  if (size == 0) return;
  if constexpr (kIsHost<Space>) {
    // Very long ranges get longer blocks: the number of blocks depends on the size alone.
    const std::size_t per_block = std::max({grain, std::size_t{1}, (size + (1u << 20)) >> 20});
    const int blocks = static_cast<int>((size + per_block - 1) / per_block);
    for_blocks(instance, label, blocks, cost, detail::ElementBlock<Body>{&body, size, per_block});
  } else {
    launch_elements(instance, label, size, body);
    (void)cost, (void)grain;
  }
}

}  // namespace ridgeline
