#include <algorithm>

#include "kernels/convolution/host/convolution.hpp"
#include "kernels/tiles/host_line.hpp"
#include "kernels/tiles/host_tile.hpp"

namespace ridgeline::kernels::host {
namespace {

// Filters × taps whose sums of products, one vector each, stay in registers beside one vector per
// filter and one of the source: 5 × 5 + 6 of 32 registers, 3 × 3 + 4 of 16.
constexpr int kSide = kVectorBytes == 64 ? 5 : 3;

constexpr std::size_t kScratchBytes = 1024 * 1024;
constexpr std::size_t kPartialBytes = 8 * 1024 * 1024;
constexpr double kBlockFlops = 4e5;
constexpr int kBlocks = 64, kLeastBlocks = 8;
// Vectors of pixels per block for which the reduction of its sums over the lanes pays off.
constexpr double kLeastVectors = 64;

template <class T>
Vector<T> add_pairs(const Vector<T>& a, const Vector<T>& b) {
  return every_second<T>(a, b, 0) + every_second<T>(a, b, 1);
}

// Sums of a tile, rounded up to whole vectors.
template <class T>
constexpr int kSums = (kSide * kSide + kLanes<T> - 1) / kLanes<T>* kLanes<T>;

// Computes sums[i] += the sum over lanes of values[i].
template <class T, int Count>
void add_lanes(const Vector<T> (&values)[Count], T* sums) {
  constexpr int kLane = kLanes<T>;
#pragma GCC unroll 8
  for (int base = 0; base < Count; base += kLane) {
    Vector<T> level[kLane];
#pragma GCC unroll 16
    for (int i = 0; i < kLane; ++i) level[i] = base + i < Count ? values[base + i] : Vector<T>{};
#pragma GCC unroll 4
    for (int width = kLane / 2; width > 0; width /= 2) {
#pragma GCC unroll 16
      for (int i = 0; i < width; ++i) level[i] = add_pairs<T>(level[2 * i], level[2 * i + 1]);
    }
    store<T>(sums + base, load<T>(sums + base) + level[0]);
  }
}

// The pixels that a tile of sums adds up: `vectors` vectors of each of `images` images.
struct Pixels {
  int images, vectors;
  std::ptrdiff_t image_dz, image_x;
};

// Computes sums[f · Taps + tap] += Σ over the pixels of dz[f · line + v] · x[offsets[tap] + v].
template <class T, int Filters, int Taps>
void dot_tile(const Pixels& pixels, const T* dz, std::ptrdiff_t line, const T* x,
              const int* offsets, T* sums) {
  Vector<T> sum[Filters * Taps] = {};
  const T* source[Taps];
  for (int tap = 0; tap < Taps; ++tap) source[tap] = x + offsets[tap];
  for (int image = 0; image < pixels.images; ++image) {
    const std::ptrdiff_t end = std::ptrdiff_t(pixels.vectors) * kLanes<T>;
    for (std::ptrdiff_t v = 0; v < end; v += kLanes<T>) {
      Vector<T> gradient[Filters];
#pragma GCC unroll 8
      for (int f = 0; f < Filters; ++f) gradient[f] = load<T>(dz + f * line + v);
#pragma GCC unroll 8
      for (int tap = 0; tap < Taps; ++tap) {
        const Vector<T> value = load<T>(source[tap] + v);
#pragma GCC unroll 8
        for (int f = 0; f < Filters; ++f) sum[f * Taps + tap] += gradient[f] * value;
      }
    }
    dz += pixels.image_dz;
    for (int tap = 0; tap < Taps; ++tap) source[tap] += pixels.image_x;
  }
  add_lanes<T, Filters * Taps>(sum, sums);
}

template <class T>
using DotKernel = void (*)(const Pixels&, const T*, std::ptrdiff_t, const T*, const int*, T*);

template <class T, int Filters = kSide, int Taps = kSide>
DotKernel<T> dot_kernel(int filters, int taps) {
  if constexpr (Filters > 1) {
    if (filters < Filters) return dot_kernel<T, Filters - 1, Taps>(filters, taps);
  }
  if constexpr (Taps > 1) {
    if (taps < Taps) return dot_kernel<T, Filters, Taps - 1>(filters, taps);
  }
  return dot_tile<T, Filters, Taps>;
}

// Copies dz or kept of one filter and image in a band to a line indexed as the window is, with
// zeros between the columns and up to a whole vector.
template <class T>
void fill_gradients(const WeightGradientPlan& plan, const Band& band, int size, const T* from,
                    const T* from_end, T* to) {
  const int width = plan.window.width.output(), pitch = plan.window.pitch;
  from += std::ptrdiff_t(band.row) * width + band.column;
  T* const end = to + size;
  const bool is_short = ShortLine<T>::fits(pitch);
  const ShortLine<T> line(0, is_short ? band.columns : 0, pitch);
  for (int i = 0; i < band.rows; ++i, to += pitch, from += width) {
    if (is_short && line.reads_inside(from, from, from_end)) {
      line.copy(from, to);
      continue;
    }
    copy_line(band.columns, 1, from, from_end, to);
    zero_line(pitch - band.columns, to + band.columns);
  }
  zero_line(static_cast<int>(end - to), to);
}

// Returns the scalars of the sums of a block's tiles.
template <class T>
std::size_t sums_size(const WeightGradientPlan& plan) {
  return std::size_t(ceil_div(plan.block_filters, kSide)) *
         ceil_div(plan.block_channels * plan.shape.taps(), kSide) * kSums<T>;
}

std::size_t weights_and_bias(const ConvolutionShape& shape) {
  return (shape.weights() + std::size_t(shape.filters) + 31) / 32 * 32;
}

}  // namespace

WeightGradientPlan plan_weight_gradient(const ConvolutionShape& shape, std::size_t scalar_bytes) {
  WeightGradientPlan plan{};
  plan.shape = shape;
  const double scalar = double(scalar_bytes);
  const double wanted = std::max(1.0, std::min(double(kBlocks), shape.flops() / kBlockFlops));
  const double most_partial = kPartialBytes / (double(weights_and_bias(shape)) * scalar);
  const double vectors = double(shape.batch) * shape.out_pixels() * scalar / kVectorBytes;
  plan.image_groups = std::max(
      1, std::min(shape.batch, int(std::min({wanted, most_partial, vectors / kLeastVectors}))));
  // If more blocks are needed, work is divided by channels and filters too; each part copies the
  // other operand once more.
  plan.channel_chunks = plan.filter_chunks = 1;
  const int most_channels = ceil_div(shape.group_channels(), 8);
  const int most_filters = ceil_div(shape.group_filters(), kSide);
  const auto channels = [&] { return ceil_div(shape.group_channels(), plan.channel_chunks); };
  const auto filters = [&] { return ceil_div(shape.group_filters(), plan.filter_chunks); };
  const auto blocks = [&] {
    return double(plan.image_groups) * shape.groups * plan.channel_chunks * plan.filter_chunks;
  };
  while (blocks() < std::min(wanted, double(kLeastBlocks)) &&
         (plan.channel_chunks < most_channels || plan.filter_chunks < most_filters)) {
    const bool of_channels = plan.filter_chunks >= most_filters ||
                             (plan.channel_chunks < most_channels && channels() >= filters());
    ++(of_channels ? plan.channel_chunks : plan.filter_chunks);
  }
  const int columns = shape.width.out();
  // A row of dz needs scratch memory too, beside the window.
  while (double(filters()) * columns * scalar > kScratchBytes / 2.0 &&
         plan.filter_chunks < most_filters) {
    ++plan.filter_chunks;
  }
  plan.block_channels = channels();
  plan.block_filters = filters();
  const double window_share =
      double(channels()) * shape.height.stride * shape.width.stride /
      (double(channels()) * shape.height.stride * shape.width.stride + filters());
  plan.window = plan_window(shape, false, channels(), scalar_bytes,
                            std::size_t(window_share * kScratchBytes), 1);
  constexpr int kLine = 16;
  plan.line = ceil_div(plan.window.band_rows * plan.window.pitch, kLine) * kLine;
  const double image = scalar * (double(channels()) * double(plan.window.channel_stride()) +
                                 double(filters()) * plan.line);
  plan.images = std::max(
      1, std::min(ceil_div(shape.batch, plan.image_groups), int(double(kScratchBytes) / image)));
  return plan;
}

std::size_t partial_size(const WeightGradientPlan& plan) {
  return plan.image_groups > 1 ? plan.image_groups * weights_and_bias(plan.shape) : 0;
}

template <class T>
std::size_t scratch_size(const WeightGradientPlan& plan) {
  const std::size_t image = std::size_t(plan.block_channels) * plan.window.channel_stride() +
                            plan.window.slack() + std::size_t(plan.block_filters) * plan.line;
  const std::size_t table = std::size_t(plan.block_channels) * plan.shape.taps();  // of int
  return (plan.images * image + plan.line + 2 * plan.window.slack() + sums_size<T>(plan) +
          plan.block_filters + table + 31) /
         32 * 32;
}

template <class T>
int WeightGradient<T>::blocks() const {
  return plan.image_groups * plan.shape.groups * plan.channel_chunks * plan.filter_chunks;
}

namespace {

// One block: filters [filter, filter + filters) and channels [channel, channel + channels),
// relative to the group.
template <class T>
struct GradientBlock {
  const WeightGradient<T>& job;
  int group, channel, channels, filter, filters;
  T* dw;
  T* db;  // may be null
  T* x_memory;
  T* dz_memory;
  T* factors;
  int* table;
  T* sums;
  T* bias_sums;

