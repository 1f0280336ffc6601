#include "kernels/embedding/embedding.hpp"

#include <algorithm>

#include "kernels/embedding/device/embedding.hpp"

namespace ridgeline::kernels {
namespace {

// How a host shares out the rows of a table: part p of `count`, a power of two, has every count-th
// group of rows, some groups a part, so that common tokens, which are often neighbours, do not all
// meet in one. A group is a page or longer: at its ends one core's prefetcher asks for lines that
// another core writes.
struct RowParts {
  std::size_t count = 1;
  int group_bits = 0;  ///< a group has 2^group_bits rows

  RowParts(std::size_t rows, std::size_t row_bytes, std::size_t wanted) {
    constexpr std::size_t kLeastBytes = 4096, kGroups = 4;
    while (count < wanted) count *= 2;
    while ((row_bytes << group_bits) < kLeastBytes || rows >> group_bits > kGroups * count) {
      ++group_bits;
    }
    while (count > 1 && (count / 2) << group_bits >= rows) count /= 2;
  }
  std::size_t part_of(std::size_t row) const { return (row >> group_bits) & (count - 1); }
};

template <class T>
struct DeviceEmbedding {
  const T* token;
  const T* from;
  T* to;
  std::size_t vocabulary, features;
  KOKKOS_FUNCTION void operator()(std::size_t i) const {
    to[i] = from[row_of_token(token[i / features], vocabulary) * features + i % features];
  }
};

}  // namespace

template <class Space, class T>
void embedding(const Space& instance, const std::string& label,
               const Vector<Space, const T>& tokens, const Matrix<Space, const T>& weight,
               const Matrix<Space, T>& y) {
  const std::size_t positions = tokens.extent(0), features = weight.extent(1);
  const std::size_t vocabulary = weight.extent(0);
  const T* token = tokens.data();
  const T* from = weight.data();
  T* to = y.data();
  const Cost cost{0, 2.0 * sizeof(T) * positions * features};
  if constexpr (kIsHost<Space>) {
    const std::size_t per_block = std::max<std::size_t>(1, 4096 / features);
    const int blocks = static_cast<int>((positions + per_block - 1) / per_block);
    for_blocks(instance, label, blocks, cost, [=](int block) {
      const std::size_t begin = block * per_block, end = std::min(positions, begin + per_block);
      for (std::size_t i = begin; i < end; ++i) {
        std::copy_n(from + row_of_token(token[i], vocabulary) * features, features,
                    to + i * features);
      }
    });
  } else {
    for_elements(instance, label, positions * features, cost,
                 DeviceEmbedding<T>{token, from, to, vocabulary, features});
  }
}

template <class Space, class T>
void embedding_gradient(const Space& instance, const std::string& label,
                        const Vector<Space, const T>& tokens, const Matrix<Space, const T>& dy,
                        const Matrix<Space, T>& weight_gradient) {
  const std::size_t positions = tokens.extent(0), features = weight_gradient.extent(1);
  const std::size_t vocabulary = weight_gradient.extent(0);
  const T* token = tokens.data();
  const T* from = dy.data();
  T* to = weight_gradient.data();
  if constexpr (kIsHost<Space>) {
    const double moved = double(vocabulary) * features + 2.0 * positions * features;
    const Cost cost{double(positions) * features, moved * sizeof(T)};
    // Every part reads all tokens, so threads have one or two each. A row's sum stays in one part,
    // in the order of the positions: how many there are changes no bit.
    const std::size_t threads = runs_on_one_thread(cost) ? 1 : worker_count(instance);
    const RowParts parts(vocabulary, features * sizeof(T), threads);
    for_blocks(instance, label, static_cast<int>(parts.count), cost, [=](int block) {
      const std::size_t part = block, group = std::size_t{1} << parts.group_bits;
      for (std::size_t v = part * group; v < vocabulary; v += parts.count * group) {
        std::fill_n(to + v * features, std::min(group, vocabulary - v) * features, T(0));
      }
      for (std::size_t i = 0; i < positions; ++i) {
        const std::size_t v = row_of_token(token[i], vocabulary);
        if (parts.part_of(v) != part) continue;
        const T* __restrict gradient = from + i * features;
        T* __restrict sum = to + v * features;
        for (std::size_t f = 0; f < features; ++f) sum[f] += gradient[f];
      }
    });
  } else {
    DeviceEmbeddingGradient<Space, T, 128>{token, from, to, positions, vocabulary, features}.launch(
        instance, label);
  }
}

#define RIDGELINE_EMBEDDING(Space, T)                                                             \
  template void embedding<Space, T>(const Space&, const std::string&,                             \
                                    const Vector<Space, const T>&, const Matrix<Space, const T>&, \
                                    const Matrix<Space, T>&);                                     \
  template void embedding_gradient<Space, T>(                                                     \
      const Space&, const std::string&, const Vector<Space, const T>&,                            \
      const Matrix<Space, const T>&, const Matrix<Space, T>&);
RIDGELINE_FOR_SPACES(RIDGELINE_EMBEDDING)

}  // namespace ridgeline::kernels
