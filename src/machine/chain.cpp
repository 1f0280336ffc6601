#include "machine/chain.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <thread>
#include <type_traits>

#include "core/timing.hpp"
#include "machine/pages.hpp"
#include "machine/space_memory.hpp"

namespace ridgeline::machine {
namespace {

/// A barrier for a few threads that arrive at about the same time: ending a kernel would cost
/// more than the passes that are measured here.
class SpinBarrier {
 public:
  explicit SpinBarrier(int threads) : threads_(threads) {}
  void wait() {
    const int round = round_.load(std::memory_order_relaxed);
    if (waiting_.fetch_add(1, std::memory_order_acq_rel) + 1 == threads_) {
      waiting_.store(0, std::memory_order_relaxed);
      round_.store(round + 1, std::memory_order_release);
      return;
    }
    for (long spins = 0; round_.load(std::memory_order_acquire) == round; ++spins) {
      // With fewer processors than threads, a missing thread may need this processor.
      if (spins > 10000) std::this_thread::yield();
    }
  }

 private:
  const int threads_;
  std::atomic<int> waiting_{0}, round_{0};
};

constexpr std::size_t arrays_touched(StreamKernel kernel) {
  return kernel == StreamKernel::read ? 1 : kernel == StreamKernel::scale ? 2 : 3;
}

/// Buffers of float64 in an arena, each cut into one part per thread. All values are 1 and stay 1.
template <class Space>
class Chain {
 public:
  Chain(const Space& instance, StreamKernel kernel, bool from_other, std::size_t n,
        std::size_t buffers)
      : instance_(instance),
        kernel_(kernel),
        from_other_(from_other),
        threads_(instance.concurrency()),
        part_((n + static_cast<std::size_t>(threads_) - 1) / static_cast<std::size_t>(threads_)),
        buffers_(buffers),
        sums_(16 * static_cast<std::size_t>(threads_)),
        // The arena of a network lies on ordinary pages, too.
        memory_(buffers * size() * sizeof(double), Pages::ordinary) {
    launch([this](int thread) {  // first touch by the thread that uses the part
      for (std::size_t buffer = 0; buffer < buffers_; ++buffer) {
        std::fill_n(part(buffer, thread), part_, 1.0);
      }
    });
  }

  std::size_t size() const { return part_ * static_cast<std::size_t>(threads_); }

  void run(long passes) {
    SpinBarrier barrier(threads_);
    launch([&, this](int thread) {
      double sum = 0;
      for (long pass = next_; pass < next_ + passes; ++pass) {
        // With from_other, a part moves by one thread from pass to pass.
        const int own = from_other_ ? static_cast<int>((thread + pass) % threads_) : thread;
        const auto at = [&](long buffer) {
          return part(static_cast<std::size_t>(buffer) % buffers_, own);
        };
        // scale multiplies by 1; triad multiplies its second operand by 0.
        const double factor = kernel_ == StreamKernel::triad ? 0.0 : 1.0;
        sum += host::stream(kernel_, Stores::ordinary, at(pass + 2), at(pass + 1), at(pass), factor,
                            part_, 1);
        if (from_other_) barrier.wait();
      }
      sums_[16 * static_cast<std::size_t>(thread)] = sum;
    });
    next_ = (next_ + passes) % static_cast<long>(buffers_ * static_cast<std::size_t>(threads_));
    passes_ = passes;
  }

  /// Returns whether all values are still 1, and as many were read as expected.
  bool verify() const {
    for (std::size_t buffer = 0; buffer < buffers_; ++buffer) {
      for (int thread = 0; thread < threads_; ++thread) {
        const double* const values = part(buffer, thread);
        if (values[0] != 1 || values[part_ / 2] != 1 || values[part_ - 1] != 1) return false;
      }
    }
    if (kernel_ != StreamKernel::read) return true;
    double sum = 0;
    for (std::size_t i = 0; i < sums_.size(); i += 16) sum += sums_[i];
    return sum == static_cast<double>(size()) * static_cast<double>(passes_);
  }

 private:
  double* part(std::size_t buffer, int thread) const {
    return static_cast<double*>(memory_.data()) + buffer * size() +
           static_cast<std::size_t>(thread) * part_;
  }
  template <class Body>
  void launch(const Body& body) {
    using Policy = Kokkos::RangePolicy<Space, Kokkos::Schedule<Kokkos::Static>, int>;
    Kokkos::parallel_for("chain/pass", Policy(instance_, 0, threads_, Kokkos::ChunkSize(1)), body);
  }

