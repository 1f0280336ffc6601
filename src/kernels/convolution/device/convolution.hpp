#pragma once

#include <Kokkos_Core.hpp>

#include <algorithm>
#include <string>

#include "kernels/convolution/convolution.hpp"
#include "kernels/convolution/device/gather.hpp"
#include "kernels/gemm/device/gemm.hpp"
#include "kernels/tiles/device_tile.hpp"

namespace ridgeline::kernels {

// The device's convolutions are products whose operands are gathered from the images while a tile
// is loaded ("implicit GEMM", after cuDNN: Chetlur et al. 2014), so nothing is expanded in memory:
//
//   forward          rows: filters,   columns: pixels of y,      k: channels × taps
//   input gradient   rows: channels,  columns: pixels of dx,     k: filters × taps
//   weight gradient  rows: filters,   columns: channels × taps,  k: pixels of y (split)
//
// With a stride, the pixels of dx are divided into stride² parts with different taps; each is a
// product.

/// Forward.
template <class T>
struct ForwardProblem {
  int groups;
  MatrixOperand<T> weights;  ///< of all groups
  ImageOperand<T> images;
  PixelPlaces places;
  std::ptrdiff_t group_images;
  std::ptrdiff_t total, total_sums;

  struct Work {
    MatrixOperand<T> a;
    ImageOperand<T> b;
    int m0, n0, k_end;
    PixelPlaces places;
    int first_channel;

    KOKKOS_FUNCTION std::ptrdiff_t row_position(int row) const { return places.row(row); }
    KOKKOS_FUNCTION std::ptrdiff_t column_position(int at) const { return places.column(at); }
    KOKKOS_FUNCTION std::ptrdiff_t sum_position(int) const { return -1; }
    KOKKOS_FUNCTION std::ptrdiff_t channel(int row, int) const { return first_channel + row; }
  };

  ForwardProblem(const ConvolutionShape& s, const T* x, const T* weight)
      : groups(s.groups),
        weights(weight, nullptr, Activation::identity, s.group_filters(),
                s.group_channels() * s.taps(), true),
        images(forward_images(s, x)) {
    places = {s.group_filters(),
              s.batch * s.out_pixels(),
              0,
              s.out_pixels(),
              std::ptrdiff_t(s.filters) * s.out_pixels(),
              s.width.out(),
              1,
              1,
              Divisor(s.height.out()),
              Divisor(s.width.out())};
    group_images = std::ptrdiff_t(s.group_channels()) * s.in_pixels();
    total = std::ptrdiff_t(s.batch) * s.filters * s.out_pixels();
    total_sums = 0;
  }

  int depth() const { return images.depth; }
  int tiles(int tile_m, int tile_n) const {
    return groups * ((places.rows + tile_m - 1) / tile_m) *
           ((places.columns + tile_n - 1) / tile_n);
  }
  KOKKOS_FUNCTION Work work(int tile, int tile_m, int tile_n, int k_end) const {
    const int tiles_m = (places.rows + tile_m - 1) / tile_m;
    const int row = tile % tiles_m, column = tile / tiles_m / groups;
    const int group = tile / tiles_m % groups;
    const int end = k_end < images.depth ? k_end : images.depth;
    Work work{weights, images, row * tile_m, column * tile_n, end, places, group * places.rows};
    work.a.data += static_cast<std::ptrdiff_t>(group) * places.rows * images.depth;
    work.a.aligned = work.a.aligned && places.rows * images.depth % 4 == 0;
    work.b.data += group * group_images;
    work.places.first = work.first_channel * places.plane;
    work.a.k = work.b.depth = end;
    return work;
  }
};

/// The input gradient.
template <class T>
struct InputGradientProblem {
  ConvolutionShape shape;
  const T* dy;
  const T* kept;
  Activation derivative;
  const T* weight;
  std::ptrdiff_t total, total_sums;

  struct Work {
    PartWeights<T> a;
    ImageOperand<T> b;
    int m0, n0, k_end;
    PixelPlaces places;

    KOKKOS_FUNCTION std::ptrdiff_t row_position(int row) const { return places.row(row); }
    KOKKOS_FUNCTION std::ptrdiff_t column_position(int at) const { return places.column(at); }
    KOKKOS_FUNCTION std::ptrdiff_t sum_position(int) const { return -1; }
    KOKKOS_FUNCTION std::ptrdiff_t channel(int, int) const { return 0; }
  };
  InputGradientProblem(const ConvolutionShape& s, const T* gradient, const T* factor, Activation f,
                       const T* w)
      : shape(s),
        dy(gradient),
        kept(factor),
        derivative(f),
        weight(w),
        total(std::ptrdiff_t(s.batch) * s.channels * s.in_pixels()),
        total_sums(0) {}

