#pragma once

#include <string>

#include "core/views.hpp"

namespace ridgeline::kernels {

/// Options of stochastic gradient descent, as PyTorch's SGD has them.
struct SgdOptions {
  double momentum = 0;
  double weight_decay = 0;
  bool nesterov = false;
};

/// One step over all parameters in one kernel:
///   g += weight_decay p,  v = momentum v + g,  p -= rate (nesterov ? g + momentum v : v).
/// p, g: [n]; v: [n], or empty without momentum; rate: [1], on the space.
template <class Space, class T>
void sgd(const Space& instance, const std::string& label, const SgdOptions& options,
         const Vector<Space, const double>& rate, const Vector<Space, T>& p,
         const Vector<Space, const T>& g, const Vector<Space, T>& v);

}  // namespace ridgeline::kernels
