#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "config/deck.hpp"
#include "data/load.hpp"
#include "network/network.hpp"
#include "network/plan.hpp"
#include "network/trainer.hpp"
#include "support/matrices.hpp"
#include "support/runtime.hpp"

namespace ridgeline::testing {

// Layers of several networks, each for samples of [3, 4] and 5 classes.

/// Every activation, and flatten as the first layer.
inline const std::string kPerceptron = R"([[network.layer]]
kind = "flatten"
[[network.layer]]
kind = "dense"
name = "fc1"
units = 7
activation = "tanh"
[[network.layer]]
kind = "dense"
name = "fc2"
units = 6
activation = "gelu"
[[network.layer]]
kind = "dense"
units = 5
)";
/// A layer on the last dimension, a view between layers, activations as layers, no biases.
inline const std::string kMixed = R"([[network.layer]]
kind = "dense"
name = "rows"
units = 6
activation = "sigmoid"
[[network.layer]]
kind = "flatten"
[[network.layer]]
kind = "activation"
name = "bend"
function = "gelu"
[[network.layer]]
kind = "dense"
name = "narrow"
units = 9
bias = false
[[network.layer]]
kind = "activation"
function = "relu"
[[network.layer]]
kind = "dense"
name = "last"
units = 5
)";
/// Layers without parameters first, and one at the end.
inline const std::string kActivationFirst = R"([[network.layer]]
kind = "activation"
function = "tanh"
[[network.layer]]
kind = "flatten"
[[network.layer]]
kind = "dense"
units = 5
[[network.layer]]
kind = "activation"
function = "sigmoid"
)";

/// Residuals: with an identity and with a projection, nested, with an activation after the sum,
/// with the input itself on a shortcut, two that fork at one place, one whose layers are a view;
/// and a sequence.
inline const std::string kResidual = R"([[network.layer]]
kind = "residual"
name = "first"
[[network.layer.layer]]
kind = "dense"
units = 4
activation = "tanh"
[[network.layer]]
kind = "flatten"
[[network.layer]]
kind = "residual"
name = "outer"
activation = "relu"
layer = [
  { kind = "residual", name = "inner", layer = [
    { kind = "dense", name = "a", units = 12, activation = "tanh" },
    { kind = "dense", name = "b", units = 12 } ] },
  { kind = "residual", name = "square", activation = "relu", layer = [
    { kind = "dense", units = 12 } ], shortcut = [ { kind = "flatten" } ] },
  { kind = "dense", name = "c", units = 8 },
]
shortcut = [ { kind = "dense", name = "projection", units = 8, bias = false } ]
[[network.layer]]
kind = "residual"
name = "twice"
layer = [ { kind = "residual", name = "again", layer = [ { kind = "flatten" } ] } ]
[[network.layer]]
kind = "sequence"
name = "head"
layer = [ { kind = "activation", function = "sigmoid" }, { kind = "dense", name = "out", units = 5 } ]
)";

/// Wide enough that host kernels use all threads.
inline const std::string kWide = R"([[network.layer]]
kind = "flatten"
[[network.layer]]
kind = "dense"
units = 300
activation = "gelu"
[[network.layer]]
kind = "dense"
units = 200
activation = "relu"
[[network.layer]]
kind = "dense"
units = 5
)";

/// Layers for images, with kImageSets: strides, groups and dilation, statistics that the
/// forward pass keeps, a projection, overlapping windows, dropout.
inline const std::string kImages = R"([[network.layer]]
kind = "conv2d"
name = "stem"
channels = 8
kernel = 3
padding = 1
bias = false
[[network.layer]]
kind = "batch_norm"
[[network.layer]]
kind = "activation"
function = "leaky_relu"
[[network.layer]]
kind = "residual"
name = "block"
activation = "relu"
layer = [
  { kind = "conv2d", name = "conv1", channels = 12, kernel = 3, stride = 2, padding = 1, groups = 4 },
  { kind = "batch_norm" },
  { kind = "conv2d", name = "conv2", channels = 12, kernel = [3, 1], padding = [2, 0], dilation = 2, activation = "silu" },
]
shortcut = [
  { kind = "max_pool2d", kernel = 3, stride = 2, padding = 1 },
  { kind = "conv2d", channels = 12, kernel = 1, bias = false },
]
[[network.layer]]
kind = "dropout"
rate = 0.2
[[network.layer]]
kind = "avg_pool2d"
kernel = 2
[[network.layer]]
kind = "global_avg_pool"
[[network.layer]]
kind = "batch_norm"
[[network.layer]]
kind = "dense"
units = 5
)";
inline const std::vector<std::string> kImageSets = {"data.shape=[2, 9, 9]"};

