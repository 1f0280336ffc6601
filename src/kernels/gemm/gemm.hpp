#pragma once

#include <cstddef>
#include <string>

#include "core/views.hpp"
#include "kernels/elementwise/activation.hpp"

namespace ridgeline::kernels {

/// Who computes matrix products: our own kernels, or KokkosBlas::gemm with OpenBLAS or cuBLAS
/// behind it.
enum class GemmBackend { native, kokkos_kernels };

/// One product C = f(A' B + bias) with A' = A ∘ f'(kept): the transpositions, bias, activation and
/// derivative that dense layers need, fused. No operand may alias C.
template <class Space, class T>
struct GemmArguments {
  Matrix<Space, const T> a;  ///< [m, k], or [k, m] if transpose_a
  Matrix<Space, const T> b;  ///< [k, n], or [n, k] if transpose_b
  Matrix<Space, T> c;        ///< [m, n], overwritten
  bool transpose_a = false;
  bool transpose_b = false;
  Vector<Space, const T> bias;  ///< [n], or empty
  Activation activation = Activation::identity;
  Matrix<Space, T> pre_activation;  ///< [m, n]: keeps A'B + bias, or empty
  Matrix<Space, const T> kept;      ///< shaped as a: A is multiplied by derivative(kept), or empty
  Activation derivative = Activation::identity;
  Vector<Space, T> row_sums;  ///< [m]: the sum of A' over k (a bias gradient), or empty
  /// A' is what the product before on the same workspace had, both with row_sums, and the host's
  /// kernels find it packed there.
  bool same_a = false;
};

/// Names of the kernels that one product launches, built once by its owner.
struct GemmLabels {
  explicit GemmLabels(const std::string& label)
      : product(label),
        pack(label + "/pack"),
        prepare(label + "/prepare"),
        finish(label + "/finish"),
        sums(label + "/sums") {}
  std::string product, pack, prepare, finish, sums;
};

/// The shape of a product as far as its workspace depends on it.
struct GemmShape {
  std::size_t m, n, k;
  bool transpose_a = false;
  bool transpose_b = false;
  bool factor = false;  ///< A is multiplied by a derivative
  bool row_sums = false;
};

/// Scalars of workspace for one product on a host (`on_device` false) or a device; enough for any
/// smaller m and k too, since an epoch's last batch is smaller.
template <class T>
std::size_t gemm_workspace(bool on_device, GemmBackend backend, const GemmShape& shape);

/// Computes the product on `instance`. `workspace` holds at least gemm_workspace scalars and begins
/// at a multiple of kAlignment bytes. Native products give the same bits for any number of threads.
template <class Space, class T>
void gemm(const Space& instance, const GemmLabels& labels, GemmBackend backend,
          const GemmArguments<Space, T>& arguments, const Vector<Space, T>& workspace);

}  // namespace ridgeline::kernels
