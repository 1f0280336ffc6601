#include "model/layer_runner.hpp"

#include <algorithm>
#include <cmath>

namespace ridgeline::model {

std::string to_string(Pass pass) {
  return pass == Pass::forward ? "forward" : "forward and backward";
}

std::vector<layers::CountedPass> counted_passes(Pass pass, std::size_t batch) {
  using layers::Phase;
  if (pass == Pass::forward) return {{Phase::forward, batch, true, false}};
  return {{Phase::forward, batch}, {Phase::backward, batch}};
}

layers::Counts counts_of(const layers::Layer& layer, Pass pass, std::size_t batch,
                         std::size_t scalar_bytes) {
  layers::Counts counts;
  for (const layers::CountedPass& counted : counted_passes(pass, batch)) {
    counts += layer.counts(counted, scalar_bytes);
  }
  return counts;
}

namespace {

// Returns the number of gradients of the inputs in addition to that of the output; 0 if the inputs
// are tokens.
std::size_t gradient_count(const layers::Layer& layer, std::size_t tokens) {
  const layers::InputGradients kind = layer.input_gradients();
  if (tokens > 0 || kind == layers::InputGradients::passed) return 0;
  return kind == layers::InputGradients::separate ? layer.input_count() : 1;
}

}  // namespace

double memory_bytes(const layers::Layer& layer, Pass pass, std::size_t batch, std::size_t tokens,
                    const layers::Target& target) {
  const bool training = pass == Pass::both;
  const double in = double(batch) * double(size_of(layer.input));
  const double out = double(batch) * double(size_of(layer.output));
  double scalars = double(layer.input_count()) * in + (layer.is_view(training) ? 0 : out) +
                   double(layer.workspace(target, batch, training));
  if (training) {
    scalars += out + double(gradient_count(layer, tokens)) * in + double(layer.saved(batch));
  }
  for (const layers::Parameter& parameter : layer.parameters()) {
    scalars += (training && parameter.trained ? 2 : 1) * double(size_of(parameter.shape));
  }
  return scalars * double(target.scalar_bytes);
}

template <class Space, class T>
LayerRunner<Space, T>::LayerRunner(const Space& instance,
                                   std::shared_ptr<const layers::Layer> layer, std::size_t batch,
                                   Pass pass, std::size_t tokens)
    : instance_(instance),
      pass_(pass),
      layer_(std::move(layer)),
      batch_(batch),
      in_(size_of(layer_->input)),
      out_(size_of(layer_->output)) {
  const std::string& name = layer_->name;
  const bool training = pass == Pass::both;
  std::uint64_t stream = 0;  // stream of each array's random values
  const auto array = [&](const std::string& array_name, std::size_t size, std::uint32_t limit = 0) {
    return MirroredBuffer<Space, T>(instance, name + "/" + array_name, batch * size,
                                    random_pattern<T>(stream++, -0.5, limit));
  };
  for (std::size_t k = 0; k < layer_->input_count(); ++k) {
    x_.push_back(array("x", in_, static_cast<std::uint32_t>(tokens)));
  }
  // A view's output is its input.
  y_ = layer_->is_view(training) ? x_[0] : array("y", out_);
  if (training) {
    dy_ = array("dy", out_);
    for (std::size_t k = 0; k < gradient_count(*layer_, tokens); ++k) {
      dx_.push_back(array("dx", in_));
    }
    if (tokens == 0 && dx_.empty()) dx_.push_back(dy_);  // passed on unchanged
  }
  const layers::Target target = layers::target_of<Space, T>(instance, kernels::GemmBackend::native);
  saved_ = allocate<T>(instance, name + "/saved", training ? layer_->saved(batch) : 0);
  workspace_ =
      allocate<T>(instance, name + "/workspace", layer_->workspace(target, batch, training));
  step_ = allocate<std::int64_t>(instance, name + "/step", 1);
  for (const layers::Parameter& parameter : layer_->parameters()) {
    const std::size_t size = size_of(parameter.shape);
    // Positive, as variances are; small, so that products stay in range.
    const double scale = 1 / std::sqrt(static_cast<double>(std::max<std::size_t>(in_, 1)));
    const MirroredBuffer<Space, T> values(instance, name + "/" + parameter.name, size,
                                          random_pattern<T>(stream++, 0.5, 0, scale));
    parameters_.push_back(values.buffer());
    gradients_.push_back(allocate<T>(instance, name + "/" + parameter.name + "/gradient",
                                     training && parameter.trained ? size : 0));
    memory_.parameters.emplace_back(parameters_.back().data(), size);
    memory_.gradients.emplace_back(gradients_.back().data(), gradients_.back().size());
  }
  memory_.saved = vector_at<Space, T>(saved_.data(), saved_.size());
  memory_.workspace = vector_at<Space, T>(workspace_.data(), workspace_.size());
  memory_.step = step_;
  memory_.stream = stream::kDropout;
  instance.fence();
}

namespace {

// Returns the buffers as matrices [batch, columns], one per input of a layer. If there are fewer
// buffers, the last one is used for the remaining inputs.
template <class Space, class T, class Buffers>
std::array<Matrix<Space, T>, layers::kMostInputs> matrices(const Buffers& buffers,
                                                           std::size_t batch, std::size_t columns) {
  std::array<Matrix<Space, T>, layers::kMostInputs> list;
  if (buffers.empty()) return list;
  for (std::size_t k = 0; k < list.size(); ++k) {
    list[k] = matrix_at<Space, T>(buffers[std::min(k, buffers.size() - 1)].data(), batch, columns);
  }
  return list;
}

}  // namespace

template <class Space, class T>
void LayerRunner<Space, T>::forward() {
  layer_->run(layers::ForwardPass<Space, T>{
      instance_, memory_, pass_ == Pass::both ? layers::Mode::training : layers::Mode::inference,
      matrices<Space, const T>(x_, batch_, in_), matrix_at<Space, T>(y_.data(), batch_, out_)});
}

template <class Space, class T>
void LayerRunner<Space, T>::backward() {
  layer_->run(layers::BackwardPass<Space, T>{
      instance_, memory_, matrices<Space, const T>(x_, batch_, in_),
      matrix_at<Space, const T>(y_.data(), batch_, out_),
      matrix_at<Space, const T>(dy_.data(), batch_, out_), matrices<Space, T>(dx_, batch_, in_)});
}

template <class Space, class T>
double LayerRunner<Space, T>::bytes_to_space() const {
  double bytes = dy_.bytes();
  for (const auto& x : x_) bytes += x.bytes();
  return bytes;
}

template <class Space, class T>
double LayerRunner<Space, T>::bytes_to_host() const {
  if (pass_ == Pass::forward) return y_.bytes();
  double bytes = 0;
  for (const auto& dx : dx_) bytes += dx.bytes();
  return bytes;
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
  for (const auto& x : x_) x.to_space(instance_);
  dy_.to_space(instance_);
  run();
  if (pass_ == Pass::forward) y_.to_host(instance_, y_.data());
  for (const auto& dx : dx_) dx.to_host(instance_, dx.data());
}

#define RIDGELINE_LAYER_RUNNER(Space, T) template class LayerRunner<Space, T>;
RIDGELINE_FOR_SPACES(RIDGELINE_LAYER_RUNNER)

}  // namespace ridgeline::model
