#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "core/function.hpp"

namespace ridgeline::math {

// Elementary functions for loops over arrays. On a device they are the device's own; on a host they
// have no branches or calls, so that the compiler vectorises such a loop. NaN propagates, overflow
// returns infinity. tests/core compares them with the C library: errors are a few units in the last
// place.

namespace detail {

template <class To, class From>
RIDGELINE_FUNCTION To bits_as(From from) {
  static_assert(sizeof(To) == sizeof(From), "types must have the same size");
  To to;
  std::memcpy(&to, &from, sizeof(to));
  return to;
}

template <class T>
struct Format;
template <>
struct Format<float> {
  using Bits = std::uint32_t;
  static constexpr int kMantissa = 23, kBias = 127;
  static constexpr float kRound = 12582912.0f;  // 1.5 · 2^23: adding it rounds to an integer
  static constexpr float kLeast = -104.0f, kMost = 89.0f;  // e^x is 0 below, infinite above
  static constexpr float kLn2High = 0.693145752f, kLn2Low = 1.42860677e-6f;
};
template <>
struct Format<double> {
  using Bits = std::uint64_t;
  static constexpr int kMantissa = 52, kBias = 1023;
  static constexpr double kRound = 6755399441055744.0;
  static constexpr double kLeast = -746.0, kMost = 710.0;
  static constexpr double kLn2High = 0.693147180369123816490, kLn2Low = 1.90821492927058770002e-10;
};

// 2^n for an integer n in the low bits of `shifted`, as two factors, since n may lie outside the
// range of the exponent.
template <class T>
struct PowerOfTwo {
  T first, second;
  RIDGELINE_FUNCTION explicit PowerOfTwo(T shifted) {
    using F = Format<T>;
    using Bits = typename F::Bits;
    using Signed = std::make_signed_t<Bits>;
    const Signed n = static_cast<Signed>(bits_as<Bits>(shifted) - bits_as<Bits>(F::kRound));
    const Signed half = n >> 1;
    first = bits_as<T>(static_cast<Bits>(half + F::kBias) << F::kMantissa);
    second = bits_as<T>(static_cast<Bits>(n - half + F::kBias) << F::kMantissa);
  }
};

// Returns e^r - 1 for |r| ≤ ln 2 / 2, by its Taylor series, truncated below half a unit in the last
// place. R is T or a vector of T.
template <class T, class R>
RIDGELINE_FUNCTION R expm1_reduced(R r) {
  if constexpr (sizeof(T) == sizeof(float)) {
    R p = r * T(1.0 / 5040) + T(1.0 / 720);
    p = p * r + T(1.0 / 120);
    p = p * r + T(1.0 / 24);
    p = p * r + T(1.0 / 6);
    p = p * r + T(0.5);
    return p * (r * r) + r;
  } else {
    R p = r * T(1.0 / 6227020800.0) + T(1.0 / 479001600);
    p = p * r + T(1.0 / 39916800);
    p = p * r + T(1.0 / 3628800);
    p = p * r + T(1.0 / 362880);
    p = p * r + T(1.0 / 40320);
    p = p * r + T(1.0 / 5040);
    p = p * r + T(1.0 / 720);
    p = p * r + T(1.0 / 120);
    p = p * r + T(1.0 / 24);
    p = p * r + T(1.0 / 6);
    p = p * r + T(0.5);
    return p * (r * r) + r;
  }
}

// x = n ln 2 + r, with n rounded and still shifted by kRound.
template <class T>
struct Reduced {
  T shifted, r;
  RIDGELINE_FUNCTION explicit Reduced(T x) {
    using F = Format<T>;
    shifted = x * T(1.44269504088896340736) + F::kRound;
    const T n = shifted - F::kRound;
    r = (x - n * F::kLn2High) - n * F::kLn2Low;
  }
};

}  // namespace detail

/// Returns e^x.
template <class T>
RIDGELINE_FUNCTION T exp(T x) {
#if RIDGELINE_DEVICE_PASS
  return ::exp(x);
#else
  using F = detail::Format<T>;
  x = x < F::kLeast ? F::kLeast : x;
  x = x > F::kMost ? F::kMost : x;
  const detail::Reduced<T> reduced(x);
  const detail::PowerOfTwo<T> power(reduced.shifted);
  const T e = T(1) + detail::expm1_reduced<T>(reduced.r);
  return e * power.first * power.second;
#endif
}

namespace detail {

// Returns e^x of a scalar R = T, or of every lane of a vector R; Bits is R's unsigned integer, or
// any of that width of a vector.
template <class T, class R, class Bits>
RIDGELINE_FUNCTION R exp_nonpositive(R x) {
  using F = Format<T>;
  constexpr bool kFloat = sizeof(T) == sizeof(float);
  constexpr T kLeast = kFloat ? T(-87) : T(-708), kVanishes = kFloat ? T(-88) : T(-709);
  const R y = x < kLeast ? R{} + kVanishes : x;
  const R shifted = y * T(1.44269504088896340736) + F::kRound;
  const R n = shifted - F::kRound;
  const R r = (y - n * F::kLn2High) - n * F::kLn2Low;
  const R e = expm1_reduced<T>(r) + T(1);
  // At kVanishes the exponent bits are 0, so the power of two is 0.
  using Signed = std::make_signed_t<typename F::Bits>;  // Clang mixes no signs in vectors
  const auto zero = static_cast<Signed>(bits_as<typename F::Bits>(F::kRound) - F::kBias);
  return e * bits_as<R>((bits_as<Bits>(shifted) - zero) << F::kMantissa);
}

}  // namespace detail

/// Returns e^x for x ≤ 0 within rounding error; 0 below -87 (float32) or -708 (float64), where the
/// result would be subnormal or nearly so, and slow to compute with.
template <class T>
RIDGELINE_FUNCTION T exp_nonpositive(T x) {
#if RIDGELINE_DEVICE_PASS
  return ::exp(x);
#else
  return detail::exp_nonpositive<T, T, typename detail::Format<T>::Bits>(x);
#endif
}

/// Returns tanh x, computed as -m / (m + 2) of |x| with m = e^(-2|x|) - 1, without cancellation
/// near zero.
template <class T>
RIDGELINE_FUNCTION T tanh(T x) {
#if RIDGELINE_DEVICE_PASS
  return ::tanh(x);
#else
  const T magnitude = x < T(0) ? -x : x;
  const T limit = sizeof(T) == sizeof(float) ? T(12) : T(24);  // 1 to the last bit beyond
  const T y = T(-2) * (magnitude > limit ? limit : magnitude);
  const detail::Reduced<T> reduced(y);
  const detail::PowerOfTwo<T> power(reduced.shifted);
  const T scale = power.first * power.second;
  const T m = detail::expm1_reduced<T>(reduced.r) * scale + (scale - T(1));
  const T t = -m / (m + T(2));
  return x < T(0) ? -t : t;
#endif
}

/// Returns 1 / (1 + e^-x).
template <class T>
RIDGELINE_FUNCTION T sigmoid(T x) {
  return T(1) / (T(1) + math::exp(-x));
}

/// Returns log(1 + u) for u in [0, 1], the range of exp for arguments ≤ 0, as 2 artanh(u / (2 + u))
/// by its series in (u / (2 + u))² ≤ 1/9.
template <class T>
RIDGELINE_FUNCTION T log1p_of_fraction(T u) {
#if RIDGELINE_DEVICE_PASS
  return ::log1p(u);
#else
  constexpr int kTerms = sizeof(T) == sizeof(float) ? 8 : 17;
  const T s = u / (T(2) + u);
  const T square = s * s;
  T p = T(2.0 / (2 * kTerms + 1));
#if !RIDGELINE_DEVICE_COMPILER  // not supported by nvcc
#pragma GCC unroll 17
#endif
  for (int term = kTerms - 1; term > 0; --term) p = p * square + T(2.0 / (2 * term + 1));
  return s * (p * square) + s * T(2);
#endif
}

/// Returns the error function. float32 on a host: 1 - e^(-x²) P(1 / (1 + |x| / 2)) with P of degree
/// 9 fitted at Chebyshev nodes, within 2e-9 before rounding.
template <class T>
RIDGELINE_FUNCTION T erf(T x) {
#if RIDGELINE_DEVICE_PASS
  return ::erf(x);
#else
  if constexpr (sizeof(T) == sizeof(float)) {
    const T magnitude = x < T(0) ? -x : x;
    const T t = T(1) / (T(1) + T(0.5) * magnitude);
    T p = T(0.0307548208);
    p = p * t + T(-0.224746368);
    p = p * t + T(0.670738248);
    p = p * t + T(-0.997325862);
    p = p * t + T(0.698150726);
    p = p * t + T(-0.249859149);
    p = p * t + T(0.279123519);
    p = p * t + T(0.226857889);
    p = p * t + T(0.284319661);
    p = p * t + T(0.281986516);
    const T e = T(1) - p * t * math::exp(-x * x);
    return x < T(0) ? -e : e;
  } else {
    return std::erf(x);
  }
#endif
}

}  // namespace ridgeline::math
