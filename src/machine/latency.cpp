#include "machine/latency.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "core/timing.hpp"
#include "core/views.hpp"
#include "machine/cycle.hpp"
#include "machine/host_chase.hpp"
#include "machine/host_stream.hpp"
#include "machine/pages.hpp"
#include "machine/system.hpp"

namespace ridgeline::machine {
namespace detail {

/// One device thread follows `loads` pointers from `*at`, and stores the last there.
struct DeviceChase {
  std::uintptr_t* at;
  long loads;
  KOKKOS_FUNCTION void operator()(int) const {
    std::uintptr_t node = *at;
    for (long i = 0; i < loads; ++i) node = *reinterpret_cast<const std::uintptr_t*>(node);
    *at = node;
  }
};

/// Converts the cycle's indices to addresses.
struct DeviceLink {
  char* nodes;
  const std::uint32_t* next;
  KOKKOS_FUNCTION void operator()(std::size_t i) const {
    *reinterpret_cast<std::uintptr_t*>(nodes + i * kNodeStride) =
        reinterpret_cast<std::uintptr_t>(nodes + next[i] * kNodeStride);
  }
};

}  // namespace detail

namespace {

// Returns the loads per repeat, so that all repeats together are enough and cover the cycle once.
long loads_for(std::size_t nodes, const LatencyOptions& options) {
  const double all = std::max(static_cast<double>(options.loads), static_cast<double>(nodes));
  return static_cast<long>(std::ceil(all / options.repeats));
}

// Sweeps other memory of twice the last cache's size, to evict the nodes. Linking leaves the last
// nodes in the cache, and the chase of a large set visits each node only once: the fastest repeat
// would be the one with the most hits.
class CacheFlush {
 public:
  CacheFlush() {
    for (const Cache& cache : host_caches()) cache_bytes_ = std::max(cache_bytes_, cache.bytes);
  }
  /// Returns the size of the last cache, in bytes; 0 if it is unknown.
  std::size_t cache_bytes() const { return cache_bytes_; }

  void operator()(std::size_t working_set) {
    if (working_set <= cache_bytes_) return;
    const std::size_t cache = cache_bytes_ > 0 ? cache_bytes_ : kUnknownCacheBytes;
    other_.resize(2 * cache / sizeof(double), 1.0);
    other_[0] += host::stream(StreamKernel::read, Stores::ordinary, nullptr, other_.data(), nullptr,
                              0, other_.size(), 1);
  }

