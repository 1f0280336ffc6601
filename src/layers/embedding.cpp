#include "kernels/embedding/embedding.hpp"

#include <algorithm>

#include "layers/layer_of.hpp"

// embedding: y[i] = W[token i],  dW[v] = Σ dy[i] over the positions i of token v, in their order.

namespace ridgeline::layers {
namespace {

// Returns `vocabulary`, by default the number of a text's characters.
std::size_t read_vocabulary(const Description& from) {
  if (from.vocabulary > 0 && !from.options.has("vocabulary")) return from.vocabulary;
  return std::size_t(from.options.integer({"vocabulary",
                                           "Number of different tokens; required unless the data "
                                           "are text, whose characters are counted.",
                                           "the text's"},
                                          1, 1 << 24));
}

Shape embedded(const Description& from) {
  require_dimensions(from, 1, "tokens [length]");
  return {from.input[0], std::size_t(from.options.integer(
                             {"features", "Number of values per token."}, 1, 1 << 24))};
}

struct Embedding : LayerOf<Embedding> {
  explicit Embedding(const Description& from)
      : LayerOf(from, embedded(from)), vocabulary(read_vocabulary(from)) {}

  static constexpr bool kAcceptsTokens = true;
  static std::optional<StudyFamily> family() {
    return StudyFamily{"vocabulary = 1024\nfeatures = WIDTH", {64}, 8, 1024, 128, 8, 1024};
  }

  const std::size_t length = output[0], features = output[1], vocabulary;
  const std::string forward_label = name + "/forward", backward_label = name + "/backward";

  std::size_t token_limit() const override { return vocabulary; }

  std::vector<Parameter> parameters() const override {
    return {{"weight", {vocabulary, features}, Initial::normal, vocabulary, features}};
  }

  Work work(const CountedPass& pass) const override {
    const double positions = double(pass.batch * length);
    const Formula N("N", positions), d("d", double(features));
    const Formula rows("min(V, N)", std::min(double(vocabulary), positions));
    // Tokens are counted as integers of 4 bytes, whatever type stores them.
    return {0, pass.phase == Phase::backward ? N * d : 0, N * d + rows * d, 4 * N};
  }

  template <class Space, class T>
  void forward(const ForwardPass<Space, T>& pass) const {
    const std::size_t positions = pass.batch() * length;
    kernels::embedding<Space, T>(pass.instance, forward_label, as_vector(pass.x()),
                                 as_matrix(pass.memory.parameters[0], vocabulary, features),
                                 as_matrix(pass.y, positions, features));
  }

  template <class Space, class T>
  void backward(const BackwardPass<Space, T>& pass) const {
    const std::size_t positions = pass.batch() * length;
    kernels::embedding_gradient<Space, T>(
        pass.instance, backward_label, as_vector(pass.x()), as_matrix(pass.dy, positions, features),
        as_matrix(pass.memory.gradients[0], vocabulary, features));
  }
};

}  // namespace

RIDGELINE_LAYER(embedding, Embedding)

}  // namespace ridgeline::layers
