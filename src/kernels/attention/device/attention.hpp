#pragma once

#include <Kokkos_Core.hpp>

#include <cmath>
#include <limits>
#include <string>

#include "core/math.hpp"
#include "core/team_scratch.hpp"
#include "kernels/attention/attention.hpp"
#include "kernels/tiles/device_team.hpp"

namespace ridgeline::kernels {

/// What the device's attention kernels share. A team of ThreadRows × ThreadColumns threads works on
/// tiles of Tile queries and Tile keys; thread (r, c) owns rows r + i · ThreadRows and columns c +
/// j · ThreadColumns of whatever tile it computes, in registers. Dot products over a head's
/// features go through scratch in slices of `Slice`, and a team's output is a chunk of `Chunk`
/// features (heads with more get several teams, which compute the same scores), so that scratch and
/// registers do not depend on the head's size. All sizes are template parameters so that small ones
/// also run on OpenMP teams.
template <class Space, class T, int Tile, int Chunk, int Slice, int ThreadRows, int ThreadColumns>
struct DeviceAttentionTile {
  static_assert(Tile % ThreadRows == 0 && Tile % ThreadColumns == 0 && Chunk % ThreadColumns == 0,
                "threads must cover the tile");

  static constexpr int kTeam = ThreadRows * ThreadColumns;
  static constexpr int kRows = Tile / ThreadRows, kColumns = Tile / ThreadColumns;
  static constexpr int kFeatures = Chunk / ThreadColumns;
  static constexpr int kStride = Tile + 1, kSliceStride = Slice + 1;  // odd: no bank conflicts
  // Two slices, and later the rows of a chunk in the same place.
  static constexpr int kOperands =
      2 * Tile * kSliceStride > Tile* Chunk ? 2 * Tile* kSliceStride : Tile* Chunk;
  static constexpr int kScores = Tile * kStride;

  using Policy = Kokkos::TeamPolicy<Space, Kokkos::LaunchBounds<kTeam, 1>>;
  using Member = typename Policy::member_type;

  int length, heads, features;
  bool causal;
  T scale;
  const T* qkv;

  explicit DeviceAttentionTile(const AttentionShape& shape, const T* packed)
      : length(static_cast<int>(shape.length)),
        heads(static_cast<int>(shape.heads)),
        features(static_cast<int>(shape.features)),
        causal(shape.causal),
        scale(T(1) / std::sqrt(T(shape.features))),
        qkv(packed) {}

  static int tiles(const AttentionShape& shape) {
    return static_cast<int>((shape.length + Tile - 1) / Tile);
  }
  /// Teams of one launch: tiles and chunks of every head of every sample.
  static int league(const AttentionShape& shape) {
    const int chunks = static_cast<int>((shape.features + Chunk - 1) / Chunk);
    return tiles(shape) * chunks * static_cast<int>(shape.batch * shape.heads);
  }

  /// Where a team's work lies.
  struct Place {
    int thread, row, column;                 ///< of the thread in its team
    int first;                               ///< query or key of the tile
    int chunk, chunk_features;               ///< first feature of the chunk, and how many
    std::size_t in_qkv, in_output, in_sums;  ///< of the head
    std::size_t qkv_stride, output_stride;
  };
  KOKKOS_FUNCTION Place place(const Member& team) const {
    Place p;
    p.thread = team.team_rank();
    p.row = p.thread / ThreadColumns;
    p.column = p.thread % ThreadColumns;
    const int all_tiles = (length + Tile - 1) / Tile, chunks = (features + Chunk - 1) / Chunk;
    const int pairs = team.league_size() / (all_tiles * chunks);
    const int pair = team.league_rank() % pairs, block = team.league_rank() / pairs;
    p.first = block / chunks * Tile;
    p.chunk = block % chunks * Chunk;
    p.chunk_features = features - p.chunk < Chunk ? features - p.chunk : Chunk;
    const std::size_t width = static_cast<std::size_t>(heads) * features;
    const std::size_t sample = pair / heads, head = pair % heads;
    p.qkv_stride = 3 * width;
    p.output_stride = width;
    p.in_qkv = sample * length * 3 * width + head * features;
    p.in_output = sample * length * width + head * features;
    p.in_sums = static_cast<std::size_t>(pair) * length;
    return p;
  }

