#include "network/network.hpp"

#include <gtest/gtest.h>

#include "network/networks.hpp"

namespace ridgeline::network {
namespace {

using testing::deck_of;
using testing::network_of;
using testing::on_host;
using testing::plan_of;
using testing::TestBatch;

template <class Space, class T>
std::vector<T> outputs(Network<Space, T>& network, const TestBatch<Space, T>& batch) {
  const Matrix<Space, const T> y = network.forward(batch.view.inputs);
  const Buffer<Space, T> copy(Kokkos::view_alloc(Kokkos::WithoutInitializing, "test/y"), y.size());
  Kokkos::deep_copy(network.instance(), copy, Vector<Space, const T>(y.data(), y.size()));
  network.wait();
  return on_host(network.instance(), copy);
}

class Networks : public testing::Computing {};

template <class Space, class T>
void check_inference() {
  for (const std::string& layers :
       {testing::kPerceptron, testing::kMixed, testing::kActivationFirst}) {
    const config::Deck deck = deck_of(layers);
    const auto plan = plan_of(deck);
    const auto training = network_of<Space, T>(deck, plan, 8, true);
    const auto inference = network_of<Space, T>(deck, plan, 8, false);
    const TestBatch<Space, T> batch(Space(), *plan, 7, 1);
    const std::vector<T> expected = outputs(*training, batch);
    EXPECT_EQ(expected.size(), 7 * plan->output_size());
    EXPECT_EQ(outputs(*inference, batch), expected);
    EXPECT_EQ(outputs(*inference, batch), expected);  // and again
  }
}

TEST_F(Networks, InferenceGivesTheBitsThatTrainingGives) {
#define RIDGELINE_CHECK(Space, T) check_inference<Space, T>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

template <class Space, class T>
void check_evaluate() {
  const config::Deck deck = deck_of(testing::kPerceptron, {"train.optimizer.momentum=0.9"});
  const auto plan = plan_of(deck);
  const auto network = network_of<Space, T>(deck, plan, 16);
  const TestBatch<Space, T> batch(Space(), *plan, 16, 1), small(Space(), *plan, 3, 2);
  network->train_step(batch.view);
  const std::vector<T> parameters = network->read_parameters();
  const std::vector<T> gradients = network->read_gradients();
  const std::vector<std::vector<T>> state = network->read_state();
  network->reset_losses();
  network->evaluate(batch.view);
  const LossSums once = network->read_losses();
  EXPECT_EQ(once.samples, 16);
  network->evaluate(small.view);
  const LossSums both = network->read_losses();
  EXPECT_EQ(both.samples, 19);
  EXPECT_GT(both.loss, once.loss);
  EXPECT_EQ(network->read_parameters(), parameters);
  EXPECT_EQ(network->read_gradients(), gradients);
  EXPECT_EQ(network->read_state(), state);
  EXPECT_DOUBLE_EQ(both.mean_loss(), both.loss / 19);
  EXPECT_DOUBLE_EQ(both.accuracy(), both.correct / 19);
  // A sample is correct if its maximum output is at the label.
  network->reset_losses();
  network->evaluate(batch.view);
  const std::vector<T> y = outputs(*network, batch);
  int correct = 0;
  for (std::size_t row = 0; row < 16; ++row) {
    const auto first = y.begin() + std::ptrdiff_t(5 * row);
    correct += std::max_element(first, first + 5) - first == batch.host_labels[row] ? 1 : 0;
  }
  EXPECT_EQ(network->read_losses().correct, correct);
}

TEST_F(Networks, EvaluationAddsTheLossAndChangesNothingElse) {
#define RIDGELINE_CHECK(Space, T) check_evaluate<Space, T>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

TEST_F(Networks, LossSumsBeginWhereTheyAreSet) {
  const config::Deck deck = deck_of(testing::kPerceptron);
  const auto network = network_of<Kokkos::Serial, float>(deck, plan_of(deck), 4);
  network->reset_losses({1.5, 2, 3});
  const LossSums sums = network->read_losses();
  EXPECT_EQ(sums.loss, 1.5);
  EXPECT_EQ(sums.correct, 2);
  EXPECT_EQ(sums.samples, 3);
  network->reset_losses();
  EXPECT_EQ(network->read_losses().samples, 0);
  EXPECT_EQ(network->read_losses().mean_loss(), 0);  // not a quotient of zeros
}

template <class Space, class T>
void check_state() {
  // A network with the same parameters, velocity and step continues as the first would have.
  const config::Deck deck = deck_of(
      testing::kMixed, {"train.optimizer.momentum=0.9", "train.schedule={ kind = \"cosine\" }"});
  const auto plan = plan_of(deck);
  const auto first = network_of<Space, T>(deck, plan, 16);
  const auto second = network_of<Space, T>(deck, plan, 16);
  const TestBatch<Space, T> batch(Space(), *plan, 16, 1);
  for (int step = 0; step < 3; ++step) first->train_step(batch.view);
  second->write_parameters(first->read_parameters());
  second->write_state(first->read_state());
  second->set_step(3);
  for (int step = 0; step < 2; ++step) {
    first->train_step(batch.view);
    second->train_step(batch.view);
  }
  EXPECT_EQ(second->read_parameters(), first->read_parameters());
  EXPECT_EQ(second->read_state(), first->read_state());
}

TEST_F(Networks, StateIsParametersVelocityAndStep) {
#define RIDGELINE_CHECK(Space, T) check_state<Space, T>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

#if defined(KOKKOS_ENABLE_OPENMP)
// Trains a few steps on one thread and on many; returns how many kernels ran on many.
template <class T>
long check_threads(const config::Deck& deck) {
  const auto plan = plan_of(deck);
  const auto one = network_of<Kokkos::Serial, T>(deck, plan, 64);
  const auto many = network_of<Kokkos::OpenMP, T>(deck, plan, 64);
  const long parallel = launch_count.parallel;
  for (std::uint64_t step = 0; step < 4; ++step) {
    one->train_step(TestBatch<Kokkos::Serial, T>({}, *plan, 64, step).view);
    many->train_step(TestBatch<Kokkos::OpenMP, T>({}, *plan, 64, step).view);
  }
  EXPECT_EQ(one->read_parameters(), many->read_parameters());
  EXPECT_EQ(one->read_losses().loss, many->read_losses().loss);
  return launch_count.parallel - parallel;
}

template <class T>
void check_threads() {
  for (const testing::NetworkCase& network : testing::all_networks()) {
    SCOPED_TRACE(network.name);
    std::vector<std::string> sets = network.sets;
    sets.insert(sets.end(), {"train.optimizer={ kind = \"adam\", learning_rate = 0.01 }",
                             "train.clip_norm=0.5"});
    const long parallel = check_threads<T>(deck_of(network.layers, sets));
    // Small networks run on one thread; for the others the comparison would then be trivial.
    const bool large =
        network.name == "wide" || network.name == "images" || network.name == "sequences";
    if (large) {
      EXPECT_GT(parallel, 10);
    }
  }
}

TEST_F(Networks, OneThreadAndManyTrainToTheSameBits) {
  check_threads<float>();
  check_threads<double>();
}
#endif

// Records the calls.
struct Recorder : StepObserver {
  void begin(std::size_t part) override { told.push_back(int(part)); }
  void end(std::size_t part) override { told.push_back(-1 - int(part)); }
  std::vector<int> told;
};

TEST_F(Networks, ObserversSeeThePartsOfAStepInTheirOrder) {
  const config::Deck deck = deck_of(testing::kMixed);
  const auto plan = plan_of(deck);
  const auto network = network_of<Kokkos::Serial, double>(deck, plan, 16);
  const TestBatch<Kokkos::Serial, double> batch({}, *plan, 16, 1);
  for (const bool training : {true, false}) {
    Recorder recorder;
    if (training) {
      network->train_step(batch.view, &recorder);
    } else {
      network->forward(batch.view.inputs, &recorder);
    }
    std::vector<int> expected;
    for (int part = 0; part < int(plan->parts(training).size()); ++part) {
      expected.insert(expected.end(), {part, -1 - part});
    }
    EXPECT_EQ(recorder.told, expected);
  }
}

}  // namespace
}  // namespace ridgeline::network
