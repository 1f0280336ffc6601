#include "network/network.hpp"

#include <cmath>
#include <limits>
#include <stdexcept>

#include "core/random.hpp"
#include "kernels/elementwise/elementwise.hpp"

namespace ridgeline::network {
namespace {

const std::string kLossLabel = "loss/forward";
const std::string kSumsLabel = "loss/sums";
const std::string kScheduleLabel = "optimizer/schedule";
const std::string kUpdateLabel = "optimizer/update";

const std::string kHealthLabel = "optimizer/health";
const std::string kNormLabel = "optimizer/norm";
const std::string kClipLabel = "optimizer/clip";

template <class Memory>
struct AdvanceSchedule {
  Schedule schedule;
  kernels::UpdateRule rule;
  Vector<Memory, double> numbers;
  Vector<Memory, std::int64_t> step;
  kernels::HealthView<Memory> health;
  bool stop_when_bad;
  KOKKOS_FUNCTION void operator()(std::size_t) const {
    const std::int64_t now = step(0);
    kernels::set_step_numbers(rule, schedule.rate(now), now, numbers);
    numbers(kernels::kApply) = kernels::close_step(health, now, stop_when_bad) ? 1 : 0;
    step(0) = now + 1;
  }
};

// Puts this rank's health beside its gradients, so that the sum of both is known to every rank.
template <class Memory, class T>
struct StoreHealth {
  kernels::HealthView<Memory> health;
  Vector<Memory, T> sum;  // [1]
  KOKKOS_FUNCTION void operator()(std::size_t) const { sum(0) = health(kernels::kBadNow) ? 1 : 0; }
};
// Adds the step's losses to the epoch's, unless any rank skips the step.
template <class Memory, class T>
struct LoadHealth {
  kernels::HealthView<Memory> health;
  Vector<Memory, T> sum;
  Vector<Memory, double> losses;  // [2 kLossSums]: of the epoch, of the step
  KOKKOS_FUNCTION void operator()(std::size_t) const {
    const bool bad = sum(0) != T(0);
    health(kernels::kBadNow) = bad;
    for (int i = 0; i < kernels::kLossSums; ++i) {
      if (!bad) losses(i) += losses(kernels::kLossSums + i);
      losses(kernels::kLossSums + i) = 0;
    }
  }
};

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
      skip_nonfinite_(options.skip_nonfinite) {
  const layers::Target target = layers::target_of<Space, T>(instance_, options.gemm);
  arena_plan_ = plan_arena<T>(*plan_, target, options.batch, options.training);
  parameters_ = allocate<T>(instance_, "network/parameters", plan_->parameter_buffer_size);
  if (options.training) {
    const std::size_t size = plan_->trained_size;
    const bool alone = !options.ranks || options.ranks->size() == 1;
    gradients_ = allocate<T>(instance_, "network/gradients", size + (alone ? 0 : 1));
    if (!alone) {
      gradient_sum_ = std::make_unique<GradientSum<Space, T>>(
          instance_, *plan_, vector_at<Space, T>(gradients_.data(), size + 1), options.ranks);
      other_ranks_ = std::make_unique<OtherRanks<Space, T>>(instance_, options.ranks);
    }
    for (const std::string& name : kernels::state_names(plan_->update_rule)) {
      state_.push_back(allocate<T>(instance_, "optimizer/" + name, size));
    }
    if (plan_->clip_norm || skip_nonfinite_) {
      clip_partials_ = allocate<double>(instance_, "optimizer/norm", kernels::clip_partials(size));
    }
  }
  arena_ = allocate<T>(instance_, "network/arena", arena_plan_.size);
  step_numbers_ = allocate<double>(instance_, "optimizer/numbers", kernels::kStepNumbers);
  step_ = allocate<std::int64_t>(instance_, "optimizer/step", 1);
  health_ = allocate<std::int64_t>(instance_, "optimizer/health", kernels::kHealthNumbers);
  // Of several ranks those of the epoch, then those of a step.
  loss_sums_ =
      allocate<double>(instance_, "loss/sums", (gradient_sum_ ? 2 : 1) * kernels::kLossSums);
  assign_memory(options);
}

template <class Space, class T>
void Network<Space, T>::assign_memory(const Options& options) {
  T* const base = arena_.data();
  const auto& slots = plan_->parameters;
  std::size_t slot = 0;  // slots are in the order of the layers
  for (std::size_t i = 0; i < plan_->layers.size(); ++i) {
    const layers::Layer& layer = *plan_->layers[i];
    layers::LayerMemory<Space, T> memory;
    for (; slot < slots.size() && slots[slot].layer == layer.name; ++slot) {
      const std::size_t offset = slots[slot].offset, size = slots[slot].size;
      memory.parameters.emplace_back(parameters_.data() + offset, size);
      if (options.training && slots[slot].parameter.trained) {
        memory.gradients.emplace_back(gradients_.data() + offset, size);
      } else {
        memory.gradients.emplace_back();
      }
    }
    const std::size_t saved = options.training ? layer.saved(options.batch) : 0;
    memory.saved = vector_at<Space, T>(base + arena_plan_.saved[i], saved);
    memory.workspace =
        vector_at<Space, T>(base + arena_plan_.workspace, arena_plan_.workspace_size);
    memory.step = step_;
    memory.seed = options.seed;
    memory.stream = stream::kDropout + i;
    memory.gemm = options.gemm;
    memory_.push_back(std::move(memory));
    join_labels_.push_back(layer.name + "/backward/join");
  }
}

template <class Space, class T>
Matrix<Space, T> Network<Space, T>::output(std::size_t layer,
                                           const Matrix<Space, const T>& inputs) const {
  const std::size_t at = layer == kNetworkInput ? kNetworkInput : arena_plan_.outputs[layer];
  // The network's input, or a view of it, is only ever read: is_view layers write nothing.
  T* data = at == kNetworkInput ? const_cast<T*>(inputs.data()) : arena_.data() + at;
  const std::size_t size =
      layer == kNetworkInput ? plan_->input_size() : size_of(plan_->layers[layer]->output);
  return matrix_at<Space, T>(data, inputs.extent(0), size);
}

template <class Space, class T>
Matrix<Space, T> Network<Space, T>::gradient(std::size_t number, std::size_t batch) const {
  if (number == kNone) return Gradient();
  return matrix_at<Space, T>(arena_.data() + arena_plan_.gradients[number], batch,
                             plan_->graph.gradient_sizes[number]);
}

template <class Space, class T>
std::array<Matrix<Space, const T>, layers::kMostInputs> Network<Space, T>::inputs_of(
    std::size_t layer, const Operand& inputs) const {
  const Operands& from = plan_->graph.operands[layer];
  std::array<Operand, layers::kMostInputs> matrices;
  for (std::size_t k = 0; k < from.size(); ++k) matrices[k] = output(from[k], inputs);
  return matrices;
}

template <class Space, class T>
Matrix<Space, const T> Network<Space, T>::forward(const Matrix<Space, const T>& inputs,
                                                  StepObserver* observer, layers::Mode mode,
                                                  const layers::BatchPart<Space, T>& part) {
  const std::size_t count = memory_.size();
  for (std::size_t i = 0; i < count; ++i) {
    if (is_left_out(i, inputs.extent(0))) continue;
    begin(observer, i);
    plan_->layers[i]->run(layers::ForwardPass<Space, T>{
        instance_, memory_[i], mode, inputs_of(i, inputs), output(i, inputs), part});
    end(observer, i);
  }
  return output(count - 1, inputs);
}

template <class Space, class T>
void Network<Space, T>::loss(const Batch<Space, T>& batch, const Gradient& gradient) {
  const std::size_t rows = batch.inputs.extent(0) * plan_->loss_rows();
  const std::size_t columns = plan_->loss_columns();
  const auto y =
      matrix_at<Space, const T>(output(memory_.size() - 1, batch.inputs).data(), rows, columns);
  const Gradient dy = as_matrix(gradient, rows, columns);
  const std::size_t global_count = batch.global_count * plan_->loss_rows();
  const auto row_loss = vector_at<Space, T>(arena_.data() + arena_plan_.row_loss, rows);
  const auto row_correct = vector_at<Space, T>(arena_.data() + arena_plan_.row_correct, rows);
  const bool of_step = gradient_sum_ && gradient.data();
  const auto sums = vector_at<Space, double>(loss_sums_.data() + (of_step ? kernels::kLossSums : 0),
                                             kernels::kLossSums);
  // An evaluation adds losses that are not finite too, which shows in its sum.
  const kernels::HealthView<Space> noted =
      gradient.data() ? health() : kernels::HealthView<Space>();
  switch (plan_->loss) {
    case config::Loss::cross_entropy:
      kernels::softmax_cross_entropy<Space, T>(instance_, kLossLabel, y, batch.labels,
                                               plan_->label_smoothing, dy, row_loss, row_correct,
                                               global_count);
      return kernels::add_losses<Space, T>(instance_, kSumsLabel, row_loss, row_correct, rows, sums,
                                           noted);
    case config::Loss::mse:
      kernels::mean_squared_error<Space, T>(instance_, kLossLabel, y, batch.targets, dy, row_loss,
                                            global_count);
      break;
    case config::Loss::binary_cross_entropy:
      kernels::binary_cross_entropy<Space, T>(instance_, kLossLabel, y, batch.targets, dy, row_loss,
                                              global_count);
      break;
  }
  kernels::add_losses<Space, T>(instance_, kSumsLabel, row_loss, {}, rows, sums, noted);
}

template <class Space, class T>
void Network<Space, T>::backward(const Batch<Space, T>& batch, StepObserver* observer) {
  const std::size_t rows = batch.inputs.extent(0);
  std::size_t part = memory_.size();
  if (rows > 0) {
    begin(observer, part);
    loss(batch, gradient(0, rows));
    end(observer, part);
  } else {
    Kokkos::deep_copy(instance_, gradients_, T(0));
  }
  if (gradient_sum_) begin_gradient_sum();
  for (const BackwardStep& step : plan_->graph.backward) {
    begin(observer, ++part);
    if (step.dy != kNone && !is_left_out(step.layer, rows)) {
      std::array<Gradient, layers::kMostInputs> dx;
      for (std::size_t k = 0; k < step.dx.size(); ++k) dx[k] = gradient(step.dx[k], rows);
      plan_->layers[step.layer]->run(layers::BackwardPass<Space, T>{
          instance_, memory_[step.layer], inputs_of(step.layer, batch.inputs),
          output(step.layer, batch.inputs), gradient(step.dy, rows), dx, part_of(batch)});
    }
    end(observer, part);
    if (gradient_sum_) gradient_sum_->layer_done(step.layer);
    for (const BackwardStep::Join& join : step.joins) {
      begin(observer, ++part);
      const Gradient sum = gradient(join.sum, rows);
      kernels::add<Space, T>(instance_, join_labels_[join.merge], as_vector(gradient(join.a, rows)),
                             as_vector(gradient(join.b, rows)), as_vector(sum));
      end(observer, part);
    }
  }
  if (gradient_sum_) finish_gradient_sum();
}

// The health of every rank is a part of the sum.
template <class Space, class T>
void Network<Space, T>::begin_gradient_sum() {
  gradient_sum_->begin();
  for_elements(instance_, kHealthLabel, 1, {}, StoreHealth<MemoryOf<Space>, T>{health(), flag()});
}

template <class Space, class T>
void Network<Space, T>::finish_gradient_sum() {
  gradient_sum_->finish();
  for_elements(instance_, kHealthLabel, 1, {},
               LoadHealth<MemoryOf<Space>, T>{health(), flag(), loss_sums_});
}

template <class Space, class T>
void Network<Space, T>::update() {
  const std::size_t size = plan_->trained_size;
  const auto gradients = vector_at<Space, const T>(gradients_.data(), size);
  if (clip_partials_.size() > 0) {
    // The norm also shows whether all gradients are finite.
    kernels::clip_scale<Space, T>(
        instance_, kNormLabel, kClipLabel,
        plan_->clip_norm.value_or(std::numeric_limits<double>::infinity()), gradients,
        clip_partials_, step_numbers_, health());
  }
  for_elements(instance_, kScheduleLabel, 1, {},
               AdvanceSchedule<MemoryOf<Space>>{schedule_, plan_->update_rule, step_numbers_, step_,
                                                health_, !skip_nonfinite_});
  kernels::OptimizerArguments<Space, T> arguments;
  arguments.parameters = vector_at<Space, T>(parameters_.data(), size);
  arguments.gradients = gradients;
  for (std::size_t i = 0; i < state_.size(); ++i) {
    arguments.state[i] = vector_at<Space, T>(state_[i].data(), size);
  }
  arguments.numbers = step_numbers_;
  kernels::update<Space, T>(instance_, kUpdateLabel, plan_->update_rule,
                            plan_->clip_norm.has_value(), arguments);
}

template <class Space, class T>
void Network<Space, T>::train_step(const Batch<Space, T>& batch, StepObserver* observer) {
  forward(batch.inputs, observer, layers::Mode::training, part_of(batch));
  backward(batch, observer);
  const std::size_t part = plan_->part_count(true) - 1;
  begin(observer, part);
  update();
  end(observer, part);
}

template <class Space, class T>
void Network<Space, T>::compute_gradients(const Batch<Space, T>& batch) {
  forward(batch.inputs, nullptr, layers::Mode::training, part_of(batch));
  backward(batch, nullptr);
}

template <class Space, class T>
void Network<Space, T>::evaluate(const Batch<Space, T>& batch) {
  forward(batch.inputs);
  loss(batch, {});
}

template <class Space, class T>
LossSums Network<Space, T>::read_losses() const {
  const std::vector<double> values =
      read(vector_at<Space, const double>(loss_sums_.data(), kernels::kLossSums));
  return {values[kernels::kLossTotal], values[kernels::kCorrect], values[kernels::kSamples]};
}

template <class Space, class T>
void Network<Space, T>::reset_losses(const LossSums& begin_with) {
  std::vector<double> values(loss_sums_.size());
  values[kernels::kLossTotal] = begin_with.loss;
  values[kernels::kCorrect] = begin_with.correct;
  values[kernels::kSamples] = begin_with.samples;
  write(loss_sums_, values);
}

template <class Space, class T>
void Network<Space, T>::set_step(std::int64_t step) {
  write(step_, {step});
}

template <class Space, class T>
template <class View>
std::vector<typename View::non_const_value_type> Network<Space, T>::read(const View& view) const {
  using Value = typename View::non_const_value_type;
  std::vector<Value> values(view.size());
  const auto host = host_view(values.data(), values.size());
  Kokkos::deep_copy(instance_, host, vector_at<Space, const Value>(view.data(), view.size()));
  instance_.fence();
  return values;
}

template <class Space, class T>
std::vector<T> Network<Space, T>::read_parameters() const {
  return read(parameters_);
}

template <class Space, class T>
void Network<Space, T>::write_parameters(const std::vector<T>& values) {
  write(parameters_, values);
}

template <class Space, class T>
std::vector<T> Network<Space, T>::read_gradients() const {
  return read(vector_at<Space, const T>(gradients_.data(), plan_->trained_size));
}

template <class Space, class T>
std::int64_t Network<Space, T>::stopped_at() const {
  if constexpr (kIsHost<Space>) {
    return health_.data()[kernels::kStoppedAt];  // its kernels are complete when a step returns
  } else {
    return read(health_)[kernels::kStoppedAt];
  }
}

template <class Space, class T>
SkippedSteps Network<Space, T>::skipped_steps() const {
  const std::vector<std::int64_t> numbers = read(health_);
  return {numbers[kernels::kBadInARow], numbers[kernels::kSkipped]};
}

template <class Space, class T>
void Network<Space, T>::set_skipped_steps(const SkippedSteps& skipped) {
  std::vector<std::int64_t> numbers(kernels::kHealthNumbers);
  numbers[kernels::kBadInARow] = skipped.in_a_row;
  numbers[kernels::kSkipped] = skipped.total;
  write(health_, numbers);
}

// Searches the output of each part of a step.
template <class Space, class T>
class Network<Space, T>::NonFiniteSearch : public StepObserver {
 public:
  NonFiniteSearch(const Network& network, const Batch<Space, T>& batch, bool training)
      : network_(network), batch_(batch), parts_(network.plan_->parts(training)) {}

