#include "layers/attention.hpp"

#include <algorithm>

namespace ridgeline::layers {

using kernels::AttentionShape;
using kernels::GemmArguments;
using kernels::GemmShape;

namespace {

// Where the pieces of a buffer begin, in scalars; every one is aligned.
struct MemoryPieces {
  const std::size_t unit;  // scalars of an alignment
  std::size_t end = 0;

  explicit MemoryPieces(std::size_t scalar_bytes) : unit(kAlignment / scalar_bytes) {}
  std::size_t take(std::size_t size) {
    const std::size_t begin = end;
    end += (size + unit - 1) / unit * unit;
    return begin;
  }
};

// What forward computes and backward uses: kept with training, scratch without.
struct Activations {
  std::size_t qkv, output, log_sum, end;

  Activations(std::size_t scalar_bytes, const AttentionShape& shape, bool training) {
    MemoryPieces pieces(scalar_bytes);
    qkv = pieces.take(shape.rows() * 3 * shape.width());
    output = pieces.take(shape.rows() * shape.width());
    log_sum = pieces.take(training ? shape.rows() * shape.heads : 0);
    end = pieces.end;
  }
};

// Workspace: what is between the kernels of a phase, and after it what each kernel needs in turn.
struct Between {
  std::size_t activations, output_gradient, qkv_gradient, kernel;

