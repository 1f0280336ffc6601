#include "kernels/embedding/position_embedding.hpp"

#include <algorithm>

#include "core/launch.hpp"

namespace ridgeline::kernels {
namespace {

// A host's blocks of one sample's elements.
constexpr std::size_t kPerBlock = 1024;

std::size_t blocks_of(std::size_t size) { return (size + kPerBlock - 1) / kPerBlock; }

// A device's kernels.
template <class T>
struct AddPositions {
  const T* x;
  const T* weight;
  T* y;
  std::size_t size;
  KOKKOS_FUNCTION void operator()(std::size_t i) const { y[i] = x[i] + weight[i % size]; }
};

template <class T>
struct SumOverBatch {
  const T* dy;
  T* sums;
  std::size_t batch, size;
  KOKKOS_FUNCTION void operator()(std::size_t i) const {
    T sum = T(0);
    for (std::size_t sample = 0; sample < batch; ++sample) sum += dy[sample * size + i];
    sums[i] = sum;
  }
};

}  // namespace

template <class Space, class T>
void add_positions(const Space& instance, const std::string& label, std::size_t batch,
                   std::size_t size, const T* x, const T* weight, T* y) {
  const Cost cost{double(batch) * size, 2.0 * sizeof(T) * batch * size};
  if constexpr (kIsHost<Space>) {
    const std::size_t blocks = blocks_of(size);
    for_blocks(instance, label, static_cast<int>(batch * blocks), cost, [=](int block) {
      const std::size_t sample = block / blocks, begin = block % blocks * kPerBlock;
      const std::size_t count = std::min(size - begin, kPerBlock);
      const T* from = x + sample * size + begin;
      const T* add = weight + begin;
      T* to = y + sample * size + begin;
      for (std::size_t i = 0; i < count; ++i) to[i] = from[i] + add[i];
    });
  } else {
    for_elements(instance, label, batch * size, cost, AddPositions<T>{x, weight, y, size});
  }
}

template <class Space, class T>
void sum_over_batch(const Space& instance, const std::string& label, std::size_t batch,
                    std::size_t size, const T* dy, T* sums) {
  const Cost cost{double(batch) * size, double(sizeof(T)) * batch * size};
  if constexpr (kIsHost<Space>) {
    for_blocks(instance, label, static_cast<int>(blocks_of(size)), cost, [=](int block) {
      const std::size_t begin = block * kPerBlock;
      const std::size_t count = std::min(size - begin, kPerBlock);
      T* to = sums + begin;
      std::copy_n(dy + begin, count, to);
      for (std::size_t sample = 1; sample < batch; ++sample) {
        const T* from = dy + sample * size + begin;
        for (std::size_t i = 0; i < count; ++i) to[i] += from[i];
      }
    });
  } else {
    for_elements(instance, label, size, cost, SumOverBatch<T>{dy, sums, batch, size});
  }
}

#define RIDGELINE_POSITION_EMBEDDING(Space, T)                                          \
  template void add_positions<Space, T>(const Space&, const std::string&, std::size_t,  \
                                        std::size_t, const T*, const T*, T*);           \
  template void sum_over_batch<Space, T>(const Space&, const std::string&, std::size_t, \
                                         std::size_t, const T*, T*);
RIDGELINE_FOR_SPACES(RIDGELINE_POSITION_EMBEDDING)

}  // namespace ridgeline::kernels
