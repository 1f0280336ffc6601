#include "kernels/attention/host/tile.hpp"

namespace ridgeline::kernels::host {
namespace {

// Computes P = e^(score - log sum) and dS = P ∘ (dP - delta), which replace scores and dP.
template <class T>
void softmax_gradient_tile(T* scores, T* gradient, int first_key, const Seen& seen, bool causal,
                           int first_query, const T* log_sum, const T* delta) {
  for (int v = 0; v < kVectors; ++v) {
    const Vector<T> log = load<T>(log_sum + v * kLanes<T>), mean = load<T>(delta + v * kLanes<T>);
    const int keys = v == 0 ? seen.both : seen.all;
    const int first_hidden =
        causal ? std::max(0, first_query + v * kLanes<T> + 1 - first_key) : keys;
    T* score = scores + v * kLanes<T>;
    T* score_gradient = gradient + v * kLanes<T>;
    for (int k = 0; k < keys; ++k) {
      Vector<T> p = exp_nonpositive<T>(load<T>(score) - log);
      if (k >= first_hidden) {
        p = hidden_lanes<T>(first_key + k, first_query, v) ? Vector<T>{} : p;
      }
      store<T>(score, p);
      store<T>(score_gradient, p * (load<T>(score_gradient) - mean));
      score += kColumns<T>;
      score_gradient += kColumns<T>;
    }
  }
}

// Computes c[keys, features] += weights · b, weights [keys, kColumns queries], b and c packed. The
// first half of the queries is skipped for keys that it does not attend to.
template <class T>
void key_product(const Seen& seen, int queries, int features, const T* weights, const T* b, T* c,
                 std::size_t c_panel) {
  for (int p = 0; p < panels<T>(features); ++p) {
    const int vectors = panel_vectors<T>(features, p);
    const T* rows = b + p * kColumns<T> * kColumns<T>;
    T* to = c + p * c_panel;
    product<T, false>(seen.both, vectors, queries, weights, rows, to, true);
    product<T, false>(seen.all - seen.both, vectors, queries - kLanes<T>,
                      weights + seen.both * kColumns<T> + kLanes<T>, rows + kLanes<T> * kColumns<T>,
                      to + seen.both * kColumns<T>, true);
  }
}

// Computes sums[i] = Σ over features of a · b of row i, for kColumns packed rows.
template <class T>
void row_dots(const T* a, const T* b, int features, T* sums) {
  for (int i = 0; i < kColumns<T>; i += kLanes<T>) {
    Vector<T> rows[kLanes<T>];
    for (int lane = 0; lane < kLanes<T>; ++lane) {
      Vector<T> row = {};
      for (int p = 0; p < panels<T>(features); ++p) {
        const std::ptrdiff_t at = (p * kColumns<T> + i + lane) * kColumns<T>;
        for (int v = 0; v < kVectors; ++v) {
          row += load<T>(a + at + v * kLanes<T>) * load<T>(b + at + v * kLanes<T>);
        }
      }
      rows[lane] = row;
    }
    store<T>(sums + i, sums_of_rows<T>(rows));
  }
}

}  // namespace

template <class T>
std::size_t attention_backward_scratch(int length, int features) {
  return 4 * packed_size<T>(length, features) + 6 * packed_size<T>(kColumns<T>, features) +
         2 * tile_keys(features) * kColumns<T>;
}

template <class T>
void Attention<T>::backward(int block, T* scratch) const {
  const AttentionHead<T> head(*this, block);
  const int most_keys = tile_keys(features);
  const T* q = qkv + head.in_qkv;
  const T* k = q + head.width;
  const T* v = k + head.width;
  const std::size_t all = packed_size<T>(length, features);
  const std::size_t panel = std::size_t(length) * kColumns<T>;
  const std::size_t group = packed_size<T>(kColumns<T>, features);
  ScratchPieces<T> pieces{scratch};
  T* keys = pieces.take(all);
  T* values = pieces.take(all);
  T* keys_gradient = pieces.take(all);
  T* values_gradient = pieces.take(all);
  T* queries = pieces.take(group);
  T* queries_transposed = pieces.take(group);
  T* queries_gradient = pieces.take(group);
  T* outputs = pieces.take(group);
  T* gradients = pieces.take(group);
  T* gradients_transposed = pieces.take(group);
  T* scores = pieces.take(most_keys * kColumns<T>);
  T* scores_gradient = pieces.take(most_keys * kColumns<T>);

  pack_rows(k, head.stride, length, features, T(1), keys, length);
  pack_rows(v, head.stride, length, features, T(1), values, length);
  std::fill(keys_gradient, keys_gradient + all, T(0));
  std::fill(values_gradient, values_gradient + all, T(0));

  for (int first = 0; first < length; first += kColumns<T>) {
    const int count = std::min(kColumns<T>, length - first);
    const int seen_keys = causal ? first + count : length;
    const std::size_t in_output = head.in_output + first * head.width;
    pack_rows(q + first * head.stride, head.stride, count, features, head.scale, queries,
              kColumns<T>);
    pack_rows(output_gradient + in_output, head.width, count, features, T(1), gradients,
              kColumns<T>);
    pack_rows(kept_output + in_output, head.width, count, features, T(1), outputs, kColumns<T>);
    transpose_rows(queries, features, queries_transposed);
    transpose_rows(gradients, features, gradients_transposed);
    T delta[kColumns<T>], log[kColumns<T>] = {};
    row_dots(outputs, gradients, features, delta);
    std::copy_n(kept_log_sum + head.in_log_sum + first, count, log);

    for (int k0 = 0; k0 < seen_keys; k0 += most_keys) {
      const int tile = std::min(most_keys, seen_keys - k0);
      const Seen seen = keys_seen<T>(causal, k0, tile, first);
      const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(k0) * kColumns<T>;
      score_tile(seen, features, keys + at, panel, queries_transposed, scores);
      score_tile(seen, features, values + at, panel, gradients_transposed, scores_gradient);
      softmax_gradient_tile(scores, scores_gradient, k0, seen, causal, first, log, delta);
      key_product(seen, count, features, scores, gradients, values_gradient + at, panel);
      key_product(seen, count, features, scores_gradient, queries, keys_gradient + at, panel);
      query_product(seen, count, features, scores_gradient, keys + at, panel, queries_gradient,
                    k0 > 0);
    }
    for (int i = 0; i < count; ++i) {
      unpack_row(queries_gradient + i * kColumns<T>, kColumns<T>, features, head.scale,
                 qkv_gradient + head.in_qkv + (first + i) * head.stride);
    }
  }
  for (int i = 0; i < length; ++i) {
    T* to = qkv_gradient + head.in_qkv + i * head.stride + head.width;
    const std::ptrdiff_t from = static_cast<std::ptrdiff_t>(i) * kColumns<T>;
    unpack_row(keys_gradient + from, length, features, T(1), to);
    unpack_row(values_gradient + from, length, features, T(1), to + head.width);
  }
}

template std::size_t attention_backward_scratch<float>(int, int);
template std::size_t attention_backward_scratch<double>(int, int);
template void Attention<float>::backward(int, float*) const;
template void Attention<double>::backward(int, double*) const;

}  // namespace ridgeline::kernels::host