  const std::optional<NonFinite>& found() const { return found_; }

  void look_at_parameters() {
    for (const ParameterSlot& slot : network_.plan_->parameters) {
      look_at(slot.layer, "parameters", slot.parameter.name,
              vector_at<Space, const T>(network_.parameters_.data() + slot.offset, slot.size));
    }
  }

  void begin(std::size_t) override {}
  void end(std::size_t index) override {
    const StepPart& part = parts_[index];
    if (found_ || part.join) return;
    const std::size_t rows = batch_.inputs.extent(0), layers = network_.memory_.size();
    if (part.phase == layers::Phase::forward) {
      if (part.index < layers) {
        look_at(part.layer, "forward", "output", network_.output(part.index, batch_.inputs));
      } else {
        look_at(part.layer, "forward", "loss by row",
                vector_at<Space, const T>(network_.arena_.data() + network_.arena_plan_.row_loss,
                                          rows * network_.plan_->loss_rows()));
      }
      return;
    }
    for (const ParameterSlot& slot : network_.plan_->parameters) {
      if (slot.layer != part.layer || !slot.parameter.trained) continue;
      look_at(part.layer, "backward", "gradient of " + slot.parameter.name,
              vector_at<Space, const T>(network_.gradients_.data() + slot.offset, slot.size));
    }
    for (const BackwardStep& step : network_.plan_->graph.backward) {
      if (step.layer != part.index) continue;
      for (const std::size_t dx : step.dx) {
        if (dx == kNone) continue;
        look_at(part.layer, "backward", "gradient of its input", network_.gradient(dx, rows));
      }
    }
  }

