#include "kernels/gemm/gemm.hpp"

#include <KokkosBlas3_gemm.hpp>

#include "kernels/elementwise/elementwise.hpp"
#include "kernels/gemm/device/gemm.hpp"
#include "kernels/gemm/host/gemm.hpp"
#include "kernels/rows/rows.hpp"

namespace ridgeline::kernels {
namespace {

template <class T>
host::GemmPlan host_plan(const GemmShape& shape) {
  return host::plan_gemm<T>(static_cast<int>(shape.m), static_cast<int>(shape.n),
                            static_cast<int>(shape.k), !shape.transpose_a, shape.transpose_b,
                            shape.factor, shape.row_sums);
}

template <class Space, class T>
GemmShape shape_of(const GemmArguments<Space, T>& args) {
  return {args.c.extent(0),
          args.c.extent(1),
          args.a.extent(args.transpose_a ? 0 : 1),
          args.transpose_a,
          args.transpose_b,
          args.kept.data() != nullptr,
          args.row_sums.data() != nullptr};
}

template <class Space, class T>
void host_gemm(const Space& instance, const GemmLabels& labels, const GemmArguments<Space, T>& args,
               const Vector<Space, T>& workspace) {
  const GemmShape shape = shape_of(args);
  const std::ptrdiff_t m = shape.m, n = shape.n, k = shape.k;
  host::Gemm<T> product;
  product.plan = host_plan<T>(shape);
  host::Operand<T> a{args.a.data(), shape.transpose_a ? 1 : k, shape.transpose_a ? m : 1,
                     args.kept.data(), args.derivative};
  host::Operand<T> b{args.b.data(), shape.transpose_b ? k : 1, shape.transpose_b ? 1 : n};
  const bool exchanged = product.plan.exchanged;
  product.rows = exchanged ? b : a;
  product.columns = exchanged ? a : b;
  product.c = args.c.data();
  product.c_row_stride = exchanged ? 1 : n;
  product.c_column_stride = exchanged ? n : 1;
  product.bias = args.bias.data();
  product.pre_activation = args.pre_activation.data();
  product.row_sums = args.row_sums.data();
  product.activation = args.activation;
  product.packed_rows = workspace.data();
  product.packed_columns =
      workspace.data() + aligned_size<T>(host::packed_rows_size<T>(product.plan));
  const double bytes = double(sizeof(T)) * (double(m) * k + double(k) * n + double(m) * n);
  const double packed =
      double(sizeof(T)) * 2 *
      (host::packed_rows_size<T>(product.plan) + host::packed_columns_size<T>(product.plan));
  const int packed_before = args.same_a ? product.row_pack_blocks() : 0;
  const int pack_blocks = product.pack_blocks() - packed_before;
  if (pack_blocks > 0) {
    for_blocks(instance, labels.pack, pack_blocks, {0, packed},
               [&](int block) { product.pack(packed_before + block); });
  }
  // A thread's fused multiply-adds are twice as fast as the operations that Cost assumes.
  for_blocks(instance, labels.product, product.product_blocks(), {1.0 * m * n * k, bytes},
             [&product](int block) { product.multiply(block); });
}

template <class Memory, Activation F, class T>
struct AddBiasAndActivate {
  Vector<Memory, const T> bias;         // may be empty
  Matrix<Memory, T> c, pre_activation;  // pre_activation may be empty

