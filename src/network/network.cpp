#include "network/network.hpp"

#include <algorithm>
#include <stdexcept>

namespace ridgeline::network {
namespace {

const std::string kLossLabel = "loss/forward";
const std::string kSumsLabel = "loss/sums";
const std::string kScheduleLabel = "optimizer/schedule";
const std::string kUpdateLabel = "optimizer/update";

template <class Space>
void advance_schedule(const Space& instance, const Schedule& schedule, double* rate,
                      std::int64_t* step) {
  for_elements(
      instance, kScheduleLabel, 1, {}, KOKKOS_LAMBDA(std::size_t) {
        *rate = schedule.rate(*step);
        ++*step;
      });
}

void begin(StepObserver* observer, std::size_t part) {
  if (observer) observer->begin(part);
}
void end(StepObserver* observer, std::size_t part) {
  if (observer) observer->end(part);
}

}  // namespace

template <class Space, class T>
Network<Space, T>::Network(const Space& instance, std::shared_ptr<const NetworkPlan> plan,
                           const Options& options)
    : instance_(instance),
      plan_(std::move(plan)),
      schedule_(options.schedule),
      sgd_{plan_->optimizer.momentum, plan_->optimizer.weight_decay, plan_->optimizer.nesterov} {
  const layers::Target target = layers::target_of<Space, T>(instance_, options.gemm);
  arena_plan_ = plan_arena<T>(*plan_, target, options.batch, options.training);
  const std::size_t size = plan_->parameter_buffer_size;
  parameters_ = allocate<T>(instance_, "network/parameters", size);
  if (options.training) {
    gradients_ = allocate<T>(instance_, "network/gradients", size);
    if (sgd_.momentum != 0) velocity_ = allocate<T>(instance_, "optimizer/velocity", size);
  }
  arena_ = allocate<T>(instance_, "network/arena", arena_plan_.size);
  rate_ = allocate<double>(instance_, "optimizer/rate", 1);
  step_ = allocate<std::int64_t>(instance_, "optimizer/step", 1);
  loss_sums_ = allocate<double>(instance_, "loss/sums", kernels::kLossSums);

  T* const base = arena_.data();
  for (std::size_t i = 0; i < plan_->layers.size(); ++i) {
    const layers::LayerPlan& layer = *plan_->layers[i];
    layers::LayerMemory<Space, T> memory;
    for (const ParameterSlot& slot : plan_->parameters) {
      if (slot.layer != layer.name) continue;
      memory.parameters.emplace_back(parameters_.data() + slot.offset, slot.size);
      if (options.training) {
        memory.gradients.emplace_back(gradients_.data() + slot.offset, slot.size);
      }
    }
    memory.saved = Vector<Space, T>(base + arena_plan_.saved[i], layer.saved(options.batch));
    memory.workspace = Vector<Space, T>(base + arena_plan_.workspace, arena_plan_.workspace_size);
    layers_.push_back(layers::make_layer<Space, T>(layer, target));
    layers_.back()->bind(memory);
  }
}

template <class Space, class T>
Matrix<Space, T> Network<Space, T>::output(std::size_t layer,
                                           const Matrix<Space, const T>& inputs) const {
  const std::size_t at = arena_plan_.outputs[layer];
  // A view of the network's input is only ever read: is_view layers write nothing.
  T* data = at == kNetworkInput ? const_cast<T*>(inputs.data()) : arena_.data() + at;
  return Matrix<Space, T>(data, inputs.extent(0), size_of(plan_->layers[layer]->output));
}

template <class Space, class T>
Matrix<Space, const T> Network<Space, T>::forward(const Matrix<Space, const T>& inputs,
                                                  StepObserver* observer, layers::Mode mode) {
  Matrix<Space, const T> x = inputs;
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const Matrix<Space, T> y = output(i, inputs);
    begin(observer, i);
    layers_[i]->forward(instance_, mode, x, y);
    end(observer, i);
    x = y;
  }
  return x;
}

template <class Space, class T>
void Network<Space, T>::loss(const Batch<Space, T>& batch, const Matrix<Space, T>& gradient) {
  const std::size_t rows = batch.inputs.extent(0);
  const Matrix<Space, const T> y = output(layers_.size() - 1, batch.inputs);
  const Vector<Space, T> row_loss(arena_.data() + arena_plan_.row_loss, rows);
  const Vector<Space, T> row_correct(arena_.data() + arena_plan_.row_correct, rows);
  const Vector<Space, double> sums(loss_sums_.data(), kernels::kLossSums);
  if (plan_->has_labels()) {
    kernels::softmax_cross_entropy<Space, T>(instance_, kLossLabel, y, batch.labels,
                                             plan_->label_smoothing, gradient, row_loss,
                                             row_correct);
    kernels::add_losses<Space, T>(instance_, kSumsLabel, row_loss, row_correct, rows, sums);
  } else {
    kernels::mean_squared_error<Space, T>(instance_, kLossLabel, y, batch.targets, gradient,
                                          row_loss);
    kernels::add_losses<Space, T>(instance_, kSumsLabel, row_loss, {}, rows, sums);
  }
}

