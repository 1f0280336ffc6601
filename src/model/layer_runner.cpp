#include "model/layer_runner.hpp"

#include <algorithm>
#include <cmath>

namespace ridgeline::model {
std::string to_string(Pass pass) {
  return pass == Pass::forward ? "forward" : "forward and backward";
}

layers::Counts counts_of(const layers::LayerPlan& plan, Pass pass, std::size_t batch,
                         std::size_t scalar_bytes) {
  using layers::Phase;
  if (pass == Pass::forward) return plan.inference_counts(batch, scalar_bytes);
  layers::Counts counts = plan.counts(Phase::forward, batch, scalar_bytes, true);
  counts += plan.counts(Phase::backward, batch, scalar_bytes, true);
  return counts;
}

double memory_bytes(const layers::LayerPlan& plan, Pass pass, std::size_t batch, std::size_t tokens,
                    const layers::Target& target) {
  const bool training = pass == Pass::both;
  const double in = double(batch) * double(size_of(plan.input));
  const double out = double(batch) * double(size_of(plan.output));
  double scalars =
      in + (plan.is_view(training) ? 0 : out) + double(plan.workspace(target, batch, training));
  if (plan.kind == "residual") scalars += in;  // the shortcut's
  if (training) scalars += out + (tokens == 0 ? in : 0) + double(plan.saved(batch));
  for (const layers::ParameterPlan& parameter : plan.parameters()) {
    scalars += (training && parameter.trained ? 2 : 1) * double(size_of(parameter.shape));
  }
  return scalars * double(target.scalar_bytes);
}

template <class Space, class T>
LayerRunner<Space, T>::LayerRunner(const Space& instance, const layers::LayerPlan& plan,
                                   std::size_t batch, Pass pass, std::size_t tokens)
    : instance_(instance),
      pass_(pass),
      batch_(batch),
      in_(size_of(plan.input)),
      out_(size_of(plan.output)),
      x_(instance, plan.name + "/x", batch * in_,
         random_pattern<T>(0, -0.5, static_cast<std::uint32_t>(tokens))) {
  const bool training = pass == Pass::both;
  // A view's output is its input.
  y_ = plan.is_view(training) ? x_
                              : MirroredBuffer<Space, T>(instance, plan.name + "/y", batch * out_,
                                                         random_pattern<T>(1, -0.5));
  if (training) {
    dy_ = MirroredBuffer<Space, T>(instance, plan.name + "/dy", batch * out_,
                                   random_pattern<T>(2, -0.5));
    if (tokens == 0) {
      dx_ = MirroredBuffer<Space, T>(instance, plan.name + "/dx", batch * in_,
                                     random_pattern<T>(3, -0.5));
    }
  }
  const layers::Target target = layers::target_of<Space, T>(instance, kernels::GemmBackend::native);
  saved_ = allocate<T>(instance, plan.name + "/saved", training ? plan.saved(batch) : 0);
  workspace_ =
      allocate<T>(instance, plan.name + "/workspace", plan.workspace(target, batch, training));
  step_ = allocate<std::int64_t>(instance, plan.name + "/step", 1);
  layers::LayerMemory<Space, T> memory;
  std::uint64_t which = 10;
  for (const layers::ParameterPlan& parameter : plan.parameters()) {
    const std::size_t size = size_of(parameter.shape);
    // Positive, as variances are; small, so that products stay in range.
    const double scale = 1 / std::sqrt(static_cast<double>(std::max<std::size_t>(in_, 1)));
    const MirroredBuffer<Space, T> values(instance, plan.name + "/" + parameter.name, size,
                                          random_pattern<T>(which++, 0.5, 0, scale));
    parameters_.push_back(values.buffer());
    gradients_.push_back(allocate<T>(instance, plan.name + "/" + parameter.name + "/gradient",
                                     training && parameter.trained ? size : 0));
    memory.parameters.emplace_back(parameters_.back().data(), size);
    memory.gradients.emplace_back(gradients_.back().data(), gradients_.back().size());
  }
  memory.saved = Vector<Space, T>(saved_.data(), saved_.size());
  memory.workspace = Vector<Space, T>(workspace_.data(), workspace_.size());
  memory.step = step_.data();
  memory.stream = stream::kDropout;
  layer_ = layers::make_layer<Space, T>(plan, target);
  layer_->bind(memory);
  if (auto* sum = dynamic_cast<layers::ResidualSum<Space, T>*>(layer_.get())) {
    shortcut_ = MirroredBuffer<Space, T>(instance, plan.name + "/shortcut", batch * in_,
                                         random_pattern<T>(4, -0.5));
    sum->set_shortcut(Matrix<Space, const T>(shortcut_.data(), batch, in_));
  }
  instance.fence();
}

template <class Space, class T>
void LayerRunner<Space, T>::forward() {
  layer_->forward(instance_, pass_ == Pass::both ? layers::Mode::training : layers::Mode::inference,
                  Matrix<Space, const T>(x_.data(), batch_, in_),
                  Matrix<Space, T>(y_.data(), batch_, out_));
}

template <class Space, class T>
void LayerRunner<Space, T>::backward() {
  layer_->backward(instance_, Matrix<Space, const T>(x_.data(), batch_, in_),
                   Matrix<Space, T>(y_.data(), batch_, out_),
                   Matrix<Space, const T>(dy_.data(), batch_, out_),
                   dx_.size() > 0 ? Matrix<Space, T>(dx_.data(), batch_, in_) : Matrix<Space, T>());
}

template <class Space, class T>
void LayerRunner<Space, T>::run() {
  forward();
  if (pass_ == Pass::both) backward();
}

template <class Space, class T>
std::pair<LaunchCount, LaunchCount> LayerRunner<Space, T>::count_launches() {
  const LaunchCount before = launch_count;
  forward();
  const LaunchCount between = launch_count;
  if (pass_ == Pass::both) backward();
  return {between - before, launch_count - between};
}

template <class Space, class T>
void LayerRunner<Space, T>::run_with_transfers() {
  x_.to_space(instance_);
  dy_.to_space(instance_);
  run();
  if (pass_ == Pass::forward) {
    y_.to_host(instance_, y_.data());
  } else {
    dx_.to_host(instance_, dx_.data());
  }
}

#define RIDGELINE_LAYER_RUNNER(Space, T) template class LayerRunner<Space, T>;
RIDGELINE_FOR_SPACES(RIDGELINE_LAYER_RUNNER)

}  // namespace ridgeline::model
