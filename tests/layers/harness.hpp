#pragma once

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "config/deck.hpp"
#include "core/error.hpp"
#include "layers/layer.hpp"
#include "support/matrices.hpp"
#include "support/runtime.hpp"

namespace ridgeline::testing {

/// Returns a deck whose network has the layers of `text`, lines of `[[network.layer]]`; these begin
/// at line 5.
inline config::Deck deck_of_layers(const std::string& text) {
  return config::Deck::parse("[data]\nkind = \"synthetic\"\n[network]\nprecision = \"float64\"\n" +
                                 text +
                                 "\n[train]\nepochs = 1\nbatch = 1\nloss = \"cross_entropy\"\n"
                                 "optimizer = { kind = \"sgd\", learning_rate = 0.1 }\n",
                             "deck.toml");
}

/// Returns one layer named "layer" with these keys, for samples of shape `input`.
inline std::unique_ptr<layers::Layer> plan_of(const std::string& keys, const Shape& input) {
  const config::Deck deck = deck_of_layers("[[network.layer]]\nname = \"layer\"\n" + keys);
  const std::string name = config::layer_names(deck.network.layers).front();
  return layers::read_layer({deck.network.layers.front(), name, input});
}

/// Results of a backward pass, or of finite differences.
struct Gradients {
  std::vector<double> input;
  std::vector<std::vector<double>> parameters;
};

/// One layer with its own memory and random parameters. Its outputs are NaN before. If a layer has
/// several inputs, these and their gradients are stored one after the other.
template <class Space, class T>
class LayerHarness {
 public:
  using Values = std::vector<double>;

  LayerHarness(const layers::Layer& layer, std::size_t batch,
               kernels::GemmBackend backend = kernels::GemmBackend::native)
      : layer_(layer), batch_(batch), target_(layers::target_of<Space, T>(instance_, backend)) {
    std::uint64_t seed = 50;
    for (const layers::Parameter& parameter : layer.parameters()) {
      const std::vector<T> values = random_values<T>(size_of(parameter.shape), ++seed);
      parameters.emplace_back(values.begin(), values.end());
    }
  }

  std::size_t inputs() const { return layer_.input_count() * input_size(); }
  std::size_t outputs() const { return batch_ * size_of(layer_.output); }

  /// The parameters in use; tests may change them.
  std::vector<Values> parameters;
  /// Number of the current step, on which dropout's random numbers depend.
  std::int64_t step = 0;
  /// Returns the parameters after the last pass: those that are not trained may have changed.
  std::vector<Values> parameters_after;

  /// Returns the output, or with `training` false that of an inference, which saves nothing.
  Values forward(const Values& x, bool training = true) {
    const Run run(*this, x, training);
    parameters_after.clear();
    for (const auto& parameter : run.parameters) {
      parameters_after.push_back(widened(on_host(instance_, parameter)));
    }
    return widened(on_host(instance_, run.y));
  }

  /// Runs forward, then backward from dy. `first` is a first layer: no gradient of its input is
  /// computed.
  Gradients backward(const Values& x, const Values& dy, bool first = false) {
    Run run(*this, x, true);
    const auto gradient = on_space(instance_, narrowed(dy));
    const layers::InputGradients kind = layer_.input_gradients();
    std::vector<Buffer<Space, T>> dx;  // of each input
    for (std::size_t k = 0; k < layer_.input_count(); ++k) {
      if (kind == layers::InputGradients::passed) {
        dx.push_back(gradient);
      } else if (kind == layers::InputGradients::shared && k > 0) {
        dx.push_back(dx[0]);
      } else {
        dx.push_back(poisoned<T>(instance_, input_size()));
      }
    }
    const auto matrices = run.template matrices<T>(*this, first ? decltype(dx)() : dx);
    layer_.run(layers::BackwardPass<Space, T>{
        instance_, run.memory, run.template matrices<const T>(*this, run.x), run.output(*this),
        Matrix<Space, const T>(gradient.data(), batch_, size_of(layer_.output)), matrices});
    instance_.fence();
    Gradients found;
    for (const auto& buffer : dx) {
      if (first) break;
      const Values values = widened(on_host(instance_, buffer));
      found.input.insert(found.input.end(), values.begin(), values.end());
    }
    for (const auto& buffer : run.gradients) {
      found.parameters.push_back(widened(on_host(instance_, buffer)));
    }
    return found;
  }

