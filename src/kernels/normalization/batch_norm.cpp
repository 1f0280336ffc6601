#include "kernels/normalization/batch_norm.hpp"

#include <cmath>

#include "kernels/rows/rows.hpp"

namespace ridgeline::kernels {
namespace batch_norm_kernels {

// Statistics of a channel in training, from its mean and sum of squared deviations.
template <class Memory, class T>
struct Statistics {
  Vector<Memory, T> mean, inverse_deviation, running_mean, running_var;
  double momentum, epsilon, count;  // of values per channel, on all ranks

  template <class Arguments>
  Statistics(const Arguments& args, double values)
      : mean(args.mean),
        inverse_deviation(args.inverse_deviation),
        running_mean(args.running_mean),
        running_var(args.running_var),
        momentum(args.momentum),
        epsilon(args.epsilon),
        count(values) {}

  KOKKOS_FUNCTION void store(std::size_t c, double center, double squares) const {
    squares = squares < 0 ? 0 : squares;  // NaN propagates
    mean(c) = static_cast<T>(center);
    inverse_deviation(c) = static_cast<T>(1 / std::sqrt(squares / count + epsilon));
    // The unbiased variance of one value is undefined; its biased variance, 0, is used.
    const double unbiased = squares / (count > 1 ? count - 1 : 1);
    // A batch that overflowed does not change the running statistics: its step may be skipped.
    if (!std::isfinite(static_cast<T>(center)) || !std::isfinite(static_cast<T>(unbiased))) return;
    running_mean(c) = static_cast<T>((1 - momentum) * running_mean(c) + momentum * center);
    running_var(c) = static_cast<T>((1 - momentum) * running_var(c) + momentum * unbiased);
  }
};

// Mean and sum of squared deviations of this rank's values of a channel.
template <class Memory, class T>
struct Moments {
  Vector<Memory, T> mean, squares;
  double count;

  KOKKOS_FUNCTION void store(std::size_t c, double center, double sum) const {
    mean(c) = static_cast<T>(center);
    squares(c) = static_cast<T>(sum < 0 ? 0 : sum);
  }
};

// Stores the statistics of all ranks' values.
template <class Memory, class T>
struct StoreStatistics {
  Moments<Memory, T> moments;
  Statistics<Memory, T> statistics;

  KOKKOS_FUNCTION void operator()(std::size_t c) const {
    statistics.store(c, double(moments.mean(c)), double(moments.squares(c)));
  }
};

// y = (x - mean) · scale + bias of a channel.
template <class Memory, class T>
struct Normalize {
  Vector<Memory, const T> weight, bias, mean, inverse_deviation, variance;  // one of the last two
  T epsilon;

  KOKKOS_FUNCTION T scale(std::size_t c) const {
    const T inverse = inverse_deviation.size() > 0 ? inverse_deviation(c)
                                                   : T(1) / std::sqrt(variance(c) + epsilon);
    return inverse * weight(c);
  }
};

// dx = (dy - ((x - mean) · projection + mean_gradient)) · scale of a channel.
template <class Memory, class T>
struct InputGradient {
  Vector<Memory, const T> weight, mean, inverse_deviation;
  Vector<Memory, T> weight_gradient, bias_gradient;
  T count;

  KOKKOS_FUNCTION T mean_gradient(std::size_t c) const { return bias_gradient(c) / count; }
  KOKKOS_FUNCTION T projection(std::size_t c) const {
    return inverse_deviation(c) * weight_gradient(c) / count;
  }
  KOKKOS_FUNCTION T scale(std::size_t c) const { return inverse_deviation(c) * weight(c); }
  // Computes the coefficients of a channel from Σ dy and Σ dy (x - mean).
  KOKKOS_FUNCTION void store(std::size_t c, const Terms<T, 2>& sums) const {
    bias_gradient(c) = sums[0];
    weight_gradient(c) = sums[1] * inverse_deviation(c);
  }
};

// Images: a row is the plane with index n · channels + c. Partial results of a channel's planes are
// contiguous, so that combining them is a pass over rows too.

template <class Memory, class T>
struct PlaneStatistics {
  Matrix<Memory, const T> x;
  Matrix<Memory, T> means, squares;  // [channels, outer]

