#include "layers/global_avg_pool.hpp"

#include "kernels/pooling/pooling.hpp"

namespace ridgeline::layers {

std::unique_ptr<LayerPlan> GlobalAvgPoolPlan::read(const config::OptionTable& options,
                                                   const std::string& layer_name,
                                                   const Shape& input_shape) {
  if (input_shape.size() != 3) {
    options.fail("kind", "global_avg_pool works on images [channels, height, width], not on " +
                             ridgeline::to_string(input_shape));
  }
  return std::make_unique<GlobalAvgPoolPlan>(layer_name, input_shape);
}

Counts GlobalAvgPoolPlan::counts(Phase phase, std::size_t batch, std::size_t scalar_bytes,
                                 bool input_gradient) const {
  const double inputs = double(batch) * size_of(input), outputs = double(batch) * size_of(output);
  Counts counts;
  if (phase == Phase::backward && !input_gradient) return counts;
  counts.flops = phase == Phase::forward ? inputs + outputs : outputs;
  counts.bytes = counts.working_set_bytes = (inputs + outputs) * scalar_bytes;
  return counts;
}

template <class Space, class T>
GlobalAvgPool<Space, T>::GlobalAvgPool(const GlobalAvgPoolPlan& plan, const Target&)
    : plane_(plan.input[1] * plan.input[2]),
      forward_(plan.name + "/forward"),
      backward_(plan.name + "/backward") {}

template <class Space, class T>
void GlobalAvgPool<Space, T>::forward(const Space& instance, Mode /*mode*/,
                                      const Matrix<Space, const T>& x, const Matrix<Space, T>& y) {
  kernels::row_means<Space, T>(instance, forward_, as_matrix(x, y.size(), plane_), as_vector(y));
}

template <class Space, class T>
void GlobalAvgPool<Space, T>::backward(const Space& instance, const Matrix<Space, const T>& /*x*/,
                                       const Matrix<Space, const T>& /*y*/,
                                       const Matrix<Space, const T>& dy,
                                       const Matrix<Space, T>& dx) {
  if (!dx.data()) return;
  kernels::row_means_gradient<Space, T>(instance, backward_, as_vector(dy),
                                        as_matrix(dx, dy.size(), plane_));
}

#define RIDGELINE_GLOBAL_AVG_POOL(Space, T) template class GlobalAvgPool<Space, T>;
RIDGELINE_FOR_SPACES(RIDGELINE_GLOBAL_AVG_POOL)

}  // namespace ridgeline::layers
