#pragma once

#include <cstddef>

#include "kernels/convolution/shape.hpp"
#include "kernels/elementwise/activation.hpp"

namespace ridgeline::kernels::host {

// The part of an image that a block of a convolution works on, copied into scratch memory and
// padded with zeros. Outputs [rows, columns] of a band have indices v = row · pitch + column, and
// the source of output v under a tap is at offset(tap) + v. With a stride, the source is split into
// one plane per residue class, so that consecutive outputs always read contiguous values. The zeros
// to the right of a row of a plane are also those to the left of the next. Outputs between a row's
// last column and the pitch are computed and discarded.

/// Height or width of a correlation, whose source index of output i under tap t is
///   forward: i · stride + t · dilation - padding;
///   transposed, for outputs i · stride + part: i + (part + padding - t · dilation) / stride.
struct WindowAxis {
  ConvolutionAxis axis;
  bool transposed;

  int source() const { return transposed ? axis.out() : axis.in; }
  int output() const { return transposed ? axis.in : axis.out(); }
  int step() const { return transposed ? 1 : axis.stride; }  ///< in the source, per output
  /// Parts beyond the image have no outputs.
  int parts() const { return transposed ? (axis.stride < axis.in ? axis.stride : axis.in) : 1; }
  /// Returns the outputs of the largest part.
  int grid() const { return (output() + parts() - 1) / parts(); }
  /// Returns whether the outputs of a part have this tap.
  bool has(int part, int tap) const;
  int taps_of(int part) const;
  /// Returns the source index of output 0 under a tap of the part.
  int at(int part, int tap) const;
  int lowest() const;   ///< minimum of `at`
  int highest() const;  ///< maximum of `at`

  /// Return the number of planes along this axis, the plane that a tap reads, and the offset of its
  /// first source in it.
  int planes() const;
  int plane_of(int tap) const { return transposed ? 0 : tap % planes(); }
  int shift(int part, int tap) const { return (at(part, tap) - lowest()) / step(); }
  int most_shift() const { return (highest() - lowest()) / step(); }
  /// Returns the source index of a plane's first value, for a band that begins at output `first`.
  int begin_of(int plane, int first) const;
};

struct Window {
  WindowAxis height, width;
  int bands, strips;             ///< bands of rows; strips of columns where a row is too large
  int band_rows, strip_columns;  ///< maximum of a band and of a strip
  int pitch;
  int shared;  ///< zeros that the end of a row shares with the beginning of the next
  int plane;   ///< scalars per plane, also the distance to the next
  int planes;  ///< per channel

  /// Returns the offset of the source of output v = 0 in a channel's planes.
  std::ptrdiff_t offset(int part_h, int part_w, int tap_h, int tap_w) const;
  std::ptrdiff_t channel_stride() const { return std::ptrdiff_t(planes) * plane; }
  /// Returns the scalars behind the last plane that the last vectors read, up to the last tap of a
  /// row; sufficient for whole vectors of any width.
  int slack() const { return (64 + width.most_shift() + 63) / 64 * 64; }
  /// Returns the number of outputs of a band, including those between the columns.
  int numbers(int rows, int columns) const { return (rows - 1) * pitch + columns; }
};

/// A band: outputs [row, row + rows) × [column, column + columns) of the grid.
struct Band {
  int row, rows, column, columns;
};
Band band_of(const Window& window, int band, int strip);

/// Returns a window of at most `bytes` for `channels` channels, in at least `bands` bands if there
/// are enough rows.
Window plan_window(const ConvolutionShape& shape, bool transposed, int channels,
                   std::size_t scalar_bytes, std::size_t bytes, int bands);

/// Copies the band's sources of `channels` channels to `to`, multiplied by derivative(kept) if kept
/// is not null, and sets the window's slack behind the last plane to zero. `source` points to the
/// first channel's image, inside the memory [begin, end). If kept is not null, `factors` is scratch
/// memory for one channel's planes and the slack.
template <class T>
void fill_window(const Window& window, const Band& band, int channels, const T* source,
                 const T* begin, const T* end, const T* kept, Activation derivative, T* to,
                 T* factors);

}  // namespace ridgeline::kernels::host
