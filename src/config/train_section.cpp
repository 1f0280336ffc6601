#include "config/sections.hpp"

namespace ridgeline::config {
namespace {

constexpr std::int64_t kMostBatch = 1 << 20;
constexpr std::int64_t kMostEpochs = 1000000000;

Optimizer read_optimizer(const OptionTable& table) {
  Optimizer optimizer;
  optimizer.kind = table.choice<OptimizerKind>({"kind", "Rule that updates the parameters."},
                                               {{"sgd", OptimizerKind::sgd},
                                                {"adam", OptimizerKind::adam},
                                                {"adamw", OptimizerKind::adamw},
                                                {"rmsprop", OptimizerKind::rmsprop}});
  const bool adam = optimizer.kind == OptimizerKind::adam || optimizer.kind == OptimizerKind::adamw;
  const Range share = Range::half_open(0.0, 1.0);
  optimizer.learning_rate =
      table.real({"learning_rate", "Factor of every update, which the schedule changes."},
                 Range::at_least(0.0));
  if (adam) {
    optimizer.beta1 =
        table.real({"beta1", "Decay of the mean of the gradients."}, share, optimizer.beta1);
    optimizer.beta2 = table.real({"beta2", "Decay of the mean of the squared gradients."}, share,
                                 optimizer.beta2);
  } else {
    optimizer.momentum = table.real(
        {"momentum", "Factor of the sum of earlier updates, which is added to an update."}, share,
        0.0);
  }
  if (optimizer.kind == OptimizerKind::rmsprop) {
    optimizer.alpha = table.real({"alpha", "Decay of the mean of the squared gradients."}, share,
                                 optimizer.alpha);
  }
  if (optimizer.kind == OptimizerKind::sgd) {
    optimizer.nesterov =
        table.boolean({"nesterov", "Uses Nesterov's momentum; needs a momentum above 0."}, false);
    if (optimizer.nesterov && optimizer.momentum == 0.0) {
      table.fail("nesterov", table.path("nesterov") + " needs a momentum above 0");
    }
  } else {
    optimizer.epsilon = table.real(
        {"epsilon", "Value that is added to the root of the mean of the squared gradients."},
        Range::epsilon(), optimizer.epsilon);
  }
  const bool decoupled = optimizer.kind == OptimizerKind::adamw;
  optimizer.weight_decay = table.real(
      {"weight_decay",
       decoupled
           ? "Fraction of each parameter, times the learning rate, that is subtracted per step."
           : "Multiple of the parameters that is added to the gradients."},
      Range::at_least(0.0), decoupled ? 0.01 : 0.0);
  table.finish();
  return optimizer;
}

ScheduleOptions read_schedule(const OptionTable& table) {
  ScheduleOptions schedule;
  schedule.kind = table.choice<ScheduleKind>({"kind", "How the learning rate changes."},
                                             {{"constant", ScheduleKind::constant},
                                              {"step", ScheduleKind::step},
                                              {"cosine", ScheduleKind::cosine}});
  schedule.warmup_steps = table.integer(
      {"warmup_steps", "Number of steps at the beginning in which the rate increases linearly."}, 0,
      kMostInteger, 0);
  if (schedule.kind == ScheduleKind::cosine) {
    schedule.final_rate =
        table.real({"final", "Learning rate at the end of the run."}, Range::at_least(0.0), 0.0);
  } else if (schedule.kind == ScheduleKind::step) {
    schedule.every = table.integer(
        {"every", "Number of epochs between multiplications by the factor."}, 1, kMostInteger);
    schedule.factor = table.real({"factor", "Factor by which the learning rate is multiplied."},
                                 Range::positive());
  }
  table.finish();
  return schedule;
}

EarlyStop read_early_stop(const OptionTable& table, Loss loss) {
  EarlyStop stop;
  stop.metric = table.choice<Metric>({"metric", "Metric that must improve."},
                                     {{"test_loss", Metric::test_loss},
                                      {"test_accuracy", Metric::test_accuracy},
                                      {"train_loss", Metric::train_loss}});
  stop.patience = table.integer(
      {"patience", "Number of epochs without an improvement after which training ends."}, 1,
      kMostInteger);
  require_metric_of_loss(table, stop.metric, loss);
  table.finish();
  return stop;
}

/// Reads the keys with scalar values that follow the loss.
void read_seeds_and_stops(const OptionTable& table, TrainOptions& train) {
  train.seed = static_cast<std::uint64_t>(table.integer(
      {"seed", "Seed of the initial parameters and of dropout."}, 0, kMostInteger, 1));
  train.shuffle_seed = static_cast<std::uint64_t>(
      table.integer({"shuffle_seed", "Seed of the samples' order and of augmentation.", "seed"}, 0,
                    kMostInteger, static_cast<std::int64_t>(train.seed)));
  if (table.has("stop_after_steps")) {
    train.stop_after_steps = table.integer(
        {"stop_after_steps", "Number of steps after which the run writes a checkpoint and ends."},
        1, kMostInteger);
  }
  train.on_nonfinite = table.choice<OnNonfinite>(
      {"on_nonfinite",
       "What happens if a step's loss or gradient is not finite: the run stops, or the update is "
       "skipped."},
      {{"stop", OnNonfinite::stop}, {"skip", OnNonfinite::skip}}, "stop");
}

}  // namespace

/// Accuracy is defined only for classes.
void require_metric_of_loss(const OptionTable& table, Metric metric, Loss loss) {
  if (metric != Metric::test_accuracy || loss == Loss::cross_entropy) return;
  table.fail("metric", table.path("metric") +
                           " = \"test_accuracy\" needs loss = \"cross_entropy\"; "
                           "use \"test_loss\"");
}

TrainOptions read_train(const OptionTable& table) {
  TrainOptions train;
  train.table = table;
  train.epochs =
      table.integer({"epochs", "Number of passes over the training set."}, 1, kMostEpochs);
  train.batch = table.integer(
      {"batch", "Number of samples per step; the last step of an epoch may have fewer."}, 1,
      kMostBatch);
  train.loss = table.choice<Loss>({"loss", "Function that training minimises."},
                                  {{"cross_entropy", Loss::cross_entropy},
                                   {"mse", Loss::mse},
                                   {"binary_cross_entropy", Loss::binary_cross_entropy}});
  train.label_smoothing = table.real(
      {"label_smoothing",
       "Fraction of each target that is spread over all classes; only with cross_entropy."},
      Range::half_open(0.0, 1.0), 0.0);
  if (table.has("label_smoothing") && train.loss != Loss::cross_entropy) {
    table.fail("label_smoothing", "train.label_smoothing goes only with loss = \"cross_entropy\"");
  }
  read_seeds_and_stops(table, train);
  train.optimizer = read_optimizer(table.table({"optimizer", "Rule that updates the parameters."}));
  if (const auto schedule = table.optional_table(
          {"schedule", "Learning rate during the run.", "kind = \"constant\""})) {
    train.schedule = read_schedule(*schedule);
  }
  if (table.has("clip_norm")) {
    train.clip_norm = table.real(
        {"clip_norm", "Maximum norm of all gradients together; larger ones are scaled down."},
        Range::positive());
  }
  if (const auto stop = table.optional_table(
          {"early_stop", "Ends training when a metric does not improve any more."})) {
    train.early_stop = read_early_stop(*stop, train.loss);
  }
  table.finish();
  return train;
}

}  // namespace ridgeline::config
