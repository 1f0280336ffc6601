#pragma once

#include "kernels/pooling/shape.hpp"
#include "layers/layer.hpp"

namespace ridgeline::layers {

// y[c, p, q] = the largest, or the mean, of x[c, p · stride - padding + i, q · stride - padding +
// j] over i, j of the kernel; dx adds up what the windows that hold x send it: dy where x is the
// (first) largest, or dy / (kernel height · kernel width). Padding is never the largest, and counts
// as zeros in a mean.

/// Pooling over windows of images [C, H, W].
class Pool2dPlan : public LayerPlan {
 public:
  /// Of a kernel that fits into the padded image. `window` has all but `planes`.
  Pool2dPlan(bool takes_largest, std::string layer_name, const Shape& input_shape,
             const kernels::PoolShape& window);
  static std::unique_ptr<LayerPlan> read_max(const config::OptionTable& options,
                                             const std::string& name, const Shape& input);
  static std::unique_ptr<LayerPlan> read_average(const config::OptionTable& options,
                                                 const std::string& name, const Shape& input);

  const bool largest;
  const kernels::PoolShape sample;

  Counts counts(Phase phase, std::size_t batch, std::size_t scalar_bytes,
                bool input_gradient) const override;
};

template <class Space, class T>
class Pool2d : public Layer<Space, T> {
 public:
  Pool2d(const Pool2dPlan& plan, const Target& target);
  void forward(const Space& instance, Mode mode, const Matrix<Space, const T>& x,
               const Matrix<Space, T>& y) override;
  void backward(const Space& instance, const Matrix<Space, const T>& x,
                const Matrix<Space, const T>& y, const Matrix<Space, const T>& dy,
                const Matrix<Space, T>& dx) override;

 private:
  kernels::PoolShape shape(std::size_t batch) const;

  const bool largest_;
  const kernels::PoolShape sample_;
  const std::string forward_, backward_;
};

}  // namespace ridgeline::layers
