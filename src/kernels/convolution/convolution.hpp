#pragma once

#include <cstddef>
#include <string>

#include "core/views.hpp"
#include "kernels/convolution/shape.hpp"
#include "kernels/elementwise/activation.hpp"

namespace ridgeline::kernels {

// Two-dimensional convolution, forward and backward: images are [batch, channels, height, width],
// weights [filters, channels / groups, kernel height, kernel width], row-major. Nothing is expanded
// in memory (no im2col); host/convolution.hpp and device/convolution.hpp describe the algorithms.
// Results are bitwise independent of the number of threads.

/// Names of the kernels that one convolution launches, built once by its owner.
struct ConvolutionLabels {
  explicit ConvolutionLabels(const std::string& label)
      : run(label), pack(label + "/pack"), add(label + "/add") {}
  std::string run, pack, add;
};

/// Arguments of y = f(x ⋆ weight + bias).
template <class Space, class T>
struct ConvolutionForward {
  Matrix<Space, const T> x;       ///< [batch, channels · height · width]
  Vector<Space, const T> weight;  ///< [weights]
  Vector<Space, const T> bias;    ///< [filters], or empty
  Activation activation = Activation::identity;
  Matrix<Space, T> pre_activation;  ///< shaped as y: stores f's argument; may be empty
  Matrix<Space, T> y;               ///< [batch, filters · pixels], overwritten
};

/// Arguments of dx from dz = dy ∘ derivative(kept).
template <class Space, class T>
struct ConvolutionInputGradient {
  Matrix<Space, const T> dy;
  Matrix<Space, const T> kept;  ///< shaped as dy; empty: no factor
  Activation derivative = Activation::identity;
  Vector<Space, const T> weight;
  Matrix<Space, T> dx;  ///< as x, overwritten
};

/// Arguments of dweight and dbias from x and dz = dy ∘ derivative(kept).
template <class Space, class T>
struct ConvolutionWeightGradient {
  Matrix<Space, const T> x;
  Matrix<Space, const T> dy;
  Matrix<Space, const T> kept;  ///< shaped as dy; empty: no factor
  Activation derivative = Activation::identity;
  Vector<Space, T> dweight;  ///< overwritten
  Vector<Space, T> dbias;    ///< [filters], overwritten, or empty
};

/// Returns the maximum scalars of workspace of the three convolutions (of forward alone unless
/// `backward`) for this or a smaller batch. `workers` is a host's worker_count.
template <class T>
std::size_t convolution_workspace(bool on_device, int workers, const ConvolutionShape& shape,
                                  bool backward);

/// Computes the convolution that `arguments`, one of the three types above, describes. `workspace`
/// holds at least convolution_workspace scalars and begins at a multiple of kAlignment bytes. No
/// output may alias another argument.
template <class Space, class T, template <class, class> class Arguments>
void convolution(const Space& instance, const ConvolutionLabels& labels,
                 const ConvolutionShape& shape, const Arguments<Space, T>& arguments,
                 const Vector<Space, T>& workspace);

}  // namespace ridgeline::kernels