/// Layers for sequences of values, with kSequenceSets.
inline const std::string kSequences = R"([[network.layer]]
kind = "position_embedding"
[[network.layer]]
kind = "residual"
layer = [
  { kind = "layer_norm" },
  { kind = "attention", heads = 2, causal = true },
]
[[network.layer]]
kind = "lstm"
units = 10
return_sequence = true
[[network.layer]]
kind = "softmax"
[[network.layer]]
kind = "gru"
units = 9
[[network.layer]]
kind = "dense"
units = 5
)";
inline const std::vector<std::string> kSequenceSets = {"data.shape=[7, 6]"};

/// A network's layers and the --set values that they need.
struct NetworkCase {
  std::string name, layers;
  std::vector<std::string> sets;
};

/// Networks of every shape, with all kinds of layer except embedding.
inline std::vector<NetworkCase> all_networks() {
  return {{"perceptron", kPerceptron, {}},
          {"mixed", kMixed, {}},
          {"activation", kActivationFirst, {}},
          {"residual", kResidual, {}},
          {"wide", kWide, {}},
          {"images", kImages, kImageSets},
          {"sequences", kSequences, kSequenceSets}};
}

/// A deck of these layers on 70 synthetic samples in batches of 16: five steps per epoch, the last
/// with 6 samples. `sets` override it as --set would.
inline config::Deck deck_of(const std::string& layers, const std::vector<std::string>& sets = {}) {
  return config::Deck::parse(R"([data]
kind = "synthetic"
shape = [3, 4]
classes = 5
samples = 70
[network]
precision = "float64"
)" + layers + R"([train]
epochs = 3
batch = 16
loss = "cross_entropy"
optimizer = { kind = "sgd", learning_rate = 0.1 }
)",
                             "deck.toml", {}, sets);
}

/// The --set values for an autoencoder, whose last layer has the output [12].
inline const std::vector<std::string> kAutoencoder = {"data.target=input", "train.loss=mse"};

inline std::shared_ptr<const network::NetworkPlan> plan_of(const config::Deck& deck) {
  const data::Dataset data = data::load_dataset(deck.data);
  return std::make_shared<network::NetworkPlan>(deck, network::sample_shape_of(data));
}

/// A batch on a space with the memory behind it: random inputs, and labels or targets.
template <class Space, class T>
struct TestBatch {
  TestBatch(const Space& instance, const network::NetworkPlan& plan, std::size_t samples,
            std::uint64_t seed) {
    host_inputs = random_values<float>(samples * plan.input_size(), seed);
    inputs = on_space(instance, std::vector<T>(host_inputs.begin(), host_inputs.end()));
    view.inputs = Matrix<Space, const T>(inputs.data(), samples, plan.input_size());
    if (plan.has_labels()) {
      for (std::size_t i = 0; i < samples; ++i) {
        host_labels.push_back(std::int32_t(
            Philox(seed, stream::kProbe + 1, i).below(std::uint32_t(plan.sample.classes))));
      }
      labels = on_space(instance, host_labels);
      view.labels = Vector<Space, const std::int32_t>(labels.data(), samples);
    } else {
      host_targets = random_values<float>(samples * plan.output_size(), seed + 1000);
      targets = on_space(instance, std::vector<T>(host_targets.begin(), host_targets.end()));
      view.targets = Matrix<Space, const T>(targets.data(), samples, plan.output_size());
    }
  }
  std::vector<float> host_inputs, host_targets;
  std::vector<std::int32_t> host_labels;
  Buffer<Space, T> inputs, targets;
  Buffer<Space, std::int32_t> labels;
  network::Batch<Space, T> view;
};

/// Returns a network that is ready to train, with the deck's initial parameters.
template <class Space, class T>
std::unique_ptr<network::Network<Space, T>> network_of(
    const config::Deck& deck, const std::shared_ptr<const network::NetworkPlan>& plan,
    std::size_t batch, bool training = true) {
  typename network::Network<Space, T>::Options options;
  options.gemm = network::gemm_backend(deck);
  options.batch = batch;
  options.training = training;
  options.schedule = network::make_schedule(deck, 70);
  auto network = std::make_unique<network::Network<Space, T>>(Space(), plan, options);
  network->write_parameters(network::initial_parameters<T>(*plan, deck.train.seed));
  return network;
}

}  // namespace ridgeline::testing