template <class Space, class T>
void Network<Space, T>::backward(const Batch<Space, T>& batch, StepObserver* observer) {
  const std::size_t rows = batch.inputs.extent(0), count = layers_.size();
  std::size_t turn = 0;
  const auto gradient = [&](std::size_t which, const Shape& shape) {
    return Matrix<Space, T>(arena_.data() + arena_plan_.gradients[which % 2], rows, size_of(shape));
  };
  begin(observer, count);
  loss(batch, gradient(turn, plan_->layers.back()->output));
  end(observer, count);
  for (std::size_t back = 0; back < count; ++back) {
    const std::size_t i = count - 1 - back;
    const layers::LayerPlan& layer = *plan_->layers[i];
    const Matrix<Space, const T> x =
        i == 0 ? batch.inputs : Matrix<Space, const T>(output(i - 1, batch.inputs));
    const Matrix<Space, T> dy = gradient(turn, layer.output);
    Matrix<Space, T> dx;
    if (layer.is_view(true)) {
      dx = gradient(turn, layer.input);
    } else if (plan_->needs_input_gradient(i)) {
      dx = gradient(++turn, layer.input);
    }
    begin(observer, count + 1 + back);
    layers_[i]->backward(instance_, x, output(i, batch.inputs), dy, dx);
    end(observer, count + 1 + back);
  }
}

template <class Space, class T>
void Network<Space, T>::update() {
  advance_schedule(instance_, schedule_, rate_.data(), step_.data());
  const std::size_t size = parameters_.size();
  kernels::sgd<Space, T>(
      instance_, kUpdateLabel, sgd_, Vector<Space, const double>(rate_.data(), 1),
      Vector<Space, T>(parameters_.data(), size), Vector<Space, const T>(gradients_.data(), size),
      Vector<Space, T>(velocity_.data(), velocity_.size()));
}

template <class Space, class T>
void Network<Space, T>::train_step(const Batch<Space, T>& batch, StepObserver* observer) {
  forward(batch.inputs, observer, layers::Mode::training);
  backward(batch, observer);
  const std::size_t part = 2 * layers_.size() + 1;
  begin(observer, part);
  update();
  end(observer, part);
}

template <class Space, class T>
void Network<Space, T>::compute_gradients(const Batch<Space, T>& batch) {
  forward(batch.inputs, nullptr, layers::Mode::training);
  backward(batch, nullptr);
}

template <class Space, class T>
void Network<Space, T>::evaluate(const Batch<Space, T>& batch) {
  forward(batch.inputs);
  loss(batch, {});
}

template <class Space, class T>
LossSums Network<Space, T>::read_losses() const {
  double values[kernels::kLossSums];
  const Kokkos::View<double*, Kokkos::LayoutRight, Kokkos::HostSpace,
                     Kokkos::MemoryTraits<Kokkos::Unmanaged>>
      host(values, kernels::kLossSums);
  Kokkos::deep_copy(instance_, host, loss_sums_);
  instance_.fence();
  return {values[kernels::kLossTotal], values[kernels::kCorrect], values[kernels::kSamples]};
}

template <class Space, class T>
void Network<Space, T>::reset_losses(const LossSums& begin_with) {
  double values[kernels::kLossSums] = {};
  values[kernels::kLossTotal] = begin_with.loss;
  values[kernels::kCorrect] = begin_with.correct;
  values[kernels::kSamples] = begin_with.samples;
  const Kokkos::View<const double*, Kokkos::LayoutRight, Kokkos::HostSpace,
                     Kokkos::MemoryTraits<Kokkos::Unmanaged>>
      host(values, kernels::kLossSums);
  Kokkos::deep_copy(instance_, loss_sums_, host);
  instance_.fence();
}

template <class Space, class T>
void Network<Space, T>::set_step(std::int64_t step) {
  const Kokkos::View<const std::int64_t*, Kokkos::LayoutRight, Kokkos::HostSpace,
                     Kokkos::MemoryTraits<Kokkos::Unmanaged>>
      host(&step, 1);
  Kokkos::deep_copy(instance_, step_, host);
  instance_.fence();
}

template <class Space, class T>
std::vector<T> Network<Space, T>::read(const Buffer<Space, T>& buffer) const {
  std::vector<T> values(buffer.size());
  const Kokkos::View<T*, Kokkos::LayoutRight, Kokkos::HostSpace,
                     Kokkos::MemoryTraits<Kokkos::Unmanaged>>
      host(values.data(), values.size());
  Kokkos::deep_copy(instance_, host, buffer);
  instance_.fence();
  return values;
}

template <class Space, class T>
void Network<Space, T>::write(const Buffer<Space, T>& buffer, const std::vector<T>& values) {
  if (values.size() != buffer.size()) {
    throw std::logic_error("values for a buffer of another size");
  }
  const Kokkos::View<const T*, Kokkos::LayoutRight, Kokkos::HostSpace,
                     Kokkos::MemoryTraits<Kokkos::Unmanaged>>
      host(values.data(), values.size());
  Kokkos::deep_copy(instance_, buffer, host);
  instance_.fence();
}

#define RIDGELINE_NETWORK(Space, T) template class Network<Space, T>;
RIDGELINE_FOR_SPACES(RIDGELINE_NETWORK)

}  // namespace ridgeline::network
