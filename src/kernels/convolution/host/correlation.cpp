#include <algorithm>

#include "kernels/convolution/host/convolution.hpp"
#include "kernels/tiles/host_line.hpp"
#include "kernels/tiles/host_tile.hpp"

namespace ridgeline::kernels::host {
namespace {

// Scratch memory of a window: half of a typical L2, so that the other half remains for the weights.
constexpr std::size_t kWindowBytes = 512 * 1024;
// Work that justifies a block of its own, and the number of blocks that suffices for many threads.
constexpr double kBlockFlops = 1e5;
constexpr int kBlocks = 64;

// Computes tile[R][V vectors] = Σ_k a[k, i] · b[offsets[k] + :].
template <class T, int R, int V>
void correlate_tile(int depth, const T* a, const T* b, const int* offsets, T* tile) {
  Vector<T> sum[R][V] = {};
  for (int k = 0; k < depth; ++k) {
    const T* from = b + offsets[k];
    Vector<T> column[V];
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) column[v] = load<T>(from + v * kLanes<T>);
#pragma GCC unroll 16
    for (int i = 0; i < R; ++i) {
      const T value = a[i];
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) sum[i][v] += value * column[v];
    }
    a += R;
  }
#pragma GCC unroll 16
  for (int i = 0; i < R; ++i) {
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) store<T>(tile + i * kColumns<T> + v * kLanes<T>, sum[i][v]);
  }
}

template <class T>
using CorrelateKernel = void (*)(int, const T*, const T*, const int*, T*);

template <class T, int V, int R = kRows>
CorrelateKernel<T> correlate_kernel(int rows) {
  if constexpr (R > 1) {
    if (rows < R) return correlate_kernel<T, V, R - 1>(rows);
  }
  return correlate_tile<T, R, V>;
}

// Consecutive outputs of a tile that are contiguous in the image too.
struct Run {
  int begin, count;   // in the tile's columns, with parts interleaved
  std::ptrdiff_t to;  // in the output's plane
};

// The runs of a block's tiles, which map their columns to the output.
struct TileRuns {
  Run runs[kVectorBytes * kVectors];
  int count = 0;

  // Computes the runs of outputs [v, v + numbers) of the band, rows of the image's part `part_h`.
  void set(const Window& window, const Band& band, int part_h, int v, int numbers) {
    count = 0;
    const int parts = window.width.parts(), width = window.width.output();
    for (int at = 0; at < numbers;) {
      const int row = (v + at) / window.pitch, column = (v + at) % window.pitch;
      const int columns = std::min(band.columns - column, numbers - at);
      const int h = (band.row + row) * window.height.parts() + part_h;
      if (columns > 0 && h < window.height.output()) {
        const int w = (band.column + column) * parts;
        runs[count++] = {at * parts, std::min(columns * parts, width - w),
                         std::ptrdiff_t(h) * width + w};
      }
      at += window.pitch - column;
    }
  }
};

// Adds the bias to one row of a tile, applies the activation and stores its runs. The tiles of the
// parts of a row are `kRows` rows apart and are interleaved.
template <class T, Activation F>
void finish_row(const T* tile, int parts, T bias, const TileRuns& runs, T* line, T* pre,
                T* output) {
  constexpr int kCount = kColumns<T>;
  if (parts == 1) {
    T z[kCount];
    for (int j = 0; j < kCount; ++j) z[j] = tile[j] + bias;
    if (pre) {
      for (int r = 0; r < runs.count; ++r) {
        copy_exactly(runs.runs[r].count, z + runs.runs[r].begin, pre + runs.runs[r].to);
      }
    }
    for (int j = 0; j < kCount; ++j) z[j] = activate<F>(z[j]);
    for (int r = 0; r < runs.count; ++r) {
      copy_exactly(runs.runs[r].count, z + runs.runs[r].begin, output + runs.runs[r].to);
    }
    return;
  }
  // An input gradient has neither bias nor activation.
  const std::ptrdiff_t next = std::ptrdiff_t(kRows) * kCount;
  if (parts == 2) {
    for (int v = 0; v < kVectors; ++v) {
      const Vector<T> a = load<T>(tile + v * kLanes<T>), b = load<T>(tile + next + v * kLanes<T>);
      store<T>(line + 2 * v * kLanes<T>, interleaved<T>(a, b, 0));
      store<T>(line + (2 * v + 1) * kLanes<T>, interleaved<T>(a, b, kLanes<T> / 2));
    }
  } else {
    for (int part = 0; part < parts; ++part) {
      for (int j = 0; j < kCount; ++j) line[j * parts + part] = tile[part * next + j];
    }
  }
  for (int r = 0; r < runs.count; ++r) {
    copy_exactly(runs.runs[r].count, line + runs.runs[r].begin, output + runs.runs[r].to);
  }
}

template <class T>
int table_size(const CorrelationPlan& plan) {
  const int scalars = ceil_div(plan.sources * plan.shape.taps() * int(sizeof(int)), int(sizeof(T)));
  return ceil_div(scalars, 16) * 16;
}

