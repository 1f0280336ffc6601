#include "kernels/host_attention.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/host_lanes.hpp"
#include "kernels/host_tile.hpp"

namespace ridgeline::kernels::host {
namespace {

constexpr int kGroups = 2;  // groups of kColumns queries that share packed keys and values

// Rows of kLanes: the features of a head, padded with zeros.
template <class T>
int padded(int features) {
  return ceil_div(features, kLanes<T>) * kLanes<T>;
}

// Keys of a tile: few enough that packed keys and values and the scores stay in L1 or close to it.
int tile_keys(int features) { return features <= 64 ? 64 : 32; }

// c[R, V vectors] = sum over k of a[i, k] · b[k, :], added to what is there if `accumulate`.
template <class T, int R, int V>
void add_tile(int depth, const T* a, std::ptrdiff_t a_outer, std::ptrdiff_t a_k, const T* b,
              std::ptrdiff_t b_k, T* c, std::ptrdiff_t c_outer, bool accumulate) {
  Vector<T> sum[R][V] = {};
  if (accumulate) {
#pragma GCC unroll 16
    for (int i = 0; i < R; ++i) {
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) sum[i][v] = load<T>(c + i * c_outer + v * kLanes<T>);
    }
  }
  for (int k = 0; k < depth; ++k) {
    Vector<T> column[V];
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) column[v] = load<T>(b + v * kLanes<T>);
#pragma GCC unroll 16
    for (int i = 0; i < R; ++i) {
      const T value = a[i * a_outer];
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) sum[i][v] += value * column[v];
    }
    a += a_k;
    b += b_k;
  }
#pragma GCC unroll 16
  for (int i = 0; i < R; ++i) {
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) store<T>(c + i * c_outer + v * kLanes<T>, sum[i][v]);
  }
}

template <class T>
using AddKernel = void (*)(int, const T*, std::ptrdiff_t, std::ptrdiff_t, const T*, std::ptrdiff_t,
                           T*, std::ptrdiff_t, bool);

template <class T, int V, int R = kRows>
AddKernel<T> add_kernel(int rows) {
  if constexpr (R > 1) {
    if (rows < R) return add_kernel<T, V, R - 1>(rows);
  }
  return add_tile<T, R, V>;
}

// An operand whose element (i, k) is at i · outer + k · inner.
template <class T>
struct Rows {
  const T* data;
  std::ptrdiff_t outer, inner;
};

// c[rows, vectors of kLanes] (+)= a[rows, depth] b[depth, vectors], c and b row-major.
template <class T>
void product(int rows, int vectors, int depth, const Rows<T>& a, const T* b, std::ptrdiff_t b_outer,
             T* c, std::ptrdiff_t c_outer, bool accumulate) {
  const int panels = ceil_div(rows, kRows);
  for (int v = 0; v < vectors; v += kVectors) {
    const bool whole = v + kVectors <= vectors;
    for (int p = 0; p < panels; ++p) {
      const int begin = part(rows, panels, p), count = part(rows, panels, p + 1) - begin;
      const AddKernel<T> kernel = whole ? add_kernel<T, kVectors>(count) : add_kernel<T, 1>(count);
      kernel(depth, a.data + begin * a.outer, a.outer, a.inner, b + v * kLanes<T>, b_outer,
             c + begin * c_outer + v * kLanes<T>, c_outer, accumulate);
    }
  }
}

// Copies rows of a strided matrix, times `scale`, padded with zeros to `stride` columns and
// `all_rows` rows.
template <class T>
void pack_rows(const T* from, std::ptrdiff_t from_stride, int rows, int columns, T scale, T* to,
               int stride, int all_rows) {
  const int whole = columns / kLanes<T> * kLanes<T>;
  for (int i = 0; i < rows; ++i) {
    const T* source = from + i * from_stride;
    T* row = to + static_cast<std::ptrdiff_t>(i) * stride;
    for (int j = 0; j < whole; j += kLanes<T>) store<T>(row + j, scale * load<T>(source + j));
    for (int j = whole; j < columns; ++j) row[j] = scale * source[j];
    for (int j = columns; j < stride; ++j) row[j] = T(0);
  }
  std::fill(to + static_cast<std::ptrdiff_t>(rows) * stride,
            to + static_cast<std::ptrdiff_t>(all_rows) * stride, T(0));
}

// The other way: rows as wide as `columns`, times `scale`.
template <class T>
void unpack_row(const T* from, int columns, T scale, T* to) {
  const int whole = columns / kLanes<T> * kLanes<T>;
  for (int j = 0; j < whole; j += kLanes<T>) store<T>(to + j, scale * load<T>(from + j));
  for (int j = whole; j < columns; ++j) to[j] = scale * from[j];
}

