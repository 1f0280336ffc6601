#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/views.hpp"
#include "kernels/loss/loss.hpp"
#include "kernels/optimizer/optimizer.hpp"
#include "layers/layer.hpp"
#include "network/arena.hpp"
#include "network/gradient_sum.hpp"
#include "network/other_ranks.hpp"
#include "network/plan.hpp"
#include "network/schedule.hpp"

namespace ridgeline::network {

/// A batch in the memory of its space: inputs [batch, input], and labels [batch · labels per
/// sample] or targets [batch, output].
template <class Space, class T>
struct Batch {
  Matrix<Space, const T> inputs;
  Vector<Space, const std::int32_t> labels;
  Matrix<Space, const T> targets;
  /// Of a batch that is divided among ranks: the samples on earlier ones, and on all.
  std::size_t global_offset = 0, global_count = 0;
};

/// Sums over batches. Samples are the values that the loss is a mean over: tokens if there is one
/// label per token.
struct LossSums {
  double loss = 0, correct = 0, samples = 0;
  double mean_loss() const { return samples > 0 ? loss / samples : 0; }
  double accuracy() const { return samples > 0 ? correct / samples : 0; }
};

/// Steps whose loss or gradients were not finite, so that their updates were skipped.
struct SkippedSteps {
  std::int64_t in_a_row = 0;  ///< up to the last step
  std::int64_t total = 0;
};

/// The first value of a step that is not finite.
struct NonFinite {
  std::string layer;   ///< of the network, or "loss"
  std::string phase;   ///< "forward", "backward"; "parameters" if it existed before the step
  std::string tensor;  ///< "output", "gradient of weight"
  std::size_t position = 0;
  double value = 0;
};

/// Receives the beginning and the end of each part of a step; see NetworkPlan::parts.
class StepObserver {
 public:
  virtual ~StepObserver() = default;
  virtual void begin(std::size_t part) = 0;
  virtual void end(std::size_t part) = 0;
};

/// A network in the memory of one execution space. All parameters are in one buffer, all gradients
/// in a second, activations and workspace in an arena allocated by the constructor. A step neither
/// allocates, nor synchronises, nor copies to the host.
template <class Space, class T>
class Network {
 public:
  struct Options {
    kernels::GemmBackend gemm = kernels::GemmBackend::native;
    std::size_t batch = 1;  ///< the maximum
    bool training = false;
    Schedule schedule;
    std::uint64_t seed = 1;  ///< of the layers' random numbers in training
    /// Skips the update of a step whose loss or gradients are not finite, up to kMostSkippedSteps
    /// in a row, after which nothing is updated. If false, the first loss that is not finite ends
    /// all updates.
    bool skip_nonfinite = false;
    /// Those that compute each batch together: gradients are summed over all. Null: this process
    /// alone.
    std::shared_ptr<const parallel::Ranks> ranks;
  };

  Network(const Space& instance, std::shared_ptr<const NetworkPlan> plan, const Options& options);

  const NetworkPlan& plan() const { return *plan_; }
  const Space& instance() const { return instance_; }

  /// Runs one step: forward, loss, backward, update. Adds the batch's loss to the sums, unless it
  /// is not finite: then the step is skipped.
  void train_step(const Batch<Space, T>& batch, StepObserver* observer = nullptr);
  /// Runs a forward pass. The output [batch, output] is valid until the next call.
  Matrix<Space, const T> forward(const Matrix<Space, const T>& inputs,
                                 StepObserver* observer = nullptr,
                                 layers::Mode mode = layers::Mode::inference,
                                 const layers::BatchPart<Space, T>& part = {});
  /// Computes forward and loss without gradients; adds the batch's loss to the sums.
  void evaluate(const Batch<Space, T>& batch);
  /// Computes the gradients of one batch without an update, for tests.
  void compute_gradients(const Batch<Space, T>& batch);

  // The following functions synchronise, and must not be called inside a step.