  /// Copies `rows` × `columns` of a matrix to scratch [Tile][Stride], zeros around it.
  template <int Columns, int Stride>
  KOKKOS_FUNCTION static void fetch(int thread, const T* from, std::size_t stride, int rows,
                                    int columns, T* to) {
    for (int item = thread; item < Tile * Columns; item += kTeam) {
      const int row = item / Columns, column = item % Columns;
      to[row * Stride + column] =
          row < rows && column < columns ? from[row * stride + column] : T(0);
    }
  }

  /// dots[i][j] = a[row i, :] · b[row j, :] over all features, by slices through `operands`.
  KOKKOS_FUNCTION void dots(const Member& team, const Place& p, const T* a, std::size_t a_stride,
                            int a_rows, const T* b, std::size_t b_stride, int b_rows, T* operands,
                            T (&sums)[kRows][kColumns]) const {
    for (int i = 0; i < kRows; ++i) {
      for (int j = 0; j < kColumns; ++j) sums[i][j] = T(0);
    }
    T* a_slice = operands;
    T* b_slice = operands + Tile * kSliceStride;
    for (int f0 = 0; f0 < features; f0 += Slice) {
      const int width = features - f0 < Slice ? features - f0 : Slice;
      team.team_barrier();  // who still reads what was there before
      fetch<Slice, kSliceStride>(p.thread, a + f0, a_stride, a_rows, width, a_slice);
      fetch<Slice, kSliceStride>(p.thread, b + f0, b_stride, b_rows, width, b_slice);
      team.team_barrier();
      for (int f = 0; f < width; ++f) {
        T left[kRows], right[kColumns];
        for (int i = 0; i < kRows; ++i)
          left[i] = a_slice[(p.row + i * ThreadRows) * kSliceStride + f];
        for (int j = 0; j < kColumns; ++j) {
          right[j] = b_slice[(p.column + j * ThreadColumns) * kSliceStride + f];
        }
        for (int i = 0; i < kRows; ++i) {
          for (int j = 0; j < kColumns; ++j) sums[i][j] += left[i] * right[j];
        }
      }
    }
  }

  /// sums[i][j] += Σ_k weights(row i, k) · b[k, chunk column j], with the chunk's rows of b fetched
  /// into `operands`. `Transposed`: a row's weights lie in a column of `weights` [Tile][kStride].
  template <bool Transposed>
  KOKKOS_FUNCTION void add_product(const Member& team, const Place& p, const T* weights, const T* b,
                                   std::size_t b_stride, int b_rows, T* operands,
                                   T (&sums)[kRows][kFeatures]) const {
    team.team_barrier();
    fetch<Chunk, Chunk>(p.thread, b + p.chunk, b_stride, b_rows, p.chunk_features, operands);
    team.team_barrier();
    constexpr int kOuter = Transposed ? 1 : kStride, kInner = Transposed ? kStride : 1;
    for (int k = 0; k < b_rows; ++k) {
      T left[kRows], right[kFeatures];
      for (int i = 0; i < kRows; ++i) {
        left[i] = weights[(p.row + i * ThreadRows) * kOuter + k * kInner];
      }
      for (int j = 0; j < kFeatures; ++j)
        right[j] = operands[k * Chunk + p.column + j * ThreadColumns];
      for (int i = 0; i < kRows; ++i) {
        for (int j = 0; j < kFeatures; ++j) sums[i][j] += left[i] * right[j];
      }
    }
  }

  /// Writes a tile's chunk, `rows` of it, times `factor`.
  KOKKOS_FUNCTION static void write(const Place& p, const T (&sums)[kRows][kFeatures], int rows,
                                    T factor, std::size_t stride, T* to) {
    for (int i = 0; i < kRows; ++i) {
      const int row = p.row + i * ThreadRows;
      for (int j = 0; j < kFeatures; ++j) {
        const int column = p.column + j * ThreadColumns;
        if (row < rows && column < p.chunk_features) {
          to[row * stride + p.chunk + column] = factor * sums[i][j];
        }
      }
    }
  }

