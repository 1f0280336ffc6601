#include "layers/position_embedding.hpp"

#include <algorithm>

namespace ridgeline::layers {

std::unique_ptr<LayerPlan> PositionEmbeddingPlan::read(const config::OptionTable& options,
                                                       const std::string& layer_name,
                                                       const Shape& input_shape) {
  if (input_shape.size() != 2) {
    options.fail("kind", "position_embedding needs an input [length, features], and gets " +
                             ridgeline::to_string(input_shape));
  }
  return std::make_unique<PositionEmbeddingPlan>(layer_name, input_shape);
}

std::vector<ParameterPlan> PositionEmbeddingPlan::parameters() const {
  return {{"weight", input, Initial::normal, input[0], input[1]}};
}

Counts PositionEmbeddingPlan::counts(Phase phase, std::size_t batch, std::size_t scalar_bytes,
                                     bool input_gradient) const {
  const double weights = size_of(input), size = batch * weights;
  Counts counts;
  counts.flops = size;
  const bool both = phase == Phase::forward || input_gradient;
  counts.bytes = ((both ? 2 : 1) * size + weights) * scalar_bytes;
  counts.working_set_bytes = counts.bytes;
  return counts;
}

template <class Space, class T>
PositionEmbedding<Space, T>::PositionEmbedding(const PositionEmbeddingPlan& plan, const Target&)
    : size_(size_of(plan.input)),
      forward_(plan.name + "/forward"),
      input_gradient_(plan.name + "/backward/input"),
      weight_gradient_(plan.name + "/backward/weight") {}

namespace {

// A host's blocks of one sample's elements.
constexpr std::size_t kPerBlock = 1024;

std::size_t blocks_of(std::size_t size) { return (size + kPerBlock - 1) / kPerBlock; }

// A device's kernels, apart from who calls them: nvcc takes no device lambda inside `if constexpr`.
template <class Space, class T>
void device_add(const Space& instance, const std::string& label, std::size_t batch,
                std::size_t size, const T* x, const T* weight, T* y, const Cost& cost) {
  for_elements(
      instance, label, batch * size, cost,
      KOKKOS_LAMBDA(std::size_t i) { y[i] = x[i] + weight[i % size]; });
}

template <class Space, class T>
void device_sum(const Space& instance, const std::string& label, std::size_t batch,
                std::size_t size, const T* dy, T* sums, const Cost& cost) {
  for_elements(
      instance, label, size, cost, KOKKOS_LAMBDA(std::size_t i) {
        T sum = T(0);
        for (std::size_t sample = 0; sample < batch; ++sample) sum += dy[sample * size + i];
        sums[i] = sum;
      });
}

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
    device_add(instance, label, batch, size, x, weight, y, cost);
  }
}

// Samples are added in order.
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
    device_sum(instance, label, batch, size, dy, sums, cost);
  }
}

template <class Space, class T>
void copy_elements(const Space& instance, const std::string& label, std::size_t size, const T* from,
                   T* to) {
  for_elements(
      instance, label, size, {0, 2.0 * sizeof(T) * size},
      KOKKOS_LAMBDA(std::size_t i) { to[i] = from[i]; });
}

}  // namespace

template <class Space, class T>
void PositionEmbedding<Space, T>::forward(const Space& instance, Mode /*mode*/,
                                          const Matrix<Space, const T>& x,
                                          const Matrix<Space, T>& y) {
  add_positions<Space, T>(instance, forward_, x.extent(0), size_, x.data(),
                          memory_.parameters[0].data(), y.data());
}

template <class Space, class T>
void PositionEmbedding<Space, T>::backward(const Space& instance, const Matrix<Space, const T>& x,
                                           const Matrix<Space, const T>& /*y*/,
                                           const Matrix<Space, const T>& dy,
                                           const Matrix<Space, T>& dx) {
  const std::size_t batch = x.extent(0);
  if (dx.data() && dx.data() != dy.data()) {
    copy_elements<Space, T>(instance, input_gradient_, batch * size_, dy.data(), dx.data());
  }
  sum_over_batch<Space, T>(instance, weight_gradient_, batch, size_, dy.data(),
                           memory_.gradients[0].data());
}

#define RIDGELINE_POSITION_EMBEDDING(Space, T) template class PositionEmbedding<Space, T>;
RIDGELINE_FOR_SPACES(RIDGELINE_POSITION_EMBEDDING)

}  // namespace ridgeline::layers