  /// Returns the extent of k in the part with the most taps.
  int depth() const {
    const GatherPart height(shape.height, 0), width(shape.width, 0);
    const auto most = [](int kernel, int step) { return (kernel + step - 1) / step; };
    return shape.group_filters() * most(shape.height.kernel, height.tap_step) *
           most(shape.width.kernel, width.tap_step);
  }
  int tiles(int tile_m, int tile_n) const {
    return shape.groups * gather_parts(shape.height) * gather_parts(shape.width) * tiles_m(tile_m) *
           tiles_n(tile_n);
  }
  KOKKOS_FUNCTION int tiles_m(int tile_m) const {
    return (shape.channels / shape.groups + tile_m - 1) / tile_m;
  }
  /// Returns the pixels of the largest part, which is the first.
  KOKKOS_FUNCTION int tiles_n(int tile_n) const {
    const int rows = (shape.height.in + shape.height.stride - 1) / shape.height.stride;
    const int columns = (shape.width.in + shape.width.stride - 1) / shape.width.stride;
    return (shape.batch * rows * columns + tile_n - 1) / tile_n;
  }
  KOKKOS_FUNCTION Work work(int tile, int tile_m, int tile_n, int k_end) const {
    const auto next = [&tile](int count) {
      const int index = tile % count;
      tile /= count;
      return index;
    };
    const int row = next(tiles_m(tile_m)), column = next(tiles_n(tile_n));
    const int part_h = next(gather_parts(shape.height)), part_w = next(gather_parts(shape.width));
    const int group = tile;
    const GatherPart height(shape.height, part_h), width(shape.width, part_w);
    const int filters = shape.filters / shape.groups, channels = shape.channels / shape.groups;
    const int out_height = shape.height.out(), out_width = shape.width.out();
    const int taps = height.taps * width.taps, all_taps = shape.height.kernel * shape.width.kernel;
    const int depth = filters * taps, end = k_end < depth ? k_end : depth;
    const std::ptrdiff_t out_plane = static_cast<std::ptrdiff_t>(out_height) * out_width;
    const std::ptrdiff_t in_plane = static_cast<std::ptrdiff_t>(shape.height.in) * shape.width.in;
    const std::ptrdiff_t gradients = group * filters * out_plane;
    const Divisor divisor(taps > 0 ? taps : 1);
    const int pixels = shape.batch * height.count * width.count;
    const auto axis = [](int source, const GatherPart& part, int part_taps) {
      GatherAxis gather(source, part.count > 0 ? part.count : 1, part_taps > 0 ? part_taps : 1);
      gather.first = part.first, gather.tap = part.tap;
      return gather;
    };
    const ImageOperand<T> b{dy + gradients,
                            kept ? kept + gradients : nullptr,
                            derivative,
                            shape.filters * out_plane,
                            axis(out_height, height, 1),
                            axis(out_width, width, width.taps),
                            divisor,
                            pixels,
                            end,
                            false};
    const PartWeights<T> a{
        weight + static_cast<std::ptrdiff_t>(group) * filters * channels * all_taps,
        channels,
        end,
        all_taps,
        static_cast<std::ptrdiff_t>(channels) * all_taps,
        divisor,
        b.width.taps,
        height.first_tap * shape.width.kernel + width.first_tap,
        height.tap_step * shape.width.kernel,
        width.tap_step,
        false};
    const std::ptrdiff_t first =
        group * channels * in_plane + static_cast<std::ptrdiff_t>(part_h) * shape.width.in + part_w;
    return {a,
            b,
            row * tile_m,
            column * tile_n,
            end,
            {channels, pixels, first, in_plane, shape.channels * in_plane, shape.width.in,
             shape.height.stride, shape.width.stride, b.height.outputs, b.width.outputs}};
  }
};

/// The weight gradient; the bias gradient is the row sums of dz.
template <class T>
struct WeightGradientProblem {
  struct Work {
    ImageOperand<T> a, b;
    int m0, n0, k_end;
    int rows, columns, group;
    bool sums;

    KOKKOS_FUNCTION std::ptrdiff_t row_position(int row) const {
      return row < rows ? (static_cast<std::ptrdiff_t>(group) * rows + row) * columns : -1;
    }
    KOKKOS_FUNCTION std::ptrdiff_t column_position(int column) const {
      return column < columns ? column : -1;
    }
    KOKKOS_FUNCTION std::ptrdiff_t sum_position(int row) const {
      return sums && n0 == 0 && row < rows ? group * rows + row : -1;
    }
    KOKKOS_FUNCTION std::ptrdiff_t channel(int, int) const { return 0; }
  };

  int groups, rows, columns;
  ImageOperand<T> gradients, images;
  bool sums;
  std::ptrdiff_t group_gradients, group_images;
  std::ptrdiff_t total, total_sums;