  Space instance_;
  const StreamKernel kernel_;
  const bool from_other_;
  const int threads_;
  const std::size_t part_, buffers_;
  std::vector<double> sums_;
  PageBuffer memory_;
  long next_ = 0, passes_ = 0;
};

template <class Space>
ChainPoint measure_point(const Space& instance, StreamKernel kernel, bool from_other,
                         std::size_t bytes, std::size_t arena, const ChainOptions& options) {
  const std::size_t touched = arrays_touched(kernel);
  const std::size_t n = std::max<std::size_t>(1, bytes / sizeof(double) / touched);
  const std::size_t buffers = std::max<std::size_t>(3, arena / (n * sizeof(double)));
  Chain<Space> chain(instance, kernel, from_other, n, buffers);
  ChainPoint point;
  point.kernel = kernel;
  point.threads = instance.concurrency();
  point.from_other = from_other;
  point.bytes = chain.size() * sizeof(double) * touched;
  point.arena_bytes = arena;
  // At least one round through the arena, and long enough that a launch is negligible: 200 µs at
  // 100 GB/s.
  constexpr double kLaunchBytes = 200e-6 * 100e9;
  const auto passes = static_cast<long>(
      std::max(static_cast<double>(buffers), kLaunchBytes / static_cast<double>(point.bytes)));
  MeasureOptions measuring = MeasureOptions::ladder_point();
  measuring.min_repeats = options.repeats;
  measuring.min_seconds = options.min_seconds;
  measuring.patience = 2;
  point.seconds =
      measure(instance, measuring, [&] { chain.run(passes); }).per(static_cast<double>(passes));
  if (!chain.verify()) {
    throw RunError(
        "the chain probe computed a wrong result: this machine or this build cannot be trusted");
  }
  return point;
}

// The arenas of the ladder, increasing.
std::vector<std::size_t> arenas_of(const ChainOptions& options) {
  std::vector<std::size_t> arenas;
  for (std::size_t arena = options.smallest_arena; arena <= options.largest_arena; arena *= 4) {
    arenas.push_back(arena);
  }
  return arenas;
}

std::size_t largest_of(const std::vector<std::size_t>& arenas) {
  return arenas.empty() ? 0 : arenas.back();
}

template <class Space>
void ladder(const Space& instance, SpaceKind space, const ChainOptions& options,
            const Progress& progress, std::vector<ChainPoint>& points) {
  const bool several = instance.concurrency() > 1;
  std::vector<std::size_t> arenas = arenas_of(options);
  const std::size_t beyond =
      2 * cache_bytes_of_threads(space, static_cast<int>(instance.concurrency()));
  const bool is_beyond = beyond > largest_of(arenas) && beyond <= options.largest_beyond_caches;
  if (is_beyond) arenas.push_back(beyond);
  for (const std::size_t arena : arenas) {
    const bool last_pass_alone = is_beyond && arena == beyond;
    for (std::size_t bytes = last_pass_alone ? options.largest : options.smallest;
         bytes <= options.largest && 2 * bytes <= arena; bytes *= 4) {
      for (const StreamKernel kernel :
           {StreamKernel::read, StreamKernel::scale, StreamKernel::triad}) {
        for (const bool from_other : {false, true}) {
          if (from_other && (!several || kernel == StreamKernel::read)) continue;
          if (options.stopped && options.stopped()) return;
          points.push_back(measure_point(instance, kernel, from_other, bytes, arena, options));
        }
      }
    }
    if (progress) {
      progress(fmt::format("chains through {}", readable_bytes(static_cast<double>(arena))));
    }
  }
}

}  // namespace

ChainOptions bounded_arenas(ChainOptions options, std::size_t bytes,
                            std::vector<std::string>& notes) {
  const std::size_t beyond =
      std::min(2 * all_cache_bytes(SpaceKind::serial), options.largest_beyond_caches);
  const std::size_t requested = std::max(largest_of(arenas_of(options)), beyond);
  options.largest_arena = std::min(options.largest_arena, bytes);
  options.largest_beyond_caches = std::min(options.largest_beyond_caches, bytes);
  if (bytes < requested) {
    notes.push_back("chains: no arena is larger than " +
                    readable_bytes(static_cast<double>(bytes)) + ", a quarter of the free memory");
  }
  return options;
}

std::vector<ChainPoint> chain_ladder(SpaceKind space, const ChainOptions& options,
                                     const Progress& progress) {
  std::vector<ChainPoint> points;
  with_space(space, [&](const auto& instance) {
    if constexpr (kIsHost<std::decay_t<decltype(instance)>>) {
      ladder(instance, space, options, progress, points);
    }
  });
  return points;
}

}  // namespace ridgeline::machine