  std::ptrdiff_t image_x() const {
    return std::ptrdiff_t(job.plan.block_channels) * job.plan.window.channel_stride() +
           job.plan.window.slack();
  }
  std::ptrdiff_t image_dz() const { return std::ptrdiff_t(job.plan.block_filters) * job.plan.line; }

  void fill(const Band& band, int image, int slot) const {
    const ConvolutionShape& shape = job.plan.shape;
    const std::ptrdiff_t from =
        (std::ptrdiff_t(image) * shape.channels + group * shape.group_channels() + channel) *
        shape.in_pixels();
    const std::ptrdiff_t all_x = std::ptrdiff_t(shape.batch) * shape.channels * shape.in_pixels();
    fill_window(job.plan.window, band, channels, job.x + from, job.x, job.x + all_x,
                static_cast<const T*>(nullptr), Activation::identity, x_memory + slot * image_x(),
                static_cast<T*>(nullptr));
    const std::ptrdiff_t gradients =
        (std::ptrdiff_t(image) * shape.filters + group * shape.group_filters() + filter) *
        shape.out_pixels();
    const std::ptrdiff_t all = std::ptrdiff_t(shape.batch) * shape.filters * shape.out_pixels();
    T* to = dz_memory + slot * image_dz();
    const int size = ceil_div(band.rows * job.plan.window.pitch, kLanes<T>) * kLanes<T>;
    for (int f = 0; f < filters; ++f, to += job.plan.line) {
      const std::ptrdiff_t at = gradients + std::ptrdiff_t(f) * shape.out_pixels();
      fill_gradients(job.plan, band, size, job.dy + at, job.dy + all, to);
      if (!job.kept) continue;
      fill_gradients(job.plan, band, size, job.kept + at, job.kept + all, factors);
      multiply_by_derivative(size, job.derivative, factors, to);
    }
  }