  /// Returns central differences of Σ c·y by every input and trained parameter.
  Gradients differences(const Values& x, const Values& c, double h = 1e-5) {
    Gradients expected;
    const auto objective = [&](const Values& at) {
      const Values y = forward(at);
      double sum = 0;
      for (std::size_t i = 0; i < y.size(); ++i) sum += c[i] * y[i];
      return sum;
    };
    Values moved = x;
    const auto derivative = [&](double& value) {
      const double before = value;
      value = before + h;
      const double above = objective(moved);
      value = before - h;
      const double below = objective(moved);
      value = before;
      return (above - below) / (2 * h);
    };
    for (double& value : moved) expected.input.push_back(derivative(value));
    const std::vector<layers::Parameter> plans = layer_.parameters();
    for (std::size_t i = 0; i < plans.size(); ++i) {
      expected.parameters.emplace_back();
      if (!plans[i].trained) continue;
      for (double& value : parameters[i]) expected.parameters.back().push_back(derivative(value));
    }
    return expected;
  }

 private:
  std::size_t input_size() const { return batch_ * size_of(layer_.input); }

  // Memory of one pass.
  struct Run {
    Run(const LayerHarness& harness, const Values& values, bool training) {
      const Space& instance = harness.instance_;
      const layers::Layer& layer = harness.layer_;
      const std::size_t size = harness.input_size();
      for (std::size_t k = 0; k < layer.input_count(); ++k) {
        const auto begin = values.begin() + std::ptrdiff_t(k * size);
        x.push_back(on_space(instance, std::vector<T>(begin, begin + std::ptrdiff_t(size))));
      }
      // The output of a layer that is a view is its input.
      y = layer.is_view(training) ? x[0] : poisoned<T>(instance, harness.outputs());
      saved = poisoned<T>(instance, training ? layer.saved(harness.batch_) : 0);
      workspace = poisoned<T>(instance, layer.workspace(harness.target_, harness.batch_, training));
      const std::vector<layers::Parameter> plans = layer.parameters();
      for (std::size_t i = 0; i < plans.size(); ++i) {
        const Values& parameter = harness.parameters[i];
        parameters.push_back(on_space(instance, narrowed(parameter)));
        gradients.push_back(poisoned<T>(instance, plans[i].trained ? parameter.size() : 0));
        memory.parameters.emplace_back(parameters.back().data(), parameter.size());
        memory.gradients.emplace_back(gradients.back().data(), gradients.back().size());
      }
      step = on_space(instance, std::vector<std::int64_t>{harness.step});
      memory.step = step;
      memory.seed = 7;
      memory.stream = 5;
      memory.gemm = harness.target_.gemm;
      memory.saved = Vector<Space, T>(saved.data(), saved.size());
      memory.workspace = Vector<Space, T>(workspace.data(), workspace.size());
      layer.run(layers::ForwardPass<Space, T>{
          instance, memory, training ? layers::Mode::training : layers::Mode::inference,
          matrices<const T>(harness, x), output(harness)});
      instance.fence();
    }

    Matrix<Space, T> output(const LayerHarness& harness) const {
      return Matrix<Space, T>(y.data(), harness.batch_, size_of(harness.layer_.output));
    }
    template <class Value>
    static std::array<Matrix<Space, Value>, layers::kMostInputs> matrices(
        const LayerHarness& harness, const std::vector<Buffer<Space, T>>& buffers) {
      std::array<Matrix<Space, Value>, layers::kMostInputs> list;
      for (std::size_t k = 0; k < buffers.size(); ++k) {
        list[k] =
            Matrix<Space, Value>(buffers[k].data(), harness.batch_, size_of(harness.layer_.input));
      }
      return list;
    }

