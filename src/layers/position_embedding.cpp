#include "layers/position_embedding.hpp"

#include "kernels/elementwise/elementwise.hpp"
#include "kernels/embedding/embedding.hpp"

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
    : length_(plan.input[0]),
      features_(plan.input[1]),
      forward_(plan.name + "/forward"),
      input_gradient_(plan.name + "/backward/input"),
      weight_gradient_(plan.name + "/backward/weight") {}

template <class Space, class T>
void PositionEmbedding<Space, T>::forward(const Space& instance, Mode /*mode*/,
                                          const Matrix<Space, const T>& x,
                                          const Matrix<Space, T>& y) {
  const std::size_t rows = x.extent(0) * length_;
  kernels::add_positions<Space, T>(instance, forward_, as_matrix(x, rows, features_),
                                   as_matrix(memory_.parameters[0], length_, features_),
                                   as_matrix(y, rows, features_));
}

template <class Space, class T>
void PositionEmbedding<Space, T>::backward(const Space& instance,
                                           const Matrix<Space, const T>& /*x*/,
                                           const Matrix<Space, const T>& /*y*/,
                                           const Matrix<Space, const T>& dy,
                                           const Matrix<Space, T>& dx) {
  if (dx.data() && dx.data() != dy.data()) {
    kernels::copy<Space, T>(instance, input_gradient_, as_vector(dy), as_vector(dx));
  }
  kernels::sum_over_batch<Space, T>(instance, weight_gradient_, dy,
                                    as_vector(memory_.gradients[0]));
}

#define RIDGELINE_POSITION_EMBEDDING(Space, T) template class PositionEmbedding<Space, T>;
RIDGELINE_FOR_SPACES(RIDGELINE_POSITION_EMBEDDING)

}  // namespace ridgeline::layers
