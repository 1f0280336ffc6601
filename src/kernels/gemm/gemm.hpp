#pragma once

#include <cstddef>
#include <string>

#include "core/views.hpp"
#include "kernels/elementwise/activation.hpp"

namespace ridgeline::kernels {

/// The implementation of matrix products: the native kernels, or KokkosBlas::gemm with OpenBLAS or
/// cuBLAS.
enum class GemmBackend { native, kokkos_kernels };

/// One product C = f(A' B + bias) with A' = A ∘ f'(kept), with the transpositions, bias, activation
/// and derivative of dense layers fused into it. No operand may alias C.
template <class Space, class T>
struct GemmArguments {
  Matrix<Space, const T> a;  ///< [m, k], or [k, m] if transpose_a
  Matrix<Space, const T> b;  ///< [k, n], or [n, k] if transpose_b
  Matrix<Space, T> c;        ///< [m, n], overwritten
  bool transpose_a = false;
  bool transpose_b = false;
  Vector<Space, const T> bias;  ///< [n], or empty
  Activation activation = Activation::identity;
  Matrix<Space, T> pre_activation;  ///< [m, n]: stores A'B + bias; may be empty
  Matrix<Space, const T> kept;  ///< shaped as a; A is multiplied by derivative(kept); may be empty
  Activation derivative = Activation::identity;
  Vector<Space, T> row_sums;  ///< [m]: sums of A' over k (a bias gradient); may be empty
  /// True if A' is the same as in the previous product on the same workspace, both with row_sums:
  /// the host's kernels reuse the packed A'.
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

/// The properties of a product that determine its workspace.
struct GemmShape {
  std::size_t m, n, k;
  bool transpose_a = false;
  bool transpose_b = false;
  bool factor = false;  ///< A is multiplied by a derivative
  bool row_sums = false;
};

/// Returns the scalars of workspace for one product on a host (`on_device` false) or a device. They
/// suffice for smaller m and k too, since an epoch's last batch is smaller.
template <class T>
std::size_t gemm_workspace(bool on_device, GemmBackend backend, const GemmShape& shape);

/// Computes the product on `instance`. `workspace` holds at least gemm_workspace scalars and begins
/// at a multiple of kAlignment bytes. Results of the native kernels are bitwise independent of the
/// number of threads.
template <class Space, class T>
void gemm(const Space& instance, const GemmLabels& labels, GemmBackend backend,
          const GemmArguments<Space, T>& arguments, const Vector<Space, T>& workspace);

}  // namespace ridgeline::kernels
