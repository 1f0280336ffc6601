#include "layers/softmax.hpp"

#include "kernels/softmax.hpp"

namespace ridgeline::layers {

Counts SoftmaxPlan::counts(Phase phase, std::size_t batch, std::size_t scalar_bytes,
                           bool input_gradient) const {
  const double size = double(batch) * size_of(input), rows = size / input.back();
  Counts counts;
  double scalars = 0;
  if (phase == Phase::forward) {
    counts.flops = 5 * size + rows;
    scalars = 2 * size;
  } else if (input_gradient) {
    counts.flops = 4 * size;
    scalars = 3 * size;
  }
  counts.bytes = counts.working_set_bytes = scalars * scalar_bytes;
  return counts;
}

template <class Space, class T>
Softmax<Space, T>::Softmax(const SoftmaxPlan& plan, const Target&)
    : columns_(plan.input.back()),
      forward_(plan.name + "/forward"),
      backward_(plan.name + "/backward") {}

template <class Space, class T>
void Softmax<Space, T>::forward(const Space& instance, Mode /*mode*/,
                                const Matrix<Space, const T>& x, const Matrix<Space, T>& y) {
  const std::size_t rows = x.size() / columns_;
  kernels::softmax(instance, forward_, Matrix<Space, const T>(x.data(), rows, columns_),
                   Matrix<Space, T>(y.data(), rows, columns_));
}

template <class Space, class T>
void Softmax<Space, T>::backward(const Space& instance, const Matrix<Space, const T>& /*x*/,
                                 const Matrix<Space, const T>& y, const Matrix<Space, const T>& dy,
                                 const Matrix<Space, T>& dx) {
  if (!dx.data()) return;
  const std::size_t rows = y.size() / columns_;
  kernels::softmax_gradient(instance, backward_, Matrix<Space, const T>(y.data(), rows, columns_),
                            Matrix<Space, const T>(dy.data(), rows, columns_),
                            Matrix<Space, T>(dx.data(), rows, columns_));
}

#define RIDGELINE_SOFTMAX(Space, T) template class Softmax<Space, T>;
RIDGELINE_FOR_SPACES(RIDGELINE_SOFTMAX)

}  // namespace ridgeline::layers
