#include "kernels/convolution/host/window.hpp"

#include <algorithm>
#include <numeric>

#include "kernels/tiles/host_line.hpp"
#include "kernels/tiles/host_tile.hpp"

namespace ridgeline::kernels::host {
namespace {

int floor_div(int a, int b) { return a >= 0 ? a / b : -ceil_div(-a, b); }

}  // namespace

bool WindowAxis::has(int part, int tap) const {
  return !transposed || (part + axis.padding - tap * axis.dilation) % axis.stride == 0;
}

int WindowAxis::taps_of(int part) const {
  int count = 0;
  for (int tap = 0; tap < axis.kernel; ++tap) count += has(part, tap);
  return count;
}

int WindowAxis::at(int part, int tap) const {
  return transposed ? (part + axis.padding - tap * axis.dilation) / axis.stride
                    : tap * axis.dilation - axis.padding;
}

int WindowAxis::lowest() const {
  return transposed ? floor_div(axis.padding - axis.reach() + 1, axis.stride) : -axis.padding;
}

int WindowAxis::highest() const {
  return transposed ? (parts() - 1 + axis.padding) / axis.stride : axis.reach() - 1 - axis.padding;
}

int WindowAxis::planes() const {
  if (transposed) return 1;
  return std::min(axis.kernel, axis.stride / std::gcd(axis.stride, axis.dilation));
}

int WindowAxis::begin_of(int plane, int first) const {
  // Tap `plane` is the first one that reads this plane.
  const int residue = transposed ? 0 : plane * axis.dilation % axis.stride;
  return lowest() + residue + first * step();
}

std::ptrdiff_t Window::offset(int part_h, int part_w, int tap_h, int tap_w) const {
  const int which = height.plane_of(tap_h) * width.planes() + width.plane_of(tap_w);
  return std::ptrdiff_t(which) * plane + height.shift(part_h, tap_h) * pitch +
         width.shift(part_w, tap_w);
}

namespace {

// Returns how many zeros two consecutive rows of a plane can share: those that every row of every
// plane begins and ends with.
int shared_zeros(const WindowAxis& width) {
  const int columns = width.grid() + width.most_shift();
  int shared = columns;
  for (int plane = 0; plane < width.planes(); ++plane) {
    const int begin = width.begin_of(plane, 0);
    const int left = std::max(0, ceil_div(-begin, width.step()));
    const int valid = std::max(0, ceil_div(width.source() - begin, width.step()));
    shared = std::min({shared, left, std::max(0, columns - valid)});
  }
  return std::min(shared, width.most_shift());
}

void set_rows(Window& window, int rows) {
  constexpr int kLine = 16;  // scalars; an odd number of lines spreads channels over cache sets
  window.band_rows = rows;
  const int scalars = (rows + window.height.most_shift()) * window.pitch + window.shared;
  window.plane = (ceil_div(scalars, kLine) | 1) * kLine;
}

void set_columns(Window& window, int columns) {
  window.strip_columns = columns;
  window.shared = columns == window.width.grid() ? shared_zeros(window.width) : 0;
  window.pitch = columns + window.width.most_shift() - window.shared;
}

}  // namespace

Window plan_window(const ConvolutionShape& shape, bool transposed, int channels,
                   std::size_t scalar_bytes, std::size_t bytes, int bands) {
  Window window{};
  window.height = {shape.height, transposed};
  window.width = {shape.width, transposed};
  window.planes = window.height.planes() * window.width.planes();
  const int rows = window.height.grid(), columns = window.width.grid();
  const auto fits = [&] {
    return double(window.plane) * window.planes * channels * double(scalar_bytes) <= double(bytes);
  };
  // Strips of columns only if not even one row fits.
  constexpr int kLeastColumns = 64;
  for (window.strips = 1;; ++window.strips) {
    set_columns(window, ceil_div(columns, window.strips));
    set_rows(window, 1);
    if (fits() || window.strip_columns <= kLeastColumns) break;
  }
  window.strips = ceil_div(columns, window.strip_columns);
  for (window.bands = std::min(rows, std::max(1, bands));; ++window.bands) {
    set_rows(window, ceil_div(rows, window.bands));
    if (fits() || window.band_rows == 1) break;
  }
  window.bands = ceil_div(rows, window.band_rows);
  return window;
}

Band band_of(const Window& window, int band, int strip) {
  const int row = part(window.height.grid(), window.bands, band);
  const int column = part(window.width.grid(), window.strips, strip);
  return {row, part(window.height.grid(), window.bands, band + 1) - row, column,
          part(window.width.grid(), window.strips, strip + 1) - column};
}

namespace {

// Copies one channel's planes in ascending order, so that values written beyond the end of a plane
// are overwritten.
template <class T>
void fill(const Window& window, const Band& band, const T* source, const T* begin, const T* end,
          T* to) {
  const int height = window.height.source(), width = window.width.source();
  const int step_h = window.height.step(), step_w = window.width.step();
  const int rows = band.rows + window.height.most_shift(), pitch = window.pitch;
  const int planes_h = window.height.planes(), planes_w = window.width.planes();
  for (int plane_h = 0; plane_h < planes_h; ++plane_h) {
    const int begin_h = window.height.begin_of(plane_h, band.row);
    for (int plane_w = 0; plane_w < planes_w; ++plane_w) {
      const int begin_w = window.width.begin_of(plane_w, band.column);
      const int left = std::min(pitch, std::max(0, ceil_div(-begin_w, step_w)));
      const int right =
          std::max(left, std::min(pitch, std::max(0, ceil_div(width - begin_w, step_w))));
      const bool is_short = step_w == 1 && ShortLine<T>::fits(pitch);
      const ShortLine<T> line(left, is_short ? right : left, pitch);
      for (int i = 0; i < rows; ++i, to += pitch) {
        const int h = begin_h + i * step_h;
        if (h < 0 || h >= height) {
          zero_line(pitch, to);
          continue;
        }
        const T* from = source + std::ptrdiff_t(h) * width + begin_w + left * step_w;
        if (is_short && line.reads_inside(from, begin, end)) {
          line.copy(from, to);
          continue;
        }
        zero_line(left, to);
        copy_line(right - left, step_w, from, end, to + left);
        zero_line(pitch - right, to + right);
      }
      const int tail = window.plane - rows * pitch;
      zero_line(tail, to);
      to += tail;
    }
  }
}

}  // namespace

template <class T>
void fill_window(const Window& window, const Band& band, int channels, const T* source,
                 const T* begin, const T* end, const T* kept, Activation derivative, T* to,
                 T* factors) {
  const std::ptrdiff_t image = std::ptrdiff_t(window.height.source()) * window.width.source();
  const int first = std::max(0, window.height.begin_of(0, band.row));
  const int last =
      std::min(window.height.source(),
               first + (band.rows + window.height.most_shift()) * window.height.step());
  const std::ptrdiff_t begin_line = std::ptrdiff_t(first) * window.width.source();
  const std::ptrdiff_t end_line = std::ptrdiff_t(last) * window.width.source();
  constexpr int kLine = 64 / static_cast<int>(sizeof(T));
  // The hardware prefetcher does not detect the address of the next channel's rows.
  const auto ask = [&](const T* from, int c) {
    if (c >= channels) return;
    from += c * image;
    for (std::ptrdiff_t at = begin_line; at < end_line; at += kLine) __builtin_prefetch(from + at);
  };
  for (int c = 0; c < channels; ++c, to += window.channel_stride()) {
    ask(source, c + 1);
    fill(window, band, source + c * image, begin, end, to);
    if (!kept) continue;
    ask(kept, c + 1);
    fill(window, band, kept + c * image, kept + (begin - source), kept + (end - source), factors);
    multiply_by_derivative(static_cast<int>(window.channel_stride()), derivative, factors, to);
  }
  zero_line(window.slack(), to);
}

#define RIDGELINE_FILL_WINDOW(T)                                                              \
  template void fill_window<T>(const Window&, const Band&, int, const T*, const T*, const T*, \
                               const T*, Activation, T*, T*);
RIDGELINE_FILL_WINDOW(float)
RIDGELINE_FILL_WINDOW(double)

}  // namespace ridgeline::kernels::host
