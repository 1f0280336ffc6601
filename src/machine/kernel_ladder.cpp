#include "machine/kernel_ladder.hpp"

#include <cmath>
#include <limits>
#include <type_traits>

#include "core/random.hpp"
#include "core/timing.hpp"
#include "core/views.hpp"
#include "kernels/attention/attention.hpp"
#include "kernels/convolution/convolution.hpp"
#include "kernels/gemm/gemm.hpp"
#include "kernels/recurrence/cells.hpp"
#include "kernels/recurrence/recurrence.hpp"

namespace ridgeline::machine {
namespace detail {

/// Generates four values in [-1/2, 1/2) from each position of a generator.
template <class T>
struct FillOperand {
  T* data;
  std::size_t size;
  std::uint64_t seed;
  KOKKOS_FUNCTION void operator()(std::size_t quad) const {
    const Philox random(seed, stream::kProbe, quad);
    for (std::size_t i = 0; i < 4 && 4 * quad + i < size; ++i) {
      data[4 * quad + i] = static_cast<T>(static_cast<double>(random.word[i]) * 0x1.0p-32 - 0.5);
    }
  }
};

/// The operands of one case.
template <class Space, class T>
class Operands {
 public:
  explicit Operands(const Space& instance) : instance_(instance) {}

  Buffer<Space, T> input(std::size_t size) {
    Buffer<Space, T> buffer(Kokkos::view_alloc(Kokkos::WithoutInitializing, "kernels/input"), size);
    for_elements(instance_, "kernels/input/fill", (size + 3) / 4,
                 {30.0 * double(size), double(size * sizeof(T))},
                 FillOperand<T>{buffer.data(), size, ++seed_});
    return buffer;
  }
  Buffer<Space, T> output(std::size_t size) {
    outputs_.push_back(
        allocate<T>(instance_, "kernels/output", size, std::numeric_limits<T>::quiet_NaN()));
    return outputs_.back();
  }
  Buffer<Space, T> workspace(std::size_t size) {
    return allocate<T>(instance_, "kernels/workspace", size);
  }

  /// Returns whether every output was written, and is not NaN.
  bool outputs_are_finite() const {
    for (const Buffer<Space, T>& output : outputs_) {
      const auto values = Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), output);
      for (std::size_t i = 0; i < values.size(); ++i) {
        if (!std::isfinite(values(i))) return false;
      }
    }
    return true;
  }

 private:
  const Space instance_;
  std::uint64_t seed_ = 10;
  std::vector<Buffer<Space, T>> outputs_;
};

template <class Space, class T>
class KernelProbe {
 public:
  KernelProbe(const Space& instance, const MeasureOptions& options)
      : instance_(instance), options_(options), operands_(instance) {}

  Timing measure(const KernelCase& kernel_case) {
    const Timing seconds = std::visit(
        [&](const auto& shape) { return measure(kernel_case.kernel, shape); }, kernel_case.shape);
    if (!operands_.outputs_are_finite()) {
      throw RunError("the kernel ladder: " + to_string(kernel_case.kernel) +
                     " left an output that it did not compute");
    }
    return seconds;
  }

 private:
  static constexpr bool kDevice = !kIsHost<Space>;

  Timing measure(KernelClass kernel, const ProductShape& shape) {
    const std::size_t m = shape.m, n = shape.n, k = shape.k;
    kernels::GemmArguments<Space, T> product;
    product.transpose_a = kernel == KernelClass::product_tn_sums;
    product.transpose_b = kernel == KernelClass::product_nt;
    const auto a = operands_.input(m * k), b = operands_.input(k * n);
    const auto c = operands_.output(m * n);
    Buffer<Space, T> bias, sums;
    product.a = product.transpose_a ? matrix_at<Space, const T>(a.data(), k, m)
                                    : matrix_at<Space, const T>(a.data(), m, k);
    product.b = product.transpose_b ? matrix_at<Space, const T>(b.data(), n, k)
                                    : matrix_at<Space, const T>(b.data(), k, n);
    product.c = matrix_at<Space, T>(c.data(), m, n);
    if (kernel == KernelClass::product_nt) {
      bias = operands_.input(n);
      product.bias = bias;
      product.activation = kernels::Activation::relu;
    }
    if (kernel == KernelClass::product_tn_sums) {
      sums = operands_.output(m);
      product.row_sums = sums;
    }
    constexpr auto kBackend = kernels::GemmBackend::native;
    const auto workspace = operands_.workspace(kernels::gemm_workspace<T>(
        kDevice, kBackend,
        {m, n, k, product.transpose_a, product.transpose_b, false, sums.size() > 0}));
    const kernels::GemmLabels labels("kernels/product");
    return time([&] { kernels::gemm<Space, T>(instance_, labels, kBackend, product, workspace); });
  }

