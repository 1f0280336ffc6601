#include <gtest/gtest.h>

#include "network/gated_residual.hpp"
#include "network/networks.hpp"

// Gradients of whole networks compared with central differences of the loss, and training with the
// same mathematics in plain loops.

namespace ridgeline::network {
namespace {

using testing::deck_of;
using testing::network_of;
using testing::plan_of;
using testing::relative_error;
using testing::TestBatch;

// The mean loss of a batch.
template <class Space>
double mean_loss(Network<Space, double>& network, const Batch<Space, double>& batch) {
  network.reset_losses();
  network.evaluate(batch);
  return network.read_losses().mean_loss();
}

template <class Space>
void check_gradients(const config::Deck& deck, const std::string& what) {
  const auto plan = plan_of(deck);
  const auto network = network_of<Space, double>(deck, plan, 8);
  const Space instance;
  // A larger batch first, so that remaining data of it would cause an error.
  const TestBatch<Space, double> other(instance, *plan, 8, 3), batch(instance, *plan, 5, 4);
  network->compute_gradients(other.view);
  network->compute_gradients(batch.view);
  const std::vector<double> found = network->read_gradients();
  std::vector<double> parameters = network->read_parameters(), expected(parameters.size(), 0.0);
  constexpr double h = 1e-5;
  for (const ParameterSlot& slot : plan->parameters) {
    for (std::size_t i = slot.offset; i < slot.offset + slot.size; ++i) {
      const double before = parameters[i];
      double loss[2];
      for (const int side : {0, 1}) {
        parameters[i] = before + (side == 0 ? h : -h);
        network->write_parameters(parameters);
        loss[side] = mean_loss(*network, batch.view);
      }
      parameters[i] = before;
      expected[i] = (loss[0] - loss[1]) / (2 * h);
    }
    const auto part = [&](const std::vector<double>& all) {
      return std::vector<double>(all.begin() + std::ptrdiff_t(slot.offset),
                                 all.begin() + std::ptrdiff_t(slot.offset + slot.size));
    };
    EXPECT_LT(relative_error(part(found), part(expected)), 1e-7)
        << what << " " << slot.layer << "/" << slot.parameter.name;
  }
}

template <class Space>
void check_all_gradients() {
  for (const std::string gemm : {"native", "kokkos_kernels"}) {
    const std::string set = "network.gemm=" + gemm;
    check_gradients<Space>(deck_of(testing::kPerceptron, {set}), "perceptron");
    check_gradients<Space>(deck_of(testing::kPerceptron, {set, "train.label_smoothing=0.2"}),
                           "smoothed");
    check_gradients<Space>(deck_of(testing::kMixed, {set}), "mixed");
    check_gradients<Space>(deck_of(testing::kResidual, {set}), "residual");
    check_gradients<Space>(deck_of(testing::kGated, {set}), "gated");
    check_gradients<Space>(deck_of(testing::kActivationFirst, {set}), "activation first");
    std::vector<std::string> sets = testing::kAutoencoder;
    sets.insert(sets.end(), {set, "network.layer.2.units=12"});
    check_gradients<Space>(deck_of(testing::kActivationFirst, sets), "autoencoder");
  }
}

class NetworkGradients : public testing::Computing {};

TEST_F(NetworkGradients, MatchFiniteDifferencesOfTheLoss) {
  testing::add_gated_residual();
#define RIDGELINE_CHECK(Space, T) \
  if (std::is_same_v<T, double>) check_all_gradients<Space>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

// The perceptron of kPerceptron in plain loops: dense tanh, dense gelu, dense, cross-entropy, and
// PyTorch's SGD with the deck's schedule.
class PlainPerceptron {
 public:
  PlainPerceptron(const NetworkPlan& plan, const std::vector<double>& parameters)
      : plan_(plan), parameters_(parameters), velocity_(parameters.size()) {}

  const std::vector<double>& parameters() const { return parameters_; }

  // Trains one batch at this rate and returns the summed loss.
  double step(const std::vector<float>& inputs, const std::vector<std::int32_t>& labels,
              double rate) {
    const std::size_t rows = labels.size();
    std::vector<std::vector<double>> x = {std::vector<double>(inputs.begin(), inputs.end())};
    std::vector<std::vector<double>> z;
    for (std::size_t l = 0; l < 3; ++l) {
      z.push_back(product(l, x.back(), rows));
      x.emplace_back();
      for (const double value : z.back()) x.back().push_back(activated(l, value));
    }
    double loss = 0;
    std::vector<double> dz(z[2].size());
    for (std::size_t row = 0; row < rows; ++row) {
      double sum = 0;
      for (std::size_t c = 0; c < 5; ++c) sum += std::exp(z[2][row * 5 + c]);
      for (std::size_t c = 0; c < 5; ++c) {
        const double probability = std::exp(z[2][row * 5 + c]) / sum;
        const bool is_label = c == std::size_t(labels[row]);
        if (is_label) loss -= std::log(probability);
        dz[row * 5 + c] = (probability - (is_label ? 1 : 0)) / double(rows);
      }
    }
    std::vector<double> gradient(parameters_.size());
    for (std::size_t l = 3; l-- > 0;) {
      const std::size_t in = x[l].size() / rows, out = z[l].size() / rows;
      std::vector<double> dx(x[l].size());
      for (std::size_t row = 0; row < rows; ++row) {
        for (std::size_t o = 0; o < out; ++o) {
          const double d = dz[row * out + o];
          gradient[bias(l) + o] += d;
          for (std::size_t i = 0; i < in; ++i) {
            gradient[weight(l) + o * in + i] += d * x[l][row * in + i];
            dx[row * in + i] += d * parameters_[weight(l) + o * in + i];
          }
        }
      }
      if (l == 0) break;
      for (std::size_t i = 0; i < dx.size(); ++i) dx[i] *= derivative(l - 1, z[l - 1][i]);
      dz = dx;
    }
    const config::Optimizer& sgd = plan_.optimizer;
    for (std::size_t i = 0; i < parameters_.size(); ++i) {
      const double g = gradient[i] + sgd.weight_decay * parameters_[i];
      velocity_[i] = sgd.momentum * velocity_[i] + g;
      parameters_[i] -= rate * (sgd.nesterov ? g + sgd.momentum * velocity_[i] : velocity_[i]);
    }
    return loss;
  }

 private:
  std::size_t weight(std::size_t layer) const { return plan_.parameters[2 * layer].offset; }
  std::size_t bias(std::size_t layer) const { return plan_.parameters[2 * layer + 1].offset; }

  std::vector<double> product(std::size_t l, const std::vector<double>& x, std::size_t rows) const {
    const std::size_t in = x.size() / rows, out = plan_.parameters[2 * l + 1].size;
    std::vector<double> z;
    for (std::size_t row = 0; row < rows; ++row) {
      for (std::size_t o = 0; o < out; ++o) {
        z.push_back(parameters_[bias(l) + o]);
        for (std::size_t i = 0; i < in; ++i) {
          z.back() += x[row * in + i] * parameters_[weight(l) + o * in + i];
        }
      }
    }
    return z;
  }
  static double activated(std::size_t layer, double z) {
    if (layer == 0) return std::tanh(z);
    return layer == 1 ? 0.5 * z * (1 + std::erf(z / std::sqrt(2.0))) : z;
  }
  static double derivative(std::size_t layer, double z) {
    if (layer == 0) return 1 - std::tanh(z) * std::tanh(z);
    return 0.5 * (1 + std::erf(z / std::sqrt(2.0))) +
           z * std::exp(-z * z / 2) / std::sqrt(2 * M_PI);
  }

  const NetworkPlan& plan_;
  std::vector<double> parameters_, velocity_;
};

template <class Space, class T>
void check_training(const std::vector<std::string>& sets) {
  const config::Deck deck = deck_of(testing::kPerceptron, sets);
  const auto plan = plan_of(deck);
  const auto network = network_of<Space, T>(deck, plan, 16);
  const std::vector<T> begin = network->read_parameters();
  PlainPerceptron plain(*plan, std::vector<double>(begin.begin(), begin.end()));
  const Schedule schedule = make_schedule(deck, 70);
  double loss = 0, samples = 0;
  for (int step = 0; step < 12; ++step) {
    const std::size_t count = step % 5 == 4 ? 6 : 16;
    const TestBatch<Space, T> batch(Space(), *plan, count, 10 + std::uint64_t(step));
    network->train_step(batch.view);
    network->wait();
    loss += plain.step(batch.host_inputs, batch.host_labels, schedule.rate(step));
    samples += double(count);
  }
  const double tolerance = sizeof(T) == 4 ? 3e-6 : 1e-13;
  EXPECT_LT(relative_error(network->read_parameters(), plain.parameters()), tolerance);
  EXPECT_NEAR(network->read_losses().loss, loss, tolerance * loss);
  EXPECT_EQ(network->read_losses().samples, samples);
}

class NetworkTraining : public testing::Computing {};

TEST_F(NetworkTraining, MatchesPlainLoopsInFloat64) {
  const std::string sgd = "train.optimizer.";
  const std::vector<std::string> cases[] = {
      {},
      {sgd + "momentum=0.9", sgd + "nesterov=true", sgd + "weight_decay=0.01"},
      {sgd + "momentum=0.8",
       "train.schedule={ kind = \"cosine\", warmup_steps = 3, final = 0.01 }"},
  };
  for (const std::vector<std::string>& sets : cases) {
#define RIDGELINE_CHECK(Space, T) check_training<Space, T>(sets);
    RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
  }
}

}  // namespace
}  // namespace ridgeline::network
