#include "network/trainer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>

#include "core/guard.hpp"
#include "core/processors.hpp"
#include "io/digest.hpp"
#include "network/batch_feed.hpp"
#include "network/checkpoint_writer.hpp"
#include "network/part_times.hpp"
#include "network/resume.hpp"
#include "parallel/agreement.hpp"

namespace ridgeline::network {
namespace {

data::LoaderOptions loader_options(std::size_t batch, const parallel::Ranks& ranks) {
  data::LoaderOptions options;
  options.batch = batch;
  options.rank = ranks.rank();
  options.ranks = ranks.size();
  options.processors = ProcessorMask(Runtime::host_threads().cpus);
  return options;
}

const std::vector<double>& watched(const config::EarlyStop& early_stop, const History& history) {
  switch (early_stop.metric) {
    case config::Metric::test_accuracy:
      return history.test_accuracy;
    case config::Metric::test_loss:
      return history.test_loss;
    default:
      return history.train_loss;
  }
}

// Returns the sums over the samples of all ranks.
LossSums summed(const LossSums& own, const parallel::Ranks& ranks) {
  double values[] = {own.loss, own.correct, own.samples};
  ranks.sum(values, 3);
  return {values[0], values[1], values[2]};
}

}  // namespace

SampleShape sample_shape_of(const data::Dataset& dataset) {
  SampleShape sample;
  sample.input = dataset.sample_shape;
  sample.classes = dataset.classes;
  sample.target = dataset.has_labels() ? dataset.label_shape : dataset.target_shape;
  sample.tokens = dataset.tokens > 0;
  sample.vocabulary = dataset.vocabulary.size();
  if (dataset.has_labels()) {
    sample.first_label = data::smallest_label(dataset.train.labels, dataset.test.labels);
  }
  return sample;
}

std::optional<std::int64_t> best_epoch(const config::EarlyStop& early_stop,
                                       const History& history) {
  const std::vector<double>& values = watched(early_stop, history);
  if (values.empty()) return {};
  const auto best = early_stop.metric == config::Metric::test_accuracy
                        ? std::max_element(values.begin(), values.end())
                        : std::min_element(values.begin(), values.end());
  return best - values.begin() + 1;
}

bool has_stalled(const config::EarlyStop& early_stop, const History& history) {
  const auto best = best_epoch(early_stop, history);
  const auto epochs = static_cast<std::int64_t>(watched(early_stop, history).size());
  return best && epochs - *best >= early_stop.patience;
}

kernels::GemmBackend gemm_backend(const config::Deck& deck) {
  return deck.network.gemm == config::Gemm::native ? kernels::GemmBackend::native
                                                   : kernels::GemmBackend::kokkos_kernels;
}

template <class Space, class T>
LossSums evaluate(Network<Space, T>& network, const data::Dataset& dataset,
                  const data::Split& split, std::size_t batch, const parallel::Ranks& ranks) {
  network.reset_losses();
  BatchFeed<Space, T> feed(network.instance(), dataset, split, loader_options(batch, ranks));
  for (bool more = true; more;) {
    const auto item = feed.next();
    // The last batch may have fewer samples than there are ranks.
    if (item.count > 0) network.evaluate(item.batch);
    more = !item.ends_epoch;
  }
  return summed(network.read_losses(), ranks);
}

namespace {

template <class Space, class T>
typename Network<Space, T>::Options network_options(const config::Deck& deck,
                                                    const data::Dataset& dataset,
                                                    std::shared_ptr<const parallel::Ranks> ranks) {
  typename Network<Space, T>::Options options;
  options.gemm = gemm_backend(deck);
  options.batch =
      parallel::largest_share(static_cast<std::size_t>(deck.train.batch), ranks->size());
  options.ranks = std::move(ranks);
  options.training = true;
  options.schedule = make_schedule(deck, dataset.train.samples);
  options.seed = deck.train.seed;
  options.skip_nonfinite = deck.train.on_nonfinite == config::OnNonfinite::skip;
  return options;
}

data::LoaderOptions training_order(const config::Deck& deck, const TrainingState& state,
                                   const parallel::Ranks& ranks) {
  data::LoaderOptions options = loader_options(static_cast<std::size_t>(deck.train.batch), ranks);
  options.shuffle = deck.data.shuffle;
  options.seed = deck.train.shuffle_seed;
  options.augment = deck.data.augment;
  options.epoch = static_cast<std::size_t>(state.epoch);
  options.sample = static_cast<std::size_t>(state.sample);
  return options;
}

// Throws RequestError if ranks begin with other values, such as those of another checkpoint.
template <class T>
void require_same_begin(const parallel::Ranks& ranks, const Checkpoint<T>& begin) {
  if (ranks.size() == 1) return;
  io::Digest digest;
  digest.add(begin.parameters.data(), begin.parameters.size() * sizeof(T));
  for (const std::vector<T>& state : begin.optimizer_state) {
    digest.add(state.data(), state.size() * sizeof(T));
  }
  parallel::require_agreement(
      ranks,
      {{"checkpoint to begin with",
        fmt::format("{} {} {} {} {}", begin.state.epoch, begin.state.step, begin.state.sample,
                    begin.state.best_epoch.value_or(0), digest.text())}});
}

// One run from its beginning to its end.
template <class Space, class T>
class TrainingRun {
 public:
  TrainingRun(const Space& instance, std::shared_ptr<const NetworkPlan> plan,
              const config::Deck& deck, const data::Dataset& dataset, TrainingFiles files,
              const std::string& resumed_from, TrainingEvents& events, Checkpoint<T> begin,
              std::shared_ptr<const parallel::Ranks> ranks)
      : deck_(deck),
        dataset_(dataset),
        checkpoint_(files.checkpoint),
        resumed_from_(resumed_from),
        ranks_(std::move(ranks)),
        events_(events),
        batch_(deck.train.batch),
        run_(std::move(begin)),
        first_step_(run_.state.step),
        network_(instance, plan, network_options<Space, T>(deck, dataset, ranks_)),
        feed_(instance, dataset, dataset.train, training_order(deck, run_.state, *ranks_)),
        writer_(plan, checkpoint_, deck.checkpoint.keep, std::move(*files.kept), files.replaced,
                ProcessorMask(Runtime::host_threads().cpus)),
        times_(instance, plan->parts(true).size()) {
    network_.write_parameters(run_.parameters);
    if (!run_.optimizer_state.empty()) network_.write_state(run_.optimizer_state);
    network_.set_step(state().step);
    network_.set_skipped_steps(state().skipped);
    // The sums of the epoch so far are of all ranks together.
    network_.reset_losses(ranks_->is_first() ? state().sums : LossSums());
    // The saved values are read from the network.
    run_.parameters = {};
    run_.optimizer_state = {};
  }

