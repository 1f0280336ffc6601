#pragma once

#include <cstddef>
#include <string>

#include "core/views.hpp"
#include "kernels/convolution/shape.hpp"
#include "kernels/elementwise/activation.hpp"

namespace ridgeline::kernels {

// Two-dimensional convolution, forward and backward: images are [batch, channels, height, width],
// weights [filters, channels / groups, kernel height, kernel width], row-major. Nothing is expanded
// (no im2col): host/convolution.hpp and device/convolution.hpp tell how. The same bits for any
// number of threads.

/// Names of the kernels that one convolution launches, built once by its owner.
struct ConvolutionLabels {
  explicit ConvolutionLabels(const std::string& label)
      : run(label), pack(label + "/pack"), add(label + "/add") {}
  std::string run, pack, add;
};

/// y = f(x ⋆ weight + bias).
template <class Space, class T>
struct ConvolutionForward {
  Matrix<Space, const T> x;       ///< [batch, channels · height · width]
  Vector<Space, const T> weight;  ///< [weights]
  Vector<Space, const T> bias;    ///< [filters], or empty
  Activation activation = Activation::identity;
  Matrix<Space, T> pre_activation;  ///< as y: keeps f's argument, or empty
  Matrix<Space, T> y;               ///< [batch, filters · pixels], overwritten
};

/// dx from dz = dy ∘ derivative(kept).
template <class Space, class T>
struct ConvolutionInputGradient {
  Matrix<Space, const T> dy;
  Matrix<Space, const T> kept;  ///< as dy, or empty: no factor
  Activation derivative = Activation::identity;
  Vector<Space, const T> weight;
  Matrix<Space, T> dx;  ///< as x, overwritten
};

/// dweight and dbias from x and dz = dy ∘ derivative(kept).
template <class Space, class T>
struct ConvolutionWeightGradient {
  Matrix<Space, const T> x;
  Matrix<Space, const T> dy;
  Matrix<Space, const T> kept;  ///< as dy, or empty: no factor
  Activation derivative = Activation::identity;
  Vector<Space, T> dweight;  ///< overwritten
  Vector<Space, T> dbias;    ///< [filters], overwritten, or empty
};

/// Returns the scalars of workspace that any of the three needs at most for this or a smaller
/// batch; of the backward ones only if `backward`. `workers` is a host's worker_count.
template <class T>
std::size_t convolution_workspace(bool on_device, int workers, const ConvolutionShape& shape,
                                  bool backward);

/// Computes what `arguments`, one of the three above, states. `workspace` holds at least
/// convolution_workspace scalars and begins at a multiple of kAlignment bytes. No output may alias
/// anything else.
template <class Space, class T, template <class, class> class Arguments>
void convolution(const Space& instance, const ConvolutionLabels& labels,
                 const ConvolutionShape& shape, const Arguments<Space, T>& arguments,
                 const Vector<Space, T>& workspace);

}  // namespace ridgeline::kernels