  Timing measure(KernelClass kernel, const kernels::ConvolutionShape& shape) {
    const std::size_t batch = shape.batch, filters = shape.filters;
    const std::size_t in = std::size_t(shape.channels) * shape.in_pixels();
    const std::size_t out = filters * shape.out_pixels();
    const bool backward = kernel == KernelClass::convolution_weight_gradient;
    const auto x = operands_.input(batch * in);
    const auto workspace = operands_.workspace(
        kernels::convolution_workspace<T>(kDevice, worker_count(instance_), shape, backward));
    const kernels::ConvolutionLabels labels("kernels/convolution");
    if (backward) {
      const auto dy = operands_.input(batch * out);
      const auto dweight = operands_.output(shape.weights()), dbias = operands_.output(filters);
      kernels::ConvolutionWeightGradient<Space, T> gradient;
      gradient.x = matrix_at<Space, const T>(x.data(), batch, in);
      gradient.dy = matrix_at<Space, const T>(dy.data(), batch, out);
      gradient.dweight = dweight;
      gradient.dbias = dbias;
      return time(
          [&] { kernels::convolution<Space, T>(instance_, labels, shape, gradient, workspace); });
    }
    const auto weight = operands_.input(shape.weights()), bias = operands_.input(filters);
    const auto y = operands_.output(batch * out);
    kernels::ConvolutionForward<Space, T> forward;
    forward.x = matrix_at<Space, const T>(x.data(), batch, in);
    forward.weight = weight;
    forward.bias = bias;
    forward.activation = kernels::Activation::relu;
    forward.y = matrix_at<Space, T>(y.data(), batch, out);
    return time(
        [&] { kernels::convolution<Space, T>(instance_, labels, shape, forward, workspace); });
  }

  Timing measure(KernelClass kernel, const RecurrenceShape& shape) {
    return kernel == KernelClass::recurrence_lstm
               ? measure_cells<kernels::LstmForward<T, true>>(shape)
               : measure_cells<kernels::GruForward<T, true>>(shape);
  }

  // A call reads the gates that the one before wrote in place of their arguments: they stay
  // between -1 and 1.
  template <class Cell>
  Timing measure_cells(const RecurrenceShape& shape) {
    const std::size_t batch = shape.batch, units = shape.units, rows = batch * shape.length;
    const std::size_t columns = Cell::kSums * units;
    const auto gates = operands_.input(rows * columns), bias = operands_.input(columns);
    const auto weight = operands_.input(columns * units);
    const auto before = operands_.output(rows * units), kept = operands_.output(rows * units);
    const auto y = operands_.output(rows * units);
    const auto workspace =
        operands_.workspace(kernels::recurrence_workspace<Cell>(kDevice, batch, units));
    const Cell cell{shape.length, shape.units,   true,        gates.data(),
                    bias.data(),  before.data(), kept.data(), y.data()};
    const kernels::RecurrenceLabels labels("kernels/recurrence");
    return time([&] {
      kernels::recurrence<Space, Cell>(instance_, labels, batch, cell, weight, workspace);
    });
  }

  Timing measure(KernelClass kernel, const AttentionCaseShape& sizes) {
    const kernels::AttentionShape shape{std::size_t(sizes.batch), std::size_t(sizes.length),
                                        std::size_t(sizes.heads), std::size_t(sizes.features),
                                        sizes.causal};
    const std::size_t rows = shape.rows(), width = shape.width();
    const bool backward = kernel == KernelClass::attention_gradient;
    const auto qkv = operands_.input(rows * 3 * width);
    const auto output = operands_.output(rows * width);
    const auto log_sum = operands_.output(rows * shape.heads);
    const auto workspace = operands_.workspace(
        kernels::attention_workspace<T>(kDevice, worker_count(instance_), shape, backward));
    const kernels::AttentionLabels labels("kernels/attention");
    const auto attend = [&] {
      kernels::attention<Space, T>(
          instance_, labels, shape, matrix_at<Space, const T>(qkv.data(), rows, 3 * width),
          matrix_at<Space, T>(output.data(), rows, width), log_sum, workspace);
    };
    if (!backward) return time(attend);
    attend();  // the gradient needs its results
    const auto output_gradient = operands_.input(rows * width);
    const auto gradient = operands_.output(rows * 3 * width);
    return time([&] {
      kernels::attention_gradient<Space, T>(
          instance_, labels, shape, matrix_at<Space, const T>(qkv.data(), rows, 3 * width),
          matrix_at<Space, const T>(output.data(), rows, width), log_sum,
          matrix_at<Space, const T>(output_gradient.data(), rows, width),
          matrix_at<Space, T>(gradient.data(), rows, 3 * width), workspace);
    });
  }

  template <class Body>
  Timing time(const Body& body) {
    return ridgeline::measure(instance_, options_, body);
  }

  const Space instance_;
  const MeasureOptions& options_;
  Operands<Space, T> operands_;
};

}  // namespace detail

namespace {

template <class T, class Space>
KernelPoint measure_case(const Space& instance, const KernelCase& kernel_case,
                         const MeasureOptions& options) {
  KernelPoint point;
  point.kernel_case = kernel_case;
  point.precision = sizeof(T) == 4 ? "float32" : "float64";
  point.threads = static_cast<int>(instance.concurrency());
  point.seconds = detail::KernelProbe<Space, T>(instance, options).measure(kernel_case);
  return point;
}

}  // namespace

std::vector<KernelPoint> kernel_ladder(SpaceKind space, const KernelLadderOptions& options,
                                       const Progress& progress, std::vector<std::string>* notes) {
  const double end = host_seconds() + options.budget_seconds;
  std::vector<KernelPoint> points;
  std::size_t left_out = 0;
  with_space(space, [&](const auto& instance) {
    for (std::size_t i = 0; i < options.cases.size(); ++i) {
      const KernelCase& kernel_case = options.cases[i];
      if (options.should_stop()) return;
      if (i > 0 && host_seconds() > end) {
        ++left_out;
        continue;
      }
      points.push_back(measure_case<float>(instance, kernel_case, options));
      points.push_back(measure_case<double>(instance, kernel_case, options));
      if (progress && i % 16 == 0) {
        progress("kernels, " + std::to_string(i + 1) + " of " +
                 std::to_string(options.cases.size()));
      }
    }
  });
  note_left_out(to_string(space) + " kernels", left_out, options.cases.size(), notes);
  return points;
}

}  // namespace ridgeline::machine
