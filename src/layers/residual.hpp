#pragma once
#include "kernels/activation.hpp"
#include "layers/layer.hpp"
namespace ridgeline::layers {
class ResidualPlan : public LayerPlan {
 public:
  ResidualPlan(std::string name, const Shape& shape, kernels::Activation f)
      : LayerPlan("residual", std::move(name), shape, shape), activation(f) {}
  const kernels::Activation activation;
  bool passes_gradient() const { return activation == kernels::Activation::identity; }
  Counts counts(Phase, std::size_t, std::size_t, bool) const override { return {}; }
};
template <class Space, class T>
class ResidualSum : public Layer<Space, T> {
 public:
  ResidualSum(const ResidualPlan& plan, const Target&) : f_(plan.activation), name_(plan.name) {}
  void set_shortcut(const Matrix<Space, const T>& s) { s_ = s; }
  void forward(const Space& instance, Mode, const Matrix<Space, const T>& x,
               const Matrix<Space, T>& y) override {
    const T* a = x.data();
    const T* b = s_.data();
    T* c = y.data();
    const bool r = f_ == kernels::Activation::relu;
    for_elements(
        instance, name_ + "/forward", y.size(), {}, KOKKOS_LAMBDA(std::size_t i) {
          T z = a[i] + b[i];
          c[i] = r && z < 0 ? 0 : z;
        });
  }
  void backward(const Space& instance, const Matrix<Space, const T>&,
                const Matrix<Space, const T>& y, const Matrix<Space, const T>& dy,
                const Matrix<Space, T>& dx) override {
    if (f_ == kernels::Activation::identity) return;
    const T* a = y.data();
    const T* b = dy.data();
    T* c = dx.data();
    for_elements(
        instance, name_ + "/backward", y.size(), {},
        KOKKOS_LAMBDA(std::size_t i) { c[i] = a[i] > 0 ? b[i] : 0; });
  }

 private:
  kernels::Activation f_;
  std::string name_;
  Matrix<Space, const T> s_;
};
}  // namespace ridgeline::layers
