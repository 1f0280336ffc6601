#include "kernels/recurrence/host/recurrence.hpp"

#include <algorithm>

#include "kernels/recurrence/cells.hpp"
#include "kernels/tiles/host_tile.hpp"

namespace ridgeline::kernels::host {
namespace {

// A tile has enough rows to hide the latency of multiply-adds and to use each weight loaded from L2
// eight times; with more rows, some threads would have no block.
constexpr int kMostSamples = 8;

// Memory of a block: the states before and after a step, and the carry.
template <class T>
struct BlockMemory {
  int units, states, samples;
  // Returns the stride of rows of states, padded by a cache line: with a power of two, the rows of
  // a tile would map to the same sets of L1.
  std::size_t state_stride() const {
    constexpr std::size_t kLine = 64 / sizeof(T);
    return (std::size_t(states) * units + kLine - 1) / kLine * kLine + kLine;
  }
  std::size_t state_size() const { return state_stride() * samples; }
  std::size_t size() const { return 2 * state_size() + std::size_t(units) * samples; }
};

}  // namespace

template <class Cell>
int Recurrence<Cell>::blocks(int batch) {
  // At least two blocks, so that two threads share even a small batch.
  return std::max(std::min(batch, 2), ceil_div(batch, kMostSamples));
}

template <class Cell>
std::size_t Recurrence<Cell>::packed_size(int units) {
  return std::size_t(ceil_div(units, kColumns<T>)) * kColumns<T> * Cell::kSums * Cell::kStates *
         units;
}

template <class Cell>
std::size_t Recurrence<Cell>::block_size(int batch, int units) {
  constexpr std::size_t kUnit = 128 / sizeof(T);  // blocks share no cache line
  const BlockMemory<T> memory{units, Cell::kStates, ceil_div(batch, blocks(batch))};
  return (memory.size() + kUnit - 1) / kUnit * kUnit;
}

template <class Cell>
int Recurrence<Cell>::pack_blocks() const {
  return ceil_div(cell.units, kColumns<T>) * Cell::kSums;
}

// One panel [depth][kColumns] per block of units and sum, padded with zeros.
template <class Cell>
void Recurrence<Cell>::pack(int block) const {
  const int units = cell.units, depth = Cell::kStates * units;
  const int u0 = block / Cell::kSums * kColumns<T>, s = block % Cell::kSums;
  const int columns = std::min(kColumns<T>, units - u0);
  const std::ptrdiff_t depth_stride = Cell::kBackward ? units : 1;
  const std::ptrdiff_t unit_stride = Cell::kBackward ? 1 : units;
  const T* from = weight + (std::ptrdiff_t(s) * units + u0) * unit_stride;
  T* panel = packed + std::size_t(block) * depth * kColumns<T>;
  constexpr int kDepth = 64 / static_cast<int>(sizeof(T));  // their lines stay in cache
  for (int k0 = 0; k0 < depth; k0 += kDepth) {
    const int k1 = std::min(depth, k0 + kDepth);
    if (unit_stride == 1) {
      for (int k = k0; k < k1; ++k) {
        T* row = panel + std::size_t(k) * kColumns<T>;
        for (int j = 0; j < kColumns<T>; ++j) row[j] = T(0);
        for (int j = 0; j < columns; ++j) row[j] = from[k * depth_stride + j];
      }
    } else {
      for (int j = 0; j < kColumns<T>; ++j) {
        for (int k = k0; k < k1; ++k) {
          panel[std::size_t(k) * kColumns<T> + j] =
              j < columns ? from[k * depth_stride + j * unit_stride] : T(0);
        }
      }
    }
  }
}

namespace {

// Applies the cell to `columns` units from u0 on of one sample; its sums are in one row of each
// tile.
template <class Cell, class T = typename Cell::Scalar>
[[gnu::noinline]] void run_cell(const Cell& shared, std::size_t row, int u0, int columns,
                                const T* tiles, std::ptrdiff_t tile_size, T* carry, T* next,
                                int units) {
  const Cell cell = shared;  // a copy: no store can alias its members
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC ivdep
#endif
  for (int j = 0; j < columns; ++j) {
    T sum[Cell::kSums], state[Cell::kStates], kept = carry[j];
#pragma GCC unroll 4
    for (int s = 0; s < Cell::kSums; ++s) sum[s] = tiles[s * tile_size + j];
    cell(row, u0 + j, sum, kept, state);
    carry[j] = kept;
#pragma GCC unroll 4
    for (int g = 0; g < Cell::kStates; ++g) next[g * units + j] = state[g];
  }
}

// One block of units of all samples of a block: product, cell, and what is stored.
template <class Cell>
struct Step {
  using T = typename Cell::Scalar;
  const Recurrence<Cell>& recurrence;
  BlockMemory<T> memory;
  int first;        // sample
  int t, depth;     // no depth at the first step, whose state is zero
  const T* before;  // the states before the step
  T *after, *carry;