    std::vector<Buffer<Space, T>> x, parameters, gradients;
    Buffer<Space, T> y, saved, workspace;
    Buffer<Space, std::int64_t> step;
    layers::LayerMemory<Space, T> memory;
  };

  static std::vector<T> narrowed(const Values& values) {
    return std::vector<T>(values.begin(), values.end());
  }
  static Values widened(const std::vector<T>& values) {
    return Values(values.begin(), values.end());
  }

  const layers::Layer& layer_;
  const std::size_t batch_;
  const Space instance_{};
  const layers::Target target_;
};

/// Returns values in [-1, 1) that float32 represents exactly, so that both precisions have the same
/// input.
inline std::vector<double> inputs_for(std::size_t size, std::uint64_t seed) {
  const std::vector<float> values = random_values<float>(size, seed);
  return std::vector<double>(values.begin(), values.end());
}

/// Expects the gradients of backward in float64 to equal differences of forward, for every input
/// and parameter, and float32 to agree.
template <class Space>
void check_gradients(const layers::Layer& plan, std::size_t batch,
                     kernels::GemmBackend backend = kernels::GemmBackend::native,
                     double tolerance = 1e-8, double float_tolerance = 2e-6) {
  LayerHarness<Space, double> layer(plan, batch, backend);
  const std::vector<double> x = inputs_for(layer.inputs(), 1), c = inputs_for(layer.outputs(), 2);
  const Gradients expected = layer.differences(x, c), found = layer.backward(x, c);
  EXPECT_LT(relative_error(found.input, expected.input), tolerance) << plan.kind;
  ASSERT_EQ(found.parameters.size(), expected.parameters.size());
  for (std::size_t i = 0; i < found.parameters.size(); ++i) {
    if (!plan.parameters()[i].trained) continue;
    EXPECT_LT(relative_error(found.parameters[i], expected.parameters[i]), tolerance)
        << plan.kind << " " << plan.parameters()[i].name;
  }
  // Without the input's gradient the parameters' are the same.
  EXPECT_EQ(layer.backward(x, c, true).parameters, found.parameters);

  LayerHarness<Space, float> single(plan, batch, backend);
  single.parameters = layer.parameters;
  const Gradients rounded = single.backward(x, c);
  EXPECT_LT(relative_error(rounded.input, found.input), float_tolerance) << plan.kind;
  for (std::size_t i = 0; i < found.parameters.size(); ++i) {
    if (!plan.parameters()[i].trained) continue;
    EXPECT_LT(relative_error(rounded.parameters[i], found.parameters[i]), float_tolerance)
        << plan.kind << " " << plan.parameters()[i].name;
  }
}

/// Expects two layers to compute the same, such as one with its defaults and one that states them.
inline void expect_same_layer(const layers::Layer& a, const layers::Layer& b) {
  LayerHarness<Kokkos::Serial, double> one(a, 3), other(b, 3);
  for (auto& parameter : one.parameters) {
    for (double& value : parameter) value = std::abs(value);  // variances are positive
  }
  other.parameters = one.parameters;
  const std::vector<double> x = inputs_for(one.inputs(), 1), dy = inputs_for(one.outputs(), 2);
  for (const bool training : {true, false}) {
    EXPECT_EQ(one.forward(x, training), other.forward(x, training));
    EXPECT_EQ(one.parameters_after, other.parameters_after);
  }
  const Gradients found = one.backward(x, dy), expected = other.backward(x, dy);
  EXPECT_EQ(found.input, expected.input);
  EXPECT_EQ(found.parameters, expected.parameters);
}

/// Returns the error message for a layer of these keys.
inline std::string refusal_of(const std::string& keys, const Shape& input = {4}) {
  try {
    plan_of(keys, input);
  } catch (const RequestError& error) {
    return error.what();
  }
  return "none";
}

}  // namespace ridgeline::testing