  TrainingResult run() {
    events_.begin();
    begin_ = host_seconds();
    std::optional<Outcome> outcome;
    while (!outcome) {
      // A stop that any rank requested before this step ends all ranks after it.
      std::int64_t stops = ranks_->size() > 1 && events_.stop_requested() ? 1 : 0;
      const auto agreement = ranks_->size() > 1 ? ranks_->begin_sum(&stops, 1) : nullptr;
      const bool epoch_ended = step();
      writer_.check();
      if (agreement) agreement->wait();
      const bool stop = agreement ? stops > 0 : events_.stop_requested();
      const bool enough = deck_.train.stop_after_steps &&
                          state().step - first_step_ >= *deck_.train.stop_after_steps;
      const bool due = stop || enough || every(deck_.checkpoint.every_steps, state().step);
      // Reading from a device waits for it; a checkpoint must never count steps that were not
      // executed.
      if (epoch_ended || due || kIsHost<Space> || every(kObserveEvery, state().step)) {
        if (network_.stopped_at() != 0) {
          outcome = diverged(describe_bad_step());
          break;
        }
      }
      if (epoch_ended) {
        outcome = end_epoch(stop || enough);
      } else if (due) {
        state().sums = summed(network_.read_losses(), *ranks_);
        take_time();
        outcome = save();
      }
      if (!outcome && stop) outcome = Outcome::stopped;
      if (!outcome && enough) outcome = Outcome::stopped_after_steps;
    }
    writer_.finish();
    TrainingResult result;
    result.outcome = *outcome;
    result.failure = failure_;
    result.state = state();
    result.state.skipped = network_.skipped_steps();
    result.step_seconds = times_.step_seconds();
    result.shares = times_.shares(network_.plan());
    result.communication = network_.communication();
    result.samples_per_second = trained_seconds_ > 0 ? trained_samples_ / trained_seconds_ : 0;
    return result;
  }

 private:
  // One step in this many is timed part by part, so that the cost of the record is negligible.
  static constexpr std::int64_t kObserveEvery = 16;

  TrainingState& state() { return run_.state; }
  static bool every(std::int64_t period, std::int64_t count) {
    return period > 0 && count % period == 0;
  }

  // Trains one batch; returns whether it was the epoch's last.
  bool step() {
    watch_for_disturbance(0, [] {});
    const auto item = feed_.next();
    if (every(kObserveEvery, state().step + 1)) {
      times_.observe([&] { network_.train_step(item.batch, &times_); });
    } else {
      network_.train_step(item.batch);
    }
    ++state().step;
    state().sample += static_cast<std::int64_t>(item.global_count);
    trained_samples_ += static_cast<double>(item.global_count);
    const std::int64_t samples = static_cast<std::int64_t>(dataset_.train.samples);
    events_.progress(state().epoch + 1, (state().sample + batch_ - 1) / batch_,
                     (samples + batch_ - 1) / batch_,
                     [&] { return network_.read_losses().mean_loss(); });
    return item.ends_epoch;
  }