  /// Keys that queries of the tile from `first` on may see.
  KOKKOS_FUNCTION int keys_seen(int first) const {
    return causal && first + Tile < length ? first + Tile : length;
  }
  KOKKOS_FUNCTION bool sees(int query, int key) const {
    return key < length && (!causal || key <= query);
  }
  KOKKOS_FUNCTION static int at_most_tile(int count) { return count < Tile ? count : Tile; }
};

/// Forward: one team per tile of queries, which walks over the keys with an online softmax
/// (FlashAttention, Dao et al., 2022): row maxima and sums live in scratch, the output in
/// registers.
template <class Space, class T, int Tile, int Chunk, int Slice, int ThreadRows, int ThreadColumns>
struct DeviceAttention
    : DeviceAttentionTile<Space, T, Tile, Chunk, Slice, ThreadRows, ThreadColumns> {
  using Base = DeviceAttentionTile<Space, T, Tile, Chunk, Slice, ThreadRows, ThreadColumns>;
  using Base::kColumns;
  using Base::kFeatures;
  using Base::kRows;
  using Base::kStride;
  using Base::kTeam;
  using typename Base::Member;
  using typename Base::Place;

  // A row of scores is shared by this many threads while its maximum and sum are taken.
  static constexpr int kParts = kTeam >= 2 * Tile ? kTeam / Tile : 1;
  static constexpr int kItems = Tile * kParts;
  // Operands, scores, maxima and sums of parts, and of rows: largest, next largest, total, factor.
  static constexpr std::size_t kScratch = Base::kOperands + Base::kScores + 2 * kItems + 4 * Tile;

  T* output;
  T* log_sum;

  DeviceAttention(const AttentionShape& shape, const T* qkv, T* o, T* l)
      : Base(shape, qkv), output(o), log_sum(l) {}

  static void launch(const Space& instance, const std::string& label, const AttentionShape& shape,
                     const T* qkv, T* output, T* log_sum) {
    ++launch_count.parallel;
    Kokkos::parallel_for(label,
                         typename Base::Policy(instance, Base::league(shape), kTeam)
                             .set_scratch_size(0, Kokkos::PerTeam(team_scratch_bytes<T>(kScratch))),
                         DeviceAttention(shape, qkv, output, log_sum));
  }

  // Turns scores into e^(score - largest so far). Leaves each row's factor for what was summed up
  // before in `factor`, and its new total in `total`.
  KOKKOS_FUNCTION void softmax(const Member& team, T* scores, T* part_most, T* part_sum, T* largest,
                               T* next, T* total, T* factor) const {
    constexpr int kPart = (Tile + kParts - 1) / kParts;
    for (int item = team.team_rank(); item < kItems; item += kTeam) {
      const T* row = scores + item / kParts * kStride;
      const int begin = item % kParts * kPart, end = begin + kPart < Tile ? begin + kPart : Tile;
      T most = row[begin];
      for (int k = begin + 1; k < end; ++k) most = row[k] > most ? row[k] : most;
      part_most[item] = most;
    }
    team.team_barrier();
    for (int item = team.team_rank(); item < kItems; item += kTeam) {
      const int r = item / kParts;
      T* row = scores + r * kStride;
      const int begin = item % kParts * kPart, end = begin + kPart < Tile ? begin + kPart : Tile;
      T most = largest[r];
      for (int part = 0; part < kParts; ++part) {
        const T other = part_most[r * kParts + part];
        most = other > most ? other : most;
      }
      T sum = T(0);
      for (int k = begin; k < end; ++k) {
        const T e = math::exp(row[k] - most);
        row[k] = e;
        sum += e;
      }
      part_sum[item] = sum;
      if (item % kParts == 0) {
        factor[r] = math::exp(largest[r] - most);
        next[r] = most;
      }
    }
    team.team_barrier();
    for (int r = team.team_rank(); r < Tile; r += kTeam) {
      T sum = total[r] * factor[r];
      for (int part = 0; part < kParts; ++part) sum += part_sum[r * kParts + part];
      total[r] = sum;
      largest[r] = next[r];
    }
  }

  KOKKOS_FUNCTION void operator()(const Member& team) const {
    constexpr T kHidden = -std::numeric_limits<T>::infinity();
    const Place p = this->place(team);
    T* operands = team_scratch<T>(team, kScratch);
    T* scores = operands + Base::kOperands;
    T* part_most = scores + Base::kScores;
    T* part_sum = part_most + kItems;
    T* largest = part_sum + kItems;
    T* next = largest + Tile;
    T* total = next + Tile;
    T* factor = total + Tile;
    for (int r = p.thread; r < Tile; r += kTeam) {
      largest[r] = kHidden;
      total[r] = T(0);
    }
    T sum[kRows][kFeatures];
    for (int i = 0; i < kRows; ++i) {
      for (int j = 0; j < kFeatures; ++j) sum[i][j] = T(0);
    }
    const std::size_t width = p.output_stride;
    const T* q = this->qkv + p.in_qkv + p.first * p.qkv_stride;
    const T* k = this->qkv + p.in_qkv + width;
    const T* v = k + width;
    const int queries = Base::at_most_tile(this->length - p.first);
    const int keys = this->keys_seen(p.first);
    for (int k0 = 0; k0 < keys; k0 += Tile) {
      const int tile = Base::at_most_tile(this->length - k0);
      T dot[kRows][kColumns];
      this->dots(team, p, q, p.qkv_stride, queries, k + k0 * p.qkv_stride, p.qkv_stride, tile,
                 operands, dot);
      for (int i = 0; i < kRows; ++i) {
        const int row = p.row + i * ThreadRows;
        for (int j = 0; j < kColumns; ++j) {
          const int column = p.column + j * ThreadColumns;
          scores[row * kStride + column] =
              this->sees(p.first + row, k0 + column) ? this->scale * dot[i][j] : kHidden;
        }
      }
      team.team_barrier();
      softmax(team, scores, part_most, part_sum, largest, next, total, factor);
      for (int i = 0; i < kRows; ++i) {
        for (int j = 0; j < kFeatures; ++j) sum[i][j] *= factor[p.row + i * ThreadRows];
      }
      this->template add_product<false>(team, p, scores, v + k0 * p.qkv_stride, p.qkv_stride, tile,
                                        operands, sum);
    }
    team.team_barrier();
    for (int i = 0; i < kRows; ++i) {
      const T inverse = T(1) / total[p.row + i * ThreadRows];
      for (int j = 0; j < kFeatures; ++j) sum[i][j] *= inverse;
    }
    Base::write(p, sum, queries, T(1), width, output + p.in_output + p.first * width);
    if (log_sum && p.chunk == 0) {
      for (int r = p.thread; r < queries; r += kTeam) {
        log_sum[p.in_sums + p.first + r] = largest[r] + std::log(total[r]);
      }
    }
  }
};

/// Sizes of a device's tile, for `with_device_tile`.
template <int Tile, int Chunk>
struct DeviceTile {
  static constexpr int kTile = Tile, kChunk = Chunk;
};

/// Calls `body(DeviceTile)` with what suits the shape: large tiles read keys and values less often,
/// small ones give more teams.
template <class T, class Body>
void with_device_tile(const AttentionShape& shape, const Body& body) {
  const bool narrow = shape.features <= 32;
  if constexpr (sizeof(T) == sizeof(float)) {
    const std::size_t teams = (shape.length + 63) / 64 * shape.batch * shape.heads;
    if (teams >= std::size_t(kTeamsToFill))
      return narrow ? body(DeviceTile<64, 32>()) : body(DeviceTile<64, 64>());
  }
  return narrow ? body(DeviceTile<32, 32>()) : body(DeviceTile<32, 64>());
}

template <class Space, class T>
void device_attention(const Space& instance, const std::string& label, const AttentionShape& shape,
                      const T* qkv, T* output, T* log_sum) {
  with_device_tile<T>(shape, [&](auto tile) {
    using Sizes = decltype(tile);
    constexpr int kThreadColumns = Sizes::kTile == 64 ? 16 : 8;
    using Kernel = DeviceAttention<Space, T, Sizes::kTile, Sizes::kChunk, 32, 8, kThreadColumns>;
    Kernel::launch(instance, label, shape, qkv, output, log_sum);
  });
}

}  // namespace ridgeline::kernels
