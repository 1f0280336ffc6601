#include "kernels/attention/host/tile.hpp"

namespace ridgeline::kernels::host {
namespace {

constexpr int kGroups = 2;  // groups of kColumns queries that share packed keys and values

// The online softmax of a group of up to kColumns queries.
template <class T>
struct Group {
  T* transposed;  // scaled queries [features, kColumns]
  T* sum;         // the output so far, packed [kColumns, features]
  Vector<T> largest[kVectors], total[kVectors];
  int first, queries, keys;  // number of keys that at least one of the queries attends to
};

// Replaces a tile of scores by e^(score - maximum so far), and rescales the earlier sums. In the
// first tile of a group (`first_key` 0) every query attends to a key, so `largest` is finite
// afterwards.
template <class T>
void softmax_tile(T* scores, int first_key, const Seen& seen, bool causal, int features,
                  Group<T>& group) {
  for (int v = 0; v < kVectors; ++v) {
    T* column = scores + v * kLanes<T>;
    const int keys = v == 0 ? seen.both : seen.all;
    // Scores above the diagonal are set to -infinity.
    if (causal) {
      for (int k = std::max(0, group.first + v * kLanes<T> + 1 - first_key); k < keys; ++k) {
        T* at = column + k * kColumns<T>;
        store<T>(at, hidden_lanes<T>(first_key + k, group.first, v)
                         ? fill<T>(-std::numeric_limits<T>::infinity())
                         : load<T>(at));
      }
    }
    const Vector<T> before = group.largest[v];
    Vector<T> largest = before, other = before;  // two independent chains of maxima
    int k = 0;
    for (; k + 1 < keys; k += 2) {
      largest = larger<T>(load<T>(column + k * kColumns<T>), largest);
      other = larger<T>(load<T>(column + (k + 1) * kColumns<T>), other);
    }
    if (k < keys) largest = larger<T>(load<T>(column + k * kColumns<T>), largest);
    largest = larger<T>(other, largest);
    Vector<T> total = {};
    for (k = 0; k < keys; ++k) {
      const Vector<T> e = exp_nonpositive<T>(load<T>(column + k * kColumns<T>) - largest);
      store<T>(column + k * kColumns<T>, e);
      total += e;
    }
    group.largest[v] = largest;
    if (first_key == 0) {
      group.total[v] = total;
      continue;
    }
    T factor[kLanes<T>];
    store<T>(factor, exp_nonpositive<T>(before - largest));
    group.total[v] = group.total[v] * load<T>(factor) + total;
    const int rows = std::min(kLanes<T>, group.queries - v * kLanes<T>);
    for (int p = 0; p < panels<T>(features); ++p) {
      T* row = group.sum + (p * kColumns<T> + v * kLanes<T>)*kColumns<T>;
      for (int lane = 0; lane < rows; ++lane, row += kColumns<T>) {
        for (int i = 0; i < kVectors; ++i) {
          T* at = row + i * kLanes<T>;
          store<T>(at, factor[lane] * load<T>(at));
        }
      }
    }
  }
}

// Returns the groups of queries in the order first, last, last but one, second … With a causal mask
// later queries have more keys; in this order threads have about equal work, whether each gets a
// contiguous half of the blocks or blocks alternate.
int balanced(int i, int count) { return (i + i / 2) % 2 == 0 ? i / 2 : count - 1 - i / 2; }

}  // namespace

template <class T>
std::size_t attention_forward_scratch(int features) {
  const std::size_t group = packed_size<T>(kColumns<T>, features);
  return (2 * kGroups + 1) * group + 2 * packed_size<T>(tile_keys(features), features) +
         tile_keys(features) * kColumns<T>;
}

template <class T>
int Attention<T>::forward_blocks() const {
  return batch * heads * ceil_div(length, kGroups * kColumns<T>);
}

template <class T>
void Attention<T>::forward(int block, T* scratch) const {
  const int parts = ceil_div(length, kGroups * kColumns<T>);
  const AttentionHead<T> head(*this, block / parts);
  const int begin = balanced(block % parts, parts) * kGroups * kColumns<T>;
  const int most_keys = tile_keys(features);
  const std::size_t group_size = packed_size<T>(kColumns<T>, features);
  const T* q = qkv + head.in_qkv;
  const T* k = q + head.width;
  const T* v = k + head.width;
  ScratchPieces<T> pieces{scratch};
  T* rows = pieces.take(group_size);
  T* keys = pieces.take(packed_size<T>(most_keys, features));
  T* values = pieces.take(packed_size<T>(most_keys, features));
  T* scores = pieces.take(most_keys * kColumns<T>);

  Group<T> groups[kGroups];
  int count = 0, all_keys = 0;
  for (int first = begin; first < length && count < kGroups; first += kColumns<T>) {
    Group<T>& group = groups[count++];
    group.first = first;
    group.queries = std::min(kColumns<T>, length - first);
    group.keys = causal ? first + group.queries : length;
    all_keys = group.keys;
    group.transposed = pieces.take(group_size);
    group.sum = pieces.take(group_size);
    pack_rows(q + first * head.stride, head.stride, group.queries, features, head.scale, rows,
              kColumns<T>);
    transpose_rows(rows, features, group.transposed);
    for (auto& largest : group.largest) largest = fill<T>(-std::numeric_limits<T>::infinity());
  }
  for (int k0 = 0; k0 < all_keys; k0 += most_keys) {
    const int packed = std::min(most_keys, all_keys - k0);
    const std::size_t panel = std::size_t(packed) * kColumns<T>;
    pack_rows(k + k0 * head.stride, head.stride, packed, features, T(1), keys, packed);
    pack_rows(v + k0 * head.stride, head.stride, packed, features, T(1), values, packed);
    for (int g = 0; g < count; ++g) {
      Group<T>& group = groups[g];
      const int tile = std::min(packed, group.keys - k0);
      if (tile <= 0) continue;
      const Seen seen = keys_seen<T>(causal, k0, tile, group.first);
      score_tile(seen, features, keys, panel, group.transposed, scores);
      softmax_tile(scores, k0, seen, causal, features, group);
      query_product(seen, group.queries, features, scores, values, panel, group.sum, k0 > 0);
    }
  }
  for (int g = 0; g < count; ++g) {
    const Group<T>& group = groups[g];
    T totals[kColumns<T>], inverses[kColumns<T>], largests[kColumns<T>];
    for (int i = 0; i < kVectors; ++i) {
      store<T>(totals + i * kLanes<T>, group.total[i]);
      store<T>(inverses + i * kLanes<T>, T(1) / group.total[i]);
      store<T>(largests + i * kLanes<T>, group.largest[i]);
    }
    for (int i = 0; i < group.queries; ++i) {
      unpack_row(group.sum + i * kColumns<T>, kColumns<T>, features, inverses[i],
                 output + head.in_output + (group.first + i) * head.width);
    }
    if (!log_sum) continue;
    T* logs = log_sum + head.in_log_sum + group.first;
    for (int i = 0; i < group.queries; ++i) logs[i] = largests[i] + std::log(totals[i]);
  }
}

template std::size_t attention_forward_scratch<float>(int);
template std::size_t attention_forward_scratch<double>(int);
template int Attention<float>::forward_blocks() const;
template int Attention<double>::forward_blocks() const;
template void Attention<float>::forward(int, float*) const;
template void Attention<double>::forward(int, double*) const;

}  // namespace ridgeline::kernels::host
