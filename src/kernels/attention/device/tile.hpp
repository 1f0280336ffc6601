#pragma once

#include <Kokkos_Core.hpp>

#include <cmath>

#include "core/cuda/device.hpp"
#include "core/team_scratch.hpp"
#include "kernels/attention/attention.hpp"

namespace ridgeline::kernels {

/// Sizes of the device's attention. A team of ThreadRows × ThreadColumns threads works on tiles of
/// Tile queries and Tile keys; thread (r, c) holds in registers rows r + i · ThreadRows and columns
/// c + j · ThreadColumns of the tile being computed. Dot products over a head's features are
/// computed through scratch in slices of `Slice` features, and a team's output is a chunk of
/// `Chunk` features. Heads with more features have several teams, which compute the same scores, so
/// that the size of scratch and the number of registers do not depend on the head's size. Small
/// sizes also run on OpenMP teams.
template <int Tile, int Chunk, int Slice, int ThreadRows, int ThreadColumns>
struct AttentionSizes {
  static_assert(Tile % ThreadRows == 0 && Tile % ThreadColumns == 0 && Chunk % ThreadColumns == 0,
                "threads must cover the tile");
  static constexpr int kTile = Tile, kChunk = Chunk, kSlice = Slice;
  static constexpr int kThreadRows = ThreadRows, kThreadColumns = ThreadColumns;
};

/// Base of the device's attention kernels.
template <class Space, class T, class Sizes>
struct DeviceAttentionTile {
  static constexpr int kTile = Sizes::kTile, kChunk = Sizes::kChunk, kSlice = Sizes::kSlice;
  static constexpr int kThreadRows = Sizes::kThreadRows, kThreadColumns = Sizes::kThreadColumns;
  static constexpr int kTeam = kThreadRows * kThreadColumns;
  static constexpr int kRows = kTile / kThreadRows, kColumns = kTile / kThreadColumns;
  static constexpr int kFeatures = kChunk / kThreadColumns;
  static constexpr int kStride = kTile + 1, kSliceStride = kSlice + 1;  // odd: no bank conflicts
  // Two slices, and later, in the same memory, the rows of a chunk.
  static constexpr int kOperands =
      2 * kTile * kSliceStride > kTile* kChunk ? 2 * kTile* kSliceStride : kTile* kChunk;
  static constexpr int kScores = kTile * kStride;

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
    return static_cast<int>((shape.length + kTile - 1) / kTile);
  }
  /// Returns the number of teams of a launch: tiles and chunks of every head of every sample.
  static int league(const AttentionShape& shape) {
    const int chunks = static_cast<int>((shape.features + kChunk - 1) / kChunk);
    return tiles(shape) * chunks * static_cast<int>(shape.batch * shape.heads);
  }

  /// The part of the attention that a team computes.
  struct Place {
    int thread, row, column;                 ///< of the thread in its team
    int first;                               ///< first query or key of the tile
    int chunk, chunk_features;               ///< first feature of the chunk, and number of features
    std::size_t in_qkv, in_output, in_sums;  ///< offsets of the head
    std::size_t qkv_stride, output_stride;
  };
  KOKKOS_FUNCTION Place place(const Member& team) const {
    Place p;
    p.thread = team.team_rank();
    p.row = p.thread / kThreadColumns;
    p.column = p.thread % kThreadColumns;
    const int all_tiles = (length + kTile - 1) / kTile, chunks = (features + kChunk - 1) / kChunk;
    const int pairs = team.league_size() / (all_tiles * chunks);
    const int pair = team.league_rank() % pairs, block = team.league_rank() / pairs;
    p.first = block / chunks * kTile;
    p.chunk = block % chunks * kChunk;
    p.chunk_features = features - p.chunk < kChunk ? features - p.chunk : kChunk;
    const std::size_t width = static_cast<std::size_t>(heads) * features;
    const std::size_t sample = pair / heads, head = pair % heads;
    p.qkv_stride = 3 * width;
    p.output_stride = width;
    p.in_qkv = sample * length * 3 * width + head * features;
    p.in_output = sample * length * width + head * features;
    p.in_sums = static_cast<std::size_t>(pair) * length;
    return p;
  }

  /// Copies `rows` × `columns` of a matrix to scratch [Tile][Stride], padded with zeros.
  template <int Columns, int Stride>
  KOKKOS_FUNCTION static void fetch(int thread, const T* from, std::size_t stride, int rows,
                                    int columns, T* to) {
    for (int item = thread; item < kTile * Columns; item += kTeam) {
      const int row = item / Columns, column = item % Columns;
      to[row * Stride + column] =
          row < rows && column < columns ? from[row * stride + column] : T(0);
    }
  }

