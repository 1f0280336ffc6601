#pragma once

#include <string>
#include <variant>
#include <vector>

#include "kernels/convolution/shape.hpp"

// The canonical shapes of the kernel ladder. None is that of a deck in inputs/, so that a
// prediction fitted to them is never fitted to its own result; a test compares. Needs no Kokkos.

namespace ridgeline::machine {

enum class KernelClass {
  product_nt,       ///< C[m, n] = relu(A Bᵀ + bias), as dense forward: n outputs of k inputs
  product_nn,       ///< C[m, n] = A B, as a dense layer's input gradient
  product_tn_sums,  ///< C[m, n] = Aᵀ B and the row sums of Aᵀ, as its weight gradient: k rows
  convolution_forward,          ///< with bias and relu
  convolution_weight_gradient,  ///< with the bias gradient
  recurrence_lstm,              ///< the loop over time of a training step's forward pass
  recurrence_gru,               ///< the same
  attention_forward,            ///< between the projections, log sums kept
  attention_gradient,           ///< between the projections
};

/// Returns "product_nt", …
std::string to_string(KernelClass kernel);

struct ProductShape {
  int m = 1, n = 1, k = 1;
};

struct RecurrenceShape {
  int batch = 1, units = 1, length = 1;
};

struct AttentionCaseShape {
  int batch = 1, length = 1, heads = 1, features = 1;  ///< features of a head
  bool causal = false;
};

/// One point of the ladder, to be measured in every precision and with every number of threads.
struct KernelCase {
  KernelClass kernel = KernelClass::product_nt;
  std::variant<ProductShape, kernels::ConvolutionShape, RecurrenceShape, AttentionCaseShape> shape;

  double flops() const;  ///< in matrix products; a multiply-add is 2
};

/// Returns whether kernel and shape are the same.
bool operator==(const KernelCase& a, const KernelCase& b);

/// Returns the cases in the order in which they are measured: a coarse ladder first, then the
/// points between. `quick` leaves out those that take long.
std::vector<KernelCase> kernel_cases(bool quick);

}  // namespace ridgeline::machine
