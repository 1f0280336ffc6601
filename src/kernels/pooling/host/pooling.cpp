#include "kernels/pooling/host/pooling.hpp"

#include <algorithm>
#include <limits>

#include "kernels/tiles/host_tile.hpp"

namespace ridgeline::kernels::host {
namespace {

constexpr int kPiece = 64;  // outputs of a row that are worked on together

bool is_two_by_two(const PoolShape& s) {
  return s.kernel_h == 2 && s.kernel_w == 2 && s.stride_h == 2 && s.stride_w == 2 &&
         s.padding_h == 0 && s.padding_w == 0;
}

// Vectors of L outputs, whose windows are 2 L values of two rows.
template <class T, int L>
struct Pairs {
  using Lanes __attribute__((vector_size(L * sizeof(T)), aligned(sizeof(T)), may_alias)) = T;
  using Mask = decltype(Lanes{} > Lanes{});

  static Lanes load(const T* p) { return *reinterpret_cast<const Lanes*>(p); }
  static void store(T* p, Lanes v) { *reinterpret_cast<Lanes*>(p) = v; }
  static Mask prefers(Lanes value, Lanes best) { return (value > best) | (value != value); }
  static Lanes larger(Lanes a, Lanes b) { return prefers(b, a) ? b : a; }

  // Every second value of 2 L, from `first`.
  static Lanes every_second(Lanes low, Lanes high, int first) {
    Mask at;
    for (int i = 0; i < L; ++i) at[i] = 2 * i + first;
    return shuffled(low, high, at);
  }
  // Values of both in turn: the first or the second L of them.
  static Lanes in_turn(Lanes a, Lanes b, int half) {
    Mask at;
    for (int i = 0; i < L; ++i) at[i] = half * (L / 2) + i / 2 + i % 2 * L;
    return shuffled(a, b, at);
  }

  struct Window {
    Lanes a, b, c, d;  // top left, top right, bottom left, bottom right
  };
  static Window windows(const T* top, const T* bottom) {
    const Lanes t0 = load(top), t1 = load(top + L), b0 = load(bottom), b1 = load(bottom + L);
    return {every_second(t0, t1, 0), every_second(t0, t1, 1), every_second(b0, b1, 0),
            every_second(b0, b1, 1)};
  }
  static void put(T* top, T* bottom, const Window& w) {
    store(top, in_turn(w.a, w.b, 0));
    store(top + L, in_turn(w.a, w.b, 1));
    store(bottom, in_turn(w.c, w.d, 0));
    store(bottom + L, in_turn(w.c, w.d, 1));
  }

  static void largest(const T* top, const T* bottom, T* y) {
    const Lanes low = larger(load(top), load(bottom));
    const Lanes high = larger(load(top + L), load(bottom + L));
    store(y, larger(every_second(low, high, 0), every_second(low, high, 1)));
  }
  static void largest_gradient(const T* top, const T* bottom, const T* dy, T* to_top,
                               T* to_bottom) {
    const Window w = windows(top, bottom);
    const Mask right_above = prefers(w.b, w.a), right_below = prefers(w.d, w.c);
    const Mask below = prefers(right_below ? w.d : w.c, right_above ? w.b : w.a);
    const Lanes g = load(dy), none = {};
    put(to_top, to_bottom,
        {~below & ~right_above ? g : none, ~below & right_above ? g : none,
         below & ~right_below ? g : none, below & right_below ? g : none});
  }
  static void average(const T* top, const T* bottom, T* y) {
    const Window w = windows(top, bottom);
    store(y, ((w.a + w.b) + (w.c + w.d)) * T(0.25));
  }
  static void average_gradient(const T* dy, T* to_top, T* to_bottom) {
    const Lanes g = load(dy) * T(0.25);
    put(to_top, to_bottom, {g, g, g, g});
  }
};

// Calls body(Pairs, q) for vectors that cover [0, width): the widest that fit, of which the last
// may overlap the one before it. False where the row is shorter than the narrowest.
template <class T, int L = kLanes<T>, class Body>
bool cover_pairs(int width, const Body& body) {
  if constexpr (L < 2) {
    return false;
  } else {
    if (width < L) return cover_pairs<T, L / 2>(width, body);
    int q = 0;
    for (; q + L <= width; q += L) body(Pairs<T, L>(), q);
    if (q < width) body(Pairs<T, L>(), width - L);
    return true;
  }
}

// Runs body(Pairs, window's input offset, output offset) over the 2 × 2 windows of planes.
template <class T, class Body>
void over_pairs(const PoolShape& s, std::size_t begin, std::size_t end, const Body& body) {
  for (std::size_t plane = begin; plane < end; ++plane) {
    for (int p = 0; p < s.out_height; ++p) {
      const std::size_t in = (plane * s.height + 2 * p) * s.width;
      const std::size_t out = (plane * s.out_height + p) * s.out_width;
      cover_pairs<T>(s.out_width, [&](auto pairs, int q) { body(pairs, in + 2 * q, out + q); });
    }
  }
}

// Zeros what no 2 × 2 window covers: the last row or column of an odd size.
template <class T>
void zero_odd_edges(const PoolShape& s, std::size_t begin, std::size_t end, T* dx) {
  for (std::size_t plane = begin; plane < end; ++plane) {
    T* to = dx + plane * s.height * s.width;
    if (s.width % 2 == 1) {
      for (int h = 0; h < s.height; ++h) to[h * s.width + s.width - 1] = T(0);
    }
    if (s.height % 2 == 1) {
      for (int w = 0; w < s.width; ++w) to[(s.height - 1) * s.width + w] = T(0);
    }
  }
}

// Outputs [begin, end) of a row piece for which column j of the window exists.
struct Columns {
  int begin, end, offset;  // input column = q · stride + offset