 private:
  template <class View>
  void look_at(const std::string& layer, const char* phase, const std::string& tensor,
               const View& view) {
    if (found_) return;
    const std::vector<T> values = network_.read(view);
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (std::isfinite(values[i])) continue;
      found_ = NonFinite{layer, phase, tensor, i, static_cast<double>(values[i])};
      return;
    }
  }

  const Network& network_;
  const Batch<Space, T>& batch_;
  const std::vector<StepPart> parts_;
  std::optional<NonFinite> found_;
};

template <class Space, class T>
std::optional<NonFinite> Network<Space, T>::find_nonfinite(const Batch<Space, T>& batch,
                                                           std::optional<std::int64_t> step) {
  NonFiniteSearch search(*this, batch, step.has_value());
  search.look_at_parameters();
  if (search.found()) return search.found();
  if (!step) {
    forward(batch.inputs, &search);
  } else {
    set_step(*step);
    forward(batch.inputs, &search, layers::Mode::training, part_of(batch));
    backward(batch, &search);
  }
  return search.found();
}

template <class Space, class T>
std::vector<std::vector<T>> Network<Space, T>::read_state() const {
  std::vector<std::vector<T>> values;
  for (const Buffer<Space, T>& buffer : state_) values.push_back(read(buffer));
  return values;
}

template <class Space, class T>
void Network<Space, T>::write_state(const std::vector<std::vector<T>>& values) {
  if (values.size() != state_.size()) throw std::logic_error("another optimizer's state");
  for (std::size_t i = 0; i < values.size(); ++i) write(state_[i], values[i]);
}

template <class Space, class T>
template <class View>
void Network<Space, T>::write(const View& view,
                              const std::vector<typename View::non_const_value_type>& values) {
  if (values.size() != view.size()) {
    throw std::logic_error("values for a buffer of another size");
  }
  const auto host = host_view(values.data(), values.size());
  Kokkos::deep_copy(instance_, view, host);
  instance_.fence();
}

#define RIDGELINE_NETWORK(Space, T) template class Network<Space, T>;
RIDGELINE_FOR_SPACES(RIDGELINE_NETWORK)

}  // namespace ridgeline::network
