#include "machine/chains.hpp"

#include <unistd.h>

#include <type_traits>
#include <utility>

#include "core/launch.hpp"
#include "machine/cycle.hpp"
#include "machine/device_sum.hpp"
#include "machine/host_chains.hpp"
#include "machine/latency.hpp"

namespace ridgeline::machine {
namespace detail {

constexpr int kSlots = host::kMostChains;

struct HostChains {
  std::uintptr_t* at;
  int chains;
  long steps;
  void operator()(int thread) const {
    host::chase_chains(reinterpret_cast<void**>(at) + thread * kSlots, chains, steps);
  }
};

/// A device thread follows its chains; their number is known at compile time.
template <int Chains>
struct DeviceChains {
  std::uintptr_t* at;
  long steps;
  KOKKOS_FUNCTION void operator()(int thread) const {
    std::uintptr_t node[Chains];
    for (int i = 0; i < Chains; ++i) node[i] = at[thread * kSlots + i];
    for (long step = 0; step < steps; ++step) {
      for (int i = 0; i < Chains; ++i) node[i] = *reinterpret_cast<const std::uintptr_t*>(node[i]);
    }
    for (int i = 0; i < Chains; ++i) at[thread * kSlots + i] = node[i];
  }
};

// nodes[route[i]] → nodes[route[i + 1]].
struct LinkRoute {
  char* nodes;
  const std::uint32_t* route;
  std::size_t count;
  KOKKOS_FUNCTION void operator()(std::size_t i) const {
    *reinterpret_cast<std::uintptr_t*>(nodes + route[i] * kNodeStride) =
        reinterpret_cast<std::uintptr_t>(nodes + route[i + 1 < count ? i + 1 : 0] * kNodeStride);
  }
};

// Sum of a host thread's part, read node by node in the order of its route.
struct SumParts {
  const char* memory;
  const std::vector<std::uint32_t>* route;
  std::size_t part_nodes;
  void operator()(int part, std::uint64_t& sum) const {
    const char* nodes = memory + std::size_t(part) * part_nodes * kNodeStride;
    std::uint64_t here = 0;
    for (const std::uint32_t node : route[part]) {
      here += *reinterpret_cast<const std::uintptr_t*>(nodes + node * kNodeStride);
    }
    sum += here;
  }
};

// The same on a device, one node per call.
struct SumNodes {
  const char* nodes;
  const std::uint32_t* route;
  KOKKOS_FUNCTION void operator()(std::size_t i, std::uint64_t& sum) const {
    sum += *reinterpret_cast<const std::uintptr_t*>(nodes + route[i] * kNodeStride);
  }
};

// Returns the nodes of a random cycle in its order.
std::vector<std::uint32_t> random_route(std::size_t nodes, std::uint64_t seed) {
  const std::vector<std::uint32_t> next = random_cycle(nodes, seed);
  std::vector<std::uint32_t> route(nodes);
  std::uint32_t at = 0;
  for (std::size_t i = 0; i < nodes; ++i, at = next[at]) route[i] = at;
  return route;
}

template <class Space>
Kokkos::RangePolicy<Space, Kokkos::Schedule<Kokkos::Static>, int> threads_policy(
    const Space& instance, int threads) {
  return {instance, 0, threads, Kokkos::ChunkSize(1)};
}

template <int Chains, class Space>
void run_on_device(const Space& instance, int threads, std::uintptr_t* at, long steps) {
  Kokkos::parallel_for("concurrency/chase", Kokkos::RangePolicy<Space>(instance, 0, threads),
                       DeviceChains<Chains>{at, steps});
}

}  // namespace detail

std::size_t bytes_per_load(SpaceKind space) {
  if (space == SpaceKind::cuda) return 32;
  const long line = sysconf(_SC_LEVEL1_DCACHE_LINESIZE);
  return line > 0 ? static_cast<std::size_t>(line) : 64;
}

template <class Space>
ChainedLoads<Space>::ChainedLoads(const Space& instance, std::size_t working_set, int threads,
                                  Pages pages)
    : instance_(instance), threads_(threads), parts_(kIsHost<Space> ? threads : 1) {
  part_nodes_ = std::max<std::size_t>(working_set / kNodeStride / parts_, 1);
  const std::size_t bytes = part_nodes_ * parts_ * kNodeStride;
  at_ = Buffer<Space, std::uintptr_t>(
      Kokkos::view_alloc(Kokkos::WithoutInitializing, "concurrency/at"),
      static_cast<std::size_t>(threads) * detail::kSlots);
  route_.resize(parts_);
  if constexpr (kIsHost<Space>) {
    pages_ = std::make_unique<PageBuffer>(bytes, pages);
    memory_ = static_cast<char*>(pages_->data());
    // Each thread links, and so touches first, its own part.
    const auto link = [this](int part) {
      route_[static_cast<std::size_t>(part)] =
          detail::random_route(part_nodes_, static_cast<std::uint64_t>(part) + 1);
      const std::vector<std::uint32_t>& route = route_[static_cast<std::size_t>(part)];
      const detail::LinkRoute body{memory_ + std::size_t(part) * part_nodes_ * kNodeStride,
                                   route.data(), route.size()};
      for (std::size_t i = 0; i < route.size(); ++i) body(i);
    };
    Kokkos::parallel_for("concurrency/link", detail::threads_policy(instance_, threads_), link);
  } else {
    (void)pages;
    buffer_ = Buffer<Space, char>(
        Kokkos::view_alloc(Kokkos::WithoutInitializing, "concurrency/nodes"), bytes);
    memory_ = buffer_.data();
    route_[0] = detail::random_route(part_nodes_, 1);
    device_route_ = Buffer<Space, std::uint32_t>(
        Kokkos::view_alloc(Kokkos::WithoutInitializing, "concurrency/route"), part_nodes_);
    Kokkos::deep_copy(instance_, device_route_,
                      Vector<Kokkos::Serial, const std::uint32_t>(route_[0].data(), part_nodes_));
    Kokkos::parallel_for("concurrency/link", Kokkos::RangePolicy<Space>(instance_, 0, part_nodes_),
                         detail::LinkRoute{memory_, device_route_.data(), part_nodes_});
    instance_.fence();
  }
  sums_ = detail::make_parts<Space, std::uint64_t>(instance, "concurrency/sums", part_nodes_);
  prepare(threads, 1);
}

template <class Space>
void ChainedLoads<Space>::run_independent() {
  if constexpr (kIsHost<Space>) {
    Kokkos::parallel_reduce("concurrency/independent", detail::threads_policy(instance_, threads_),
                            detail::SumParts{memory_, route_.data(), part_nodes_},
                            detail::only_part<Space>(sums_));
  } else {
    detail::sum_elements(instance_, "concurrency/independent", part_nodes_,
                         detail::SumNodes{memory_, device_route_.data()}, sums_);
  }
}

template <class Space>
bool ChainedLoads<Space>::verify_independent() const {
  // The nodes contain the addresses of all nodes, each once.
  std::uint64_t expected = 0;
  const auto first = reinterpret_cast<std::uintptr_t>(memory_);
  for (std::size_t i = 0; i < part_nodes_ * parts_; ++i) expected += first + i * kNodeStride;
  return detail::sum_of_parts(instance_, sums_) == expected;
}

template <class Space>
template <class Body>
void ChainedLoads<Space>::for_chains(long steps, const Body& body) const {
  const std::size_t threads = static_cast<std::size_t>(threads_);
  const std::size_t chains = static_cast<std::size_t>(chains_);
  const std::size_t a_part = threads * chains / parts_;
  for (std::size_t chain = 0; chain < threads * chains; ++chain) {
    const std::size_t part = chain / a_part;
    const std::size_t begin = part_nodes_ * (chain % a_part) / a_part;
    const std::size_t place = (begin + static_cast<std::size_t>(steps)) % part_nodes_;
    body(chain / chains * detail::kSlots + chain % chains,
         reinterpret_cast<std::uintptr_t>(memory_ + (part * part_nodes_ + route_[part][place]) *
                                                        kNodeStride));
  }
}

template <class Space>
void ChainedLoads<Space>::prepare(int threads, int chains) {
  if constexpr (!kIsHost<Space>) threads_ = threads;
  (void)threads;
  chains_ = chains;
  steps_ = 0;
  const auto at = Kokkos::create_mirror_view(at_);
  for_chains(0, [&](std::size_t slot, std::uintptr_t node) { at(slot) = node; });
  Kokkos::deep_copy(instance_, at_, at);
  instance_.fence();
}

template <class Space>
void ChainedLoads<Space>::run(long steps) {
  steps_ += steps;
  if constexpr (kIsHost<Space>) {
    Kokkos::parallel_for("concurrency/chase", detail::threads_policy(instance_, threads_),
                         detail::HostChains{at_.data(), chains_, steps});
  } else {
    switch (chains_) {
      case 1:
        return detail::run_on_device<1>(instance_, threads_, at_.data(), steps);
      case 2:
        return detail::run_on_device<2>(instance_, threads_, at_.data(), steps);
      case 4:
        return detail::run_on_device<4>(instance_, threads_, at_.data(), steps);
      case 8:
        return detail::run_on_device<8>(instance_, threads_, at_.data(), steps);
      default:
        throw RequestError("a device thread follows 1, 2, 4 or 8 chains");
    }
  }
}

template <class Space>
bool ChainedLoads<Space>::verify() const {
  const auto at = Kokkos::create_mirror_view(at_);
  Kokkos::deep_copy(instance_, at, at_);
  instance_.fence();
  bool right = true;
  for_chains(steps_,
             [&](std::size_t slot, std::uintptr_t node) { right = right && at(slot) == node; });
  return right;
}

#define RIDGELINE_INSTANTIATE(Space) template class ChainedLoads<Space>;
RIDGELINE_FOR_EACH_SPACE(RIDGELINE_INSTANTIATE)
#undef RIDGELINE_INSTANTIATE

}  // namespace ridgeline::machine