  int taps() const { return channels * job.plan.shape.taps(); }
  int filter_tiles() const { return ceil_div(filters, kSide); }
  int tap_tiles() const { return ceil_div(taps(), kSide); }

  // Sets the sums to zero and fills the table of the taps.
  void begin() const {
    const ConvolutionShape& shape = job.plan.shape;
    const int each = shape.taps(), all = taps();
    for (int t = 0; t < all; ++t) {
      table[t] = t < each ? static_cast<int>(job.plan.window.offset(0, 0, t / shape.width.kernel,
                                                                    t % shape.width.kernel))
                          : table[t - each] + static_cast<int>(job.plan.window.channel_stride());
    }
    std::fill_n(sums, std::ptrdiff_t(filter_tiles()) * tap_tiles() * kSums<T>, T(0));
    std::fill_n(bias_sums, filters, T(0));
  }

  // Adds the products of the band's pixels of `images` images in memory.
  void add(const Band& band, int images) const {
    const Pixels pixels{images, ceil_div(band.rows * job.plan.window.pitch, kLanes<T>), image_dz(),
                        image_x()};
    T* tile = sums;
    for (int ft = 0; ft < filter_tiles(); ++ft) {
      const int f0 = part(filters, filter_tiles(), ft), f1 = part(filters, filter_tiles(), ft + 1);
      const T* dz = dz_memory + std::ptrdiff_t(f0) * job.plan.line;
      // A tile has `most` taps or one less.
      const int tiles = tap_tiles(), most = ceil_div(taps(), tiles);
      const DotKernel<T> kernels[] = {dot_kernel<T>(f1 - f0, std::max(1, most - 1)),
                                      dot_kernel<T>(f1 - f0, most)};
      for (int tt = 0, t0 = 0; tt < tiles; ++tt, tile += kSums<T>) {
        const int t1 = part(taps(), tiles, tt + 1);
        kernels[t1 - t0 == most](pixels, dz, job.plan.line, x_memory, table + t0, tile);
        t0 = t1;
      }
    }
    for (int f = 0; f < filters && db; ++f) {
      Vector<T> sum = {};
      for (int image = 0; image < images; ++image) {
        const T* dz = dz_memory + image * image_dz() + std::ptrdiff_t(f) * job.plan.line;
        for (int v = 0; v < pixels.vectors; ++v) sum += load<T>(dz + v * kLanes<T>);
      }
      T total = T(0);
      for (int lane = 0; lane < kLanes<T>; ++lane) total += sum[lane];
      bias_sums[f] += total;
    }
  }