  /// Returns the sums since the last reset.
  LossSums read_losses() const;
  void reset_losses(const LossSums& begin = {});
  /// Return whole buffers in host memory, with the layout of NetworkPlan::parameters.
  std::vector<T> read_parameters() const;
  std::vector<T> read_gradients() const;
  /// Returns the optimizer's state, in the order of kernels::state_names, with the layout of the
  /// trained parameters.
  std::vector<std::vector<T>> read_state() const;
  void write_parameters(const std::vector<T>& values);
  void write_state(const std::vector<std::vector<T>>& values);
  void set_step(std::int64_t step);
  /// Returns the step, counted from 1, from which on nothing was updated because a value was not
  /// finite; 0 if there is none. On a host this is one load, and may be called after every step.
  std::int64_t stopped_at() const;
  SkippedSteps skipped_steps() const;
  void set_skipped_steps(const SkippedSteps& skipped);
  /// Repeats step `step`, counted from 0, or an evaluation if it is nullopt. Returns its first
  /// value that is not finite; nullopt if all are finite. Updates only running statistics.
  std::optional<NonFinite> find_nonfinite(const Batch<Space, T>& batch,
                                          std::optional<std::int64_t> step);
  void wait() const { instance_.fence(); }
  /// Returns the times of the sums over ranks; no steps if there is one rank.
  CommunicationTimes communication() const {
    return gradient_sum_ ? gradient_sum_->times() : CommunicationTimes();
  }

 private:
  using Gradient = Matrix<Space, T>;

  class NonFiniteSearch;

  template <class View>
  std::vector<typename View::non_const_value_type> read(const View& view) const;
  template <class View>
  void write(const View& view, const std::vector<typename View::non_const_value_type>& values);
  void assign_memory(const Options& options);
  /// Returns the output of a layer (or of kNetworkInput) for these inputs.
  Matrix<Space, T> output(std::size_t layer, const Matrix<Space, const T>& inputs) const;
  /// Returns a gradient by its number; it has no memory for kNone.
  Gradient gradient(std::size_t number, std::size_t batch) const;
  using Operand = Matrix<Space, const T>;
  std::array<Operand, layers::kMostInputs> inputs_of(std::size_t layer,
                                                     const Operand& inputs) const;
  void loss(const Batch<Space, T>& batch, const Gradient& gradient);
  kernels::HealthView<Space> health() const {
    return kernels::HealthView<Space>(health_.data(), health_.size());
  }
  void backward(const Batch<Space, T>& batch, StepObserver* observer);
  /// Returns whether a rank without samples of a batch leaves out a layer.
  bool is_left_out(std::size_t layer, std::size_t rows) const {
    return rows == 0 && !plan_->layers[layer]->uses_whole_batch();
  }
  /// Returns the part of a batch that this rank has; the whole batch without others.
  layers::BatchPart<Space, T> part_of(const Batch<Space, T>& batch) const {
    if (!other_ranks_) return {};
    return {other_ranks_.get(), batch.global_offset, batch.global_count};
  }
  /// Returns where the health of all ranks is summed, behind the gradients.
  Vector<Space, T> flag() const {
    return vector_at<Space, T>(gradients_.data() + plan_->trained_size, 1);
  }
  void begin_gradient_sum();
  void finish_gradient_sum();
  void update();

  const Space instance_;
  const std::shared_ptr<const NetworkPlan> plan_;
  const Schedule schedule_;
  const bool skip_nonfinite_;
  ArenaPlan arena_plan_;
  Buffer<Space, T> parameters_, gradients_, arena_;
  std::vector<Buffer<Space, T>> state_;  ///< that of the optimizer
  Buffer<Space, double> step_numbers_, clip_partials_, loss_sums_;
  Buffer<Space, std::int64_t> step_, health_;
  std::vector<layers::LayerMemory<Space, T>> memory_;  ///< per layer
  std::vector<std::string> join_labels_;               ///< per layer
  // Null for one rank.
  std::unique_ptr<GradientSum<Space, T>> gradient_sum_;
  std::unique_ptr<OtherRanks<Space, T>> other_ranks_;
};

/// Returns the parameters at the beginning of a run, which depend only on the deck's initialization
/// and seed. The layout is that of NetworkPlan::parameters; gaps are zero.
template <class T>
std::vector<T> initial_parameters(const NetworkPlan& plan, std::uint64_t seed);

}  // namespace ridgeline::network