  Columns(const PoolShape& s, int j, int from, int to) : offset(j - s.padding_w) {
    const int first = offset < 0 ? (-offset + s.stride_w - 1) / s.stride_w : 0;
    const int last = s.width - offset > 0 ? (s.width - offset - 1) / s.stride_w + 1 : 0;
    begin = std::max(from, first);
    end = std::max(begin, std::min(to, last));
  }
};

// Runs body(plane, p, q0, q1) over pieces of output rows.
template <class Body>
void over_pieces(const PoolShape& s, std::size_t begin, std::size_t end, const Body& body) {
  for (std::size_t plane = begin; plane < end; ++plane) {
    for (int p = 0; p < s.out_height; ++p) {
      for (int q0 = 0; q0 < s.out_width; q0 += kPiece) {
        body(plane, p, q0, std::min(s.out_width, q0 + kPiece));
      }
    }
  }
}

// Calls body(row of the input, columns) for every row and column of the windows of output row p.
template <class Body>
void over_window(const PoolShape& s, int p, int q0, int q1, const Body& body) {
  const PoolWindow rows(p, s.kernel_h, s.stride_h, s.padding_h, s.height);
  for (int h = rows.begin; h < rows.end; ++h) {
    for (int j = 0; j < s.kernel_w; ++j) body(h, Columns(s, j, q0, q1));
  }
}

// Whether vectors of pairs can do it.
bool in_pairs(const PoolShape& s) { return is_two_by_two(s) && s.out_width >= 2; }

}  // namespace

template <class T>
void max_pool(const PoolShape& s, std::size_t begin, std::size_t end, const T* x, T* y) {
  if (in_pairs(s)) {
    over_pairs<T>(s, begin, end, [&](auto pairs, std::size_t in, std::size_t out) {
      pairs.largest(x + in, x + in + s.width, y + out);
    });
    return;
  }
  over_pieces(s, begin, end, [&](std::size_t plane, int p, int q0, int q1) {
    T best[kPiece];
    for (int q = 0; q < q1 - q0; ++q) best[q] = -std::numeric_limits<T>::infinity();
    over_window(s, p, q0, q1, [&](int h, const Columns& c) {
      const T* from = x + (plane * s.height + h) * s.width + c.offset;
      for (int q = c.begin; q < c.end; ++q) {
        const T value = from[q * s.stride_w], before = best[q - q0];
        best[q - q0] = (value > before) | (value != value) ? value : before;
      }
    });
    T* to = y + (plane * s.out_height + p) * s.out_width;
    for (int q = q0; q < q1; ++q) to[q] = best[q - q0];
  });
}

template <class T>
void max_pool_gradient(const PoolShape& s, std::size_t begin, std::size_t end, const T* x,
                       const T* dy, T* dx) {
  if (in_pairs(s)) {
    over_pairs<T>(s, begin, end, [&](auto pairs, std::size_t in, std::size_t out) {
      pairs.largest_gradient(x + in, x + in + s.width, dy + out, dx + in, dx + in + s.width);
    });
    zero_odd_edges(s, begin, end, dx);
    return;
  }
  const std::size_t size = std::size_t(s.height) * s.width;
  std::fill(dx + begin * size, dx + end * size, T(0));
  over_pieces(s, begin, end, [&](std::size_t plane, int p, int q0, int q1) {
    T best[kPiece];
    int at[kPiece];
    const PoolWindow rows(p, s.kernel_h, s.stride_h, s.padding_h, s.height);
    for (int q = q0; q < q1; ++q) {
      best[q - q0] = -std::numeric_limits<T>::infinity();
      at[q - q0] = rows.begin * s.width + std::max(0, q * s.stride_w - s.padding_w);
    }
    over_window(s, p, q0, q1, [&](int h, const Columns& c) {
      const T* from = x + (plane * s.height + h) * s.width + c.offset;
      for (int q = c.begin; q < c.end; ++q) {
        const T value = from[q * s.stride_w], before = best[q - q0];
        const bool wins = (value > before) | (value != value);
        best[q - q0] = wins ? value : before;
        at[q - q0] = wins ? h * s.width + q * s.stride_w + c.offset : at[q - q0];
      }
    });
    const T* from = dy + (plane * s.out_height + p) * s.out_width;
    T* to = dx + plane * size;
    for (int q = q0; q < q1; ++q) to[at[q - q0]] += from[q];
  });
}

template <class T>
void average_pool(const PoolShape& s, std::size_t begin, std::size_t end, const T* x, T* y) {
  if (in_pairs(s)) {
    over_pairs<T>(s, begin, end, [&](auto pairs, std::size_t in, std::size_t out) {
      pairs.average(x + in, x + in + s.width, y + out);
    });
    return;
  }
  const T scale = T(1) / static_cast<T>(s.kernel_h * s.kernel_w);
  over_pieces(s, begin, end, [&](std::size_t plane, int p, int q0, int q1) {
    T sum[kPiece] = {};
    over_window(s, p, q0, q1, [&](int h, const Columns& c) {
      const T* from = x + (plane * s.height + h) * s.width + c.offset;
      for (int q = c.begin; q < c.end; ++q) sum[q - q0] += from[q * s.stride_w];
    });
    T* to = y + (plane * s.out_height + p) * s.out_width;
    for (int q = q0; q < q1; ++q) to[q] = sum[q - q0] * scale;
  });
}

template <class T>
void average_pool_gradient(const PoolShape& s, std::size_t begin, std::size_t end, const T* dy,
                           T* dx) {
  if (in_pairs(s)) {
    over_pairs<T>(s, begin, end, [&](auto pairs, std::size_t in, std::size_t out) {
      pairs.average_gradient(dy + out, dx + in, dx + in + s.width);
    });
    zero_odd_edges(s, begin, end, dx);
    return;
  }
  const std::size_t size = std::size_t(s.height) * s.width;
  const T scale = T(1) / static_cast<T>(s.kernel_h * s.kernel_w);
  std::fill(dx + begin * size, dx + end * size, T(0));
  over_pieces(s, begin, end, [&](std::size_t plane, int p, int q0, int q1) {
    T share[kPiece];
    const T* from = dy + (plane * s.out_height + p) * s.out_width;
    for (int q = q0; q < q1; ++q) share[q - q0] = from[q] * scale;
    over_window(s, p, q0, q1, [&](int h, const Columns& c) {
      T* to = dx + (plane * s.height + h) * s.width + c.offset;
      for (int q = c.begin; q < c.end; ++q) to[q * s.stride_w] += share[q - q0];
    });
  });
}

template <class T>
void plane_means(std::size_t size, std::size_t begin, std::size_t end, const T* x, T* y) {
  constexpr std::size_t kStep = kLanes<T>;
  for (std::size_t plane = begin; plane < end; ++plane) {
    const T* from = x + plane * size;
    Vector<T> sums[2] = {};
    std::size_t i = 0;
    for (; i + 2 * kStep <= size; i += 2 * kStep) {
      sums[0] += load<T>(from + i);
      sums[1] += load<T>(from + i + kStep);
    }
    T sum = T(0);
    if (i > 0) {
      const Vector<T> both = sums[0] + sums[1];
      for (std::size_t lane = 0; lane < kStep; ++lane) sum += both[lane];
    }
    for (; i < size; ++i) sum += from[i];
    y[plane] = sum / static_cast<T>(size);
  }
}

#define RIDGELINE_HOST_POOL(T)                                                                 \
  template void max_pool<T>(const PoolShape&, std::size_t, std::size_t, const T*, T*);         \
  template void max_pool_gradient<T>(const PoolShape&, std::size_t, std::size_t, const T*,     \
                                     const T*, T*);                                            \
  template void average_pool<T>(const PoolShape&, std::size_t, std::size_t, const T*, T*);     \
  template void average_pool_gradient<T>(const PoolShape&, std::size_t, std::size_t, const T*, \
                                         T*);                                                  \
  template void plane_means<T>(std::size_t, std::size_t, std::size_t, const T*, T*);
RIDGELINE_HOST_POOL(float)
RIDGELINE_HOST_POOL(double)

}  // namespace ridgeline::kernels::host
