#include "kernels/pooling/host/pooling.hpp"

#include <algorithm>
#include <limits>

#include "core/host_vector.hpp"

namespace ridgeline::kernels::host {
namespace {

using ridgeline::host::every_second;
using ridgeline::host::interleaved;
using ridgeline::host::kLanes;
using ridgeline::host::load;
using ridgeline::host::store;
using ridgeline::host::Vector;

constexpr int kPiece = 64;  // outputs of a row that are processed together

bool is_two_by_two(const PoolShape& s) {
  return s.kernel_h == 2 && s.kernel_w == 2 && s.stride_h == 2 && s.stride_w == 2 &&
         s.padding_h == 0 && s.padding_w == 0;
}

// Vectors of L outputs, whose windows are 2 L values in each of two rows.
template <class T, int L>
struct Pairs {
  using Lanes = Vector<T, L>;
  using Mask = decltype(Lanes{} > Lanes{});

  static Mask prefers(Lanes value, Lanes best) { return (value > best) | (value != value); }
  static Lanes larger(Lanes a, Lanes b) { return prefers(b, a) ? b : a; }

  struct Window {
    Lanes a, b, c, d;  // top left, top right, bottom left, bottom right
  };
  static Window windows(const T* top, const T* bottom) {
    const Lanes t0 = load<T, L>(top), t1 = load<T, L>(top + L);
    const Lanes b0 = load<T, L>(bottom), b1 = load<T, L>(bottom + L);
    return {every_second<T, L>(t0, t1, 0), every_second<T, L>(t0, t1, 1),
            every_second<T, L>(b0, b1, 0), every_second<T, L>(b0, b1, 1)};
  }
  static void put(T* top, T* bottom, const Window& w) {
    store<T, L>(top, interleaved<T, L>(w.a, w.b, 0));
    store<T, L>(top + L, interleaved<T, L>(w.a, w.b, L / 2));
    store<T, L>(bottom, interleaved<T, L>(w.c, w.d, 0));
    store<T, L>(bottom + L, interleaved<T, L>(w.c, w.d, L / 2));
  }

  static void largest(const T* top, const T* bottom, T* y) {
    const Lanes low = larger(load<T, L>(top), load<T, L>(bottom));
    const Lanes high = larger(load<T, L>(top + L), load<T, L>(bottom + L));
    store<T, L>(y, larger(every_second<T, L>(low, high, 0), every_second<T, L>(low, high, 1)));
  }
  static void largest_gradient(const T* top, const T* bottom, const T* dy, T* to_top,
                               T* to_bottom) {
    const Window w = windows(top, bottom);
    const Mask right_above = prefers(w.b, w.a), right_below = prefers(w.d, w.c);
    const Mask below = prefers(right_below ? w.d : w.c, right_above ? w.b : w.a);
    const Lanes g = load<T, L>(dy), none = {};
    put(to_top, to_bottom,
        {~below & ~right_above ? g : none, ~below & right_above ? g : none,
         below & ~right_below ? g : none, below & right_below ? g : none});
  }
  static void average(const T* top, const T* bottom, T* y) {
    const Window w = windows(top, bottom);
    store<T, L>(y, ((w.a + w.b) + (w.c + w.d)) * T(0.25));
  }
  static void average_gradient(const T* dy, T* to_top, T* to_bottom) {
    const Lanes g = load<T, L>(dy) * T(0.25);
    put(to_top, to_bottom, {g, g, g, g});
  }
};

// Calls body(Pairs, q) for vectors that cover [0, width): the widest that fit. The last one may
// overlap the one before it.
template <class T, int L = kLanes<T>, class Body>
void cover_pairs(int width, const Body& body) {
  if constexpr (L >= 2) {
    if (width < L) return cover_pairs<T, L / 2>(width, body);
    int q = 0;
    for (; q + L <= width; q += L) body(Pairs<T, L>(), q);
    if (q < width) body(Pairs<T, L>(), width - L);
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

// Sets to zero what no 2 × 2 window covers: the last row or column of an odd size.
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

// The outputs [begin, end) of a piece of a row for which column j of the window exists.
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

// Returns whether windows are processed in vectors of pairs.
bool in_pairs(const PoolShape& s) { return is_two_by_two(s) && s.out_width >= 2; }

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
        best[q - q0] = ((value > before) | (value != value)) ? value : before;
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

}  // namespace

template <class T>
void pool(const PoolShape& s, bool largest, std::size_t begin, std::size_t end, const T* x, T* y) {
  (largest ? max_pool<T> : average_pool<T>)(s, begin, end, x, y);
}

template <class T>
void pool_gradient(const PoolShape& s, bool largest, std::size_t begin, std::size_t end, const T* x,
                   const T* dy, T* dx) {
  if (largest) {
    max_pool_gradient(s, begin, end, x, dy, dx);
  } else {
    average_pool_gradient(s, begin, end, dy, dx);
  }
}

#define RIDGELINE_HOST_POOL(T)                                                               \
  template void pool<T>(const PoolShape&, bool, std::size_t, std::size_t, const T*, T*);     \
  template void pool_gradient<T>(const PoolShape&, bool, std::size_t, std::size_t, const T*, \
                                 const T*, T*);
RIDGELINE_HOST_POOL(float)
RIDGELINE_HOST_POOL(double)

}  // namespace ridgeline::kernels::host