  /// Sets a thread's registers to zero.
  template <int Count>
  KOKKOS_FUNCTION static void clear(T (&values)[kRows][Count]) {
    for (int i = 0; i < kRows; ++i) {
      for (int j = 0; j < Count; ++j) values[i][j] = T(0);
    }
  }

  /// Computes dots[i][j] = a[row i, :] · b[row j, :] over all features, in slices through
  /// `operands`.
  KOKKOS_FUNCTION void dots(const Member& team, const Place& p, const T* a, std::size_t a_stride,
                            int a_rows, const T* b, std::size_t b_stride, int b_rows, T* operands,
                            T (&sums)[kRows][kColumns]) const {
    clear(sums);
    T* a_slice = operands;
    T* b_slice = operands + kTile * kSliceStride;
    for (int f0 = 0; f0 < features; f0 += kSlice) {
      const int width = features - f0 < kSlice ? features - f0 : kSlice;
      team.team_barrier();  // before `operands` is overwritten
      fetch<kSlice, kSliceStride>(p.thread, a + f0, a_stride, a_rows, width, a_slice);
      fetch<kSlice, kSliceStride>(p.thread, b + f0, b_stride, b_rows, width, b_slice);
      team.team_barrier();
      for (int f = 0; f < width; ++f) {
        T left[kRows], right[kColumns];
        for (int i = 0; i < kRows; ++i)
          left[i] = a_slice[(p.row + i * kThreadRows) * kSliceStride + f];
        for (int j = 0; j < kColumns; ++j) {
          right[j] = b_slice[(p.column + j * kThreadColumns) * kSliceStride + f];
        }
        for (int i = 0; i < kRows; ++i) {
          for (int j = 0; j < kColumns; ++j) sums[i][j] += left[i] * right[j];
        }
      }
    }
  }

  /// Computes sums[i][j] += Σ_k weights(row i, k) · b[k, chunk column j]; the chunk's rows of b are
  /// first loaded into `operands`. `Transposed`: a row's weights are a column of `weights`
  /// [Tile][kStride].
  template <bool Transposed>
  KOKKOS_FUNCTION void add_product(const Member& team, const Place& p, const T* weights, const T* b,
                                   std::size_t b_stride, int b_rows, T* operands,
                                   T (&sums)[kRows][kFeatures]) const {
    team.team_barrier();
    fetch<kChunk, kChunk>(p.thread, b + p.chunk, b_stride, b_rows, p.chunk_features, operands);
    team.team_barrier();
    constexpr int kOuter = Transposed ? 1 : kStride, kInner = Transposed ? kStride : 1;
    for (int k = 0; k < b_rows; ++k) {
      T left[kRows], right[kFeatures];
      for (int i = 0; i < kRows; ++i) {
        left[i] = weights[(p.row + i * kThreadRows) * kOuter + k * kInner];
      }
      for (int j = 0; j < kFeatures; ++j)
        right[j] = operands[k * kChunk + p.column + j * kThreadColumns];
      for (int i = 0; i < kRows; ++i) {
        for (int j = 0; j < kFeatures; ++j) sums[i][j] += left[i] * right[j];
      }
    }
  }

  /// Stores `rows` rows of a tile's chunk, multiplied by `factor`.
  KOKKOS_FUNCTION static void write(const Place& p, const T (&sums)[kRows][kFeatures], int rows,
                                    T factor, std::size_t stride, T* to) {
    for (int i = 0; i < kRows; ++i) {
      const int row = p.row + i * kThreadRows;
      for (int j = 0; j < kFeatures; ++j) {
        const int column = p.column + j * kThreadColumns;
        if (row < rows && column < p.chunk_features) {
          to[row * stride + p.chunk + column] = factor * sums[i][j];
        }
      }
    }
  }

  /// Returns the number of keys that the queries of the tile that begins at `first` attend to.
  KOKKOS_FUNCTION int keys_seen(int first) const {
    return causal && first + kTile < length ? first + kTile : length;
  }
  KOKKOS_FUNCTION bool sees(int query, int key) const {
    return key < length && (!causal || key <= query);
  }
  KOKKOS_FUNCTION static int at_most_tile(int count) { return count < kTile ? count : kTile; }
};

}  // namespace ridgeline::kernels
