#pragma once

// Common code of both passes of the host's attention; only for the sources of this folder.
//
// A packed matrix consists of panels of kColumns features: element (row, feature) of a matrix with
// `rows` rows is at (feature / kColumns) · rows · kColumns + row · kColumns + feature % kColumns,
// with zeros behind the last feature. So every stride in the inner loops is a constant.

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/attention/host/attention.hpp"
#include "kernels/tiles/host_lanes.hpp"
#include "kernels/tiles/host_tile.hpp"

namespace ridgeline::kernels::host {

// Returns the keys per tile: few enough that packed keys, values and scores fit in L1 or nearly so.
inline int tile_keys(int features) { return features <= 64 ? 64 : 32; }

template <class T>
int panels(int features) {
  return ceil_div(features, kColumns<T>);
}
// Return the features of one panel, and the number of vectors that hold them.
template <class T>
int panel_features(int features, int panel) {
  return std::min(kColumns<T>, features - panel * kColumns<T>);
}
template <class T>
int panel_vectors(int features, int panel) {
  return ceil_div(panel_features<T>(features, panel), kLanes<T>);
}
// Returns the scalars of a packed matrix.
template <class T>
std::size_t packed_size(int rows, int features) {
  return std::size_t(panels<T>(features)) * rows * kColumns<T>;
}

// Computes c[R, V vectors] (+)= Σ_k a(i, k) · b[k, :]; rows of b and c are kColumns apart, and a(i,
// k) is at i · kColumns + k, or, if `Transposed`, at k · kColumns + i.
template <class T, int R, int V, bool Transposed>
void attention_tile(int depth, const T* a, const T* b, T* c, bool accumulate) {
  constexpr int kOuter = Transposed ? 1 : kColumns<T>, kInner = Transposed ? kColumns<T> : 1;
  Vector<T> sum[R][V] = {};
  if (accumulate) {
#pragma GCC unroll 16
    for (int i = 0; i < R; ++i) {
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) sum[i][v] = load<T>(c + i * kColumns<T> + v * kLanes<T>);
    }
  }
  for (int k = 0; k < depth; ++k) {
    Vector<T> column[V];
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) column[v] = load<T>(b + v * kLanes<T>);
#pragma GCC unroll 16
    for (int i = 0; i < R; ++i) {
      const T value = a[i * kOuter];
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) sum[i][v] += value * column[v];
    }
    a += kInner;
    b += kColumns<T>;
  }
#pragma GCC unroll 16
  for (int i = 0; i < R; ++i) {
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) store<T>(c + i * kColumns<T> + v * kLanes<T>, sum[i][v]);
  }
}

template <class T>
using AttentionKernel = void (*)(int, const T*, const T*, T*, bool);

// Returns the kernel for `rows`, 1 to kRows.
template <class T, int V, bool Transposed, int R = kRows>
AttentionKernel<T> attention_kernel(int rows) {
  if constexpr (R > 1) {
    if (rows < R) return attention_kernel<T, V, Transposed, R - 1>(rows);
  }
  return attention_tile<T, R, V, Transposed>;
}

// Computes the same for any number of rows, and for 1 or kVectors vectors.
template <class T, bool Transposed>
void product(int rows, int vectors, int depth, const T* a, const T* b, T* c, bool accumulate) {
  if (rows <= 0) return;
  const int parts = ceil_div(rows, kRows);
  for (int p = 0; p < parts; ++p) {
    const int begin = part(rows, parts, p), count = part(rows, parts, p + 1) - begin;
    const AttentionKernel<T> kernel = vectors == 1
                                          ? attention_kernel<T, 1, Transposed>(count)
                                          : attention_kernel<T, kVectors, Transposed>(count);
    kernel(depth, a + begin * (Transposed ? 1 : kColumns<T>), b, c + begin * kColumns<T>,
           accumulate);
  }
}

// Packs `rows` rows of a strided matrix, multiplied by `scale`, into panels of `all_rows` rows; the
// remaining rows are zero.
template <class T>
void pack_rows(const T* from, std::ptrdiff_t from_stride, int rows, int features, T scale, T* to,
               int all_rows) {
  for (int p = 0; p < panels<T>(features); ++p) {
    const int width = panel_features<T>(features, p);
    const T* source = from + p * kColumns<T>;
    if (width == kColumns<T>) {
      for (int i = 0; i < rows; ++i) {
        for (int v = 0; v < kVectors; ++v) {
          store<T>(to + v * kLanes<T>, scale * load<T>(source + v * kLanes<T>));
        }
        source += from_stride;
        to += kColumns<T>;
      }
    } else {
      for (int i = 0; i < rows; ++i) {
        for (int j = 0; j < width; ++j) to[j] = scale * source[j];
        for (int j = width; j < kColumns<T>; ++j) to[j] = T(0);
        source += from_stride;
        to += kColumns<T>;
      }
    }
    const std::ptrdiff_t left = static_cast<std::ptrdiff_t>(all_rows - rows) * kColumns<T>;
    std::fill(to, to + left, T(0));
    to += left;
  }
}

