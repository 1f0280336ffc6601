#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/views.hpp"
#include "kernels/loss.hpp"
#include "kernels/sgd.hpp"
#include "layers/layer.hpp"
#include "network/arena.hpp"
#include "network/plan.hpp"
#include "network/schedule.hpp"

namespace ridgeline::network {

/// A batch on its space: inputs [batch, input], and labels [batch] or targets [batch, output].
template <class Space, class T>
struct Batch {
  Matrix<Space, const T> inputs;
  Vector<Space, const std::int32_t> labels;
  Matrix<Space, const T> targets;
};

/// What batches added up to.
struct LossSums {
  double loss = 0, correct = 0, samples = 0;
  double mean_loss() const { return samples > 0 ? loss / samples : 0; }
  double accuracy() const { return samples > 0 ? correct / samples : 0; }
};

/// Told where a part of a step begins and ends; see NetworkPlan::parts.
class StepObserver {
 public:
  virtual ~StepObserver() = default;
  virtual void begin(std::size_t part) = 0;
  virtual void end(std::size_t part) = 0;
};

/// A network in the memory of one execution space. All parameters lie in one buffer, all gradients
/// in a second, activations and workspace in an arena sized here; a step allocates nothing, waits
/// for nothing and reads nothing back.
template <class Space, class T>
class Network {
 public:
  struct Options {
    kernels::GemmBackend gemm = kernels::GemmBackend::native;
    std::size_t batch = 1;  ///< the largest
    bool training = false;
    Schedule schedule;
  };

  Network(const Space& instance, std::shared_ptr<const NetworkPlan> plan, const Options& options);

  const NetworkPlan& plan() const { return *plan_; }
  const Space& instance() const { return instance_; }

  /// One step: forward, loss, backward, update. Adds the batch's loss to the sums.
  void train_step(const Batch<Space, T>& batch, StepObserver* observer = nullptr);
  /// Forward; the output [batch, output] stays until the next call.
  Matrix<Space, const T> forward(const Matrix<Space, const T>& inputs,
                                 StepObserver* observer = nullptr,
                                 layers::Mode mode = layers::Mode::inference);
  /// Forward and loss without gradients; adds the batch's loss to the sums.
  void evaluate(const Batch<Space, T>& batch);
  /// Gradients of one batch without an update, for tests.
  void compute_gradients(const Batch<Space, T>& batch);

  // What follows waits for the space, and is not called inside a step.

  /// The sums since the last reset.
  LossSums read_losses() const;
  void reset_losses(const LossSums& begin = {});
  /// The whole buffers in host memory, laid out as NetworkPlan::parameters says.
  std::vector<T> read_parameters() const { return read(parameters_); }
  std::vector<T> read_gradients() const { return read(gradients_); }
  /// The optimizer's state: empty, or the velocity of each parameter.
  std::vector<T> read_velocity() const { return read(velocity_); }
  void write_parameters(const std::vector<T>& values) { write(parameters_, values); }
  void write_velocity(const std::vector<T>& values) { write(velocity_, values); }
  void set_step(std::int64_t step);
  void wait() const { instance_.fence(); }

 private:
  std::vector<T> read(const Buffer<Space, T>& buffer) const;
  void write(const Buffer<Space, T>& buffer, const std::vector<T>& values);
  Matrix<Space, T> output(std::size_t layer, const Matrix<Space, const T>& inputs) const;
  void loss(const Batch<Space, T>& batch, const Matrix<Space, T>& gradient);
  void backward(const Batch<Space, T>& batch, StepObserver* observer);
  void update();

  const Space instance_;
  const std::shared_ptr<const NetworkPlan> plan_;
  const Schedule schedule_;
  const kernels::SgdOptions sgd_;
  ArenaPlan arena_plan_;
  Buffer<Space, T> parameters_, gradients_, velocity_, arena_;
  Buffer<Space, double> rate_, loss_sums_;
  Buffer<Space, std::int64_t> step_;
  std::vector<std::unique_ptr<layers::Layer<Space, T>>> layers_;
};

/// The parameters that a run begins with, from the deck's initialization and seed alone; laid out
/// as NetworkPlan::parameters says, gaps zero.
template <class T>
std::vector<T> initial_parameters(const NetworkPlan& plan, std::uint64_t seed);

}  // namespace ridgeline::network