// to[width, kColumns] from packed rows [kColumns, width].
template <class T>
void transpose_rows(const T* from, int width, T* to) {
  for (int i = 0; i < kColumns<T>; i += kLanes<T>) {
    for (int j = 0; j < width; j += kLanes<T>) {
      transpose_square<T>(from + static_cast<std::ptrdiff_t>(i) * width + j, width,
                          to + static_cast<std::ptrdiff_t>(j) * kColumns<T> + i, kColumns<T>);
    }
  }
}

// One head of one sample in memory.
template <class T>
struct Head {
  std::ptrdiff_t stride;  ///< of qkv's rows; a third of it is the width of the output's
  std::size_t in_qkv, in_output, in_log_sum;
  T scale;

  Head(const Attention<T>& attention, int pair) {
    const std::size_t sample = pair / attention.heads, head = pair % attention.heads;
    const std::size_t width = std::size_t(attention.heads) * attention.features;
    stride = 3 * static_cast<std::ptrdiff_t>(width);
    in_output = sample * attention.length * width + head * attention.features;
    in_qkv = sample * attention.length * 3 * width + head * attention.features;
    in_log_sum = std::size_t(pair) * attention.length;
    scale = T(1) / std::sqrt(T(attention.features));
  }
  std::ptrdiff_t width() const { return stride / 3; }
};

// A group of up to kColumns queries on its way through the keys.
template <class T>
struct Group {
  T *transposed,
      *sum;  // scaled queries [width, kColumns], and their output so far [kColumns, width]
  Vector<T> largest[kVectors], total[kVectors];
  int first, queries, keys;  // keys that any of the queries sees
};

// Scores of keys above the diagonal become -infinity.
template <class T>
void mask_future(T* scores, int first_key, int keys, int first_query) {
  for (int k = std::max(0, first_query + 1 - first_key); k < keys; ++k) {
    const LaneInteger<T> hidden =
        first_key + k - first_query;  // lanes below it do not see this key
    for (int v = 0; v < kVectors; ++v) {
      T* at = scores + k * kColumns<T> + v * kLanes<T>;
      const IntegerVector<T> lane = lane_numbers<T>() + LaneInteger<T>(v * kLanes<T>);
      store<T>(at, lane < hidden ? fill<T>(-std::numeric_limits<T>::infinity()) : load<T>(at));
    }
  }
}

// Turns a tile of scores [keys, kColumns] into e^(score - largest so far), and rescales what was
// summed before. `first` is the first tile of a group: key 0, which every query sees, so `largest`
// is finite from then on.
template <class T>
void softmax_tile(T* scores, int keys, bool first, int width, Group<T>& group) {
  for (int v = 0; v < kVectors; ++v) {
    T* column = scores + v * kLanes<T>;
    const Vector<T> before = group.largest[v];
    Vector<T> largest = before;
    for (int k = 0; k < keys; ++k) {
      const Vector<T> score = load<T>(column + k * kColumns<T>);
      largest = score > largest ? score : largest;
    }
    Vector<T> total = {};
    for (int k = 0; k < keys; ++k) {
      const Vector<T> e = exp_nonpositive<T>(load<T>(column + k * kColumns<T>) - largest);
      store<T>(column + k * kColumns<T>, e);
      total += e;
    }
    group.largest[v] = largest;
    if (first) {
      group.total[v] = total;
      continue;
    }
    const Vector<T> factor = exp_nonpositive<T>(before - largest);
    group.total[v] = group.total[v] * factor + total;
    const int rows = std::min(kLanes<T>, group.queries - v * kLanes<T>);
    for (int lane = 0; lane < rows; ++lane) {
      T* row = group.sum + static_cast<std::ptrdiff_t>(v * kLanes<T> + lane) * width;
      for (int j = 0; j < width; j += kLanes<T>) store<T>(row + j, factor[lane] * load<T>(row + j));
    }
  }
}

// Hands out pieces of scratch memory.
template <class T>
struct Pieces {
  T* next;
  T* take(std::size_t size) {
    T* piece = next;
    next += size;
    return piece;
  }
};

}  // namespace

template <class T>
std::size_t attention_forward_scratch(int features) {
  const std::size_t width = padded<T>(features), keys = tile_keys(features);
  const std::size_t group = 2 * width * kColumns<T>;
  return kGroups * group + width * kColumns<T> + 2 * keys * width + keys * kColumns<T>;
}

template <class T>
int Attention<T>::forward_blocks() const {
  return batch * heads * ceil_div(length, kGroups * kColumns<T>);
}