  template <class Row>
  KOKKOS_FUNCTION void operator()(const Row& row) const {
    const std::size_t r = row.index();
    const bool adds = bias.data() != nullptr, keeps = pre_activation.data() != nullptr;
    row.each([&](auto i) {
      const T z = adds ? c(r, i) + bias(i) : c(r, i);
      if (keeps) pre_activation(r, i) = z;
      c(r, i) = activate<F>(z);
    });
  }
};

// Computes sums[i] = Σ_k a[i, k], or of a[k, i] if Transposed.
template <class Memory, bool Transposed, class T>
struct SumRows {
  Matrix<Memory, const T> a;
  Vector<Memory, T> sums;
  KOKKOS_FUNCTION void operator()(std::size_t i) const {
    T sum = T(0);
    for (std::size_t k = 0; k < a.extent(Transposed ? 0 : 1); ++k) {
      sum += Transposed ? a(k, i) : a(i, k);
    }
    sums(i) = sum;
  }
};

// Runs KokkosBlas::gemm, and separate kernels for the operations that the native product fuses.
template <class Space, class T>
void library_gemm(const Space& instance, const GemmLabels& labels,
                  const GemmArguments<Space, T>& args, const Vector<Space, T>& workspace) {
  const GemmShape shape = shape_of(args);
  const double scalar = sizeof(T);
  Matrix<Space, const T> a = args.a;
  if (shape.factor) {
    multiply_by_derivative<Space, T>(instance, labels.prepare, args.derivative,
                                     as_vector(args.kept), as_vector(args.a),
                                     as_vector(workspace, args.a.size()));
    a = matrix_at<Space, const T>(workspace.data(), args.a.extent(0), args.a.extent(1));
  }
  if (shape.row_sums) {
    const Cost cost{double(shape.m) * shape.k, scalar * shape.m * shape.k};
    using Memory = MemoryOf<Space>;
    if (shape.transpose_a) {
      for_elements(instance, labels.sums, shape.m, cost,
                   SumRows<Memory, true, T>{a, args.row_sums});
    } else {
      for_elements(instance, labels.sums, shape.m, cost,
                   SumRows<Memory, false, T>{a, args.row_sums});
    }
  }
  ++launch_count.parallel;
  // The library's kernels cannot be emptied, so they are not launched when others run empty.
  if (!kIsHost<Space> || !EmptyLaunches::any()) {
    Kokkos::Profiling::pushRegion(labels.product);
    KokkosBlas::gemm(shape.transpose_a ? "T" : "N", shape.transpose_b ? "T" : "N", T(1), a, args.b,
                     T(0), args.c);
    Kokkos::Profiling::popRegion();
  }
  if (args.bias.data() || args.pre_activation.data() || args.activation != Activation::identity) {
    const double size = double(args.c.size());
    with_activation(args.activation, [&](auto f) {
      for_rows(instance, labels.finish, shape.m, shape.n, {2 * size, 2 * scalar * size},
               AddBiasAndActivate<MemoryOf<Space>, f(), T>{args.bias, args.c, args.pre_activation});
    });
  }
}

}  // namespace

template <class T>
std::size_t gemm_workspace(bool on_device, GemmBackend backend, const GemmShape& shape) {
  if (backend == GemmBackend::kokkos_kernels) return shape.factor ? shape.m * shape.k : 0;
  if (on_device) return device_gemm_workspace(shape);
  // Rows and then columns, each aligned.
  return host::packed_size<T>(static_cast<int>(shape.m), static_cast<int>(shape.n),
                              static_cast<int>(shape.k), !shape.transpose_a, shape.transpose_b,
                              shape.factor, shape.row_sums) +
         aligned_size<T>(1);
}

template <class Space, class T>
void gemm(const Space& instance, const GemmLabels& labels, GemmBackend backend,
          const GemmArguments<Space, T>& arguments, const Vector<Space, T>& workspace) {
  if (backend == GemmBackend::kokkos_kernels) {
    library_gemm(instance, labels, arguments, workspace);
  } else if constexpr (kIsHost<Space>) {
    host_gemm(instance, labels, arguments, workspace);
  } else {
    device_gemm(instance, labels, arguments, shape_of(arguments), workspace);
  }
}

template std::size_t gemm_workspace<float>(bool, GemmBackend, const GemmShape&);
template std::size_t gemm_workspace<double>(bool, GemmBackend, const GemmShape&);
#define RIDGELINE_GEMM(Space, T)                                             \
  template void gemm<Space, T>(const Space&, const GemmLabels&, GemmBackend, \
                               const GemmArguments<Space, T>&, const Vector<Space, T>&);
RIDGELINE_FOR_SPACES(RIDGELINE_GEMM)

}  // namespace ridgeline::kernels