  Between(std::size_t scalar_bytes, const AttentionShape& shape, bool training) {
    MemoryPieces pieces(scalar_bytes);
    activations = pieces.take(training ? 0 : Activations(scalar_bytes, shape, false).end);
    output_gradient = pieces.take(training ? shape.rows() * shape.width() : 0);
    qkv_gradient = pieces.take(training ? shape.rows() * 3 * shape.width() : 0);
    kernel = pieces.end;
  }
};

}  // namespace

AttentionPlan::AttentionPlan(std::string layer_name, const Shape& input_shape,
                             std::size_t number_of_heads, bool is_causal)
    : LayerPlan("attention", std::move(layer_name), input_shape, input_shape),
      length(input_shape[0]),
      width(input_shape[1]),
      heads(number_of_heads),
      causal(is_causal) {}

std::unique_ptr<LayerPlan> AttentionPlan::read(const config::OptionTable& options,
                                               const std::string& layer_name,
                                               const Shape& input_shape) {
  if (input_shape.size() != 2) {
    options.fail("kind", "attention needs an input [length, features], and gets " +
                             ridgeline::to_string(input_shape));
  }
  const auto heads = static_cast<std::size_t>(options.integer("heads", 1, 1 << 24));
  if (input_shape[1] % heads != 0) {
    options.fail("heads", options.path("heads") + " must divide the " +
                              std::to_string(input_shape[1]) + " features of the input, and " +
                              std::to_string(heads) + " does not");
  }
  return std::make_unique<AttentionPlan>(layer_name, input_shape, heads,
                                         options.boolean("causal", false));
}

std::vector<ParameterPlan> AttentionPlan::parameters() const {
  return {{"in_proj_weight", {3 * width, width}, Initial::projection, width, 3 * width},
          {"in_proj_bias", {3 * width}, Initial::zeros},
          {"out_proj.weight", {width, width}, Initial::weight, width, width},
          {"out_proj.bias", {width}, Initial::zeros}};
}

std::size_t AttentionPlan::saved(std::size_t batch) const {
  // Aligned for float32, which has more scalars in an alignment.
  return Activations(sizeof(float), shape(batch), true).end;
}

std::size_t AttentionPlan::workspace(const Target& target, std::size_t batch, bool training) const {
  const AttentionShape heads_shape = shape(batch);
  const std::size_t rows = heads_shape.rows();
  const auto product = [&](const GemmShape& product_shape) {
    return target.scalar_bytes == sizeof(float)
               ? kernels::gemm_workspace<float>(target.on_device, target.gemm, product_shape)
               : kernels::gemm_workspace<double>(target.on_device, target.gemm, product_shape);
  };
  std::size_t most = target.scalar_bytes == sizeof(float)
                         ? kernels::attention_workspace<float>(target.on_device, target.workers,
                                                               heads_shape, training)
                         : kernels::attention_workspace<double>(target.on_device, target.workers,
                                                                heads_shape, training);
  for (const std::size_t outputs : {3 * width, width}) {
    most = std::max(most, product({rows, outputs, width, false, true}));
    if (training) {
      most = std::max(most, product({rows, width, outputs}));
      most = std::max(most, product({outputs, width, rows, true, false, false, true}));
    }
  }
  return Between(target.scalar_bytes, heads_shape, training).kernel + most;
}

Counts AttentionPlan::counts(Phase phase, std::size_t batch, std::size_t scalar_bytes,
                             bool input_gradient) const {
  const double rows = double(batch) * length, d = width;
  // Scores a head that are not masked: all, or the diagonal and what is below it.
  const double scores = batch * (causal ? length * (length + 1) / 2.0 : double(length) * length);
  Counts counts;
  double scalars;
  if (phase == Phase::forward) {
    counts.matrix_flops = 8 * rows * d * d + 4 * scores * d;
    counts.flops = counts.matrix_flops + 4 * rows * d + 6 * scores * heads;
    scalars = 2 * rows * d + 4 * d * d + 4 * d;
  } else {
    counts.matrix_flops = (input_gradient ? 16 : 10) * rows * d * d + 8 * scores * d;
    counts.flops = counts.matrix_flops + 6 * rows * d + 3 * scores * heads;
    scalars = (input_gradient ? 3 : 2) * rows * d + (input_gradient ? 8 : 5) * d * d + 8 * d;
  }
  counts.bytes = counts.working_set_bytes = scalars * scalar_bytes;
  return counts;
}

template <class Space, class T>
Attention<Space, T>::Attention(const AttentionPlan& plan, const Target& target)
    : length_(plan.length),
      width_(plan.width),
      heads_(plan.heads),
      causal_(plan.causal),
      gemm_(target.gemm),
      forward_(plan.name + "/forward"),
      backward_(plan.name + "/backward"),
      in_forward_(plan.name + "/forward/in_proj"),
      out_forward_(plan.name + "/forward/out_proj"),
      out_input_(plan.name + "/backward/out_proj/input"),
      out_weight_(plan.name + "/backward/out_proj/weight"),
      in_input_(plan.name + "/backward/in_proj/input"),
      in_weight_(plan.name + "/backward/in_proj/weight") {}

template <class Space, class T>
void Attention<Space, T>::forward(const Space& instance, Mode /*mode*/,
                                  const Matrix<Space, const T>& x, const Matrix<Space, T>& y) {
  const AttentionShape heads = shape(x.extent(0));
  const std::size_t rows = heads.rows();
  const bool training = memory_.saved.size() > 0;
  const Between between(sizeof(T), heads, training);
  const Activations at(sizeof(T), heads, training);
  T* workspace = memory_.workspace.data();
  T* kept = training ? memory_.saved.data() : workspace + between.activations;
  const Vector<Space, T> scratch(workspace + between.kernel,
                                 memory_.workspace.size() - between.kernel);

  GemmArguments<Space, T> product;
  product.a = Matrix<Space, const T>(x.data(), rows, width_);
  product.b = Matrix<Space, const T>(memory_.parameters[0].data(), 3 * width_, width_);
  product.c = Matrix<Space, T>(kept + at.qkv, rows, 3 * width_);
  product.transpose_b = true;
  product.bias = memory_.parameters[1];
  kernels::gemm(instance, in_forward_, gemm_, product, scratch);

  const Matrix<Space, T> output(kept + at.output, rows, width_);
  const Vector<Space, T> log_sum(kept + at.log_sum, training ? rows * heads_ : 0);
  kernels::attention<Space, T>(instance, forward_, heads, product.c, output, log_sum, scratch);

  product.a = output;
  product.b = Matrix<Space, const T>(memory_.parameters[2].data(), width_, width_);
  product.c = Matrix<Space, T>(y.data(), rows, width_);
  product.bias = memory_.parameters[3];
  kernels::gemm(instance, out_forward_, gemm_, product, scratch);
}

template <class Space, class T>
void Attention<Space, T>::backward(const Space& instance, const Matrix<Space, const T>& x,
                                   const Matrix<Space, const T>& /*y*/,
                                   const Matrix<Space, const T>& dy, const Matrix<Space, T>& dx) {
  const AttentionShape heads = shape(x.extent(0));
  const std::size_t rows = heads.rows();
  const Between between(sizeof(T), heads, true);
  const Activations at(sizeof(T), heads, true);
  T* kept = memory_.saved.data();
  T* workspace = memory_.workspace.data();
  const Vector<Space, T> scratch(workspace + between.kernel,
                                 memory_.workspace.size() - between.kernel);
  const Matrix<Space, const T> qkv(kept + at.qkv, rows, 3 * width_);
  const Matrix<Space, const T> output(kept + at.output, rows, width_);
  const Matrix<Space, T> output_gradient(workspace + between.output_gradient, rows, width_);
  const Matrix<Space, T> qkv_gradient(workspace + between.qkv_gradient, rows, 3 * width_);

  GemmArguments<Space, T> out;
  out.a = Matrix<Space, const T>(dy.data(), rows, width_);
  out.b = Matrix<Space, const T>(memory_.parameters[2].data(), width_, width_);
  out.c = output_gradient;
  kernels::gemm(instance, out_input_, gemm_, out, scratch);
  out.transpose_a = true;
  out.b = output;
  out.c = Matrix<Space, T>(memory_.gradients[2].data(), width_, width_);
  out.row_sums = memory_.gradients[3];
  kernels::gemm(instance, out_weight_, gemm_, out, scratch);

  kernels::attention_gradient<Space, T>(instance, backward_, heads, qkv, output,
                                        Vector<Space, const T>(kept + at.log_sum, rows * heads_),
                                        output_gradient, qkv_gradient, scratch);

  GemmArguments<Space, T> in;
  in.a = qkv_gradient;
  if (dx.data()) {
    in.b = Matrix<Space, const T>(memory_.parameters[0].data(), 3 * width_, width_);
    in.c = Matrix<Space, T>(dx.data(), rows, width_);
    kernels::gemm(instance, in_input_, gemm_, in, scratch);
  }
  in.transpose_a = true;
  in.b = Matrix<Space, const T>(x.data(), rows, width_);
  in.c = Matrix<Space, T>(memory_.gradients[0].data(), 3 * width_, width_);
  in.row_sums = memory_.gradients[1];
  kernels::gemm(instance, in_weight_, gemm_, in, scratch);
}

#define RIDGELINE_ATTENTION(Space, T) template class Attention<Space, T>;
RIDGELINE_FOR_SPACES(RIDGELINE_ATTENTION)

}  // namespace ridgeline::layers