template <class T>
void Attention<T>::forward(int block, T* scratch) const {
  // Blocks next to each other are the same queries of different heads: as much work.
  const Head<T> head(*this, block % (batch * heads));
  const int begin = block / (batch * heads) * kGroups * kColumns<T>;
  const int width = padded<T>(features), most_keys = tile_keys(features);
  const T* q = qkv + head.in_qkv;
  const T* k = q + head.width();
  const T* v = k + head.width();
  Pieces<T> pieces{scratch};
  T* rows = pieces.take(width * kColumns<T>);
  T* keys = pieces.take(std::size_t(most_keys) * width);
  T* values = pieces.take(std::size_t(most_keys) * width);
  T* scores = pieces.take(most_keys * kColumns<T>);

  Group<T> groups[kGroups];
  int count = 0, all_keys = 0;
  for (int first = begin; first < length && count < kGroups; first += kColumns<T>) {
    Group<T>& group = groups[count++];
    group.first = first;
    group.queries = std::min(kColumns<T>, length - first);
    group.keys = causal ? first + group.queries : length;
    all_keys = group.keys;
    group.transposed = pieces.take(width * kColumns<T>);
    group.sum = pieces.take(width * kColumns<T>);
    pack_rows(q + first * head.stride, head.stride, group.queries, features, head.scale, rows,
              width, kColumns<T>);
    transpose_rows(rows, width, group.transposed);
    for (auto& largest : group.largest) largest = fill<T>(-std::numeric_limits<T>::infinity());
  }
  for (int k0 = 0; k0 < all_keys; k0 += most_keys) {
    const int packed = std::min(most_keys, all_keys - k0);
    pack_rows(k + k0 * head.stride, head.stride, packed, features, T(1), keys, width, packed);
    pack_rows(v + k0 * head.stride, head.stride, packed, features, T(1), values, width, packed);
    for (int g = 0; g < count; ++g) {
      Group<T>& group = groups[g];
      const int seen = std::min(packed, group.keys - k0);
      if (seen <= 0) continue;
      product<T>(seen, kVectors, features, {keys, width, 1}, group.transposed, kColumns<T>, scores,
                 kColumns<T>, false);
      if (causal) mask_future(scores, k0, seen, group.first);
      softmax_tile(scores, seen, k0 == 0, width, group);
      product<T>(group.queries, width / kLanes<T>, seen, {scores, 1, kColumns<T>}, values, width,
                 group.sum, width, k0 > 0);
    }
  }
  for (int g = 0; g < count; ++g) {
    const Group<T>& group = groups[g];
    for (int i = 0; i < group.queries; ++i) {
      const int lane = i % kLanes<T>, vector = i / kLanes<T>;
      const T total = group.total[vector][lane];
      unpack_row(group.sum + static_cast<std::ptrdiff_t>(i) * width, features, T(1) / total,
                 output + head.in_output + (group.first + i) * head.width());
      if (log_sum) {
        log_sum[head.in_log_sum + group.first + i] = group.largest[vector][lane] + std::log(total);
      }
    }
  }
}

template <class T>
std::size_t attention_backward_scratch(int length, int features) {
  const std::size_t width = padded<T>(features), keys = tile_keys(features);
  return 4 * length * width + 5 * width * kColumns<T> + 2 * keys * kColumns<T>;
}

namespace {

// P = e^(score - log sum) and dS = P ∘ (dP - delta), in place of scores and dP.
template <class T>
void softmax_gradient_tile(T* scores, T* gradient, int first_key, int keys, int first_query,
                           bool causal, const Vector<T>* log_sum, const Vector<T>* delta) {
  for (int k = 0; k < keys; ++k) {
    const LaneInteger<T> hidden = first_key + k - first_query;
    const bool masked = causal && hidden > 0;
    for (int v = 0; v < kVectors; ++v) {
      T* score = scores + k * kColumns<T> + v * kLanes<T>;
      T* slope = gradient + k * kColumns<T> + v * kLanes<T>;
      Vector<T> p = exp_nonpositive<T>(load<T>(score) - log_sum[v]);
      if (masked) {
        p = lane_numbers<T>() + LaneInteger<T>(v * kLanes<T>) < hidden ? Vector<T>{} : p;
      }
      store<T>(score, p);
      store<T>(slope, p * (load<T>(slope) - delta[v]));
    }
  }
}

}  // namespace

