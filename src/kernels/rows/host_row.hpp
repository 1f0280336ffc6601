#pragma once

// A row on a host, processed by one thread. A kernel defines the operation on one element; the
// loops here call it for as many consecutive elements as a vector register has lanes, which the
// compiler turns into one vector, and for the remainder of a row as one masked vector. Accumulators
// are explicit vectors, so that the source and not the compiler determines the order of a sum.

#include <cstddef>
#include <limits>
#include <type_traits>

#include "core/host_vector.hpp"
#include "kernels/rows/terms.hpp"

// Precedes a loop over lanes: its iterations are independent, and it is to be vectorised, not
// unrolled.
#if RIDGELINE_DEVICE_COMPILER
#define RIDGELINE_LANES
#elif defined(__clang__)
#define RIDGELINE_LANES _Pragma("clang loop vectorize(assume_safety) unroll(disable)")
#else
#define RIDGELINE_LANES _Pragma("GCC ivdep") _Pragma("GCC unroll 1")
#endif

namespace ridgeline::kernels::host {

using ridgeline::host::kLanes;
using ridgeline::host::Register;

/// An integer as wide as a scalar, for lane numbers: comparing them gives a mask of the same shape.
template <class T>
using LaneNumber = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;

struct Plus {
  template <class T>
  static constexpr T kNeutral = T(0);
  template <class V>
  V operator()(const V& a, const V& b) const {
    return a + b;
  }
};
/// Returns the larger of two values; NaN is ignored.
struct Larger {
  template <class T>
  static constexpr T kNeutral = -std::numeric_limits<T>::infinity();
  template <class V>
  V operator()(const V& a, const V& b) const {
    return b > a ? b : a;
  }
};

/// Sums (or maxima) of `Count` terms over a row, in an order that depends on the row's length
/// alone: two independent chains of vectors, joined at the end.
template <class Join, class T, int Count>
class Reduction {
 public:
  Reduction() {
    for (auto& chain : chains_) {
      for (Register<T>& lanes : chain) lanes = Register<T>{} + Join::template kNeutral<T>;
    }
  }

  /// Adds the Terms value(i) of every i below n.
  template <class Value>
  void add(std::size_t n, const Value& value) {
    constexpr std::size_t kLane = kLanes<T>;
    std::size_t i = 0;
    for (; i + 2 * kLane <= n; i += 2 * kLane) {
      add_lanes<true>(i, kLane, value, chains_[0]);
      add_lanes<true>(i + kLane, kLane, value, chains_[1]);
    }
    if (i + kLane <= n) {
      add_lanes<true>(i, kLane, value, chains_[0]);
      i += kLane;
    }
    if (i < n) add_lanes<false>(i, static_cast<LaneNumber<T>>(n - i), value, chains_[1]);
  }

  Terms<T, Count> result() const {
    Terms<T, Count> joined;
    for (int s = 0; s < Count; ++s) {
      joined[s] = ridgeline::host::join_lanes<T>(Join()(chains_[0][s], chains_[1][s]), Join());
    }
    return joined;
  }

 private:
  template <bool Whole, class Value>
  static void add_lanes(std::size_t i, LaneNumber<T> count, const Value& value, Register<T>* to) {
    alignas(ridgeline::host::kVectorBytes) T block[Count][kLanes<T>];
    RIDGELINE_LANES
    for (LaneNumber<T> lane = 0; lane < LaneNumber<T>(kLanes<T>); ++lane) {
      Terms<T, Count> one;
      for (int s = 0; s < Count; ++s) one[s] = Join::template kNeutral<T>;
      if (Whole || lane < count) one = value(i + lane);
      for (int s = 0; s < Count; ++s) block[s][lane] = one[s];
    }
    for (int s = 0; s < Count; ++s)
      to[s] = Join()(to[s], *reinterpret_cast<const Register<T>*>(block[s]));
  }

  Register<T> chains_[2][Count];
};

/// Computes sums[s · stride + i] += value(i)[s] for every i below n. `stride` is a multiple of the
/// lanes, so that the last vector is stored whole too: loads after masked stores are slow.
template <class T, int Count, class Value>
void add_columns(std::size_t n, const Value& value, T* sums, std::size_t stride) {
  constexpr LaneNumber<T> kLane = kLanes<T>;
  for (std::size_t i = 0; i < n; i += kLane) {
    const LaneNumber<T> left = static_cast<LaneNumber<T>>(n - i);
    const auto add = [&](LaneNumber<T> lane, const Terms<T, Count>& one) {
      for (int s = 0; s < Count; ++s) sums[s * stride + i + lane] += one[s];
    };
    if (left >= kLane) {
      RIDGELINE_LANES
      for (LaneNumber<T> lane = 0; lane < kLane; ++lane) add(lane, value(i + lane));
    } else {
      RIDGELINE_LANES
      for (LaneNumber<T> lane = 0; lane < kLane; ++lane) {
        Terms<T, Count> one = {};
        if (lane < left) one = value(i + lane);
        add(lane, one);
      }
    }
  }
}

/// Calls body(i) for every i below n.
template <class Body>
void for_each(std::size_t n, const Body& body) {
  constexpr std::uint32_t kLane = kLanes<float>;
  std::size_t i = 0;
  for (; i + kLane <= n; i += kLane) {
    RIDGELINE_LANES
    for (std::uint32_t lane = 0; lane < kLane; ++lane) body(i + lane);
  }
  if (i == n) return;
  const std::uint32_t left = static_cast<std::uint32_t>(n - i);
  RIDGELINE_LANES
  for (std::uint32_t lane = 0; lane < kLane; ++lane) {
    if (lane < left) body(i + lane);
  }
}

class Row {
 public:
  Row(std::size_t index, std::size_t size) : index_(index), size_(size) {}
  std::size_t index() const { return index_; }
  std::size_t size() const { return size_; }

  template <class Body>
  void once(const Body& body) const {
    body();
  }
  template <class Body>
  void each(const Body& body) const {
    for_each(size_, body);
  }
  template <class Value>
  auto sum(const Value& value) const {
    return reduce<Plus>(value);
  }
  template <class Value>
  auto largest(const Value& value) const {
    return reduce<Larger>(value);
  }

 private:
  template <class Join, class Value>
  auto reduce(const Value& value) const {
    using Result = std::decay_t<decltype(value(size_))>;
    if constexpr (std::is_arithmetic_v<Result>) {
      Reduction<Join, Result, 1> reduction;
      reduction.add(size_, [&](std::size_t i) { return terms(value(i)); });
      return reduction.result()[0];
    } else {
      Reduction<Join, typename Result::Scalar, Result::kCount> reduction;
      reduction.add(size_, value);
      return reduction.result();
    }
  }

  std::size_t index_, size_;
};

}  // namespace ridgeline::kernels::host
