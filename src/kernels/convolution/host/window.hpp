#pragma once

#include <cstddef>

#include "kernels/convolution/shape.hpp"
#include "kernels/elementwise/activation.hpp"

namespace ridgeline::kernels::host {

// The part of an image that a block of a convolution works on, copied into scratch memory and
// padded with zeros. Outputs [rows, columns] of a band are numbered v = row · pitch + column, and
// the source of output v under a tap lies at offset(tap) + v: with a stride the source is dealt out
// to one plane a residue, so that neighbouring outputs always read neighbours. Rows of a plane
// follow each other closely: zeros right of one are the zeros left of the next. The numbers between
// a row's last column and the pitch are computed in vain.

/// Height or width as a correlation sees it, whose sources of output i under tap t are
///   forward: i · stride + t · dilation - padding;
///   transposed, for outputs i · stride + part: i + (part + padding - t · dilation) / stride.
struct WindowAxis {
  ConvolutionAxis axis;
  bool transposed;

  int source() const { return transposed ? axis.out() : axis.in; }
  int output() const { return transposed ? axis.in : axis.out(); }
  int step() const { return transposed ? 1 : axis.stride; }  ///< in the source, an output
  /// Parts beyond the image have no outputs.
  int parts() const { return transposed ? (axis.stride < axis.in ? axis.stride : axis.in) : 1; }
  /// Outputs of the largest part.
  int grid() const { return (output() + parts() - 1) / parts(); }
  /// Whether the outputs of a part have this tap.
  bool has(int part, int tap) const;
  int taps_of(int part) const;
  /// The source of output 0 under a tap of the part.
  int at(int part, int tap) const;
  int lowest() const;   ///< of `at`
  int highest() const;  ///< of `at`

  /// Planes along this axis, and which of them a tap reads; how far its first source is into it.
  int planes() const;
  int plane_of(int tap) const { return transposed ? 0 : tap % planes(); }
  int shift(int part, int tap) const { return (at(part, tap) - lowest()) / step(); }
  int most_shift() const { return (highest() - lowest()) / step(); }
  /// The source of a plane's first value, for a band that begins at output `first`.
  int begin_of(int plane, int first) const;
};

struct Window {
  WindowAxis height, width;
  int bands, strips;             ///< bands of rows; strips of columns where a row is too large
  int band_rows, strip_columns;  ///< most of either
  int pitch;
  int shared;  ///< zeros at a row's end that are those of the next row's begin
  int plane;   ///< scalars of a plane, and of the next one's distance
  int planes;  ///< a channel

  /// How far into a channel's planes the source of output v = 0 is.
  std::ptrdiff_t offset(int part_h, int part_w, int tap_h, int tap_w) const;
  std::ptrdiff_t channel_stride() const { return std::ptrdiff_t(planes) * plane; }
  /// Scalars behind the last plane that the last vectors read, up to the last tap of a row; whole
  /// vectors of any width.
  int slack() const { return (64 + width.most_shift() + 63) / 64 * 64; }
  /// Outputs up to v = this, those between the columns too.
  int numbers(int rows, int columns) const { return (rows - 1) * pitch + columns; }
};

/// What a band is: outputs [row, row + rows) × [column, column + columns) of the grid.
struct Band {
  int row, rows, column, columns;
};
Band band_of(const Window& window, int band, int strip);

/// A window of `bytes` for `channels`, in at least `bands` bands as far as there are rows.
Window plan_window(const ConvolutionShape& shape, bool transposed, int channels,
                   std::size_t scalar_bytes, std::size_t bytes, int bands);

/// Copies the band's sources of `channels` channels from `source` (the first one's image, in
/// [begin, end)) to `to`, multiplied by derivative(kept) if kept is not null; the window's slack
/// behind the last plane becomes zeros. `factors` is scratch memory of a channel's planes and the
/// slack, where kept is not null.
template <class T>
void fill_window(const Window& window, const Band& band, int channels, const T* source,
                 const T* begin, const T* end, const T* kept, Activation derivative, T* to,
                 T* factors);

}  // namespace ridgeline::kernels::host
