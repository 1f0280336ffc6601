#include "layers/layer_norm.hpp"

namespace ridgeline::layers {

LayerNormPlan::LayerNormPlan(std::string layer_name, const Shape& input_shape, double added)
    : LayerPlan("layer_norm", std::move(layer_name), input_shape, input_shape),
      features(input_shape.back()),
      positions(size_of(input_shape) / input_shape.back()),
      epsilon(added) {}

std::unique_ptr<LayerPlan> LayerNormPlan::read(const config::OptionTable& options,
                                               const std::string& layer_name,
                                               const Shape& input_shape) {
  return std::make_unique<LayerNormPlan>(layer_name, input_shape,
                                         options.real("epsilon", config::Range::positive(), 1e-5));
}

std::vector<ParameterPlan> LayerNormPlan::parameters() const {
  return {{"weight", {features}, Initial::ones}, {"bias", {features}, Initial::zeros}};
}

std::size_t LayerNormPlan::saved(std::size_t batch) const {
  return 2 * batch * positions;  // mean and 1 / deviation of every row
}

std::size_t LayerNormPlan::workspace(const Target& /*target*/, std::size_t batch,
                                     bool training) const {
  return training ? kernels::layer_norm_workspace(batch * positions, features) : 0;
}

Counts LayerNormPlan::counts(Phase phase, std::size_t batch, std::size_t scalar_bytes,
                             bool input_gradient) const {
  const double rows = double(batch) * positions, n = features, size = rows * n;
  Counts counts;
  double scalars;
  if (phase == Phase::forward) {
    counts.flops = 7 * size + 5 * rows;
    scalars = 2 * size + 2 * n;
  } else {
    counts.flops = input_gradient ? 13 * size + 2 * rows : 5 * size;
    scalars = (input_gradient ? 3 : 2) * size + (input_gradient ? 3 : 2) * n;
  }
  counts.bytes = counts.working_set_bytes = scalars * scalar_bytes;
  return counts;
}

template <class Space, class T>
LayerNorm<Space, T>::LayerNorm(const LayerNormPlan& plan, const Target&)
    : features_(plan.features),
      positions_(plan.positions),
      epsilon_(plan.epsilon),
      forward_(plan.name + "/forward"),
      backward_(plan.name + "/backward") {}

template <class Space, class T>
void LayerNorm<Space, T>::forward(const Space& instance, Mode /*mode*/,
                                  const Matrix<Space, const T>& x, const Matrix<Space, T>& y) {
  const std::size_t rows = x.extent(0) * positions_;
  const bool kept = memory_.saved.size() > 0;
  kernels::layer_norm<Space, T>(
      instance, forward_, as_matrix(x, rows, features_), memory_.parameters[0],
      memory_.parameters[1], epsilon_, as_matrix(y, rows, features_),
      kept ? Vector<Space, T>(memory_.saved.data(), 2 * rows) : Vector<Space, T>());
}

template <class Space, class T>
void LayerNorm<Space, T>::backward(const Space& instance, const Matrix<Space, const T>& x,
                                   const Matrix<Space, const T>& /*y*/,
                                   const Matrix<Space, const T>& dy, const Matrix<Space, T>& dx) {
  const std::size_t rows = x.extent(0) * positions_;
  kernels::layer_norm_gradient<Space, T>(
      instance, backward_, as_matrix(x, rows, features_), memory_.parameters[0],
      Vector<Space, const T>(memory_.saved.data(), 2 * rows), as_matrix(dy, rows, features_),
      as_matrix(dx, rows, features_), memory_.gradients[0], memory_.gradients[1],
      memory_.workspace);
}

#define RIDGELINE_LAYER_NORM(Space, T) template class LayerNorm<Space, T>;
RIDGELINE_FOR_SPACES(RIDGELINE_LAYER_NORM)

}  // namespace ridgeline::layers