// Returns the number of panels of a group's outputs.
int panels_of(const CorrelationPlan& plan) { return ceil_div(plan.outputs, kRows); }

}  // namespace

CorrelationPlan plan_correlation(const ConvolutionShape& shape, bool transposed,
                                 std::size_t scalar_bytes) {
  CorrelationPlan plan{};
  plan.shape = shape;
  plan.transposed = transposed;
  plan.sources = transposed ? shape.group_filters() : shape.group_channels();
  plan.outputs = transposed ? shape.group_channels() : shape.group_filters();
  const int images = shape.batch * shape.groups;
  const double wanted = std::min(double(kBlocks), shape.flops() / kBlockFlops);
  // Images are divided into bands of at least a few vectors of outputs each, and then, if more
  // blocks are needed, by outputs.
  const WindowAxis height{shape.height, transposed}, width{shape.width, transposed};
  const int numbers = height.grid() * width.grid();
  const int most_bands = std::max(1, numbers / 128);
  const int bands = std::min(most_bands, int(wanted / images) + 1);
  plan.window = plan_window(shape, transposed, plan.sources, scalar_bytes, kWindowBytes, bands);
  const int blocks = images * plan.window.bands * plan.window.strips;
  plan.chunks = std::min(panels_of(plan), int(wanted / blocks) + 1);
  return plan;
}

template <class T>
std::size_t packed_size(const CorrelationPlan& plan) {
  return plan.shape.weights() + std::size_t(table_size<T>(plan));
}

template <class T>
std::size_t scratch_size(const CorrelationPlan& plan) {
  const std::size_t window =
      std::size_t(plan.sources) * plan.window.channel_stride() + plan.window.slack();
  const std::size_t parts = plan.window.width.parts();
  const std::size_t tiles = (kRows + 1) * kColumns<T> * parts;
  const std::size_t factors =
      plan.transposed ? plan.window.channel_stride() + plan.window.slack() : 0;
  return (window + tiles + factors + 31) / 32 * 32;
}

template <class T>
int Correlation<T>::pack_blocks() const {
  return plan.shape.groups * panels_of(plan);
}

template <class T>
int Correlation<T>::blocks() const {
  return plan.shape.batch * plan.shape.groups * plan.window.bands * plan.window.strips *
         plan.chunks;
}

template <class T>
void Correlation<T>::pack(int block) const {
  const ConvolutionShape& shape = plan.shape;
  const Window& window = plan.window;
  const int panels = panels_of(plan), group = block / panels, panel = block % panels;
  const int begin = part(plan.outputs, panels, panel);
  const int rows = part(plan.outputs, panels, panel + 1) - begin;
  const int taps = shape.taps();
  const std::ptrdiff_t filter_stride = std::ptrdiff_t(shape.group_channels()) * taps;
  const std::ptrdiff_t source_stride = plan.transposed ? filter_stride : taps;
  const std::ptrdiff_t output_stride = plan.transposed ? taps : filter_stride;
  const T* from = weight + group * shape.group_filters() * filter_stride + begin * output_stride;
  int* table = block == 0 ? reinterpret_cast<int*>(packed) : nullptr;
  // The packed weights follow the table: by group, part and panel, [sources, taps, rows].
  T* group_begin =
      packed + table_size<T>(plan) + std::ptrdiff_t(group) * plan.outputs * plan.sources * taps;
  for (int part_h = 0; part_h < window.height.parts(); ++part_h) {
    for (int part_w = 0; part_w < window.width.parts(); ++part_w) {
      const int depth = plan.sources * window.height.taps_of(part_h) * window.width.taps_of(part_w);
      T* to = group_begin + std::ptrdiff_t(begin) * depth;
      for (int source = 0; source < plan.sources; ++source) {
        for (int tap_h = 0; tap_h < shape.height.kernel; ++tap_h) {
          if (!window.height.has(part_h, tap_h)) continue;
          for (int tap_w = 0; tap_w < shape.width.kernel; ++tap_w) {
            if (!window.width.has(part_w, tap_w)) continue;
            const T* w = from + source * source_stride + tap_h * shape.width.kernel + tap_w;
            for (int i = 0; i < rows; ++i) *to++ = w[i * output_stride];
            if (table) {
              *table++ = static_cast<int>(source * window.channel_stride() +
                                          window.offset(part_h, part_w, tap_h, tap_w));
            }
          }
        }
      }
      group_begin += std::ptrdiff_t(plan.outputs) * depth;
    }
  }
}

namespace {

// One block: some outputs of a band of an image.
template <class T>
struct BlockRun {
  const Correlation<T>& job;
  const Window& window;
  Band band;
  int group, image, panel_begin, panel_end;
  T* tiles;
  T* line;

  template <Activation F>
  void finish(int begin, int rows, const TileRuns& runs) const {
    const int channel = group * job.plan.outputs + begin;
    const std::ptrdiff_t plane = std::ptrdiff_t(window.height.output()) * window.width.output();
    const std::ptrdiff_t at =
        (std::ptrdiff_t(image) * job.plan.outputs * job.plan.shape.groups + channel) * plane;
    for (int i = 0; i < rows; ++i) {
      finish_row<T, F>(tiles + i * kColumns<T>, window.width.parts(),
                       job.bias ? job.bias[channel + i] : T(0), runs, line,
                       job.pre_activation ? job.pre_activation + at + i * plane : nullptr,
                       job.output + at + i * plane);
    }
  }