// Reverses the packing: copies row i of a packed matrix, multiplied by `scale`.
template <class T>
void unpack_row(const T* from, int all_rows, int features, T scale, T* to) {
  for (int p = 0; p < panels<T>(features); ++p) {
    const int width = panel_features<T>(features, p);
    if (width == kColumns<T>) {
      for (int v = 0; v < kVectors; ++v) {
        store<T>(to + v * kLanes<T>, scale * load<T>(from + v * kLanes<T>));
      }
    } else {
      for (int j = 0; j < width; ++j) to[j] = scale * from[j];
    }
    from += static_cast<std::ptrdiff_t>(all_rows) * kColumns<T>;
    to += width;
  }
}

// Transposes kColumns packed rows to to[feature, kColumns]: each panel is a square.
template <class T>
void transpose_rows(const T* from, int features, T* to) {
  constexpr int kSquare = kColumns<T> * kColumns<T>;
  for (int p = 0; p < panels<T>(features); ++p) {
    for (int i = 0; i < kColumns<T>; i += kLanes<T>) {
      for (int j = 0; j < kColumns<T>; j += kLanes<T>) {
        transpose_square<T>(from + p * kSquare + i * kColumns<T> + j, kColumns<T>,
                            to + p * kSquare + j * kColumns<T> + i, kColumns<T>);
      }
    }
  }
}

// Numbers of keys of a tile whose scores are computed: for both halves of a group's queries, and
// for the second half.
struct Seen {
  int both, all;
};

// Computes scores[keys, kColumns queries] = packed keys · transposed queries over all features.
template <class T>
void score_tile(const Seen& seen, int features, const T* keys, std::size_t panel_size,
                const T* queries, T* scores) {
  for (int p = 0; p < panels<T>(features); ++p) {
    const int depth = panel_features<T>(features, p);
    const T* a = keys + p * panel_size;
    const T* b = queries + p * kColumns<T> * kColumns<T>;
    product<T, false>(seen.both, kVectors, depth, a, b, scores, p > 0);
    product<T, false>(seen.all - seen.both, 1, depth, a + seen.both * kColumns<T>, b + kLanes<T>,
                      scores + seen.both * kColumns<T> + kLanes<T>, p > 0);
  }
}

// Returns the numbers of keys of the tile from `first_key` on that the halves of the queries from
// `first_query` on attend to. With a causal mask, the first half does not attend to the keys
// of the second half.
template <class T>
Seen keys_seen(bool causal, int first_key, int keys, int first_query) {
  static_assert(kVectors == 2, "a group of queries has two halves");
  if (!causal) return {keys, keys};
  return {std::max(0, std::min(keys, first_query + kLanes<T> - first_key)), keys};
}

// Returns which lanes of vector v hold queries before this key.
template <class T>
auto hidden_lanes(int key, int first_query, int v) {
  return lane_numbers<T>() < LaneInteger<T>(key - first_query - v * kLanes<T>);
}

// Computes c[queries, features] (+)= weightsᵀ · b, weights [keys, kColumns queries], b and c
// packed.
template <class T>
void query_product(const Seen& seen, int queries, int features, const T* weights, const T* b,
                   std::size_t b_panel, T* c, bool accumulate) {
  const int half = std::min(queries, kLanes<T>);
  for (int p = 0; p < panels<T>(features); ++p) {
    const int vectors = panel_vectors<T>(features, p);
    T* to = c + p * kColumns<T> * kColumns<T>;
    if (seen.both == seen.all) {
      product<T, true>(queries, vectors, seen.all, weights, b + p * b_panel, to, accumulate);
    } else {
      product<T, true>(half, vectors, seen.both, weights, b + p * b_panel, to, accumulate);
      product<T, true>(queries - half, vectors, seen.all, weights + half, b + p * b_panel,
                       to + half * kColumns<T>, accumulate);
    }
  }
}

// The location of one head of one sample in memory.
template <class T>
struct AttentionHead {
  std::ptrdiff_t stride;  ///< of the rows of qkv
  std::ptrdiff_t width;   ///< of the output
  std::size_t in_qkv, in_output, in_log_sum;
  T scale;

  AttentionHead(const Attention<T>& attention, int pair) {
    const std::size_t sample = pair / attention.heads, head = pair % attention.heads;
    width = static_cast<std::ptrdiff_t>(attention.heads) * attention.features;
    stride = 3 * width;
    in_output = sample * attention.length * width + head * attention.features;
    in_qkv = sample * attention.length * stride + head * attention.features;
    in_log_sum = std::size_t(pair) * attention.length;
    scale = T(1) / std::sqrt(T(attention.features));
  }
};

// Divides scratch memory into parts.
template <class T>
struct ScratchPieces {
  T* next;
  T* take(std::size_t size) {
    T* piece = next;
    next += size;
    return piece;
  }
};

}  // namespace ridgeline::kernels::host
