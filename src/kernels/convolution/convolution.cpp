#include "kernels/convolution/convolution.hpp"

#include <algorithm>

#include "kernels/convolution/device/convolution.hpp"
#include "kernels/convolution/host/convolution.hpp"

namespace ridgeline::kernels {
namespace {

// Returns work and memory traffic on a host, so that small convolutions run on the calling thread.
template <class T>
Cost cost_of(const ConvolutionShape& shape) {
  const double scalars = double(shape.batch) * (double(shape.channels) * shape.in_pixels() +
                                                double(shape.filters) * shape.out_pixels());
  return {shape.flops(), sizeof(T) * (scalars + double(shape.weights()))};
}

template <class T>
std::size_t correlation_workspace(const host::CorrelationPlan& plan, int workers) {
  return aligned_size<T>(host::packed_size<T>(plan)) +
         std::size_t(workers) * host::scratch_size<T>(plan);
}

// Return the host's plan and operands for each kind of arguments.
template <class Space, class T>
host::Correlation<T> host_job(const ConvolutionShape& shape,
                              const ConvolutionForward<Space, T>& arguments) {
  host::Correlation<T> job;
  job.plan = host::plan_correlation(shape, false, sizeof(T));
  job.source = arguments.x.data();
  job.weight = arguments.weight.data();
  job.bias = arguments.bias.data();
  job.activation = arguments.activation;
  job.pre_activation = arguments.pre_activation.data();
  job.output = arguments.y.data();
  return job;
}
template <class Space, class T>
host::Correlation<T> host_job(const ConvolutionShape& shape,
                              const ConvolutionInputGradient<Space, T>& arguments) {
  host::Correlation<T> job;
  job.plan = host::plan_correlation(shape, true, sizeof(T));
  job.source = arguments.dy.data();
  job.kept = arguments.kept.data();
  job.derivative = arguments.derivative;
  job.weight = arguments.weight.data();
  job.output = arguments.dx.data();
  return job;
}
template <class Space, class T>
host::WeightGradient<T> host_job(const ConvolutionShape& shape,
                                 const ConvolutionWeightGradient<Space, T>& arguments) {
  host::WeightGradient<T> job;
  job.plan = host::plan_weight_gradient(shape, sizeof(T));
  job.x = arguments.x.data();
  job.dy = arguments.dy.data();
  job.kept = arguments.kept.data();
  job.derivative = arguments.derivative;
  job.dw = arguments.dweight.data();
  job.db = arguments.dbias.data();
  return job;
}

template <class Space, class Job>
void run_blocks(const Space& instance, const std::string& label, const Cost& cost, const Job& job) {
  for_blocks(instance, label, job.blocks(), cost,
             [&job](int block, int worker) { job.run(block, worker); });
}

template <class Space, class T>
void run(const Space& instance, const ConvolutionLabels& labels, host::Correlation<T> job,
         const Vector<Space, T>& workspace) {
  job.packed = workspace.data();
  job.scratch = job.packed + aligned_size<T>(host::packed_size<T>(job.plan));
  const double weights = double(sizeof(T)) * 2 * double(job.plan.shape.weights());
  for_blocks(instance, labels.pack, job.pack_blocks(), {0, weights},
             [&job](int block) { job.pack(block); });
  run_blocks(instance, labels.run, cost_of<T>(job.plan.shape), job);
}
template <class Space, class T>
void run(const Space& instance, const ConvolutionLabels& labels, host::WeightGradient<T> job,
         const Vector<Space, T>& workspace) {
  const std::size_t partial = host::partial_size(job.plan);
  job.partial = workspace.data();
  job.scratch = job.partial + aligned_size<T>(partial);
  run_blocks(instance, labels.run, cost_of<T>(job.plan.shape), job);
  if (job.reduce_blocks() == 0) return;
  for_blocks(instance, labels.add, job.reduce_blocks(),
             {double(partial), double(partial) * sizeof(T)},
             [&job](int block) { job.reduce(block); });
}

}  // namespace

template <class T>
std::size_t convolution_workspace(bool on_device, int workers, const ConvolutionShape& shape,
                                  bool backward) {
  if (on_device) return device_convolution_workspace(shape, backward);
  std::size_t most =
      correlation_workspace<T>(host::plan_correlation(shape, false, sizeof(T)), workers);
  if (backward) {
    most = std::max(
        most, correlation_workspace<T>(host::plan_correlation(shape, true, sizeof(T)), workers));
    // A smaller batch has fewer groups of images, and may have more images per group.
    for (ConvolutionShape some = shape; some.batch > 0; --some.batch) {
      const host::WeightGradientPlan plan = host::plan_weight_gradient(some, sizeof(T));
      most = std::max(most, aligned_size<T>(host::partial_size(plan)) +
                                std::size_t(workers) * host::scratch_size<T>(plan));
    }
  }
  return most;
}

template <class Space, class T, template <class, class> class Arguments>
void convolution(const Space& instance, const ConvolutionLabels& labels,
                 const ConvolutionShape& shape, const Arguments<Space, T>& arguments,
                 const Vector<Space, T>& workspace) {
  if constexpr (kIsHost<Space>) {
    run(instance, labels, host_job(shape, arguments), workspace);
  } else {
    const auto job = device_convolution(shape, arguments);
    launch_plan(instance, labels.run, labels.add, job.problem, job.output, job.row_sums, job.plan,
                workspace.data());
  }
}

template std::size_t convolution_workspace<float>(bool, int, const ConvolutionShape&, bool);
template std::size_t convolution_workspace<double>(bool, int, const ConvolutionShape&, bool);
#define RIDGELINE_DIRECTION(Space, T, Arguments)                                           \
  template void convolution<Space, T>(const Space&, const ConvolutionLabels&,              \
                                      const ConvolutionShape&, const Arguments<Space, T>&, \
                                      const Vector<Space, T>&);
#define RIDGELINE_CONVOLUTION(Space, T)                   \
  RIDGELINE_DIRECTION(Space, T, ConvolutionForward)       \
  RIDGELINE_DIRECTION(Space, T, ConvolutionInputGradient) \
  RIDGELINE_DIRECTION(Space, T, ConvolutionWeightGradient)
RIDGELINE_FOR_SPACES(RIDGELINE_CONVOLUTION)

}  // namespace ridgeline::kernels
