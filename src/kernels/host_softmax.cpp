#include "kernels/host_softmax.hpp"

#include <cmath>

#include "kernels/host_lanes.hpp"

namespace ridgeline::kernels::host {
namespace {

// The largest of a row; NaN may be passed over, and shows in the sum of the exponentials.
template <class T>
T largest_of(std::size_t n, const T* z) {
  constexpr std::size_t kLane = kLanes<T>;
  T largest = z[0];
  std::size_t i = 0;
  if (n >= kLane) {
    Vector<T> most = load<T>(z);
    for (i = kLane; i + kLane <= n; i += kLane) {
      const Vector<T> values = load<T>(z + i);
      most = values > most ? values : most;
    }
    T lanes[kLane];
    store<T>(lanes, most);
    for (std::size_t lane = 0; lane < kLane; ++lane) {
      if (lanes[lane] > largest) largest = lanes[lane];
    }
  }
  for (; i < n; ++i) {
    if (z[i] > largest) largest = z[i];
  }
  return largest;
}

// Σ e^(z - most); keeps the exponentials in `e` if there is one.
template <class T>
T sum_of_exponentials(std::size_t n, const T* z, T most, T* e) {
  constexpr std::size_t kLane = kLanes<T>;
  Vector<T> sums = {};
  std::size_t i = 0;
  for (; i + kLane <= n; i += kLane) {
    const Vector<T> values = exp_nonpositive<T>(load<T>(z + i) - most);
    sums += values;
    if (e) store<T>(e + i, values);
  }
  if (i < n) {
    // The remainder as a vector too, so that few classes do not cost a call each.
    T tail[kLane];
    for (std::size_t lane = 0; lane < kLane; ++lane) {
      tail[lane] = i + lane < n ? z[i + lane] - most : T(-1e30);
    }
    const Vector<T> values = exp_nonpositive<T>(load<T>(tail));
    sums += values;
    store<T>(tail, values);
    for (std::size_t lane = 0; e && i + lane < n; ++lane) e[i + lane] = tail[lane];
  }
  return sum_of_lanes<T>(sums);
}

}  // namespace

template <class T>
void softmax_row(std::size_t n, const T* z, T* y) {
  const T sum = sum_of_exponentials(n, z, largest_of(n, z), y);
  const T factor = T(1) / sum;
  for (std::size_t i = 0; i < n; ++i) y[i] *= factor;
}

template <class T>
void softmax_gradient_row(std::size_t n, const T* y, const T* dy, T* dx) {
  constexpr std::size_t kLane = kLanes<T>;
  Vector<T> sums = {};
  std::size_t i = 0;
  for (; i + kLane <= n; i += kLane) sums += load<T>(y + i) * load<T>(dy + i);
  T sum = sum_of_lanes<T>(sums);
  for (; i < n; ++i) sum += y[i] * dy[i];
  for (i = 0; i < n; ++i) dx[i] = y[i] * (dy[i] - sum);
}

template <class T>
CrossEntropyRow<T> cross_entropy_row(std::size_t n, const T* z, std::size_t target, T smoothing,
                                     T scale, T* gradient) {
  const T most = largest_of(n, z);
  std::size_t best = 0;
  while (best + 1 < n && !(z[best] == most)) ++best;
  // Relative to the largest, since a mean of large logits would round what tells them apart.
  T expected = z[target] - most;
  if (smoothing != T(0)) {
    T total = T(0);
    for (std::size_t i = 0; i < n; ++i) total += z[i] - most;
    expected = (T(1) - smoothing) * expected + smoothing * total / static_cast<T>(n);
  }
  const T sum = sum_of_exponentials(n, z, most, gradient);
  if (gradient) {
    const T factor = scale / sum, uniform = scale * smoothing / static_cast<T>(n);
    for (std::size_t i = 0; i < n; ++i) gradient[i] = gradient[i] * factor - uniform;
    gradient[target] -= scale * (T(1) - smoothing);
  }
  return {std::log(sum) - expected, best == target};
}

#define RIDGELINE_HOST_SOFTMAX(T)                                             \
  template void softmax_row<T>(std::size_t, const T*, T*);                    \
  template void softmax_gradient_row<T>(std::size_t, const T*, const T*, T*); \
  template CrossEntropyRow<T> cross_entropy_row<T>(std::size_t, const T*, std::size_t, T, T, T*);
RIDGELINE_HOST_SOFTMAX(float)
RIDGELINE_HOST_SOFTMAX(double)

}  // namespace ridgeline::kernels::host
