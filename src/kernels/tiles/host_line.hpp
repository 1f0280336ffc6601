#pragma once

// Copies short lines of an image with few loads and stores: most rows of convolutions have 7 or 28
// values, and loops with a remainder, or memcpy, take longer. Only for the sources in host/.

#include <cstddef>

#include "kernels/elementwise/activation.hpp"
#include "kernels/tiles/host_tile.hpp"

namespace ridgeline::kernels::host {

namespace detail {

// Copies the first and the last `Size` of `count` values, which may overlap.
template <int Size, class T>
void move_ends(const T* from, int count, T* to) {
  T head[Size], tail[Size];
  __builtin_memcpy(head, from, sizeof(head));
  __builtin_memcpy(tail, from + count - Size, sizeof(tail));
  __builtin_memcpy(to, head, sizeof(head));
  __builtin_memcpy(to + count - Size, tail, sizeof(tail));
}

// Prevents the compiler from replacing a loop of one or two iterations by a call of memset or
// memmove.
inline void keep_loop() { __asm__ volatile(""); }

}  // namespace detail

/// Copies less than one vector.
template <class T>
inline void copy_short(int count, const T* from, T* to) {
  if (kLanes < T >> 8 && count >= 8) {
    detail::move_ends<8>(from, count, to);
  } else if (kLanes<T> > 4 && count >= 4) {
    detail::move_ends<4>(from, count, to);
  } else if (kLanes<T> > 2 && count >= 2) {
    detail::move_ends<2>(from, count, to);
  } else if (count == 1) {
    *to = *from;
  }
}

/// Copies `count` values and writes nothing else.
template <class T>
inline void copy_exactly(int count, const T* from, T* to) {
  constexpr int kLane = kLanes<T>;
  if (count < kLane) return copy_short(count, from, to);
  for (int i = 0; i + kLane < count; i += kLane) {
    store<T>(to + i, load<T>(from + i));
    detail::keep_loop();
  }
  store<T>(to + count - kLane, load<T>(from + count - kLane));
}

/// Writes zeros: at least `count`, and up to one vector more.
template <class T>
inline void zero_line(int count, T* to) {
  for (int j = 0; j < count; j += kLanes<T>) {
    store<T>(to + j, Vector<T>{});
    detail::keep_loop();
  }
}

using ridgeline::host::every_second;
using ridgeline::host::IntegerVector;
using ridgeline::host::interleaved;

/// Writes a line of at most two vectors: the values [begin, end) of the source, zeros around them.
/// It is written as whole vectors, so up to one vector too many.
template <class T>
struct ShortLine {
  int begin, count;
  IntegerVector<T> masks[2];

  static bool fits(int line) { return line <= 2 * kLanes<T>; }

  ShortLine(int first, int last, int line)
      : begin(first), count(line <= kLanes<T> ? 1 : 2), masks{} {
    for (int j = first; j < last; ++j) masks[j / kLanes<T>][j % kLanes<T>] = -1;
  }
  /// Returns whether whole vectors can be loaded: `from` points to value `begin`, and [memory, end)
  /// may be read.
  bool reads_inside(const T* from, const T* memory, const T* end) const {
    return from - memory >= begin && end - from >= count * kLanes<T> - begin;
  }
  void copy(const T* from, T* to) const {
    for (int v = 0; v < count; ++v) {
      const Vector<T> value = load<T>(from - begin + v * kLanes<T>);
      store<T>(to + v * kLanes<T>, (Vector<T>)((IntegerVector<T>)value & masks[v]));
      detail::keep_loop();
    }
  }
};

/// Copies every `step`th of `count` values, and may write up to one vector more. Memory may be read
/// up to `end`.
template <class T>
inline void copy_line(int count, int step, const T* from, const T* end, T* to) {
  constexpr int kLane = kLanes<T>;
  if (step > 2) {
    for (int j = 0; j < count; ++j) to[j] = from[std::ptrdiff_t(step) * j];
    return;
  }
  const std::ptrdiff_t ahead = end - from;
  int j = 0;
  if (step == 1) {
    for (; j < count && j + kLane <= ahead; j += kLane) {
      store<T>(to + j, load<T>(from + j));
      detail::keep_loop();
    }
  } else {
    for (; j < count && 2 * (j + kLane) <= ahead; j += kLane) {
      const T* both = from + 2 * j;
      store<T>(to + j, every_second<T>(load<T>(both), load<T>(both + kLane), 0));
    }
  }
  for (; j < count; ++j) to[j] = from[step * j];
}

/// Computes values = values · derivative(kept) in whole vectors: one long loop without a remainder
/// over all short lines that were gathered.
template <class T>
inline void multiply_by_derivative(int count, Activation derivative_of, const T* __restrict kept,
                                   T* __restrict values) {
  with_activation(derivative_of, [&](auto f) {
    for (int j = 0; j < count; ++j) values[j] *= derivative<f()>(kept[j]);
  });
}

}  // namespace ridgeline::kernels::host
