#include "machine/divergence.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>
#include <vector>

#include "core/function.hpp"
#include "core/random.hpp"
#include "machine/cycle.hpp"
#include "machine/device_sum.hpp"

namespace ridgeline::machine {
namespace detail {

// Rounds of five fused multiply-adds of x, whose signs are the bits of the path's index.
template <int Path, int Rounds>
KOKKOS_INLINE_FUNCTION float take_path(float x) {
  constexpr float kFactor = 0.75f, kAddend = 0.3125f;
  // All paths together must fit in the instruction cache.
  RIDGELINE_UNROLL_BY_4
  for (int round = 0; round < Rounds; ++round) {
    x = (Path & 1 ? -x : x) * kFactor + kAddend;
    x = (Path & 2 ? -x : x) * kFactor + kAddend;
    x = (Path & 4 ? -x : x) * kFactor + kAddend;
    x = (Path & 8 ? -x : x) * kFactor + kAddend;
    x = (Path & 16 ? -x : x) * kFactor + kAddend;
  }
  return x;
}

template <int Rounds>
KOKKOS_INLINE_FUNCTION float take(int path, float x) {
#define RIDGELINE_PATH(N) \
  case N:                 \
    return take_path<N, Rounds>(x);
#define RIDGELINE_PATHS(N) \
  RIDGELINE_PATH(N) RIDGELINE_PATH(N + 1) RIDGELINE_PATH(N + 2) RIDGELINE_PATH(N + 3)
  switch (path) {
    RIDGELINE_PATHS(0)
    RIDGELINE_PATHS(4)
    RIDGELINE_PATHS(8)
    RIDGELINE_PATHS(12)
    RIDGELINE_PATHS(16)
    RIDGELINE_PATHS(20)
    RIDGELINE_PATHS(24)
    RIDGELINE_PATHS(28)
    default:
      return x;
  }
#undef RIDGELINE_PATHS
#undef RIDGELINE_PATH
}

template <int Rounds>
struct Diverge {
  const float* input;
  const std::uint8_t* path;
  float* output;
  KOKKOS_FUNCTION void operator()(std::size_t i) const {
    output[i] = take<Rounds>(path[i], input[i]);
  }
};

template <int Rounds>
struct Straight {
  const float* input;
  float* output;
  KOKKOS_FUNCTION void operator()(std::size_t i) const {
    output[i] = take_path<0, Rounds>(input[i]);
  }
};

struct FillInput {
  float* input;
  KOKKOS_FUNCTION void operator()(std::size_t i) const {
    input[i] = static_cast<float>(Philox(1, stream::kProbe, i).uniform(0));
  }
};

struct FillPath {
  std::uint8_t* path;
  float* output;
  std::size_t size;
  int paths;
  Arrangement arrangement;
  KOKKOS_FUNCTION void operator()(std::size_t i) const {
    const std::size_t count = static_cast<std::size_t>(paths);
    std::size_t taken = i % count;
    if (arrangement == Arrangement::sorted) taken = i * count / size;
    if (arrangement == Arrangement::random) {
      taken = Philox(2, stream::kProbe, i).below(static_cast<std::uint32_t>(paths));
    }
    path[i] = static_cast<std::uint8_t>(taken);
    output[i] = std::numeric_limits<float>::quiet_NaN();
  }
};

struct Touch {
  std::uint32_t* next;
  KOKKOS_FUNCTION void operator()(std::size_t i) const { next[i] = 0; }
};

struct SumRegular {
  const std::uint32_t* next;
  KOKKOS_FUNCTION void operator()(std::size_t i, std::uint64_t& sum) const { sum += next[i]; }
};

// Reads next at next[i], which is known long before the load.
struct SumGathered {
  const std::uint32_t* next;
  KOKKOS_FUNCTION void operator()(std::size_t i, std::uint64_t& sum) const { sum += next[next[i]]; }
};

// Every chain continues where it was, so that no launch hits lines that the one before loaded.
struct FollowChain {
  const std::uint32_t* next;
  std::uint32_t* at;
  long steps;
  KOKKOS_FUNCTION void operator()(std::size_t chain) const {
    std::uint32_t place = at[chain];
    for (long step = 0; step < steps; ++step) place = next[place];
    at[chain] = place;
  }
};

// Computes the sum over `body(i, sum)` for i in [0, size), in parts.
template <class Space, class Body>
void sum_all(const Space& instance, const char* label, std::size_t size, const Body& body,
             const Buffer<Space, std::uint64_t>& parts) {
  if constexpr (kIsHost<Space>) {
    Kokkos::parallel_reduce(label, LongRange<Space>(instance, 0, size), body,
                            only_part<Space>(parts));
  } else {
    sum_elements(instance, label, size, body, parts);
  }
}

// Steps of a chain per launch: enough to hide the launch, few enough to keep the time limit.
template <class Space>
constexpr long kSteps = kIsHost<Space> ? 4096 : 64;

}  // namespace detail

std::string to_string(Arrangement arrangement) {
  switch (arrangement) {
    case Arrangement::sorted:
      return "sorted";
    case Arrangement::alternating:
      return "alternating";
    default:
      return "random";
  }
}

std::string to_string(Access access) {
  switch (access) {
    case Access::regular:
      return "regular";
    case Access::gathered:
      return "gathered";
    default:
      return "dependent";
  }
}

template <class Space>
DivergentWork<Space>::DivergentWork(const Space& instance, std::size_t iterations)
    : instance_(instance),
      input_(Kokkos::view_alloc(Kokkos::WithoutInitializing, "divergence/input"), iterations),
      output_(Kokkos::view_alloc(Kokkos::WithoutInitializing, "divergence/output"), iterations),
      path_(Kokkos::view_alloc(Kokkos::WithoutInitializing, "divergence/path"), iterations) {
  Kokkos::parallel_for("divergence/fill", LongRange<Space>(instance, 0, iterations),
                       detail::FillInput{input_.data()});
  prepare(1, Arrangement::sorted);
}

template <class Space>
void DivergentWork<Space>::prepare(int paths, Arrangement arrangement) {
  Kokkos::parallel_for(
      "divergence/prepare", LongRange<Space>(instance_, 0, input_.size()),
      detail::FillPath{path_.data(), output_.data(), input_.size(), paths, arrangement});
  instance_.fence();
}

template <class Space>
void DivergentWork<Space>::run() const {
  Kokkos::parallel_for("divergence/paths", LongRange<Space>(instance_, 0, input_.size()),
                       detail::Diverge<kRounds>{input_.data(), path_.data(), output_.data()});
}

template <class Space>
void DivergentWork<Space>::run_straight() const {
  Kokkos::parallel_for("divergence/straight", LongRange<Space>(instance_, 0, input_.size()),
                       detail::Straight<kRounds>{input_.data(), output_.data()});
}

template <class Space>
bool DivergentWork<Space>::verify() const {
  const auto input = Kokkos::create_mirror_view(input_),
             output = Kokkos::create_mirror_view(output_);
  const auto path = Kokkos::create_mirror_view(path_);
  Kokkos::deep_copy(instance_, input, input_);
  Kokkos::deep_copy(instance_, output, output_);
  Kokkos::deep_copy(instance_, path, path_);
  instance_.fence();
  // A host takes seconds for a million iterations: every 61st of many is checked, which covers all
  // paths.
  const std::size_t step = input.size() > (std::size_t{1} << 16) ? 61 : 1;
  for (std::size_t i = 0; i < input.size(); i += step) {
    double x = input(i);
    for (int round = 0; round < kRounds; ++round) {
      for (int bit = 1; bit < kMostPaths; bit *= 2) {
        x = (path(i) & bit ? -x : x) * 0.75 + 0.3125;
      }
    }
    if (!(std::abs(output(i) - x) <= 1e-5)) return false;
  }
  return true;
}

template <class Space>
ReadAccess<Space>::ReadAccess(const Space& instance, std::size_t size)
    : instance_(instance),
      chains_(static_cast<int>(instance.concurrency())),
      next_(Kokkos::view_alloc(Kokkos::WithoutInitializing, "access/next"), size),
      at_(Kokkos::view_alloc(Kokkos::WithoutInitializing, "access/at"),
          static_cast<std::size_t>(chains_)),
      sums_(detail::make_parts<Space, std::uint64_t>(instance, "access/sums", size)) {
  // First touched by the threads that will read it in order.
  Kokkos::parallel_for("access/touch", LongRange<Space>(instance, 0, size),
                       detail::Touch{next_.data()});
  const std::vector<std::uint32_t> cycle = random_cycle(size, 1);
  using HostVector = Vector<Kokkos::Serial, const std::uint32_t>;
  Kokkos::deep_copy(instance, next_, HostVector(cycle.data(), size));
  // Evenly spaced in the array, hence at random places on the cycle.
  std::vector<std::uint32_t> start(static_cast<std::size_t>(chains_));
  for (std::size_t chain = 0; chain < start.size(); ++chain) {
    start[chain] = static_cast<std::uint32_t>(size * chain / start.size());
  }
  Kokkos::deep_copy(instance, at_, HostVector(start.data(), start.size()));
  instance.fence();
}

template <class Space>
void ReadAccess<Space>::run(Access access) {
  switch (access) {
    case Access::regular:
      detail::sum_all(instance_, "access/regular", size(), detail::SumRegular{next_.data()}, sums_);
      break;
    case Access::gathered:
      detail::sum_all(instance_, "access/gathered", size(), detail::SumGathered{next_.data()},
                      sums_);
      break;
    case Access::dependent:
      steps_ += detail::kSteps<Space>;
      Kokkos::parallel_for("access/dependent",
                           LongRange<Space>(instance_, 0, static_cast<std::size_t>(chains_)),
                           detail::FollowChain{next_.data(), at_.data(), detail::kSteps<Space>});
      break;
  }
}

template <class Space>
bool ReadAccess<Space>::verify(Access access) const {
  if (access == Access::dependent) {
    // Some chains, followed on the host from their beginnings.
    const auto next = Kokkos::create_mirror_view(next_);
    const auto at = Kokkos::create_mirror_view(at_);
    Kokkos::deep_copy(instance_, next, next_);
    Kokkos::deep_copy(instance_, at, at_);
    instance_.fence();
    const std::size_t chains = static_cast<std::size_t>(chains_);
    for (std::size_t chain = 0; chain < std::min<std::size_t>(chains, 8); ++chain) {
      std::uint32_t place = static_cast<std::uint32_t>(size() * chain / chains);
      for (long step = 0; step < steps_; ++step) place = next(place);
      if (at(chain) != place) return false;
    }
    return true;
  }
  // The array is a permutation of all indices below the size.
  return detail::sum_of_parts(instance_, sums_) == std::uint64_t(size()) * (size() - 1) / 2;
}

template <class Space>
std::size_t ReadAccess<Space>::reads(Access access) const {
  return access == Access::dependent
             ? static_cast<std::size_t>(chains_) * static_cast<std::size_t>(detail::kSteps<Space>)
             : size();
}

#define RIDGELINE_DIVERGENCE(Space)    \
  template class DivergentWork<Space>; \
  template class ReadAccess<Space>;
RIDGELINE_FOR_EACH_SPACE(RIDGELINE_DIVERGENCE)

}  // namespace ridgeline::machine
