#include "kernels/layer_norm.hpp"

#include <algorithm>

#include "kernels/device_layer_norm.hpp"
#include "kernels/host_layer_norm.hpp"

namespace ridgeline::kernels {
namespace {

constexpr int kNormTeam = 128;

// Rows are cut into blocks of at least this many, and into at most kMostBlocks.
constexpr std::size_t kLeastRows = 16, kMostBlocks = 64;

std::size_t row_blocks(std::size_t rows) {
  return std::max<std::size_t>(1, std::min(kMostBlocks, rows / kLeastRows));
}

// A device's sums of dy x̂ and dy over the rows of a block: element i is a feature of a block, so
// that neighbours read neighbours.
template <class T>
struct BlockSums {
  std::size_t rows, features, blocks;
  const T* x;
  const T* statistics;
  const T* dy;
  T* partial;
  KOKKOS_FUNCTION void operator()(std::size_t i) const {
    const std::size_t block = i / features, feature = i % features;
    T weight = T(0), bias = T(0);
    for (std::size_t row = rows * block / blocks; row < rows * (block + 1) / blocks; ++row) {
      const T slope = dy[row * features + feature];
      const T normal =
          (x[row * features + feature] - statistics[2 * row]) * statistics[2 * row + 1];
      weight += slope * normal;
      bias += slope;
    }
    partial[2 * block * features + feature] = weight;
    partial[(2 * block + 1) * features + feature] = bias;
  }
};

// Their sums over blocks.
template <class T>
struct CombineBlocks {
  std::size_t features, blocks;
  const T* partial;
  T* weight_gradient;
  T* bias_gradient;
  KOKKOS_FUNCTION void operator()(std::size_t feature) const {
    T weight = T(0), bias = T(0);
    for (std::size_t block = 0; block < blocks; ++block) {
      weight += partial[2 * block * features + feature];
      bias += partial[(2 * block + 1) * features + feature];
    }
    weight_gradient[feature] = weight;
    bias_gradient[feature] = bias;
  }
};

}  // namespace

std::size_t layer_norm_workspace(std::size_t rows, std::size_t features) {
  return 2 * row_blocks(rows) * features;
}

template <class Space, class T>
void layer_norm(const Space& instance, const std::string& label, const Matrix<Space, const T>& x,
                const Vector<Space, const T>& weight, const Vector<Space, const T>& bias,
                double epsilon, const Matrix<Space, T>& y, const Vector<Space, T>& statistics) {
  const std::size_t rows = x.extent(0), features = x.extent(1);
  T* kept = data_or_null(statistics);
  if constexpr (kIsHost<Space>) {
    host::LayerNorm<T> rows_of{};
    rows_of.features = features;
    rows_of.x = x.data();
    rows_of.weight = weight.data();
    rows_of.bias = bias.data();
    rows_of.y = y.data();
    rows_of.epsilon = static_cast<T>(epsilon);
    const std::size_t per_block = std::max<std::size_t>(1, 4096 / features);
    const int blocks = static_cast<int>((rows + per_block - 1) / per_block);
    for_blocks(instance, label, blocks, {8.0 * x.size(), 2.0 * sizeof(T) * x.size()},
               [&](int block) {
                 const std::size_t begin = block * per_block;
                 rows_of.forward(begin, std::min(rows, begin + per_block), kept);
               });
  } else {
    DeviceLayerNorm<Space, T, kNormTeam> kernel{};
    kernel.features = static_cast<int>(features);
    kernel.x = x.data();
    kernel.weight = weight.data();
    kernel.bias = bias.data();
    kernel.y = y.data();
    kernel.statistics = kept;
    kernel.epsilon = static_cast<T>(epsilon);
    using Forward = typename DeviceLayerNorm<Space, T, kNormTeam>::Forward;
    kernel.template launch<Forward>(instance, label, rows);
  }
}

template <class Space, class T>
void layer_norm_gradient(const Space& instance, const LayerNormLabels& labels,
                         const Matrix<Space, const T>& x, const Vector<Space, const T>& weight,
                         const Vector<Space, const T>& statistics, const Matrix<Space, const T>& dy,
                         const Matrix<Space, T>& dx, const Vector<Space, T>& weight_gradient,
                         const Vector<Space, T>& bias_gradient, const Vector<Space, T>& workspace) {
  const std::size_t rows = x.extent(0), features = x.extent(1);
  T* partial = workspace.data();
  if constexpr (kIsHost<Space>) {
    host::LayerNorm<T> rows_of{};
    rows_of.features = features;
    rows_of.x = x.data();
    rows_of.weight = weight.data();
    rows_of.dy = dy.data();
    rows_of.dx = dx.data();
    const T* kept = statistics.data();
    const std::size_t blocks = row_blocks(rows);
    for_blocks(instance, labels.rows, static_cast<int>(blocks),
               {18.0 * x.size(), 3.0 * sizeof(T) * x.size()}, [&](int block) {
                 T* sums = partial + 2 * block * features;
                 rows_of.backward(rows * block / blocks, rows * (block + 1) / blocks, kept, sums,
                                  sums + features);
               });
    // Blocks of columns; both gradients of one.
    constexpr std::size_t kPerBlock = 256;
    const int columns = static_cast<int>((features + kPerBlock - 1) / kPerBlock);
    const double size = 2.0 * blocks * features;
    for_blocks(instance, labels.combine, columns, {size, size * sizeof(T)}, [&](int block) {
      const std::size_t begin = block * kPerBlock, end = std::min(features, begin + kPerBlock);
      host::add_rows(partial, blocks, 2 * features, begin, end, weight_gradient.data());
      host::add_rows(partial + features, blocks, 2 * features, begin, end, bias_gradient.data());
    });
  } else {
    const std::size_t blocks = row_blocks(rows);
    const double size = double(rows) * features, sums = 2.0 * blocks * features;
    for_elements(
        instance, labels.partial, blocks * features, {5 * size, 2 * sizeof(T) * size},
        BlockSums<T>{rows, features, blocks, x.data(), statistics.data(), dy.data(), partial});
    for_elements(
        instance, labels.combine, features, {sums, sums * sizeof(T)},
        CombineBlocks<T>{features, blocks, partial, weight_gradient.data(), bias_gradient.data()});
    if (!dx.data()) return;
    DeviceLayerNorm<Space, T, kNormTeam> kernel{};
    kernel.features = static_cast<int>(features);
    kernel.x = x.data();
    kernel.weight = weight.data();
    kernel.kept = statistics.data();
    kernel.dy = dy.data();
    kernel.dx = dx.data();
    using Backward = typename DeviceLayerNorm<Space, T, kNormTeam>::Backward;
    kernel.template launch<Backward>(instance, labels.rows, rows);
  }
}

#define RIDGELINE_LAYER_NORM(Space, T)                                                             \
  template void layer_norm<Space, T>(const Space&, const std::string&,                             \
                                     const Matrix<Space, const T>&, const Vector<Space, const T>&, \
                                     const Vector<Space, const T>&, double,                        \
                                     const Matrix<Space, T>&, const Vector<Space, T>&);            \
  template void layer_norm_gradient<Space, T>(                                                     \
      const Space&, const LayerNormLabels&, const Matrix<Space, const T>&,                         \
      const Vector<Space, const T>&, const Vector<Space, const T>&, const Matrix<Space, const T>&, \
      const Matrix<Space, T>&, const Vector<Space, T>&, const Vector<Space, T>&,                   \
      const Vector<Space, T>&);
RIDGELINE_FOR_SPACES(RIDGELINE_LAYER_NORM)

}  // namespace ridgeline::kernels
