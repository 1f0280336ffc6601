#include "kernels/host_rows.hpp"

#include <algorithm>
#include <cmath>

#include "core/math.hpp"
#include "kernels/host_tile.hpp"

namespace ridgeline::kernels::host {
namespace {

constexpr std::size_t kRowsTogether = 32;
constexpr std::size_t kPiece = 1024;  // values of scratch memory on the stack

// Sum over i of body(i), in lanes for a vector of them and then one by one.
template <class T, class VectorBody, class Body>
T sum_of(std::size_t size, const VectorBody& vector_body, const Body& body) {
  constexpr std::size_t kStep = kLanes<T>;
  std::size_t i = 0;
  T sum = T(0);
  if (size >= kStep) {
    Vector<T> sums[2] = {};
    for (; i + 2 * kStep <= size; i += 2 * kStep) {
      sums[0] += vector_body(i);
      sums[1] += vector_body(i + kStep);
    }
    if (i + kStep <= size) {
      sums[0] += vector_body(i);
      i += kStep;
    }
    const Vector<T> both = sums[0] + sums[1];
    for (std::size_t lane = 0; lane < kStep; ++lane) sum += both[lane];
  }
  for (; i < size; ++i) sum += body(i);
  return sum;
}

template <class T>
T sum_of(std::size_t size, const T* x) {
  return sum_of<T>(
      size, [&](std::size_t i) { return load<T>(x + i); }, [&](std::size_t i) { return x[i]; });
}

// The largest value; NaN where the first is, and blind to others, which their exponentials show.
template <class T>
T largest_of(std::size_t size, const T* x) {
  constexpr std::size_t kStep = kLanes<T>;
  std::size_t i = 0;
  T most = x[0];
  if (size >= kStep) {
    Vector<T> lanes = Vector<T>{} + most;
    for (; i + kStep <= size; i += kStep) {
      const Vector<T> value = load<T>(x + i);
      lanes = value > lanes ? value : lanes;
    }
    for (std::size_t lane = 0; lane < kStep; ++lane) most = lanes[lane] > most ? lanes[lane] : most;
  }
  for (; i < size; ++i) most = x[i] > most ? x[i] : most;
  return most;
}

template <class T>
void exponentials(std::size_t size, T* x) {
  for (std::size_t i = 0; i < size; ++i) x[i] = math::exp(x[i]);
}

// The sum of exp(z - most) over a row, in pieces of scratch memory.
template <class T>
T sum_of_exponentials(std::size_t size, const T* z, T most) {
  T piece[kPiece];
  T sum = T(0);
  for (std::size_t at = 0; at < size; at += kPiece) {
    const std::size_t count = std::min(kPiece, size - at);
    for (std::size_t i = 0; i < count; ++i) piece[i] = math::exp(z[at + i] - most);
    sum += sum_of(count, piece);
  }
  return sum;
}

}  // namespace

template <class T>
void softmax(std::size_t columns, std::size_t begin, std::size_t end, const T* x, T* y) {
  for (std::size_t first = begin; first < end; first += kRowsTogether) {
    const std::size_t last = std::min(end, first + kRowsTogether);
    for (std::size_t row = first; row < last; ++row) {
      const T* from = x + row * columns;
      T* to = y + row * columns;
      const T most = largest_of(columns, from);
      for (std::size_t c = 0; c < columns; ++c) to[c] = from[c] - most;
    }
    exponentials((last - first) * columns, y + first * columns);
    for (std::size_t row = first; row < last; ++row) {
      T* to = y + row * columns;
      const T factor = T(1) / sum_of(columns, to);
      for (std::size_t c = 0; c < columns; ++c) to[c] *= factor;
    }
  }
}

template <class T>
void softmax_gradient(std::size_t columns, std::size_t begin, std::size_t end, const T* y,
                      const T* dy, T* dx) {
  for (std::size_t row = begin; row < end; ++row) {
    const T* p = y + row * columns;
    const T* g = dy + row * columns;
    T* to = dx + row * columns;
    const T sum = sum_of<T>(
        columns, [&](std::size_t i) { return load<T>(p + i) * load<T>(g + i); },
        [&](std::size_t i) { return p[i] * g[i]; });
    for (std::size_t c = 0; c < columns; ++c) to[c] = p[c] * (g[c] - sum);
  }
}

template <class T>
void cross_entropy(std::size_t classes, std::size_t begin, std::size_t end, const T* z_all,
                   const std::int32_t* labels, T smoothing, T scale, T* gradient, T* row_loss,
                   T* row_correct) {
  const T rest = scale * smoothing / static_cast<T>(classes);
  for (std::size_t first = begin; first < end; first += kRowsTogether) {
    const std::size_t last = std::min(end, first + kRowsTogether);
    T margin[kRowsTogether];  // of the largest logit over what the labels want
    for (std::size_t row = first; row < last; ++row) {
      const T* z = z_all + row * classes;
      const std::size_t target = static_cast<std::size_t>(labels[row]);
      const T most = largest_of(classes, z);
      T wanted = z[target];
      bool earlier = false;
      for (std::size_t c = 0; c < target; ++c) earlier |= z[c] == most;
      row_correct[row] = wanted == most && !earlier ? T(1) : T(0);
      if (smoothing != T(0)) {
        const T mean = sum_of(classes, z) / static_cast<T>(classes);
        wanted = (T(1) - smoothing) * wanted + smoothing * mean;
      }
      margin[row - first] = most - wanted;
      if (gradient) {
        T* g = gradient + row * classes;
        for (std::size_t c = 0; c < classes; ++c) g[c] = z[c] - most;
      } else {
        row_loss[row] = std::log(sum_of_exponentials(classes, z, most)) + margin[row - first];
      }
    }
    if (!gradient) continue;
    exponentials((last - first) * classes, gradient + first * classes);
    for (std::size_t row = first; row < last; ++row) {
      T* g = gradient + row * classes;
      const T sum = sum_of(classes, g), factor = scale / sum;
      for (std::size_t c = 0; c < classes; ++c) g[c] = g[c] * factor - rest;
      g[labels[row]] -= scale * (T(1) - smoothing);
      row_loss[row] = std::log(sum) + margin[row - first];
    }
  }
}

template <class T>
void squared_error(std::size_t columns, std::size_t begin, std::size_t end, const T* y_all,
                   const T* target_all, T scale, T* gradient, T* row_loss) {
  for (std::size_t row = begin; row < end; ++row) {
    const T* y = y_all + row * columns;
    const T* t = target_all + row * columns;
    const T sum = sum_of<T>(
        columns,
        [&](std::size_t i) {
          const Vector<T> off = load<T>(y + i) - load<T>(t + i);
          return off * off;
        },
        [&](std::size_t i) { return (y[i] - t[i]) * (y[i] - t[i]); });
    row_loss[row] = sum / static_cast<T>(columns);
    if (!gradient) continue;
    T* g = gradient + row * columns;
    for (std::size_t c = 0; c < columns; ++c) g[c] = T(2) * scale * (y[c] - t[c]);
  }
}

template <class T>
void binary_cross_entropy(std::size_t columns, std::size_t begin, std::size_t end, const T* z_all,
                          const T* target_all, T scale, T* gradient, T* row_loss) {
  T loss[kPiece];
  for (std::size_t row = begin; row < end; ++row) {
    T sum = T(0);
    for (std::size_t at = 0; at < columns; at += kPiece) {
      const std::size_t count = std::min(kPiece, columns - at), from = row * columns + at;
      const T* z = z_all + from;
      const T* t = target_all + from;
      for (std::size_t i = 0; i < count; ++i) {
        const T e = math::exp(z[i] > T(0) ? -z[i] : z[i]);
        loss[i] = ((z[i] > T(0) ? z[i] : T(0)) - z[i] * t[i]) + math::log1p_of_fraction(e);
      }
      sum += sum_of(count, loss);
      if (!gradient) continue;
      T* g = gradient + from;
      for (std::size_t i = 0; i < count; ++i) g[i] = scale * (math::sigmoid(z[i]) - t[i]);
    }
    row_loss[row] = sum / static_cast<T>(columns);
  }
}

#define RIDGELINE_HOST_ROWS(T)                                                                     \
  template void softmax<T>(std::size_t, std::size_t, std::size_t, const T*, T*);                   \
  template void softmax_gradient<T>(std::size_t, std::size_t, std::size_t, const T*, const T*,     \
                                    T*);                                                           \
  template void cross_entropy<T>(std::size_t, std::size_t, std::size_t, const T*,                  \
                                 const std::int32_t*, T, T, T*, T*, T*);                           \
  template void squared_error<T>(std::size_t, std::size_t, std::size_t, const T*, const T*, T, T*, \
                                 T*);                                                              \
  template void binary_cross_entropy<T>(std::size_t, std::size_t, std::size_t, const T*, const T*, \
                                        T, T*, T*);
RIDGELINE_HOST_ROWS(float)
RIDGELINE_HOST_ROWS(double)

}  // namespace ridgeline::kernels::host
