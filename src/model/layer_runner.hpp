#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "core/launch.hpp"
#include "layers/layer.hpp"
#include "model/mirrored_buffer.hpp"

namespace ridgeline::model {

/// What of a layer is run.
enum class Pass {
  forward,  ///< as in inference
  both,     ///< forward as in training, and backward with the gradient of the input
};
/// "forward", "forward and backward".
std::string to_string(Pass pass);

/// One layer on a space with random inputs, parameters and gradients of its own, for timing it
/// alone.
template <class Space, class T>
class LayerRunner {
 public:
  /// `tokens` is the number of tokens that inputs are drawn from, 0 for values.
  LayerRunner(const Space& instance, std::shared_ptr<const layers::Layer> layer, std::size_t batch,
              Pass pass, std::size_t tokens);

  /// Launches the pass.
  void run();

  /// The same, with the input (and the output's gradient) copied to a device before, and the output
  /// (or the input's gradient) back after. On a host just the pass.
  void run_with_transfers();

  /// Launches the pass, and returns what its forward and its backward part launch.
  std::pair<LaunchCount, LaunchCount> count_launches();

  double bytes_to_space() const;
  double bytes_to_host() const;

 private:
  void forward();
  void backward();

  const Space instance_;
  const Pass pass_;
  const std::shared_ptr<const layers::Layer> layer_;
  const std::size_t batch_, in_, out_;
  std::vector<MirroredBuffer<Space, T>> x_, dx_;  ///< of each input; without gradients dx_ is empty
  MirroredBuffer<Space, T> y_, dy_;
  std::vector<Buffer<Space, T>> parameters_, gradients_;
  Buffer<Space, T> saved_, workspace_;
  Buffer<Space, std::int64_t> step_;
  layers::LayerMemory<Space, T> memory_;
};

/// Counts of the pass.
layers::Counts counts_of(const layers::Layer& layer, Pass pass, std::size_t batch,
                         std::size_t scalar_bytes);

/// Bytes that a LayerRunner takes on a space that is `target`.
double memory_bytes(const layers::Layer& layer, Pass pass, std::size_t batch, std::size_t tokens,
                    const layers::Target& target);

}  // namespace ridgeline::model
