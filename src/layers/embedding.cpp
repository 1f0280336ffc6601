#include "layers/embedding.hpp"

#include <algorithm>

#include "kernels/embedding/embedding.hpp"

namespace ridgeline::layers {

EmbeddingPlan::EmbeddingPlan(std::string layer_name, const Shape& input_shape,
                             std::size_t number_of_tokens, std::size_t width)
    : LayerPlan("embedding", std::move(layer_name), input_shape, {input_shape[0], width}),
      length(input_shape[0]),
      vocabulary(number_of_tokens),
      features(width) {}

std::unique_ptr<LayerPlan> EmbeddingPlan::read(const config::OptionTable& options,
                                               const std::string& layer_name,
                                               const Shape& input_shape,
                                               std::size_t text_vocabulary) {
  if (input_shape.size() != 1) {
    options.fail("kind",
                 "embedding needs tokens [length], and gets " + ridgeline::to_string(input_shape));
  }
  // A text knows how many characters it has.
  const std::size_t vocabulary =
      text_vocabulary > 0 && !options.has("vocabulary")
          ? text_vocabulary
          : static_cast<std::size_t>(options.integer("vocabulary", 1, 1 << 24));
  const auto features = static_cast<std::size_t>(options.integer("features", 1, 1 << 24));
  return std::make_unique<EmbeddingPlan>(layer_name, input_shape, vocabulary, features);
}

std::vector<ParameterPlan> EmbeddingPlan::parameters() const {
  return {{"weight", {vocabulary, features}, Initial::normal, vocabulary, features}};
}

Counts EmbeddingPlan::counts(Phase phase, std::size_t batch, std::size_t scalar_bytes,
                             bool /*input_gradient*/) const {
  const double positions = double(batch) * length;
  const double rows = std::min(double(vocabulary), positions);
  Counts counts;
  counts.flops = phase == Phase::backward ? positions * features : 0;
  // Tokens are counted as integers of 4 bytes, whatever they are stored as.
  counts.bytes = scalar_bytes * (positions * features + rows * features) + 4 * positions;
  counts.working_set_bytes = counts.bytes;
  return counts;
}

template <class Space, class T>
Embedding<Space, T>::Embedding(const EmbeddingPlan& plan, const Target&)
    : length_(plan.length),
      vocabulary_(plan.vocabulary),
      features_(plan.features),
      forward_(plan.name + "/forward"),
      backward_(plan.name + "/backward") {}

template <class Space, class T>
void Embedding<Space, T>::forward(const Space& instance, Mode /*mode*/,
                                  const Matrix<Space, const T>& x, const Matrix<Space, T>& y) {
  const std::size_t positions = x.extent(0) * length_;
  kernels::embedding<Space, T>(
      instance, forward_, Vector<Space, const T>(x.data(), positions),
      Matrix<Space, const T>(memory_.parameters[0].data(), vocabulary_, features_),
      Matrix<Space, T>(y.data(), positions, features_));
}

template <class Space, class T>
void Embedding<Space, T>::backward(const Space& instance, const Matrix<Space, const T>& x,
                                   const Matrix<Space, const T>& /*y*/,
                                   const Matrix<Space, const T>& dy,
                                   const Matrix<Space, T>& /*dx*/) {
  const std::size_t positions = x.extent(0) * length_;
  kernels::embedding_gradient<Space, T>(
      instance, backward_, Vector<Space, const T>(x.data(), positions),
      Matrix<Space, const T>(dy.data(), positions, features_),
      Matrix<Space, T>(memory_.gradients[0].data(), vocabulary_, features_));
}

#define RIDGELINE_EMBEDDING(Space, T) template class Embedding<Space, T>;
RIDGELINE_FOR_SPACES(RIDGELINE_EMBEDDING)

}  // namespace ridgeline::layers