  // Stores the sums in dw or `partial`.
  void end() const {
    const ConvolutionShape& shape = job.plan.shape;
    const int first = group * shape.group_filters() + filter;
    const T* tile = sums;
    for (int ft = 0; ft < filter_tiles(); ++ft) {
      const int f0 = part(filters, filter_tiles(), ft), f1 = part(filters, filter_tiles(), ft + 1);
      for (int tt = 0; tt < tap_tiles(); ++tt, tile += kSums<T>) {
        const int t0 = part(taps(), tap_tiles(), tt), t1 = part(taps(), tap_tiles(), tt + 1);
        const T* from = tile;
        for (int f = f0; f < f1; ++f) {
          T* row =
              dw + (std::ptrdiff_t(first + f) * shape.group_channels() + channel) * shape.taps();
          for (int t = t0; t < t1; ++t) row[t] = *from++;
        }
      }
    }
    for (int f = 0; f < filters && db; ++f) db[first + f] = bias_sums[f];
  }
};

}  // namespace

template <class T>
void WeightGradient<T>::run(int block, int worker) const {
  const ConvolutionShape& shape = plan.shape;
  const auto next = [&block](int count) {
    const int index = block % count;
    block /= count;
    return index;
  };
  const int filter_chunk = next(plan.filter_chunks), channel_chunk = next(plan.channel_chunks);
  const int group = next(shape.groups), images = block;
  const int channel = part(shape.group_channels(), plan.channel_chunks, channel_chunk);
  const int channel_end = part(shape.group_channels(), plan.channel_chunks, channel_chunk + 1);
  const int filter = part(shape.group_filters(), plan.filter_chunks, filter_chunk);
  const int filter_end = part(shape.group_filters(), plan.filter_chunks, filter_chunk + 1);
  T* const sums = plan.image_groups > 1 ? partial + images * weights_and_bias(shape) : nullptr;
  GradientBlock<T> work{*this,
                        group,
                        channel,
                        channel_end - channel,
                        filter,
                        filter_end - filter,
                        sums ? sums : dw,
                        sums ? sums + shape.weights() : db,
                        scratch + std::ptrdiff_t(worker) * scratch_size<T>(plan),
                        nullptr,
                        nullptr,
                        nullptr,
                        nullptr,
                        nullptr};
  if (!db || channel_chunk > 0) work.db = nullptr;
  work.dz_memory = work.x_memory + plan.images * work.image_x();
  work.factors = work.dz_memory + plan.images * work.image_dz() + plan.window.slack();
  work.sums = work.factors + plan.line + plan.window.slack();
  work.bias_sums = work.sums + sums_size<T>(plan);
  work.table = reinterpret_cast<int*>(work.bias_sums + plan.block_filters);
  work.begin();
  const int begin = part(shape.batch, plan.image_groups, images);
  const int end = part(shape.batch, plan.image_groups, images + 1);
  for (int image = begin; image < end; image += plan.images) {
    const int count = std::min(plan.images, end - image);
    for (int row_band = 0; row_band < plan.window.bands; ++row_band) {
      for (int strip = 0; strip < plan.window.strips; ++strip) {
        const Band band = band_of(plan.window, row_band, strip);
        for (int slot = 0; slot < count; ++slot) work.fill(band, image + slot, slot);
        work.add(band, count);
      }
    }
  }
  work.end();
}

namespace {

constexpr int kReduceBlock = 2048;

}  // namespace

template <class T>
int WeightGradient<T>::reduce_blocks() const {
  if (plan.image_groups <= 1) return 0;
  return ceil_div(static_cast<int>(plan.shape.weights()) + plan.shape.filters, kReduceBlock);
}

template <class T>
void WeightGradient<T>::reduce(int block) const {
  const int weights = static_cast<int>(plan.shape.weights());
  const int all = weights + (db ? plan.shape.filters : 0);
  const int begin = block * kReduceBlock, end = std::min(all, begin + kReduceBlock);
  const std::size_t stride = weights_and_bias(plan.shape);
  T sums[kReduceBlock];
  const int count = end - begin;
  if (count <= 0) return;
  for (int i = 0; i < count; ++i) sums[i] = partial[begin + i];
  for (int images = 1; images < plan.image_groups; ++images) {
    const T* more = partial + images * stride + begin;
    for (int i = 0; i < count; ++i) sums[i] += more[i];
  }
  for (int i = 0; i < count; ++i) {
    const int at = begin + i;
    (at < weights ? dw[at] : db[at - weights]) = sums[i];
  }
}

template struct WeightGradient<float>;
template struct WeightGradient<double>;
template std::size_t scratch_size<float>(const WeightGradientPlan&);
template std::size_t scratch_size<double>(const WeightGradientPlan&);

}  // namespace ridgeline::kernels::host