  template <class Row>
  KOKKOS_FUNCTION void operator()(const Row& plane) const {
    const std::size_t p = plane.index(), channels = means.extent(0);
    const T n = static_cast<T>(plane.size()), pivot = x(p, 0);
    const T mean = pivot + plane.sum([&](auto i) { return x(p, i) - pivot; }) / n;
    const T sum = plane.sum([&](auto i) { return (x(p, i) - mean) * (x(p, i) - mean); });
    plane.once([&] {
      means(p % channels, p / channels) = mean;
      squares(p % channels, p / channels) = sum;
    });
  }
};

// Computes the mean of the planes' means; the sum of squared deviations is the sum of theirs and of
// that of their means (Chan, Golub and LeVeque, "Algorithms for computing the sample variance",
// 1983).
template <class Memory, class T, class Store>
struct CombineStatistics {
  Matrix<Memory, T> means, squares;
  Store statistics;
  T inner;

  template <class Row>
  KOKKOS_FUNCTION void operator()(const Row& channel) const {
    const std::size_t c = channel.index();
    const T planes = static_cast<T>(channel.size()), pivot = means(c, 0);
    const T mean = pivot + channel.sum([&](auto n) { return means(c, n) - pivot; }) / planes;
    const auto sums = channel.sum([&](auto n) {
      const T deviation = means(c, n) - mean;
      return terms(squares(c, n), deviation * deviation);
    });
    channel.once([&] { statistics.store(c, mean, double(sums[0]) + double(inner) * sums[1]); });
  }
};

template <class Memory, class T>
struct PlaneGradients {
  Matrix<Memory, const T> x, dy;
  Vector<Memory, const T> mean;
  Matrix<Memory, T> sums, products;  // [channels, outer]

  template <class Row>
  KOKKOS_FUNCTION void operator()(const Row& plane) const {
    const std::size_t p = plane.index(), channels = sums.extent(0), c = p % channels;
    const T center = mean(c);
    const auto both = plane.sum([&](auto i) {
      const T g = dy(p, i);
      return terms(g, g * (x(p, i) - center));
    });
    plane.once([&] {
      sums(c, p / channels) = both[0];
      products(c, p / channels) = both[1];
    });
  }
};

template <class Memory, class T>
struct CombineGradients {
  Matrix<Memory, T> sums, products;
  InputGradient<Memory, T> of;

  template <class Row>
  KOKKOS_FUNCTION void operator()(const Row& channel) const {
    const std::size_t c = channel.index();
    const auto both = channel.sum([&](auto n) { return terms(sums(c, n), products(c, n)); });
    channel.once([&] { of.store(c, both); });
  }
};

template <class Memory, class T>
struct NormalizePlane {
  Matrix<Memory, const T> x;
  Matrix<Memory, T> y;
  Normalize<Memory, T> of;

  template <class Row>
  KOKKOS_FUNCTION void operator()(const Row& plane) const {
    const std::size_t p = plane.index(), c = p % of.weight.extent(0);
    const T center = of.mean(c), scale = of.scale(c), shift = of.bias(c);
    plane.each([&](auto i) { y(p, i) = (x(p, i) - center) * scale + shift; });
  }
};

template <class Memory, class T>
struct PlaneInputGradient {
  Matrix<Memory, const T> x, dy;
  Matrix<Memory, T> dx;
  InputGradient<Memory, T> of;

  template <class Row>
  KOKKOS_FUNCTION void operator()(const Row& plane) const {
    const std::size_t p = plane.index(), c = p % of.weight.extent(0);
    const T center = of.mean(c), mean_gradient = of.mean_gradient(c), projection = of.projection(c),
            scale = of.scale(c);
    plane.each([&](auto i) {
      dx(p, i) = (dy(p, i) - ((x(p, i) - center) * projection + mean_gradient)) * scale;
    });
  }
};

// Features: a channel is a column.

template <class Memory, class T>
struct ColumnMeans {
  Matrix<Memory, const T> x;
  Vector<Memory, T> mean;