template <class T>
void Attention<T>::backward(int block, T* scratch) const {
  const Head<T> head(*this, block);
  const int width = padded<T>(features), vectors = width / kLanes<T>;
  const int most_keys = tile_keys(features);
  const T* q = qkv + head.in_qkv;
  const T* k = q + head.width();
  const T* v = k + head.width();
  const std::size_t all = std::size_t(length) * width;
  Pieces<T> pieces{scratch};
  T* keys = pieces.take(all);
  T* values = pieces.take(all);
  T* keys_gradient = pieces.take(all);
  T* values_gradient = pieces.take(all);
  T* queries = pieces.take(width * kColumns<T>);
  T* queries_transposed = pieces.take(width * kColumns<T>);
  T* queries_gradient = pieces.take(width * kColumns<T>);
  T* slopes = pieces.take(width * kColumns<T>);
  T* slopes_transposed = pieces.take(width * kColumns<T>);
  T* scores = pieces.take(most_keys * kColumns<T>);
  T* scores_gradient = pieces.take(most_keys * kColumns<T>);

  pack_rows(k, head.stride, length, features, T(1), keys, width, length);
  pack_rows(v, head.stride, length, features, T(1), values, width, length);
  std::fill(keys_gradient, keys_gradient + all, T(0));
  std::fill(values_gradient, values_gradient + all, T(0));

  for (int first = 0; first < length; first += kColumns<T>) {
    const int count = std::min(kColumns<T>, length - first);
    const int seen = causal ? first + count : length;
    const std::size_t in_output = head.in_output + first * head.width();
    pack_rows(q + first * head.stride, head.stride, count, features, head.scale, queries, width,
              kColumns<T>);
    pack_rows(output_gradient + in_output, head.width(), count, features, T(1), slopes, width,
              kColumns<T>);
    transpose_rows(queries, width, queries_transposed);
    transpose_rows(slopes, width, slopes_transposed);

    // delta = the sum over a head's features of output times its gradient.
    T deltas[kColumns<T>] = {}, logs[kColumns<T>] = {};
    for (int i = 0; i < count; ++i) {
      const T* o = kept_output + in_output + i * head.width();
      const T* slope = slopes + static_cast<std::ptrdiff_t>(i) * width;
      Vector<T> sum = {};
      int j = 0;
      for (; j + kLanes<T> <= features; j += kLanes<T>) sum += load<T>(o + j) * load<T>(slope + j);
      T rest = T(0);
      for (; j < features; ++j) rest += o[j] * slope[j];
      deltas[i] = sum_of_lanes<T>(sum) + rest;
      logs[i] = kept_log_sum[head.in_log_sum + first + i];
    }
    Vector<T> delta[kVectors], log[kVectors];
    for (int i = 0; i < kVectors; ++i) {
      delta[i] = load<T>(deltas + i * kLanes<T>);
      log[i] = load<T>(logs + i * kLanes<T>);
    }

    for (int k0 = 0; k0 < seen; k0 += most_keys) {
      const int tile = std::min(most_keys, seen - k0);
      const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(k0) * width;
      product<T>(tile, kVectors, features, {keys + at, width, 1}, queries_transposed, kColumns<T>,
                 scores, kColumns<T>, false);
      product<T>(tile, kVectors, features, {values + at, width, 1}, slopes_transposed, kColumns<T>,
                 scores_gradient, kColumns<T>, false);
      softmax_gradient_tile<T>(scores, scores_gradient, k0, tile, first, causal, log, delta);
      product<T>(tile, vectors, count, {scores, kColumns<T>, 1}, slopes, width,
                 values_gradient + at, width, true);
      product<T>(tile, vectors, count, {scores_gradient, kColumns<T>, 1}, queries, width,
                 keys_gradient + at, width, true);
      product<T>(count, vectors, tile, {scores_gradient, 1, kColumns<T>}, keys + at, width,
                 queries_gradient, width, k0 > 0);
    }
    for (int i = 0; i < count; ++i) {
      unpack_row(queries_gradient + static_cast<std::ptrdiff_t>(i) * width, features, head.scale,
                 qkv_gradient + head.in_qkv + (first + i) * head.stride);
    }
  }
  for (int i = 0; i < length; ++i) {
    T* to = qkv_gradient + head.in_qkv + i * head.stride + head.width();
    const std::ptrdiff_t from = static_cast<std::ptrdiff_t>(i) * width;
    unpack_row(keys_gradient + from, features, T(1), to);
    unpack_row(values_gradient + from, features, T(1), to + head.width());
  }
}

template std::size_t attention_forward_scratch<float>(int);
template std::size_t attention_forward_scratch<double>(int);
template std::size_t attention_backward_scratch<float>(int, int);
template std::size_t attention_backward_scratch<double>(int, int);
template struct Attention<float>;
template struct Attention<double>;

}  // namespace ridgeline::kernels::host
