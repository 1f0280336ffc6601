#pragma once

#include <cstdint>
#include <memory>

#include "model/mirrored_buffer.hpp"
#include "network/network.hpp"

namespace ridgeline::model {

/// A network on a space with a random batch, for timing whole steps: training with a learning
/// rate of 0, so that the parameters do not change, or inference.
template <class Space, class T>
class StepRunner {
 public:
  StepRunner(const Space& instance, std::shared_ptr<const network::NetworkPlan> plan,
             kernels::GemmBackend gemm, std::size_t batch, bool training);

  /// Launches a step on the batch.
  void run(network::StepObserver* observer = nullptr);

  /// Does the same, with a copy of the batch from pinned host memory before, and a copy of an
  /// inference's outputs back after. On a host there are no copies.
  void run_with_transfers();

  /// Returns the bytes that run_with_transfers() copies to a device.
  double bytes_to_space() const { return inputs_.bytes() + targets_.bytes() + labels_.bytes(); }
  double bytes_to_host() const { return outputs_.bytes(); }

 private:
  const bool training_;
  network::Network<Space, T> network_;
  MirroredBuffer<Space, T> inputs_, targets_, outputs_;
  MirroredBuffer<Space, std::int32_t> labels_;
  network::Batch<Space, T> batch_;
  const T* result_ = nullptr;  // of the last inference, on the space
};

}  // namespace ridgeline::model
