#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "core/launch.hpp"
#include "layers/layer.hpp"
#include "model/mirrored_buffer.hpp"

namespace ridgeline::model {

/// The passes of a layer that are run.
enum class Pass {
  forward,  ///< as in inference
  both,     ///< forward as in training, and backward with the gradient of the input
};
/// Returns "forward" or "forward and backward".
std::string to_string(Pass pass);

/// One layer on a space, with its own random inputs, parameters and gradients, for timing it alone.
template <class Space, class T>
class LayerRunner {
 public:
  /// `tokens` is the number of tokens that inputs are drawn from; 0 for values.
  LayerRunner(const Space& instance, std::shared_ptr<const layers::Layer> layer, std::size_t batch,
              Pass pass, std::size_t tokens);

  /// Launches the pass.
  void run();

  /// Does the same, with the input (and the output's gradient) copied to a device before, and the
  /// output (or the input's gradient) copied back after. On a host it only launches the pass.
  void run_with_transfers();

  /// Launches the pass. Returns the launches of its forward and of its backward part.
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
  std::vector<MirroredBuffer<Space, T>> x_, dx_;  ///< per input; dx_ is empty without gradients
  MirroredBuffer<Space, T> y_, dy_;
  std::vector<Buffer<Space, T>> parameters_, gradients_;
  Buffer<Space, T> saved_, workspace_;
  Buffer<Space, std::int64_t> step_;
  layers::LayerMemory<Space, T> memory_;
};

/// Returns the passes of a layer that are counted.
std::vector<layers::CountedPass> counted_passes(Pass pass, std::size_t batch);

/// Returns the counts of the pass.
layers::Counts counts_of(const layers::Layer& layer, Pass pass, std::size_t batch,
                         std::size_t scalar_bytes);

/// Returns the bytes that a LayerRunner needs on a space with this target.
double memory_bytes(const layers::Layer& layer, Pass pass, std::size_t batch, std::size_t tokens,
                    const layers::Target& target);

}  // namespace ridgeline::model