  // Evaluates, reports and writes a checkpoint if one is due; returns how the run ended, if it did.
  std::optional<Outcome> end_epoch(bool stopping) {
    // Waits for the epoch's last step.
    const LossSums sums = summed(network_.read_losses(), *ranks_);
    take_time();
    if (sums.samples == 0) {
      return diverged("no step of epoch " + std::to_string(state().epoch + 1) +
                      " had a finite loss and finite gradients");
    }
    EpochReport report{state().epoch + 1, sums.mean_loss(), {}, {}, state().seconds, 0};
    const double samples = sums.samples / double(network_.plan().loss_rows());
    report.samples_per_second = report.seconds > 0 ? samples / report.seconds : 0;
    History& history = state().history;
    if (dataset_.test.samples > 0) {
      const LossSums test = evaluate<Space, T>(network_, dataset_, dataset_.test,
                                               static_cast<std::size_t>(batch_), *ranks_);
      report.test_loss = test.mean_loss();
      history.test_loss.push_back(*report.test_loss);
      if (dataset_.has_labels()) {
        report.test_accuracy = test.accuracy();
        history.test_accuracy.push_back(*report.test_accuracy);
      }
    }
    history.train_loss.push_back(report.train_loss);
    history.seconds.push_back(report.seconds);
    events_.epoch(report);
    ++state().epoch;
    state().sample = 0;
    state().sums = {};
    state().seconds = 0;
    network_.reset_losses();
    if (!std::isfinite(report.test_loss.value_or(0))) return diverged(describe_bad_evaluation());
    if (deck_.train.early_stop && best_epoch(*deck_.train.early_stop, history) == state().epoch) {
      state().best_epoch = state().epoch;
      run_.best = std::make_shared<const std::vector<T>>(network_.read_parameters());
    }
    const bool early = deck_.train.early_stop && has_stalled(*deck_.train.early_stop, history);
    const bool last = early || state().epoch == deck_.train.epochs;
    if (last || stopping || every(deck_.checkpoint.every_epochs, state().epoch) ||
        every(deck_.checkpoint.every_steps, state().step)) {
      if (const auto outcome = save()) return outcome;
    }
    begin_ = host_seconds();  // evaluation and checkpoint are not counted
    if (!last) return {};
    return state().epoch == deck_.train.epochs ? Outcome::finished : Outcome::stopped_early;
  }

  // Adds the time since the last call to the epoch's and the run's.
  void take_time() {
    const double now = host_seconds();
    trained_seconds_ += now - begin_;
    state().seconds += now - begin_;
    begin_ = now;
  }

  // Writes a checkpoint unless the last update led to parameters that are not finite, which ends
  // the run.
  std::optional<Outcome> save() {
    state().skipped = network_.skipped_steps();
    Checkpoint<T> snapshot = run_;
    snapshot.parameters = network_.read_parameters();
    snapshot.optimizer_state = network_.read_state();
    if (const auto bad = nonfinite_parameter(network_.plan(), snapshot)) {
      return diverged("training diverged at step " + std::to_string(state().step) + ": " +
                      bad->layer + ", backward or update: " + bad->name +
                      " is not finite (at position " + std::to_string(bad->position) + ")");
    }
    if (ranks_->is_first()) writer_.write(std::move(snapshot));  // all ranks have the same values
    begin_ = host_seconds();
    return {};
  }

  // Repeats the first step without an update, with its parameters.
  std::string describe_bad_step() {
    const std::int64_t stopped = network_.stopped_at();
    const std::int64_t in_epoch = steps_per_epoch(deck_, dataset_.train.samples);
    TrainingState at;
    at.epoch = (stopped - 1) / in_epoch;
    at.sample = (stopped - 1) % in_epoch * batch_;
    BatchFeed<Space, T> feed(network_.instance(), dataset_, dataset_.train,
                             training_order(deck_, at, *ranks_));
    const auto found = network_.find_nonfinite(feed.next().batch, stopped - 1);
    const SkippedSteps skipped = network_.skipped_steps();
    return "training diverged at step " + std::to_string(stopped) +
           (skipped.in_a_row > 1 ? ", the last of " + std::to_string(skipped.in_a_row) + " in a row"
                                 : "") +
           ": " + of_any_rank(found, "loss, forward: it is not finite");
  }

