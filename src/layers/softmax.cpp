#include "layers/softmax.hpp"

#include "kernels/softmax/softmax.hpp"

namespace ridgeline::layers {

Counts SoftmaxPlan::counts(Phase phase, std::size_t batch, std::size_t scalar_bytes,
                           bool input_gradient) const {
  const double size = double(batch) * size_of(input), rows = size / double(input.back());
  Counts counts;
  if (phase == Phase::forward) {
    // A comparison, a difference, exp, a sum and a product each; a quotient a row.
    counts.flops = 5 * size + rows;
    counts.bytes = 2 * size * scalar_bytes;
  } else if (input_gradient) {
    counts.flops = 4 * size;  // two products, a sum, a difference
    counts.bytes = 3 * size * scalar_bytes;
  }
  counts.working_set_bytes = counts.bytes;
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
  kernels::softmax<Space, T>(instance, forward_, Matrix<Space, const T>(x.data(), rows, columns_),
                             Matrix<Space, T>(y.data(), rows, columns_));
}

template <class Space, class T>
void Softmax<Space, T>::backward(const Space& instance, const Matrix<Space, const T>& x,
                                 const Matrix<Space, const T>& y, const Matrix<Space, const T>& dy,
                                 const Matrix<Space, T>& dx) {
  if (!dx.data()) return;
  const std::size_t rows = x.size() / columns_;
  kernels::softmax_gradient<Space, T>(instance, backward_,
                                      Matrix<Space, const T>(y.data(), rows, columns_),
                                      Matrix<Space, const T>(dy.data(), rows, columns_),
                                      Matrix<Space, T>(dx.data(), rows, columns_));
}

#define RIDGELINE_SOFTMAX(Space, T) template class Softmax<Space, T>;
RIDGELINE_FOR_SPACES(RIDGELINE_SOFTMAX)

}  // namespace ridgeline::layers