  WeightGradientProblem(const ConvolutionShape& s, const T* x, const T* dy, const T* kept,
                        Activation derivative, bool with_sums)
      : groups(s.groups),
        rows(s.group_filters()),
        columns(s.group_channels() * s.taps()),
        images(forward_images(s, x)),
        sums(with_sums),
        group_gradients(std::ptrdiff_t(rows) * s.out_pixels()),
        group_images(std::ptrdiff_t(s.group_channels()) * s.in_pixels()),
        total(static_cast<std::ptrdiff_t>(s.weights())),
        total_sums(with_sums ? s.filters : 0) {
    gradients = {dy,
                 kept,
                 derivative,
                 std::ptrdiff_t(s.filters) * s.out_pixels(),
                 GatherAxis(s.height.out(), s.height.out(), 1),
                 GatherAxis(s.width.out(), s.width.out(), 1),
                 Divisor(1),
                 s.batch * s.out_pixels(),
                 rows,
                 true};
    images.k_contiguous = true;
  }

  int depth() const { return images.pixels; }
  int tiles(int tile_m, int tile_n) const {
    return groups * ((rows + tile_m - 1) / tile_m) * ((columns + tile_n - 1) / tile_n);
  }
  KOKKOS_FUNCTION Work work(int tile, int tile_m, int tile_n, int k_end) const {
    const int tiles_m = (rows + tile_m - 1) / tile_m;
    const int row = tile % tiles_m, group = tile / tiles_m % groups,
              column = tile / tiles_m / groups;
    const int end = k_end < images.pixels ? k_end : images.pixels;
    Work work{gradients, images, row * tile_m, column * tile_n, end, rows, columns, group, sums};
    work.a.data += group * group_gradients;
    if (work.a.kept) work.a.kept += group * group_gradients;
    work.b.data += group * group_images;
    work.a.pixels = work.b.pixels = end;
    return work;
  }
};

/// One launch: a problem, where its sums and row sums (may be null) are stored, and the plan of its
/// tiles.
template <class Problem, class T>
struct DeviceConvolution {
  Problem problem;
  TileOutput<T> output;
  T* row_sums;
  TilePlan plan;
};

/// Return the plans of the three products.
inline TilePlan plan_device_forward(const ConvolutionShape& s) {
  return plan_tiles(s.groups, s.group_filters(), s.batch * s.out_pixels(),
                    s.group_channels() * s.taps());
}
inline TilePlan plan_device_input_gradient(const ConvolutionShape& s) {
  const int parts = gather_parts(s.height) * gather_parts(s.width);
  const int pixels = s.batch * s.in_pixels(), depth = s.group_filters() * s.taps();
  return plan_tiles(s.groups * parts, s.group_channels(), (pixels + parts - 1) / parts,
                    (depth + parts - 1) / parts);
}
inline TilePlan plan_device_weight_gradient(const ConvolutionShape& s) {
  return plan_tiles(s.groups, s.group_filters(), s.group_channels() * s.taps(),
                    s.batch * s.out_pixels());
}

inline std::size_t device_convolution_workspace(const ConvolutionShape& s, bool backward) {
  const std::size_t outputs = std::size_t(s.batch) * s.filters * s.out_pixels();
  const std::size_t inputs = std::size_t(s.batch) * s.channels * s.in_pixels();
  std::size_t most = tile_workspace(outputs, 0, s.group_channels() * s.taps());
  if (backward) {
    most = std::max({most, tile_workspace(inputs, 0, s.group_filters() * s.taps()),
                     tile_workspace(s.weights(), s.filters, s.batch * s.out_pixels())});
  }
  return most;
}

/// Return the launch for each kind of arguments.
template <class Space, class T>
DeviceConvolution<ForwardProblem<T>, T> device_convolution(
    const ConvolutionShape& shape, const ConvolutionForward<Space, T>& args) {
  return {ForwardProblem<T>(shape, args.x.data(), args.weight.data()),
          {args.y.data(), args.pre_activation.data(), args.bias.data(), args.activation,
           shape.out_pixels(), shape.filters},
          nullptr,
          plan_device_forward(shape)};
}
template <class Space, class T>
DeviceConvolution<InputGradientProblem<T>, T> device_convolution(
    const ConvolutionShape& shape, const ConvolutionInputGradient<Space, T>& args) {
  return {InputGradientProblem<T>(shape, args.dy.data(), args.kept.data(), args.derivative,
                                  args.weight.data()),
          {args.dx.data(), nullptr, nullptr, Activation::identity, 1, 1},
          nullptr,
          plan_device_input_gradient(shape)};
}
template <class Space, class T>
DeviceConvolution<WeightGradientProblem<T>, T> device_convolution(
    const ConvolutionShape& shape, const ConvolutionWeightGradient<Space, T>& args) {
  return {WeightGradientProblem<T>(shape, args.x.data(), args.dy.data(), args.kept.data(),
                                   args.derivative, args.dbias.data() != nullptr),
          {args.dweight.data(), nullptr, nullptr, Activation::identity, 1, 1},
          args.dbias.data(),
          plan_device_weight_gradient(shape)};
}

}  // namespace ridgeline::kernels
