#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "network/checkpoint.hpp"

namespace ridgeline::testing {

/// Returns a checkpoint to resume from or to begin with.
inline std::shared_ptr<const network::CheckpointFile> opened(const std::string& path) {
  return std::make_shared<const network::CheckpointFile>(path);
}

/// Returns a checkpoint of a step, with values that identify the step.
inline network::Checkpoint<float> checkpoint_at(const network::NetworkPlan& plan,
                                                std::int64_t step) {
  network::Checkpoint<float> checkpoint;
  checkpoint.deck = "deck";
  checkpoint.state.step = step;
  checkpoint.parameters.assign(plan.parameter_buffer_size, static_cast<float>(step));
  return checkpoint;
}

template <class T>
network::Checkpoint<T> load_checkpoint(const std::string& path, const network::NetworkPlan& plan) {
  return network::CheckpointFile(path).load<T>(plan);
}

template <class T>
std::vector<T> load_parameters(const std::string& path, const network::NetworkPlan& plan) {
  return network::CheckpointFile(path).parameters<T>(plan);
}

}  // namespace ridgeline::testing
