#pragma once

#include <Kokkos_Core.hpp>

#include "kernels/convolution/shape.hpp"
#include "kernels/tiles/device_tile.hpp"

namespace ridgeline::kernels {

// Loads the operands of a device's convolution from images and weights, and stores its results.

/// Height or width of a gather: the source index of output i under tap t is first + i · step + t ·
/// tap.
struct GatherAxis {
  int size;   ///< of the source
  int count;  ///< outputs
  int step, first, tap;
  Divisor outputs, taps;

  KOKKOS_DEFAULTED_FUNCTION GatherAxis() = default;
  KOKKOS_FUNCTION GatherAxis(int source, int output_count, int tap_count)
      : size(source),
        count(output_count),
        step(1),
        first(0),
        tap(1),
        outputs(output_count),
        taps(tap_count) {}
};

/// Images as an operand whose rows are pixels and whose k are channels × taps, or the opposite
/// (`k_contiguous`). Groups of four values are contiguous along the pixels.
template <class T>
struct ImageOperand {
  const T* data;  ///< the group's first channel of the first image
  const T* kept;
  Activation derivative;
  std::ptrdiff_t image;  ///< stride
  GatherAxis height, width;
  Divisor taps;  ///< of both axes
  int pixels, depth;
  bool k_contiguous;  ///< k are pixels

  KOKKOS_FUNCTION void load4(int outer, int k, T (&values)[4]) const {
    int pixel = k_contiguous ? k : outer;
    const int channel_tap = k_contiguous ? outer : k;
    if (pixel >= pixels || channel_tap >= depth) return;
    const int channel = taps.quotient(channel_tap), tap = channel_tap - channel * taps.divisor;
    const int tap_h = width.taps.quotient(tap), tap_w = tap - tap_h * width.taps.divisor;
    const int row = width.outputs.quotient(pixel);
    int column = pixel - row * width.count;
    int number = height.outputs.quotient(row);
    int line = row - number * height.count;
    const std::ptrdiff_t plane = static_cast<std::ptrdiff_t>(height.size) * width.size;
    std::ptrdiff_t base = number * image + channel * plane;
    Four<T> factors{{T(0), T(0), T(0), T(0)}};
    for (int i = 0; i < 4; ++i) {
      if (pixel + i >= pixels) break;
      const int h = height.first + line * height.step + tap_h * height.tap;
      const int w = width.first + column * width.step + tap_w * width.tap;
      if (h >= 0 && h < height.size && w >= 0 && w < width.size) {
        const std::ptrdiff_t at = base + static_cast<std::ptrdiff_t>(h) * width.size + w;
        values[i] = data[at];
        if (kept) factors.value[i] = kept[at];
      }
      if (++column == width.count) {
        column = 0;
        if (++line == height.count) {
          line = 0;
          base += image;
        }
      }
    }
    if (kept) {
      factors = derivatives_of(derivative, factors);
      for (int i = 0; i < 4; ++i) values[i] *= factors.value[i];
    }
  }
};

/// Returns the operand whose rows are the sources of y.
template <class T>
ImageOperand<T> forward_images(const ConvolutionShape& s, const T* x) {
  ImageOperand<T> images{x,
                         nullptr,
                         Activation::identity,
                         std::ptrdiff_t(s.channels) * s.in_pixels(),
                         GatherAxis(s.height.in, s.height.out(), s.height.kernel),
                         GatherAxis(s.width.in, s.width.out(), s.width.kernel),
                         Divisor(s.taps()),
                         s.batch * s.out_pixels(),
                         s.group_channels() * s.taps(),
                         false};
  images.height.step = s.height.stride, images.width.step = s.width.stride;
  images.height.first = -s.height.padding, images.width.first = -s.width.padding;
  images.height.tap = s.height.dilation, images.width.tap = s.width.dilation;
  return images;
}

/// Weights as an operand of an input gradient: rows are channels, k are filters × taps of a part.
template <class T>
struct PartWeights {
  const T* data;  ///< first weight of the group
  int outer, k;
  int row_stride;  ///< taps per filter and channel
  std::ptrdiff_t filter_stride;
  Divisor taps, taps_w;       ///< of the part
  int first, step_h, step_w;  ///< the part's taps among all taps
  bool k_contiguous;

  KOKKOS_FUNCTION void load4(int row, int at_k, T (&values)[4]) const {
    if (at_k >= k) return;
    const int filter = taps.quotient(at_k), tap = at_k - filter * taps.divisor;
    const int tap_h = taps_w.quotient(tap), tap_w = tap - tap_h * taps_w.divisor;
    const T* from = data + filter * filter_stride + first + tap_h * step_h + tap_w * step_w;
    for (int i = 0; i < 4; ++i) {
      if (row + i < outer) values[i] = from[static_cast<std::ptrdiff_t>(row + i) * row_stride];
    }
  }
};

/// Returns the number of parts of an input gradient along an axis; parts beyond the image are
/// empty.
KOKKOS_INLINE_FUNCTION int gather_parts(const ConvolutionAxis& axis) {
  return axis.stride < axis.in ? axis.stride : axis.in;
}

/// One axis of a part of an input gradient: outputs part, part + stride …, with the taps first_tap,
/// first_tap + tap_step ….
struct GatherPart {
  int count, taps, first_tap, tap_step;
  int first, tap;

  KOKKOS_FUNCTION GatherPart(const ConvolutionAxis& axis, int part) {
    int divisor = axis.stride, remainder = axis.dilation % axis.stride;
    while (remainder != 0) {
      const int next = divisor % remainder;
      divisor = remainder;
      remainder = next;
    }
    tap_step = axis.stride / divisor;
    count = (axis.in - part + axis.stride - 1) / axis.stride;
    if (count < 0) count = 0;
    taps = 0;
    first_tap = 0;
    for (int candidate = 0; candidate < tap_step && candidate < axis.kernel; ++candidate) {
      if ((part + axis.padding - candidate * axis.dilation) % axis.stride != 0) continue;
      first_tap = candidate;
      taps = (axis.kernel - candidate + tap_step - 1) / tap_step;
    }
    first = (part + axis.padding - first_tap * axis.dilation) / axis.stride;
    tap = -(axis.dilation / divisor);
  }
};

/// The index of a pixel in an output whose rows are channels.
struct PixelPlaces {
  int rows, columns;     ///< shape of the product
  std::ptrdiff_t first;  ///< index of row 0 of image 0
  std::ptrdiff_t plane, image;
  int width, step_h, step_w;
  Divisor outputs_h, outputs_w;

  KOKKOS_FUNCTION std::ptrdiff_t row(int at) const { return at < rows ? first + at * plane : -1; }
  KOKKOS_FUNCTION std::ptrdiff_t column(int at) const {
    if (at >= columns) return -1;
    const int line = outputs_w.quotient(at), number = outputs_h.quotient(line);
    const int w = at - line * outputs_w.divisor, h = line - number * outputs_h.divisor;
    return number * image + static_cast<std::ptrdiff_t>(h) * step_h * width + w * step_w;
  }
};

}  // namespace ridgeline::kernels
