#include "kernels/embedding/embedding.hpp"

#include <algorithm>

#include "kernels/embedding/device/embedding.hpp"
#include "kernels/rows/rows.hpp"

namespace ridgeline::kernels {
namespace embedding_kernels {

// How a host distributes the rows of a table: part p of `count`, a power of two, has every count-th
// group of rows, several groups per part, so that common tokens, which are often close together,
// are not all in one part. A group is at least one page long, because at the ends of a group one
// core's prefetcher fetches lines that another core writes.
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

template <class Memory, class T>
struct Lookup {
  Vector<Memory, const T> tokens;
  Matrix<Memory, const T> weight;
  Matrix<Memory, T> y;

  template <class Row>
  KOKKOS_FUNCTION void operator()(const Row& row) const {
    const std::size_t r = row.index(), v = row_of_token(tokens(r), weight.extent(0));
    row.each([&](auto f) { y(r, f) = weight(v, f); });
  }
};

template <class Memory, class T>
struct AddPositions {
  Matrix<Memory, const T> x, weight;
  Matrix<Memory, T> y;

  template <class Row>
  KOKKOS_FUNCTION void operator()(const Row& row) const {
    const std::size_t r = row.index(), position = r % weight.extent(0);
    row.each([&](auto f) { y(r, f) = x(r, f) + weight(position, f); });
  }
};

template <class Memory, class T>
struct SumOverBatch {
  Matrix<Memory, const T> dy;
  Vector<Memory, T> sums;

  KOKKOS_FUNCTION auto terms_of(std::size_t sample) const {
    return [=](auto i) { return terms(dy(sample, i)); };
  }
  KOKKOS_FUNCTION void store(std::size_t i, const Terms<T, 1>& sum) const { sums(i) = sum[0]; }
};

}  // namespace embedding_kernels

template <class Space, class T>
void embedding(const Space& instance, const std::string& label,
               const Vector<Space, const T>& tokens, const Matrix<Space, const T>& weight,
               const Matrix<Space, T>& y) {
  for_rows(instance, label, y.extent(0), y.extent(1), {0, 2.0 * sizeof(T) * y.size()},
           embedding_kernels::Lookup<MemoryOf<Space>, T>{tokens, weight, y});
}

template <class Space, class T>
void embedding_gradient(const Space& instance, const std::string& label,
                        const Vector<Space, const T>& tokens, const Matrix<Space, const T>& dy,
                        const Matrix<Space, T>& weight_gradient) {
  if constexpr (kIsHost<Space>) {
    const std::size_t positions = tokens.extent(0), features = weight_gradient.extent(1);
    const std::size_t vocabulary = weight_gradient.extent(0);
    const double moved = double(vocabulary) * features + 2.0 * positions * features;
    const Cost cost{double(positions) * features, moved * sizeof(T)};
    // Every part reads all tokens, so there are only one or two parts per thread. A row's sum is
    // computed in one part, in the order of the positions, so the number of parts does not affect
    // the results.
    const std::size_t threads = runs_on_one_thread(cost) ? 1 : worker_count(instance);
    const embedding_kernels::RowParts parts(vocabulary, features * sizeof(T), threads);
    for_blocks(instance, label, static_cast<int>(parts.count), cost, [=](int block) {
      const std::size_t part = block, group = std::size_t{1} << parts.group_bits;
      for (std::size_t v = part * group; v < vocabulary; v += parts.count * group) {
        std::fill_n(&weight_gradient(v, 0), std::min(group, vocabulary - v) * features, T(0));
      }
      for (std::size_t i = 0; i < positions; ++i) {
        const std::size_t v = row_of_token(tokens(i), vocabulary);
        if (parts.part_of(v) != part) continue;
        const T* __restrict gradient = &dy(i, 0);
        T* __restrict sum = &weight_gradient(v, 0);
        for (std::size_t f = 0; f < features; ++f) sum[f] += gradient[f];
      }
    });
  } else {
    DeviceEmbeddingGradient<Space, T, 128>{tokens, dy, weight_gradient}.launch(instance, label);
  }
}

template <class Space, class T>
void add_positions(const Space& instance, const std::string& label, const Matrix<Space, const T>& x,
                   const Matrix<Space, const T>& weight, const Matrix<Space, T>& y) {
  const double size = double(x.size());
  for_rows(instance, label, x.extent(0), x.extent(1), {size, 2 * sizeof(T) * size},
           embedding_kernels::AddPositions<MemoryOf<Space>, T>{x, weight, y});
}

template <class Space, class T>
void sum_over_batch(const Space& instance, const std::string& label,
                    const Matrix<Space, const T>& dy, const Vector<Space, T>& sums) {
  const double size = double(dy.size());
  for_whole_columns(instance, label, dy.extent(0), dy.extent(1), {size, sizeof(T) * size},
                    embedding_kernels::SumOverBatch<MemoryOf<Space>, T>{dy, sums});
}

#define RIDGELINE_EMBEDDING(Space, T)                                                             \
  template void embedding<Space, T>(const Space&, const std::string&,                             \
                                    const Vector<Space, const T>&, const Matrix<Space, const T>&, \
                                    const Matrix<Space, T>&);                                     \
  template void embedding_gradient<Space, T>(                                                     \
      const Space&, const std::string&, const Vector<Space, const T>&,                            \
      const Matrix<Space, const T>&, const Matrix<Space, T>&);                                    \
  template void add_positions<Space, T>(const Space&, const std::string&,                         \
                                        const Matrix<Space, const T>&,                            \
                                        const Matrix<Space, const T>&, const Matrix<Space, T>&);  \
  template void sum_over_batch<Space, T>(const Space&, const std::string&,                        \
                                         const Matrix<Space, const T>&, const Vector<Space, T>&);
RIDGELINE_FOR_SPACES(RIDGELINE_EMBEDDING)

}  // namespace ridgeline::kernels