  KOKKOS_FUNCTION auto terms_of(std::size_t r) const {
    return [=](auto c) { return terms(x(r, c) - x(0, c)); };
  }
  KOKKOS_FUNCTION void store(std::size_t c, const Terms<T, 1>& sums) const {
    mean(c) = x(0, c) + sums[0] / static_cast<T>(x.extent(0));
  }
};

template <class Memory, class T, class Store>
struct ColumnStatistics {
  Matrix<Memory, const T> x;
  Store statistics;

  KOKKOS_FUNCTION auto terms_of(std::size_t r) const {
    return [=](auto c) {
      const T deviation = x(r, c) - statistics.mean(c);
      return terms(deviation, deviation * deviation);
    };
  }
  KOKKOS_FUNCTION void store(std::size_t c, const Terms<T, 2>& sums) const {
    const double left = double(sums[0]) / statistics.count;  // from the rounding of the mean
    statistics.store(c, double(statistics.mean(c)) + left,
                     double(sums[1]) - left * left * statistics.count);
  }
};

template <class Memory, class T>
struct ColumnGradients {
  Matrix<Memory, const T> x, dy;
  InputGradient<Memory, T> of;

  KOKKOS_FUNCTION auto terms_of(std::size_t r) const {
    return [=](auto c) { return terms(dy(r, c), dy(r, c) * (x(r, c) - of.mean(c))); };
  }
  KOKKOS_FUNCTION void store(std::size_t c, const Terms<T, 2>& sums) const { of.store(c, sums); }
};

template <class Memory, class T>
struct NormalizeFeatures {
  Matrix<Memory, const T> x;
  Matrix<Memory, T> y;
  Normalize<Memory, T> of;

  template <class Row>
  KOKKOS_FUNCTION void operator()(const Row& row) const {
    const std::size_t r = row.index();
    row.each([&](auto c) { y(r, c) = (x(r, c) - of.mean(c)) * of.scale(c) + of.bias(c); });
  }
};

template <class Memory, class T>
struct FeatureInputGradient {
  Matrix<Memory, const T> x, dy;
  Matrix<Memory, T> dx;
  InputGradient<Memory, T> of;

