#pragma once

#include "kernels/normalization/layer_norm.hpp"
#include "layers/layer.hpp"

namespace ridgeline::layers {

// Over the last dimension of whatever comes, with the biased variance of a row:
//   forward   x̂ = (x - mean) / √(variance + ε),  y = x̂ · weight + bias
//   backward  g = dy · weight,  dx = (g - mean(g) - x̂ · mean(g x̂)) / √(variance + ε),
//             dweight = Σ_rows dy x̂,  dbias = Σ_rows dy

/// Normalises every row.
class LayerNormPlan : public LayerPlan {
 public:
  LayerNormPlan(std::string name, const Shape& input, double epsilon);
  static std::unique_ptr<LayerPlan> read(const config::OptionTable& options,
                                         const std::string& name, const Shape& input);

  const std::size_t features;
  const std::size_t positions;  ///< rows per sample
  const double epsilon;

  std::vector<ParameterPlan> parameters() const override;
  std::size_t saved(std::size_t batch) const override;
  std::size_t workspace(const Target& target, std::size_t batch, bool training) const override;
  Counts counts(Phase phase, std::size_t batch, std::size_t scalar_bytes,
                bool input_gradient) const override;
};

template <class Space, class T>
class LayerNorm : public Layer<Space, T> {
 public:
  LayerNorm(const LayerNormPlan& plan, const Target& target);
  void forward(const Space& instance, Mode mode, const Matrix<Space, const T>& x,
               const Matrix<Space, T>& y) override;
  void backward(const Space& instance, const Matrix<Space, const T>& x,
                const Matrix<Space, const T>& y, const Matrix<Space, const T>& dy,
                const Matrix<Space, T>& dx) override;

 private:
  using Layer<Space, T>::memory_;

  const std::size_t features_, positions_;
  const double epsilon_;
  const std::string forward_;
  const kernels::RowAndColumnLabels backward_;
};

}  // namespace ridgeline::layers