  void run(int u0) const {
    constexpr int kSums = Cell::kSums, kStates = Cell::kStates;
    const Cell& cell = recurrence.cell;
    const int units = memory.units, columns = std::min(kColumns<T>, units - u0);
    const std::ptrdiff_t stride = memory.state_stride();
    const std::size_t panel_size = std::size_t(kStates) * units * kColumns<T>;
    const T* panels = recurrence.packed + u0 / kColumns<T> * kSums * panel_size;
    constexpr int kTile = kRows * kColumns<T>;
    alignas(64) T tiles[kSums * kTile];
    const int groups = ceil_div(memory.samples, kRows);
    for (int group = 0; group < groups; ++group) {
      const int i0 = part(memory.samples, groups, group);
      const int rows = part(memory.samples, groups, group + 1) - i0;
      const TileKernel<T> kernel = tile_kernel<T>(rows);
      for (int s = 0; s < kSums; ++s) {
        kernel(depth, before + i0 * stride, stride, 1, panels + s * panel_size, kColumns<T>,
               tiles + s * kTile);
      }
      for (int i = 0; i < rows; ++i) {
        const std::size_t sample = std::size_t(first) + i0 + i;
        const std::size_t row = sample * cell.length + t;
        T* tile = tiles + i * kColumns<T>;
        if (const T* addend = cell.addend(sample, t)) {
          for (int j = 0; j < columns; ++j) tile[j] += addend[u0 + j];
        }
        T* next = after + (i0 + i) * stride + u0;
        run_cell(cell, row, u0, columns, tile, kTile, carry + (i0 + i) * units + u0, next, units);
        if (T* kept = cell.keeps_before(row)) {
          std::copy_n(before + (i0 + i) * stride + u0, columns, kept + u0);
        }
        if (T* kept = cell.keeps_after(sample, t)) {
          for (int g = 0; g < kStates; ++g) {
            std::copy_n(next + g * units, columns, kept + g * units + u0);
          }
        }
      }
    }
  }
};

}  // namespace

template <class Cell>
void Recurrence<Cell>::run(int block) const {
  const int all = blocks(batch), units = cell.units;
  const int first = part(batch, all, block), samples = part(batch, all, block + 1) - first;
  const BlockMemory<T> memory{units, Cell::kStates, samples};
  T* state[2];
  state[0] = states + block * block_size(batch, units);
  state[1] = state[0] + memory.state_size();
  T* carry = state[1] + memory.state_size();
  std::fill_n(state[0], memory.state_size(), T(0));
  std::fill_n(carry, std::size_t(units) * samples, T(0));
  for (int step = 0; step < cell.length; ++step) {
    const int t = Cell::kBackward ? cell.length - 1 - step : step;
    const Step<Cell> now{*this,
                         memory,
                         first,
                         t,
                         step > 0 ? Cell::kStates * units : 0,
                         state[step % 2],
                         state[1 - step % 2],
                         carry};
    for (int u0 = 0; u0 < units; u0 += kColumns<T>) now.run(u0);
  }
}

#define RIDGELINE_HOST_RECURRENCE(Space, T, ...) template struct Recurrence<__VA_ARGS__>;
RIDGELINE_FOR_CELLS(RIDGELINE_HOST_RECURRENCE, , float)
RIDGELINE_FOR_CELLS(RIDGELINE_HOST_RECURRENCE, , double)

}  // namespace ridgeline::kernels::host
