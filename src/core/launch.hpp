#pragma once

#include <Kokkos_Core.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <type_traits>

#if defined(_OPENMP)
#include <omp.h>
#endif

#include "core/cuda/device.hpp"
#include "core/function.hpp"
#include "core/kokkos_bridge.hpp"
#include "core/spaces.hpp"

namespace ridgeline {

/// Estimated cost of a kernel, from which a host space decides whether a parallel region pays off.
/// It counts executed instructions, not the FLOPs that layers count.
struct Cost {
  double operations = 0;  ///< scalar arithmetic instructions; an exp, tanh or erf is about 20
  double bytes = 0;
};

/// Range policy with 64-bit indices: the default index type of a device has 32 bits.
template <class Space>
using LongRange = Kokkos::RangePolicy<Space, Kokkos::IndexType<std::size_t>>;

/// Number of kernels launched by this thread since the program started. On a host space a kernel
/// too small for a parallel region counts as `single`; every other launch is `parallel`.
struct LaunchCount {
  long parallel = 0;
  long single = 0;
  long barriers = 0;  ///< team barriers in the kernels

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

/// While an object of this class exists, kernels of host spaces are launched and counted but do
/// nothing. The remaining time of a step is that of the launches and of the code between them.
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

/// Returns whether a host kernel runs on the calling thread alone. A parallel region costs 1 to 3
/// µs with two threads and more with many, so work of about 4 µs stays on one thread. The rates are
/// those of the second-level cache, which holds such small data, and of arithmetic that is not only
/// fused multiply-adds.
inline bool runs_on_one_thread(const Cost& cost) {
  constexpr double kSeconds = 4e-6, kOperationsPerSecond = 2e10, kBytesPerSecond = 5e10;
  return std::max(cost.operations / kOperationsPerSecond, cost.bytes / kBytesPerSecond) < kSeconds;
}

/// Returns the number of blocks that a host instance runs concurrently; `worker` is below it.
template <class Space>
int worker_count(const Space& instance) {
  return kIsHost<Space> ? static_cast<int>(instance.concurrency()) : 1;
}

namespace detail {

// Returns the index of the host thread that runs this block.
inline int worker() {
#if defined(_OPENMP)
  return omp_get_thread_num();
#else
  return 0;
#endif
}

// Not inlined: serial and parallel launches execute the same machine code, so that their results
// are identical.
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
  const Body* body;  // outlives the launch, which is synchronous on a host space
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
/// any order. `worker` is in [0, worker_count(instance)) and differs between concurrent blocks: it
/// selects scratch memory and must not affect the result. `label` is the kernel's name in Kokkos
/// Tools.
template <class Space, class Body>
void for_blocks(const Space& instance, const std::string& label, int blocks, const Cost& cost,
                const Body& body) {
  static_assert(kIsHost<Space>, "for_blocks requires a host space; a device has its own kernels");
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

/// Returns the number of device threads for `size` elements: up to eight elements per thread if the
/// elements exceed the resident threads. A device launches about one block per clock. With one
/// element per thread and small blocks (64 threads in Kokkos), throughput is limited by the block
/// launch rate, not by memory bandwidth.
template <class Space>
std::size_t threads_to_share(const Space& instance, std::size_t size) {
  const std::size_t resident = static_cast<std::size_t>(instance.concurrency());
  const std::size_t each = std::min<std::size_t>(8, (size + resident - 1) / resident);
  return each > 1 ? (size + each - 1) / each : size;
}

/// Calls `body` for a thread's elements of [0, size) in a loop with stride `threads`, so that
/// accesses are coalesced.
template <class Body>
struct SharedElements {
  Body body;
  std::size_t size, threads;

  KOKKOS_FUNCTION void operator()(std::size_t i) const {
    for (; i < size; i += threads) body(i);
  }
};

/// Runs `body(i)` for every i in [0, size) in a grid-stride loop over device threads.
template <class Space, class Body>
void launch_elements(const Space& instance, const std::string& label, std::size_t size,
                     const Body& body) {
  ++launch_count.parallel;
  const SharedElements<Body> shared{body, size, threads_to_share(instance, size)};
  Kokkos::parallel_for(label, LongRange<Space>(instance, 0, shared.threads), shared);
}

/// Reduction counterpart of SharedElements: calls `body(i, sum)`.
template <class Body, class Sum>
struct SharedSum {
  Body body;
  std::size_t size, threads;

  KOKKOS_FUNCTION void operator()(std::size_t i, Sum& sum) const {
    // The loads of the iterations are independent.
    RIDGELINE_UNROLL_BY_4
    for (std::size_t at = i; at < size; at += threads) body(at, sum);
  }
};

/// Runs `body(i)` for every i in [0, size) on any space; `body` writes only to elements of index i.
/// On a host, the elements are distributed over the threads in blocks of about `grain`.
template <class Space, class Body>
void for_elements(const Space& instance, const std::string& label, std::size_t size,
                  const Cost& cost, const Body& body, std::size_t grain = 4096) {
  if (size == 0) return;
  if constexpr (kIsHost<Space>) {
    // Very long ranges have longer blocks. The number of blocks depends only on the size.
    const std::size_t per_block = std::max({grain, std::size_t{1}, (size + (1u << 20)) >> 20});
    const int blocks = static_cast<int>((size + per_block - 1) / per_block);
    for_blocks(instance, label, blocks, cost, detail::ElementBlock<Body>{&body, size, per_block});
  } else {
    launch_elements(instance, label, size, body);
    (void)cost, (void)grain;
  }
}

}  // namespace ridgeline
