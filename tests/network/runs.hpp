#pragma once

#include <algorithm>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "io/scratch.hpp"
#include "network/checkpoints.hpp"
#include "network/networks.hpp"
#include "network/trainer.hpp"

namespace ridgeline::testing {

/// Records the progress of training, and requests a stop after some step.
struct Watch : network::TrainingEvents {
  std::int64_t stop_at = -1;               ///< a stop is requested during this step, counted from 1
  std::function<void(std::int64_t)> step;  ///< called after every step with the steps of this run

  std::vector<network::EpochReport> epochs;
  std::vector<std::int64_t> progressed;
  std::int64_t steps = 0;

  void epoch(const network::EpochReport& report) override { epochs.push_back(report); }
  void progress(std::int64_t, std::int64_t in_epoch, std::int64_t,
                const std::function<double()>&) override {
    ++steps;
    progressed.push_back(in_epoch);
    if (step) step(steps);
  }
  bool stop_requested() override { return steps == stop_at; }
};

/// Returns the values of `--set` with further ones.
inline std::vector<std::string> with(std::vector<std::string> sets,
                                     const std::vector<std::string>& more) {
  sets.insert(sets.end(), more.begin(), more.end());
  return sets;
}

/// A deck with its data and plan.
struct Experiment {
  explicit Experiment(config::Deck the_deck)
      : deck(std::move(the_deck)), dataset(data::load_dataset(deck.data)), plan(plan_of(deck)) {}
  Experiment(const std::string& layers, const std::vector<std::string>& sets)
      : Experiment(deck_of(layers, sets)) {}

  /// Trains on a space into `files.checkpoint`.
  template <class Space, class T>
  network::TrainingResult run(const network::TrainingFiles& files, Watch& watch) const {
    return network::train<Space, T>(Space(), plan, deck, dataset, files, watch);
  }
  template <class Space, class T>
  network::TrainingResult run(const network::TrainingFiles& files) const {
    Watch watch;
    return run<Space, T>(files, watch);
  }

  config::Deck deck;
  data::Dataset dataset;
  std::shared_ptr<const network::NetworkPlan> plan;
};

/// Expects the checkpoints at two paths to be bitwise equal, except for times.
template <class T>
void expect_same_run(const std::string& found_path, const std::string& expected_path,
                     const network::NetworkPlan& plan, const std::string& what) {
  const auto found = load_checkpoint<T>(found_path, plan);
  const auto expected = load_checkpoint<T>(expected_path, plan);
  EXPECT_EQ(found.parameters, expected.parameters) << what;
  EXPECT_EQ(found.state.best_epoch, expected.state.best_epoch) << what;
  ASSERT_EQ(found.best == nullptr, expected.best == nullptr) << what;
  if (found.best) {
    EXPECT_EQ(*found.best, *expected.best) << what;
  }
  EXPECT_EQ(found.optimizer_state, expected.optimizer_state) << what;
  EXPECT_EQ(found.seed, expected.seed) << what;
  EXPECT_EQ(found.state.epoch, expected.state.epoch) << what;
  EXPECT_EQ(found.state.step, expected.state.step) << what;
  EXPECT_EQ(found.state.sample, expected.state.sample) << what;
  EXPECT_EQ(found.state.sums.loss, expected.state.sums.loss) << what;
  EXPECT_EQ(found.state.sums.correct, expected.state.sums.correct) << what;
  EXPECT_EQ(found.state.sums.samples, expected.state.sums.samples) << what;
  const network::History& a = found.state.history;
  const network::History& b = expected.state.history;
  EXPECT_EQ(a.train_loss, b.train_loss) << what;
  EXPECT_EQ(a.test_loss, b.test_loss) << what;
  EXPECT_EQ(a.test_accuracy, b.test_accuracy) << what;
  EXPECT_EQ(a.seconds.size(), b.seconds.size()) << what;
}

}  // namespace ridgeline::testing