 private:
  std::size_t cache_bytes_ = 0;
  std::vector<double> other_;
};

// Times `follow(loads)`, which continues where it stopped.
template <class Space, class Follow>
LatencyPoint measure_point(const Space& instance, std::size_t bytes, const std::string& pages,
                           const LatencyOptions& options, const Follow& follow) {
  LatencyPoint point;
  point.working_set_bytes = bytes;
  point.pages = pages;
  point.loads_per_repeat = loads_for(bytes / kNodeStride, options);
  MeasureOptions measure_options = MeasureOptions::ladder_point();
  measure_options.min_repeats = options.repeats;
  measure_options.min_seconds = options.min_seconds;
  measure_options.stopped = options.stopped;
  const Timing all = measure(instance, measure_options, [&] { follow(point.loads_per_repeat); });
  point.seconds = all.per(static_cast<double>(point.loads_per_repeat));
  return point;
}

void report(const Progress& progress, const LatencyPoint& point) {
  if (!progress) return;
  progress("latency, " + point.pages + " pages, " +
           readable_bytes(static_cast<double>(point.working_set_bytes)));
}

// Sorts by pages, small ones first, and by working set.
void sort_points(std::vector<LatencyPoint>& points) {
  const auto place = [](const LatencyPoint& point) {
    return std::make_pair(point.pages == "huge", point.working_set_bytes);
  };
  std::sort(points.begin(), points.end(),
            [&](const LatencyPoint& a, const LatencyPoint& b) { return place(a) < place(b); });
}

// Memory of a host on one kind of pages.
struct PagedNodes {
  std::string label;
  PageBuffer buffer;
  char* nodes() const { return static_cast<char*>(buffer.data()); }
};

// Memory on each kind of pages; on huge ones if Linux provides them.
std::vector<std::unique_ptr<PagedNodes>> paged_nodes(std::size_t bytes,
                                                     const std::vector<Pages>& kinds,
                                                     std::vector<std::string>* notes) {
  std::vector<std::unique_ptr<PagedNodes>> all;
  for (const Pages pages : kinds) {
    auto nodes =
        std::unique_ptr<PagedNodes>(new PagedNodes{to_string(pages), PageBuffer(bytes, pages)});
    nodes->buffer.touch();
    const std::size_t huge = pages == Pages::huge ? nodes->buffer.huge_bytes() : 0;
    if (pages == Pages::huge && huge < nodes->buffer.bytes() / 10 * 9) {
      if (notes) {
        notes->push_back(
            "no latency ladder on huge pages: only " + readable_bytes(static_cast<double>(huge)) +
            " of " + readable_bytes(static_cast<double>(nodes->buffer.bytes())) +
            " came on huge pages (transparent huge pages: " + transparent_huge_pages() + ")");
      }
      continue;
    }
    all.push_back(std::move(nodes));
  }
  return all;
}

// Alternates between both kinds of pages, so that drift affects both.
void ladder_on_host(const LatencyOptions& options, const Progress& progress,
                    std::vector<std::string>* notes, std::vector<LatencyPoint>& points) {
  const auto sets =
      working_sets(options.smallest, options.largest, options.per_octave, kNodeStride);
  if (sets.empty()) return;
  const auto kinds = paged_nodes(sets.back(), options.pages, notes);
  CacheFlush flush;
  LadderOrder order(sets, options.per_octave, flush.cache_bytes(), options.budget_seconds,
                    options.stopped);
  while (const auto index = order.next()) {
    const std::size_t bytes = sets[*index];
    const std::vector<std::uint32_t> next = random_cycle(bytes / kNodeStride, options.seed);
    for (const auto& kind : kinds) {
      char* nodes = kind->nodes();
      for (std::size_t i = 0; i < next.size(); ++i) {
        *reinterpret_cast<void**>(nodes + i * kNodeStride) = nodes + next[i] * kNodeStride;
      }
      flush(bytes);
      void* at = nodes;
      // The end of a chase is the beginning of the next, so that the compiler cannot remove loads.
      points.push_back(measure_point(Kokkos::Serial(), bytes, kind->label, options,
                                     [&](long loads) { at = host::chase(at, loads); }));
      report(progress, points.back());
    }
  }
  sort_points(points);
  note_left_out("latency", order.left_out(), sets.size(), notes);
}

template <class Space>
void ladder_on_device(const Space& instance, const LatencyOptions& options,
                      const Progress& progress, std::vector<std::string>* notes,
                      std::vector<LatencyPoint>& points) {
  const auto sets =
      working_sets(options.smallest, options.largest, options.per_octave, kNodeStride);
  if (sets.empty()) return;
  const Buffer<Space, char> nodes(Kokkos::view_alloc(Kokkos::WithoutInitializing, "latency/nodes"),
                                  sets.back());
  const Buffer<Space, std::uintptr_t> at(
      Kokkos::view_alloc(Kokkos::WithoutInitializing, "latency/position"), 1);
  LadderOrder order(sets, options.per_octave, 0, options.budget_seconds, options.stopped);
  while (const auto index = order.next()) {
    const std::size_t bytes = sets[*index];
    const std::vector<std::uint32_t> cycle = random_cycle(bytes / kNodeStride, options.seed);
    const Buffer<Space, std::uint32_t> next(
        Kokkos::view_alloc(Kokkos::WithoutInitializing, "latency/cycle"), cycle.size());
    Kokkos::deep_copy(instance, next, host_view(cycle.data(), cycle.size()));
    Kokkos::parallel_for("latency/link", Kokkos::RangePolicy<Space>(instance, 0, cycle.size()),
                         detail::DeviceLink{nodes.data(), next.data()});
    Kokkos::deep_copy(instance, at, reinterpret_cast<std::uintptr_t>(nodes.data()));
    instance.fence();
    points.push_back(measure_point(instance, bytes, "huge", options, [&](long loads) {
      Kokkos::parallel_for("latency/chase", Kokkos::RangePolicy<Space>(instance, 0, 1),
                           detail::DeviceChase{at.data(), loads});
    }));
    report(progress, points.back());
  }
  sort_points(points);
  note_left_out("latency", order.left_out(), sets.size(), notes);
}

}  // namespace

std::vector<LatencyPoint> latency_ladder(SpaceKind space, const LatencyOptions& options,
                                         const Progress& progress,
                                         std::vector<std::string>* notes) {
  std::vector<LatencyPoint> points;
  with_space(space, [&](const auto& instance) {
    if constexpr (kIsHost<std::decay_t<decltype(instance)>>) {
      ladder_on_host(options, progress, notes, points);
    } else {
      ladder_on_device(instance, options, progress, notes, points);
    }
  });
  return points;
}

}  // namespace ridgeline::machine