  // Prefetches the outputs while the tile is computed.
  void ask(int begin, int rows, const TileRuns& runs) const {
    constexpr int kLine = 64 / static_cast<int>(sizeof(T));
    const std::ptrdiff_t plane = std::ptrdiff_t(window.height.output()) * window.width.output();
    const T* to = job.output + (std::ptrdiff_t(image) * job.plan.outputs * job.plan.shape.groups +
                                group * job.plan.outputs + begin) *
                                   plane;
    for (int i = 0; i < rows; ++i, to += plane) {
      for (int r = 0; r < runs.count; ++r) {
        for (int j = 0; j < runs.runs[r].count; j += kLine) {
          __builtin_prefetch(to + runs.runs[r].to + j, 1);
        }
      }
    }
  }

  void panel(const T* source, const T* weights, const int* table, int part_h, int begin, int rows,
             int v, int numbers) const {
    const bool narrow = numbers <= kLanes<T>;
    const CorrelateKernel<T> kernel =
        narrow ? correlate_kernel<T, 1>(rows) : correlate_kernel<T, kVectors>(rows);
    for (int part_w = 0; part_w < window.width.parts(); ++part_w) {
      const int depth =
          job.plan.sources * window.height.taps_of(part_h) * window.width.taps_of(part_w);
      kernel(depth, weights + std::ptrdiff_t(begin) * depth, source + v, table,
             tiles + std::ptrdiff_t(part_w) * kRows * kColumns<T>);
      weights += std::ptrdiff_t(job.plan.outputs) * depth;
      table += depth;
    }
  }

  template <Activation F>
  void run(const T* source, const T* weights, const int* table) const {
    const int panels = panels_of(job.plan), outputs = job.plan.outputs;
    TileRuns runs;
    for (int part_h = 0; part_h < window.height.parts(); ++part_h) {
      const int numbers = window.numbers(band.rows, band.columns);
      for (int v = 0; v < numbers; v += kColumns<T>) {
        const int count = std::min(kColumns<T>, numbers - v);
        runs.set(window, band, part_h, v, count);
        for (int p = panel_begin; p < panel_end; ++p) {
          const int begin = part(outputs, panels, p), rows = part(outputs, panels, p + 1) - begin;
          ask(begin, rows, runs);
          panel(source, weights, table, part_h, begin, rows, v, count);
          finish<F>(begin, rows, runs);
        }
      }
      const int depth =
          job.plan.sources * window.height.taps_of(part_h) * job.plan.shape.width.kernel;
      weights += std::ptrdiff_t(outputs) * depth;
      table += depth;
    }
  }
};

}  // namespace

template <class T>
void Correlation<T>::run(int block, int worker) const {
  const Window& window = plan.window;
  const auto next = [&block](int count) {
    const int index = block % count;
    block /= count;
    return index;
  };
  const int chunk = next(plan.chunks), strip = next(window.strips), row_band = next(window.bands);
  const int group = next(plan.shape.groups), image = block;
  const int panels = panels_of(plan);
  T* const window_memory = scratch + std::ptrdiff_t(worker) * scratch_size<T>(plan);
  T* const tiles = window_memory + plan.sources * window.channel_stride() + plan.window.slack();
  T* const factors = tiles + std::ptrdiff_t(window.width.parts()) * (kRows + 1) * kColumns<T>;
  const BlockRun<T> work{*this,
                         window,
                         band_of(window, row_band, strip),
                         group,
                         image,
                         part(panels, plan.chunks, chunk),
                         part(panels, plan.chunks, chunk + 1),
                         tiles,
                         tiles + std::ptrdiff_t(window.width.parts()) * kRows * kColumns<T>};
  const std::ptrdiff_t pixels = std::ptrdiff_t(window.height.source()) * window.width.source();
  const std::ptrdiff_t all =
      std::ptrdiff_t(plan.shape.batch) * plan.shape.groups * plan.sources * pixels;
  const std::ptrdiff_t first =
      (std::ptrdiff_t(image) * plan.shape.groups + group) * plan.sources * pixels;
  fill_window(window, work.band, plan.sources, source + first, source, source + all,
              kept ? kept + first : nullptr, derivative, window_memory, factors);
  const T* weights = packed + table_size<T>(plan) +
                     std::ptrdiff_t(group) * plan.outputs * plan.sources * plan.shape.taps();
  const int* table = reinterpret_cast<const int*>(packed);
  with_activation(activation,
                  [&](auto f) { work.template run<f()>(window_memory, weights, table); });
}

template struct Correlation<float>;
template struct Correlation<double>;
template std::size_t packed_size<float>(const CorrelationPlan&);
template std::size_t packed_size<double>(const CorrelationPlan&);
template std::size_t scratch_size<float>(const CorrelationPlan&);
template std::size_t scratch_size<double>(const CorrelationPlan&);

}  // namespace ridgeline::kernels::host
