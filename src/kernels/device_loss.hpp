#pragma once

#include <Kokkos_Core.hpp>

#include <cstdint>

#include "core/math.hpp"

namespace ridgeline::kernels {

// The device's losses: a thread a row. kernels/loss.hpp has the formulas.

template <class T>
struct DeviceCrossEntropy {
  std::size_t classes;
  const T* logits;
  const std::int32_t* labels;
  T smoothing, scale;
  T* gradient;
  T* row_loss;
  T* row_correct;

  KOKKOS_FUNCTION void operator()(std::size_t row) const {
    const T* z = logits + row * classes;
    const std::size_t target = static_cast<std::size_t>(labels[row]);
    T largest = z[0];
    std::size_t best = 0;
    for (std::size_t c = 1; c < classes; ++c) {
      if (z[c] > largest) {
        largest = z[c];
        best = c;
      }
    }
    T wanted = z[target];
    if (smoothing != T(0)) {
      T mean = T(0);
      for (std::size_t c = 0; c < classes; ++c) mean += z[c];
      wanted = (T(1) - smoothing) * wanted + smoothing * mean / static_cast<T>(classes);
    }
    T sum = T(0);
    if (gradient) {
      T* g = gradient + row * classes;
      for (std::size_t c = 0; c < classes; ++c) {
        const T e = math::exp(z[c] - largest);
        g[c] = e;
        sum += e;
      }
      const T factor = scale / sum;
      const T rest = scale * smoothing / static_cast<T>(classes);
      for (std::size_t c = 0; c < classes; ++c) g[c] = g[c] * factor - rest;
      g[target] -= scale * (T(1) - smoothing);
    } else {
      for (std::size_t c = 0; c < classes; ++c) sum += math::exp(z[c] - largest);
    }
    row_loss[row] = ::log(sum) + (largest - wanted);
    row_correct[row] = best == target ? T(1) : T(0);
  }
};

template <class T>
struct DeviceSquaredError {
  std::size_t columns;
  const T* y;
  const T* targets;
  T scale;
  T* gradient;
  T* row_loss;

  KOKKOS_FUNCTION void operator()(std::size_t row) const {
    T sum = T(0);
    for (std::size_t i = row * columns; i < (row + 1) * columns; ++i) {
      const T difference = y[i] - targets[i];
      sum += difference * difference;
      if (gradient) gradient[i] = T(2) * scale * difference;
    }
    row_loss[row] = sum / static_cast<T>(columns);
  }
};

template <class T>
struct DeviceBinaryCrossEntropy {
  std::size_t columns;
  const T* logits;
  const T* targets;
  T scale;
  T* gradient;
  T* row_loss;

  KOKKOS_FUNCTION void operator()(std::size_t row) const {
    T sum = T(0);
    for (std::size_t i = row * columns; i < (row + 1) * columns; ++i) {
      const T z = logits[i], t = targets[i];
      const T e = math::exp(z > T(0) ? -z : z);
      sum += ((z > T(0) ? z : T(0)) - z * t) + math::log1p_of_fraction(e);
      if (gradient) gradient[i] = scale * (math::sigmoid(z) - t);
    }
    row_loss[row] = sum / static_cast<T>(columns);
  }
};

}  // namespace ridgeline::kernels