  template <class Row>
  KOKKOS_FUNCTION void operator()(const Row& row) const {
    const std::size_t r = row.index();
    row.each([&](auto c) {
      dx(r, c) = (dy(r, c) - ((x(r, c) - of.mean(c)) * of.projection(c) + of.mean_gradient(c))) *
                 of.scale(c);
    });
  }
};

// Returns the memory as rows: planes of images, or samples of features.
template <class Memory>
auto rows_of(const ChannelShape& shape, const Memory& memory) {
  return shape.inner > 1 ? as_matrix(memory, shape.outer * shape.channels, shape.inner)
                         : as_matrix(memory, shape.outer, shape.channels);
}

// Returns one of the two halves of the workspace of images, [channels, outer] each.
template <class Space, class T>
Matrix<Space, T> partials(const ChannelShape& shape, const Vector<Space, T>& workspace, int half) {
  return matrix_at<Space, T>(workspace.data() + std::size_t(half) * shape.outer * shape.channels,
                             shape.channels, shape.outer);
}

template <class Space, class T>
void normalize(const Space& instance, const std::string& label,
               const BatchNormArguments<Space, T>& args, const Normalize<MemoryOf<Space>, T>& of) {
  const ChannelShape& shape = args.shape;
  const double size = double(shape.size());
  const Cost cost = {3 * size, 2 * sizeof(T) * size};
  const auto x = rows_of(shape, args.x);
  const auto y = rows_of(shape, args.y);
  if (shape.inner > 1) {
    for_rows(instance, label, x.extent(0), x.extent(1), cost,
             NormalizePlane<MemoryOf<Space>, T>{x, y, of});
  } else {
    for_rows(instance, label, x.extent(0), x.extent(1), cost,
             NormalizeFeatures<MemoryOf<Space>, T>{x, y, of});
  }
}

template <class Memory, class T>
struct CopySums {
  Vector<Memory, const T> weight, bias;
  Vector<Memory, T> to_weight, to_bias;
  KOKKOS_FUNCTION void operator()(std::size_t c) const {
    to_weight(c) = weight(c);
    to_bias(c) = bias(c);
  }
};

// Returns the end of the workspace, of sums over ranks: two values per channel.
template <class Space, class T>
Vector<Space, T> rank_sums(const ChannelShape& shape, const Vector<Space, T>& workspace, int half) {
  const std::size_t size = batch_norm_workspace(shape), channels = shape.channels;
  return vector_at<Space, T>(workspace.data() + size - (2 - std::size_t(half)) * channels,
                             channels);
}

// Computes mean and sum of squared deviations of every channel of this rank.
template <class Space, class T, class Store>
void statistics_of(const Space& instance, const BatchNormLabels& labels,
                   const BatchNormArguments<Space, T>& args, const Vector<Space, T>& mean,
                   const Vector<Space, T>& workspace, const Store& store) {
  const ChannelShape& shape = args.shape;
  const double size = double(shape.size());
  const Cost cost = {6 * size, sizeof(T) * size};
  const auto x = rows_of(shape, args.x);
  if (shape.inner > 1) {
    const auto means = partials<Space>(shape, workspace, 0),
               squares = partials<Space>(shape, workspace, 1);
    for_rows(instance, labels.sums.rows, x.extent(0), x.extent(1), cost,
             PlaneStatistics<MemoryOf<Space>, T>{x, means, squares});
    const double planes = double(shape.outer) * double(shape.channels);
    for_rows(instance, labels.sums.combine, shape.channels, shape.outer,
             {6 * planes, 2 * sizeof(T) * planes},
             CombineStatistics<MemoryOf<Space>, T, Store>{means, squares, store,
                                                          static_cast<T>(shape.inner)});
  } else {
    for_columns<1>(instance, labels.mean, shape.outer, shape.channels, cost, workspace,
                   ColumnMeans<MemoryOf<Space>, T>{x, mean});
    for_columns<2>(instance, labels.sums, shape.outer, shape.channels, cost, workspace,
                   ColumnStatistics<MemoryOf<Space>, T, Store>{x, store});
  }
}

}  // namespace batch_norm_kernels

template <class Space, class T>
void batch_norm_training(const Space& instance, const BatchNormLabels& labels,
                         const BatchNormArguments<Space, T>& args,
                         const Vector<Space, T>& workspace) {
  using namespace batch_norm_kernels;
  const ChannelShape& shape = args.shape;
  const double here = double(shape.outer) * double(shape.inner);
  if (args.others == nullptr) {
    statistics_of(instance, labels, args, args.mean, workspace,
                  Statistics<MemoryOf<Space>, T>(args, here));
  } else {
    const Moments<MemoryOf<Space>, T> moments{rank_sums<Space>(shape, workspace, 0),
                                              rank_sums<Space>(shape, workspace, 1), here};
    if (here > 0) statistics_of(instance, labels, args, moments.mean, workspace, moments);
    args.others->combine(moments.mean, moments.squares, here);
    for_elements(instance, labels.ranks, shape.channels, {},
                 StoreStatistics<MemoryOf<Space>, T>{
                     moments, Statistics<MemoryOf<Space>, T>(args, args.values)});
  }
  if (here == 0) return;
  normalize(instance, labels.apply, args,
            Normalize<MemoryOf<Space>, T>{
                args.weight, args.bias, args.mean, args.inverse_deviation, {}, T(0)});
}

template <class Space, class T>
void batch_norm_inference(const Space& instance, const BatchNormLabels& labels,
                          const BatchNormArguments<Space, T>& args) {
  batch_norm_kernels::normalize(
      instance, labels.apply, args,
      batch_norm_kernels::Normalize<MemoryOf<Space>, T>{args.weight,
                                                        args.bias,
                                                        args.running_mean,
                                                        {},
                                                        args.running_var,
                                                        static_cast<T>(args.epsilon)});
}

template <class Space, class T>
void batch_norm_backward(const Space& instance, const BatchNormLabels& labels,
                         const BatchNormGradients<Space, T>& args,
                         const Vector<Space, T>& workspace) {
  using namespace batch_norm_kernels;
  const ChannelShape& shape = args.shape;
  const double size = double(shape.size());
  const Cost sums = {4 * size, 2 * sizeof(T) * size}, apply = {4 * size, 3 * sizeof(T) * size};
  const auto x = rows_of(shape, args.x), dy = rows_of(shape, args.dy);
  const auto dx = rows_of(shape, args.dx);
  InputGradient<MemoryOf<Space>, T> of{
      args.weight,          args.mean,          args.inverse_deviation,
      args.weight_gradient, args.bias_gradient, static_cast<T>(shape.outer * shape.inner)};
  // Without samples here the gradients are 0 already.
  if (shape.outer > 0 && shape.inner > 1) {
    const auto first = partials<Space>(shape, workspace, 0),
               second = partials<Space>(shape, workspace, 1);
    for_rows(instance, labels.sums.rows, x.extent(0), x.extent(1), sums,
             PlaneGradients<MemoryOf<Space>, T>{x, dy, args.mean, first, second});
    const double planes = double(shape.outer) * double(shape.channels);
    for_rows(instance, labels.sums.combine, shape.channels, shape.outer,
             {2 * planes, 2 * sizeof(T) * planes},
             CombineGradients<MemoryOf<Space>, T>{first, second, of});
  } else if (shape.outer > 0) {
    for_columns<2>(instance, labels.sums, shape.outer, shape.channels, sums, workspace,
                   ColumnGradients<MemoryOf<Space>, T>{x, dy, of});
  }
  if (args.dx.data() == nullptr) return;
  if (args.others != nullptr) {
    // dx needs the sums over the whole batch; the network sums the gradients of the parameters.
    const auto weight = rank_sums<Space>(shape, workspace, 0),
               bias = rank_sums<Space>(shape, workspace, 1);
    for_elements(instance, labels.ranks, shape.channels, {},
                 CopySums<MemoryOf<Space>, T>{of.weight_gradient, of.bias_gradient, weight, bias});
    args.others->sum(
        vector_at<Space, T>(weight.data(), 2 * shape.channels));  // and bias, behind it
    of.weight_gradient = weight;
    of.bias_gradient = bias;
    of.count = static_cast<T>(args.values);
  }
  if (shape.outer == 0) return;
  if (shape.inner > 1) {
    for_rows(instance, labels.apply, x.extent(0), x.extent(1), apply,
             PlaneInputGradient<MemoryOf<Space>, T>{x, dy, dx, of});
  } else {
    for_rows(instance, labels.apply, x.extent(0), x.extent(1), apply,
             FeatureInputGradient<MemoryOf<Space>, T>{x, dy, dx, of});
  }
}

#define RIDGELINE_BATCH_NORM(Space, T)                                               \
  template void batch_norm_training<Space, T>(const Space&, const BatchNormLabels&,  \
                                              const BatchNormArguments<Space, T>&,   \
                                              const Vector<Space, T>&);              \
  template void batch_norm_inference<Space, T>(const Space&, const BatchNormLabels&, \
                                               const BatchNormArguments<Space, T>&); \
  template void batch_norm_backward<Space, T>(const Space&, const BatchNormLabels&,  \
                                              const BatchNormGradients<Space, T>&,   \
                                              const Vector<Space, T>&);
RIDGELINE_FOR_SPACES(RIDGELINE_BATCH_NORM)

}  // namespace ridgeline::kernels
