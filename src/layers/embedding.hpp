#pragma once

#include "layers/layer.hpp"

namespace ridgeline::layers {

// y[i, :] = weight[token i, :],  dweight[v, :] = Σ dy[i, :] over the positions i with token v.
// Tokens are integers, stored as scalars; they have no gradient.

/// A row of a table for every token of a sequence.
class EmbeddingPlan : public LayerPlan {
 public:
  EmbeddingPlan(std::string name, const Shape& input, std::size_t vocabulary, std::size_t features);
  static std::unique_ptr<LayerPlan> read(const config::OptionTable& options,
                                         const std::string& name, const Shape& input,
                                         std::size_t text_vocabulary);

  const std::size_t length, vocabulary, features;

  bool takes_tokens() const override { return true; }
  std::vector<ParameterPlan> parameters() const override;
  Counts counts(Phase phase, std::size_t batch, std::size_t scalar_bytes,
                bool input_gradient) const override;
};

template <class Space, class T>
class Embedding : public Layer<Space, T> {
 public:
  Embedding(const EmbeddingPlan& plan, const Target& target);
  void forward(const Space& instance, Mode mode, const Matrix<Space, const T>& x,
               const Matrix<Space, T>& y) override;
  /// Leaves dx alone: tokens have no gradient.
  void backward(const Space& instance, const Matrix<Space, const T>& x,
                const Matrix<Space, const T>& y, const Matrix<Space, const T>& dy,
                const Matrix<Space, T>& dx) override;

 private:
  using Layer<Space, T>::memory_;

  const std::size_t length_, vocabulary_, features_;
  const std::string forward_, backward_;
};

}  // namespace ridgeline::layers
