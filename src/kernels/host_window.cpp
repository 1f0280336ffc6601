#include "kernels/host_window.hpp"

#include <algorithm>
#include <numeric>

#include "kernels/host_tile.hpp"

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

// Zeros that rows of every plane begin and end with: so many values can two rows share.
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
  // Columns in strips only where not even one row fits.
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

template <class T, Activation F, bool HasFactor>
void fill_row(int count, int step, const T* source, const T* kept, T* to) {
  if (step == 1) {
    for (int j = 0; j < count; ++j) {
      to[j] = HasFactor ? source[j] * derivative<F>(kept[j]) : source[j];
    }
  } else if (step == 2) {
    for (int j = 0; j < count; ++j) to[j] = source[2 * j];
  } else {
    for (int j = 0; j < count; ++j) to[j] = source[std::ptrdiff_t(step) * j];
  }
}

template <class T, Activation F, bool HasFactor>
void fill(const Window& window, const Band& band, int channels, const T* source, const T* kept,
          T* to) {
  const int height = window.height.source(), width = window.width.source();
  const int step_h = window.height.step(), step_w = window.width.step();
  const int rows = band.rows + window.height.most_shift(), pitch = window.pitch;
  for (int c = 0; c < channels; ++c) {
    const std::ptrdiff_t image = std::ptrdiff_t(c) * height * width;
    for (int plane_h = 0; plane_h < window.height.planes(); ++plane_h) {
      const int begin_h = window.height.begin_of(plane_h, band.row);
      for (int plane_w = 0; plane_w < window.width.planes(); ++plane_w) {
        const int begin_w = window.width.begin_of(plane_w, band.column);
        const int left = std::min(pitch, std::max(0, ceil_div(-begin_w, step_w)));
        const int right =
            std::max(left, std::min(pitch, std::max(0, ceil_div(width - begin_w, step_w))));
        for (int i = 0; i < rows; ++i, to += pitch) {
          const int h = begin_h + i * step_h;
          if (h < 0 || h >= height) {
            std::fill_n(to, pitch, T(0));
            continue;
          }
          const std::ptrdiff_t at = image + std::ptrdiff_t(h) * width + begin_w + left * step_w;
          for (int j = 0; j < left; ++j) to[j] = T(0);
          fill_row<T, F, HasFactor>(right - left, step_w, source + at, HasFactor ? kept + at : kept,
                                    to + left);
          for (int j = right; j < pitch; ++j) to[j] = T(0);
        }
        const int rest = window.plane - rows * pitch;
        std::fill_n(to, rest, T(0));
        to += rest;
      }
    }
  }
  std::fill_n(to, kSlack, T(0));
}

}  // namespace

template <class T>
void fill_window(const Window& window, const Band& band, int channels, const T* source,
                 const T* kept, Activation derivative, T* to) {
  if (!kept) {
    return fill<T, Activation::identity, false>(window, band, channels, source, kept, to);
  }
  with_activation(derivative,
                  [&](auto f) { fill<T, f(), true>(window, band, channels, source, kept, to); });
}

template void fill_window<float>(const Window&, const Band&, int, const float*, const float*,
                                 Activation, float*);
template void fill_window<double>(const Window&, const Band&, int, const double*, const double*,
                                  Activation, double*);

}  // namespace ridgeline::kernels::host
