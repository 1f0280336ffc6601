#include "config/decks.hpp"

namespace ridgeline {
namespace {

using config::Deck;
using config::Optimizer;
using config::OptimizerKind;
using config::ScheduleKind;
using testing::contains;
using testing::deck_with;
using testing::parse;
using testing::refusal;

const std::string kSgd = "{ kind = \"sgd\", learning_rate = 0.05, momentum = 0.9 }";

std::string optimizer_deck(const std::string& options) { return deck_with(kSgd, options); }

Optimizer optimizer(const std::string& options) {
  return parse(optimizer_deck(options)).train.optimizer;
}

/// A deck with one more line in [train], line 22.
std::string train_deck(const std::string& line) {
  return deck_with("batch = 128", "batch = 128\n" + line);
}

TEST(Optimizers, HaveTheDefaultsOfTheContract) {
  const Optimizer adam = optimizer("{ kind = 'adam', learning_rate = 0.001 }");
  EXPECT_EQ(adam.kind, OptimizerKind::adam);
  EXPECT_EQ(adam.learning_rate, 0.001);
  EXPECT_EQ(adam.beta1, 0.9);
  EXPECT_EQ(adam.beta2, 0.999);
  EXPECT_EQ(adam.epsilon, 1e-8);
  EXPECT_EQ(adam.weight_decay, 0.0);
  const Optimizer adamw = optimizer("{ kind = 'adamw', learning_rate = 0.001 }");
  EXPECT_EQ(adamw.kind, OptimizerKind::adamw);
  EXPECT_EQ(adamw.beta1, 0.9);
  EXPECT_EQ(adamw.beta2, 0.999);
  EXPECT_EQ(adamw.epsilon, 1e-8);
  EXPECT_EQ(adamw.weight_decay, 0.01);
  const Optimizer rmsprop = optimizer("{ kind = 'rmsprop', learning_rate = 0.001 }");
  EXPECT_EQ(rmsprop.kind, OptimizerKind::rmsprop);
  EXPECT_EQ(rmsprop.alpha, 0.99);
  EXPECT_EQ(rmsprop.epsilon, 1e-8);
  EXPECT_EQ(rmsprop.momentum, 0.0);
  EXPECT_EQ(rmsprop.weight_decay, 0.0);
}

TEST(Optimizers, ReadTheirKeys) {
  for (const char* kind : {"adam", "adamw"}) {
    const Optimizer adam =
        optimizer("{ kind = '" + std::string(kind) +
                  "', learning_rate = 1, beta1 = 0.5, beta2 = 0, epsilon = 1e-3, weight_decay = "
                  "0.25 }");
    EXPECT_STREQ(config::to_string(adam.kind), kind);
    EXPECT_EQ(adam.beta1, 0.5);
    EXPECT_EQ(adam.beta2, 0.0);
    EXPECT_EQ(adam.epsilon, 1e-3);
    EXPECT_EQ(adam.weight_decay, 0.25);
  }
  const Optimizer rmsprop = optimizer(
      "{ kind = 'rmsprop', learning_rate = 1, alpha = 0.5, epsilon = 0.125, momentum = 0.75, "
      "weight_decay = 2 }");
  EXPECT_EQ(rmsprop.alpha, 0.5);
  EXPECT_EQ(rmsprop.epsilon, 0.125);
  EXPECT_EQ(rmsprop.momentum, 0.75);
  EXPECT_EQ(rmsprop.weight_decay, 2.0);
}

TEST(Optimizers, RefuseKeysOfOthersAndValuesOutOfRange) {
  const auto refused = [](const std::string& kind, const std::string& option) {
    return refusal(optimizer_deck("{ kind = '" + kind + "', learning_rate = 1, " + option + " }"));
  };
  const std::string place = "deck.toml:23: ";
  EXPECT_TRUE(contains(refused("adam", "momentum = 0.9"),
                       place + "unknown key \"momentum\" in [train.optimizer]"));
  EXPECT_TRUE(contains(refused("sgd", "beta1 = 0.9"), place + "unknown key \"beta1\""));
  EXPECT_TRUE(contains(refused("sgd", "epsilon = 0.9"), place + "unknown key \"epsilon\""));
  EXPECT_TRUE(contains(refused("rmsprop", "nesterov = true"), place + "unknown key \"nesterov\""));
  EXPECT_TRUE(contains(refused("adamw", "alpha = 0.9"), place + "unknown key \"alpha\""));
  EXPECT_EQ(refused("adam", "beta1 = 1.0"),
            place + "train.optimizer.beta1 must be a number from 0 to below 1, not 1");
  EXPECT_EQ(refused("adamw", "beta2 = -0.1"),
            place + "train.optimizer.beta2 must be a number from 0 to below 1, not -0.1");
  EXPECT_EQ(refused("rmsprop", "alpha = 1"),
            place + "train.optimizer.alpha must be a number from 0 to below 1, not 1");
  EXPECT_EQ(refused("rmsprop", "momentum = 1"),
            place + "train.optimizer.momentum must be a number from 0 to below 1, not 1");
  EXPECT_EQ(refused("adam", "epsilon = 0"),
            place + "train.optimizer.epsilon must be a number from 1e-37 to 1e+37, not 0");
  EXPECT_EQ(refused("adamw", "weight_decay = -1"),
            place + "train.optimizer.weight_decay must be a number of at least 0, not -1");
  EXPECT_EQ(refusal(optimizer_deck("{ kind = 'adams', learning_rate = 1 }")),
            place +
                "train.optimizer.kind must be one of \"sgd\", \"adam\", \"adamw\", \"rmsprop\", "
                "not \"adams\"; did you mean \"adam\"?");
}

TEST(Schedules, AreReadWithTheirKeys) {
  const auto schedule = [](const std::string& options) {
    return parse(train_deck("schedule = " + options)).train.schedule;
  };
  const auto step = schedule("{ kind = 'step', every = 3, factor = 0.5, warmup_steps = 7 }");
  EXPECT_EQ(step.kind, ScheduleKind::step);
  EXPECT_EQ(step.every, 3);
  EXPECT_EQ(step.factor, 0.5);
  EXPECT_EQ(step.warmup_steps, 7);
  EXPECT_EQ(schedule("{ kind = 'constant', warmup_steps = 5 }").warmup_steps, 5);
  EXPECT_EQ(schedule("{ kind = 'cosine', warmup_steps = 6 }").warmup_steps, 6);
}

TEST(Schedules, RefuseKeysOfOthersAndValuesOutOfRange) {
  const auto refused = [](const std::string& options) {
    return refusal(train_deck("schedule = { kind = " + options + " }"));
  };
  EXPECT_EQ(refused("'step', factor = 0.5"),
            "deck.toml:22: train.schedule.every is missing; it must be an integer of at least 1");
  EXPECT_EQ(refused("'step', every = 0, factor = 0.5"),
            "deck.toml:22: train.schedule.every must be an integer of at least 1, not 0");
  EXPECT_EQ(refused("'step', every = 1"),
            "deck.toml:22: train.schedule.factor is missing; it must be a number above 0");
  EXPECT_EQ(refused("'step', every = 1, factor = 0"),
            "deck.toml:22: train.schedule.factor must be a number above 0, not 0");
  EXPECT_TRUE(contains(refused("'step', every = 1, factor = 0.1, final = 0"),
                       "deck.toml:22: unknown key \"final\" in [train.schedule]"));
  EXPECT_TRUE(contains(refused("'cosine', every = 1"), "deck.toml:22: unknown key \"every\""));
  EXPECT_TRUE(contains(refused("'constant', factor = 1"), "deck.toml:22: unknown key \"factor\""));
}

TEST(ClipNorm, IsOffUnlessGivenAndPositive) {
  EXPECT_FALSE(parse(testing::kDeck).train.clip_norm.has_value());
  EXPECT_EQ(parse(train_deck("clip_norm = 1")).train.clip_norm, 1.0);
  EXPECT_EQ(refusal(train_deck("clip_norm = 0.0")),
            "deck.toml:22: train.clip_norm must be a number above 0, not 0");
}

TEST(EarlyStop, IsReadAndChecked) {
  EXPECT_FALSE(parse(testing::kDeck).train.early_stop.has_value());
  const auto stop = [](const std::string& metric) {
    return parse(train_deck("early_stop = { metric = '" + metric + "', patience = 4 }"))
        .train.early_stop;
  };
  EXPECT_EQ(stop("test_loss")->metric, config::Metric::test_loss);
  EXPECT_EQ(stop("test_accuracy")->metric, config::Metric::test_accuracy);
  EXPECT_EQ(stop("train_loss")->metric, config::Metric::train_loss);
  EXPECT_EQ(stop("train_loss")->patience, 4);
  const auto refused = [](const std::string& options) {
    return refusal(train_deck("early_stop = { " + options + " }"));
  };
  EXPECT_EQ(refused("metric = 'loss', patience = 1"),
            "deck.toml:22: train.early_stop.metric must be one of \"test_loss\", "
            "\"test_accuracy\", \"train_loss\", not \"loss\"");
  EXPECT_EQ(refused("metric = 'test_loss'"),
            "deck.toml:22: train.early_stop.patience is missing; it must be an integer of at "
            "least 1");
  EXPECT_EQ(refused("metric = 'test_loss', patience = 0"),
            "deck.toml:22: train.early_stop.patience must be an integer of at least 1, not 0");
  EXPECT_TRUE(contains(refused("metric = 'test_loss', patience = 1, delta = 0"),
                       "deck.toml:22: unknown key \"delta\" in [train.early_stop]"));
}

/// kDeck for HDF5 data with another loss.
std::string with_loss(const std::string& loss, const std::string& last_lines = {}) {
  std::string text = deck_with("\"idx\"", "\"hdf5\"") + last_lines;
  return text.replace(text.find("cross_entropy"), 13, loss);
}

TEST(EarlyStop, OfAccuracyNeedsClasses) {
  EXPECT_EQ(refusal(with_loss("mse", "early_stop = { metric = 'test_accuracy', patience = 1 }\n")),
            "deck.toml:24: train.early_stop.metric = \"test_accuracy\" needs loss = "
            "\"cross_entropy\"; use \"test_loss\"");
}

TEST(BinaryCrossEntropy, NeedsTargetsThatAreProbabilities) {
  const Deck deck = parse(with_loss("binary_cross_entropy"));
  EXPECT_EQ(deck.train.loss, config::Loss::binary_cross_entropy);
  EXPECT_STREQ(config::to_string(deck.train.loss), "binary_cross_entropy");
  EXPECT_TRUE(deck.data.targets_are_probabilities);
  EXPECT_FALSE(parse(with_loss("mse")).data.targets_are_probabilities);
  EXPECT_TRUE(contains(refusal(deck_with("\"cross_entropy\"", "\"binary_cross_entropy\"")),
                       "deck.toml:22: train.loss = \"binary_cross_entropy\" needs values as "
                       "targets, and idx data has class labels"));
  EXPECT_TRUE(contains(refusal(with_loss("binary_cross_entropy", "label_smoothing = 0.1\n")),
                       "deck.toml:24: train.label_smoothing goes only with"));
  EXPECT_TRUE(contains(refusal(with_loss("binary_cross_entropy",
                                         "[verify]\nmetric = 'test_accuracy'\nat_least = 1\n")),
                       "deck.toml:25: verify.metric = \"test_accuracy\" needs"));
}

TEST(Verify, DoesNotTakeTheTrainingLoss) {
  EXPECT_TRUE(contains(refusal(testing::kDeck + "[verify]\nmetric = 'train_loss'\nat_most = 1\n"),
                       "deck.toml:25: verify.metric must be one of \"test_accuracy\", "
                       "\"test_loss\", not \"train_loss\""));
}

}  // namespace
}  // namespace ridgeline
