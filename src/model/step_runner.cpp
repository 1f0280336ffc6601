#include "model/step_runner.hpp"

namespace ridgeline::model {
namespace {

template <class Space, class T>
typename network::Network<Space, T>::Options network_options(kernels::GemmBackend gemm,
                                                             std::size_t batch, bool training) {
  typename network::Network<Space, T>::Options options;
  options.gemm = gemm;
  options.batch = batch;
  options.training = training;
  return options;
}

}  // namespace

template <class Space, class T>
StepRunner<Space, T>::StepRunner(const Space& instance,
                                 std::shared_ptr<const network::NetworkPlan> plan,
                                 kernels::GemmBackend gemm, std::size_t batch, bool training)
    : training_(training),
      network_(instance, plan, network_options<Space, T>(gemm, batch, training)),
      inputs_(instance, "network/inputs", batch * plan->input_size(),
              random_pattern<T>(0, 0, static_cast<std::uint32_t>(plan->token_limit()))) {
  network_.write_parameters(network::initial_parameters<T>(*plan, 1));
  if (!training) {
    outputs_ = MirroredBuffer<Space, T>(instance, "network/outputs", batch * plan->output_size(),
                                        random_pattern<T>(1, 0));
  } else if (plan->has_labels()) {
    labels_ = MirroredBuffer<Space, std::int32_t>(
        instance, "network/labels", batch * plan->loss_rows(),
        random_pattern<std::int32_t>(2, 0, static_cast<std::uint32_t>(plan->loss_columns())));
  } else {
    targets_ = MirroredBuffer<Space, T>(instance, "network/targets", batch * plan->output_size(),
                                        random_pattern<T>(1, 0));
  }
  batch_.inputs = matrix_at<Space, const T>(inputs_.data(), batch, plan->input_size());
  batch_.labels = vector_at<Space, const std::int32_t>(labels_.data(), labels_.size());
  batch_.targets = matrix_at<Space, const T>(targets_.data(), targets_.size() > 0 ? batch : 0,
                                             plan->output_size());
  instance.fence();
}

template <class Space, class T>
void StepRunner<Space, T>::run(network::StepObserver* observer) {
  if (training_) {
    network_.train_step(batch_, observer);
  } else {
    result_ = network_.forward(batch_.inputs, observer).data();
  }
}

template <class Space, class T>
void StepRunner<Space, T>::run_with_transfers() {
  const Space& instance = network_.instance();
  inputs_.to_space(instance);
  labels_.to_space(instance);
  targets_.to_space(instance);
  run();
  if (!training_) outputs_.to_host(instance, result_);
}

#define RIDGELINE_STEP_RUNNER(Space, T) template class StepRunner<Space, T>;
RIDGELINE_FOR_SPACES(RIDGELINE_STEP_RUNNER)

}  // namespace ridgeline::model
