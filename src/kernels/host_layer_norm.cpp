#include "kernels/host_layer_norm.hpp"

#include <algorithm>
#include <cmath>

#include "kernels/host_lanes.hpp"

namespace ridgeline::kernels::host {
namespace {

// Σ value(i) over i in [0, n), where `whole(i)` gives a vector of values from i on and `one(i)` the
// value at i.
template <class T, class Whole, class One>
T sum_over(std::size_t n, const Whole& whole, const One& one) {
  constexpr std::size_t kLane = kLanes<T>;
  Vector<T> first = {}, second = {};
  std::size_t i = 0;
  for (; i + 2 * kLane <= n; i += 2 * kLane) {
    first += whole(i);
    second += whole(i + kLane);
  }
  if (i + kLane <= n) {
    first += whole(i);
    i += kLane;
  }
  T sum = sum_of_lanes<T>(first + second);
  for (; i < n; ++i) sum += one(i);
  return sum;
}

// Calls `whole(i)` for vectors and `one(i)` for what is left.
template <class T, class Whole, class One>
void for_all(std::size_t n, const Whole& whole, const One& one) {
  constexpr std::size_t kLane = kLanes<T>;
  std::size_t i = 0;
  for (; i + kLane <= n; i += kLane) whole(i);
  for (; i < n; ++i) one(i);
}

}  // namespace

template <class T>
void LayerNorm<T>::forward(std::size_t begin, std::size_t end, T* statistics) const {
  const std::size_t n = features;
  for (std::size_t row = begin; row < end; ++row) {
    const T* in = x + row * n;
    T* out = y + row * n;
    const T mean = sum_over<T>(
                       n, [=](std::size_t i) { return load<T>(in + i); },
                       [=](std::size_t i) { return in[i]; }) /
                   T(n);
    const T variance = sum_over<T>(
                           n,
                           [=](std::size_t i) {
                             const Vector<T> d = load<T>(in + i) - mean;
                             return Vector<T>(d * d);
                           },
                           [=](std::size_t i) { return (in[i] - mean) * (in[i] - mean); }) /
                       T(n);
    const T inverse = T(1) / std::sqrt(variance + epsilon);
    const T* w = weight;
    const T* b = bias;
    for_all<T>(
        n,
        [=](std::size_t i) {
          store<T>(out + i, (load<T>(in + i) - mean) * inverse * load<T>(w + i) + load<T>(b + i));
        },
        [=](std::size_t i) { out[i] = (in[i] - mean) * inverse * w[i] + b[i]; });
    if (statistics) {
      statistics[2 * row] = mean;
      statistics[2 * row + 1] = inverse;
    }
  }
}

template <class T>
void LayerNorm<T>::backward(std::size_t begin, std::size_t end, const T* statistics, T* weight_sums,
                            T* bias_sums) const {
  const std::size_t n = features;
  std::fill(weight_sums, weight_sums + n, T(0));
  std::fill(bias_sums, bias_sums + n, T(0));
  for (std::size_t row = begin; row < end; ++row) {
    const T* in = x + row * n;
    const T* slope = dy + row * n;
    const T mean = statistics[2 * row], inverse = statistics[2 * row + 1];
    for_all<T>(
        n,
        [=](std::size_t i) {
          const Vector<T> g = load<T>(slope + i);
          store<T>(weight_sums + i,
                   load<T>(weight_sums + i) + g * ((load<T>(in + i) - mean) * inverse));
          store<T>(bias_sums + i, load<T>(bias_sums + i) + g);
        },
        [=](std::size_t i) {
          weight_sums[i] += slope[i] * ((in[i] - mean) * inverse);
          bias_sums[i] += slope[i];
        });
    if (!dx) continue;
    T* out = dx + row * n;
    const T* w = weight;
    const T mean_slope =
        sum_over<T>(
            n, [=](std::size_t i) { return Vector<T>(load<T>(slope + i) * load<T>(w + i)); },
            [=](std::size_t i) { return slope[i] * w[i]; }) /
        T(n);
    const T mean_product =
        sum_over<T>(
            n,
            [=](std::size_t i) {
              const Vector<T> g = load<T>(slope + i) * load<T>(w + i);
              return Vector<T>(g * ((load<T>(in + i) - mean) * inverse));
            },
            [=](std::size_t i) { return slope[i] * w[i] * ((in[i] - mean) * inverse); }) /
        T(n);
    for_all<T>(
        n,
        [=](std::size_t i) {
          const Vector<T> normal = (load<T>(in + i) - mean) * inverse;
          const Vector<T> g = load<T>(slope + i) * load<T>(w + i);
          store<T>(out + i, inverse * (g - mean_slope - normal * mean_product));
        },
        [=](std::size_t i) {
          const T normal = (in[i] - mean) * inverse;
          out[i] = inverse * (slope[i] * w[i] - mean_slope - normal * mean_product);
        });
  }
}

template <class T>
void add_rows(const T* from, std::size_t count, std::size_t stride, std::size_t begin,
              std::size_t end, T* to) {
  std::copy(from + begin, from + end, to + begin);
  for (std::size_t row = 1; row < count; ++row) {
    const T* next = from + row * stride;
    for_all<T>(
        end - begin,
        [=](std::size_t i) {
          store<T>(to + begin + i, load<T>(to + begin + i) + load<T>(next + begin + i));
        },
        [=](std::size_t i) { to[begin + i] += next[begin + i]; });
  }
}

template struct LayerNorm<float>;
template struct LayerNorm<double>;
template void add_rows<float>(const float*, std::size_t, std::size_t, std::size_t, std::size_t,
                              float*);
template void add_rows<double>(const double*, std::size_t, std::size_t, std::size_t, std::size_t,
                               double*);

}  // namespace ridgeline::kernels::host