  std::string describe_bad_evaluation() {
    BatchFeed<Space, T> feed(network_.instance(), dataset_, dataset_.test,
                             loader_options(static_cast<std::size_t>(batch_), *ranks_));
    std::optional<NonFinite> found;
    for (bool more = true; more && !found;) {
      const auto item = feed.next();
      if (item.count > 0) {
        found = network_.find_nonfinite(item.batch, std::nullopt);
      }
      more = !item.ends_epoch;
    }
    return "after step " + std::to_string(state().step) +
           " the test loss is not finite: " + of_any_rank(found, "loss, forward");
  }

  // Returns what the first rank that found something found.
  std::string of_any_rank(const std::optional<NonFinite>& found,
                          const std::string& otherwise) const {
    for (const std::string& text : ranks_->gather(found ? shown(*found) : std::string())) {
      if (!text.empty()) return text;
    }
    return otherwise;
  }

  static std::string shown(const NonFinite& found) {
    const char* const value = std::isnan(found.value) ? "nan" : found.value > 0 ? "inf" : "-inf";
    // The loss of the step before was finite, so its gradients or their update were not.
    const bool before = found.phase == "parameters";
    return found.layer + ", " + (before ? "backward or update of the step before" : found.phase) +
           ": " + found.tensor + " is not finite (" + value + " at position " +
           std::to_string(found.position) + ")";
  }

  // Ends the run; checkpoints written before are kept.
  Outcome diverged(const std::string& what) {
    writer_.finish();
    std::string last = "no checkpoint was written before";
    if (const auto step = writer_.newest_step()) {
      last = "the last checkpoint is " + checkpoint_ + ", of step " + std::to_string(*step);
    } else if (!resumed_from_.empty()) {
      last = "the last checkpoint is " + resumed_from_ + ", of step " + std::to_string(first_step_);
    }
    failure_ = what + "; " + last;
    return Outcome::diverged;
  }

  const config::Deck& deck_;
  const data::Dataset& dataset_;
  const std::string checkpoint_, resumed_from_;
  const std::shared_ptr<const parallel::Ranks> ranks_;
  TrainingEvents& events_;
  const std::int64_t batch_;
  Checkpoint<T> run_;
  const std::int64_t first_step_;
  Network<Space, T> network_;
  BatchFeed<Space, T> feed_;
  CheckpointWriter<T> writer_;
  PartTimes<Space> times_;
  double begin_ = 0, trained_seconds_ = 0, trained_samples_ = 0;
  std::string failure_;
};

}  // namespace

template <class Space, class T>
TrainingResult train(const Space& instance, std::shared_ptr<const NetworkPlan> plan,
                     const config::Deck& deck, const data::Dataset& dataset, TrainingFiles files,
                     TrainingEvents& events, std::shared_ptr<const parallel::Ranks> ranks) {
  if (!ranks) ranks = parallel::one_rank();
  Checkpoint<T> begin = begin_run<T>(*plan, deck, dataset, files.resume.get(), files.init.get());
  const auto& early_stop = deck.train.early_stop;
  require_same_begin(*ranks, begin);
  // An older file without best_epoch may still be at the best epoch.
  if (early_stop && !begin.best && begin.state.sample == 0 && begin.state.epoch > 0 &&
      best_epoch(*early_stop, begin.state.history) == begin.state.epoch) {
    begin.state.best_epoch = begin.state.epoch;
    begin.best = std::make_shared<const std::vector<T>>(begin.parameters);
  }
  if (begin.state.epoch >= deck.train.epochs ||
      (early_stop && has_stalled(*early_stop, begin.state.history))) {
    TrainingResult result;
    result.outcome = Outcome::already_finished;
    result.state = begin.state;
    return result;
  }
  const std::string resumed_from = files.resume ? files.resume->path() : std::string();
  // A long run keeps no file open that it may replace.
  files.resume.reset();
  files.init.reset();
  if (!files.kept) {
    files.kept = kept_checkpoints(deck, dataset, files.checkpoint, !resumed_from.empty());
  }
  return TrainingRun<Space, T>(instance, plan, deck, dataset, std::move(files), resumed_from,
                               events, std::move(begin), std::move(ranks))
      .run();
}

#define RIDGELINE_TRAINER(Space, T)                                                                \
  template TrainingResult train<Space, T>(                                                         \
      const Space&, std::shared_ptr<const NetworkPlan>, const config::Deck&, const data::Dataset&, \
      TrainingFiles, TrainingEvents&, std::shared_ptr<const parallel::Ranks>);                     \
  template LossSums evaluate<Space, T>(Network<Space, T>&, const data::Dataset&,                   \
                                       const data::Split&, std::size_t, const parallel::Ranks&);
RIDGELINE_FOR_SPACES(RIDGELINE_TRAINER)

}  // namespace ridgeline::network
