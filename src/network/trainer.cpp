#include "network/trainer.hpp"

#include <algorithm>
#include <cmath>
#include <functional>

#include "network/batch_feed.hpp"

namespace ridgeline::network {
namespace {

// Times the parts of the steps that it is handed to.
template <class Space>
class PartTimes : public StepObserver {
 public:
  PartTimes(const Space& instance, std::size_t parts)
      : step_(instance, Clock::host), seconds_(parts) {
    for (std::size_t i = 0; i < parts; ++i) {
      watches_.push_back(std::make_unique<Stopwatch<Space>>(instance));
    }
  }
  void begin(std::size_t part) override { watches_[part]->start(); }
  void end(std::size_t part) override { watches_[part]->stop(); }

  template <class Step>
  void observe(const Step& step) {
    step_.start();
    step();
    step_.stop();
    steps_.push_back(step_.seconds());
    for (std::size_t i = 0; i < watches_.size(); ++i) {
      seconds_[i].push_back(watches_[i]->seconds());
    }
  }

  Timing step_seconds() const { return summarize(steps_); }

  std::vector<LayerShare> shares(const NetworkPlan& plan) const {
    std::vector<LayerShare> list;
    const std::vector<StepPart> parts = plan.parts(true);
    double total = 0;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const double seconds = median_of(seconds_[i]);
      total += seconds;
      const auto same = [&](const LayerShare& share) { return share.layer == parts[i].layer; };
      const auto found = std::find_if(list.begin(), list.end(), same);
      if (found == list.end()) {
        list.push_back({parts[i].layer, seconds, 0});
      } else {
        found->seconds += seconds;
      }
    }
    for (LayerShare& share : list) share.share = total > 0 ? share.seconds / total : 0;
    return list;
  }

 private:
  Stopwatch<Space> step_;
  std::vector<std::unique_ptr<Stopwatch<Space>>> watches_;
  std::vector<std::vector<double>> seconds_;
  std::vector<double> steps_;
};

data::LoaderOptions loader_options(std::size_t batch) {
  data::LoaderOptions options;
  options.batch = batch;
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  for (const int cpu : Runtime::host_threads().cpus) CPU_SET(cpu, &cpus);
  if (!Runtime::host_threads().cpus.empty()) options.cpus = cpus;
  return options;
}

}  // namespace

Schedule make_schedule(const config::Deck& deck, std::size_t samples) {
  const std::int64_t batch = deck.train.batch;
  Schedule schedule;
  schedule.kind = deck.train.schedule.kind == config::ScheduleKind::cosine
                      ? Schedule::Kind::cosine
                      : Schedule::Kind::constant;
  schedule.learning_rate = deck.train.optimizer.learning_rate;
  schedule.final_rate = deck.train.schedule.final_rate;
  schedule.warmup_steps = deck.train.schedule.warmup_steps;
  schedule.total_steps =
      deck.train.epochs * ((static_cast<std::int64_t>(samples) + batch - 1) / batch);
  return schedule;
}

kernels::GemmBackend gemm_backend(const config::Deck& deck) {
  return deck.network.gemm == config::Gemm::native ? kernels::GemmBackend::native
                                                   : kernels::GemmBackend::kokkos_kernels;
}

template <class Space, class T>
LossSums evaluate(Network<Space, T>& network, const data::Dataset& dataset,
                  const data::Split& split, std::size_t batch) {
  network.reset_losses();
  BatchFeed<Space, T> feed(network.instance(), dataset, split, loader_options(batch));
  for (bool more = true; more;) {
    const auto item = feed.next();
    network.evaluate(item.batch);
    more = !item.ends_epoch;
  }
  return network.read_losses();
}

template <class Space, class T>
TrainingResult train(const Space& instance, std::shared_ptr<const NetworkPlan> plan,
                     const config::Deck& deck, const data::Dataset& dataset,
                     const TrainingFiles& files, TrainingEvents& events) {
  // One step in this many is timed part by part, so that the record costs next to nothing.
  constexpr std::int64_t kObserveEvery = 16;
  const std::size_t batch = static_cast<std::size_t>(deck.train.batch);
  const std::int64_t steps =
      static_cast<std::int64_t>((dataset.train.samples + batch - 1) / batch);

  Checkpoint<T> run;
  run.deck = deck.text();
  run.seed = deck.train.seed;
  if (files.resume) {
    Checkpoint<T> saved = load_checkpoint<T>(*files.resume, *plan);
    run.state = std::move(saved.state);
    run.parameters = std::move(saved.parameters);
    run.velocity = std::move(saved.velocity);
  } else {
    run.parameters = files.init ? load_parameters<T>(*files.init, *plan)
                                : initial_parameters<T>(*plan, run.seed);
  }
  TrainingState& state = run.state;
  TrainingResult result;
  if (state.epoch >= deck.train.epochs) {
    result.outcome = Outcome::already_finished;
    result.state = state;
    return result;
  }

  typename Network<Space, T>::Options options;
  options.gemm = gemm_backend(deck);
  options.batch = batch;
  options.training = true;
  options.schedule = make_schedule(deck, dataset.train.samples);
  Network<Space, T> network(instance, plan, options);
  network.write_parameters(run.parameters);
  if (!run.velocity.empty()) network.write_velocity(run.velocity);
  network.set_step(state.step);
  network.reset_losses(state.sums);

  data::LoaderOptions loading = loader_options(batch);
  loading.shuffle = deck.data.shuffle;
  loading.seed = deck.train.shuffle_seed;
  loading.epoch = static_cast<std::size_t>(state.epoch);
  loading.sample = static_cast<std::size_t>(state.sample);
  BatchFeed<Space, T> feed(instance, dataset, dataset.train, loading);

  const double seconds_before = state.seconds;
  double trained_seconds = 0, trained_samples = 0;
  PartTimes<Space> times(instance, plan->parts(true).size());
  const auto save = [&] {
    run.parameters = network.read_parameters();
    run.velocity = network.read_velocity();
    save_checkpoint(files.checkpoint, *plan, run);
    events.checkpoint(files.checkpoint);
  };
  const auto end_run = [&](Outcome outcome) {
    result.outcome = outcome;
    result.state = state;
    result.step_seconds = times.step_seconds();
    result.shares = times.shares(*plan);
    result.samples_per_second = trained_seconds > 0 ? trained_samples / trained_seconds : 0;
    return result;
  };

  double epoch_begin = host_seconds(), epoch_before = seconds_before;
  const auto take_time = [&] {
    const double now = host_seconds();
    trained_seconds += now - epoch_begin;
    state.seconds = epoch_before + now - epoch_begin;
    epoch_before = state.seconds;
    epoch_begin = now;
  };
  const std::int64_t stop_after = deck.train.stop_after_steps.value_or(0);
  for (;;) {
    const auto item = feed.next();
    const auto step = [&] { network.train_step(item.batch); };
    if (state.step % kObserveEvery == kObserveEvery - 1) {
      times.observe([&] { network.train_step(item.batch, &times); });
    } else {
      step();
    }
    ++state.step;
    state.sample += static_cast<std::int64_t>(item.count);
    trained_samples += static_cast<double>(item.count);
    events.progress(state.epoch + 1, (state.sample + deck.train.batch - 1) / deck.train.batch,
                    steps, [&] { return network.read_losses().mean_loss(); });

    const bool stop = events.stop_requested();
    const bool enough = stop_after > 0 && state.step >= stop_after;
    const bool by_steps = deck.checkpoint.every_steps > 0 &&
                          state.step % deck.checkpoint.every_steps == 0;
    if (!item.ends_epoch && (stop || enough || by_steps)) {
      state.sums = network.read_losses();
      take_time();
      if (!std::isfinite(state.sums.loss)) return end_run(Outcome::diverged);
      save();
      epoch_begin = host_seconds();
      if (stop) return end_run(Outcome::stopped_by_signal);
      if (enough) return end_run(Outcome::stopped_after_steps);
    }
    if (!item.ends_epoch) continue;

    const LossSums sums = network.read_losses();  // waits for the epoch's last step
    take_time();
    EpochReport report{state.epoch + 1, sums.mean_loss(), {}, {}, state.seconds, 0};
    report.samples_per_second = report.seconds > 0 ? sums.samples / report.seconds : 0;
    if (dataset.test.samples > 0) {
      const LossSums test = evaluate<Space, T>(network, dataset, dataset.test, batch);
      report.test_loss = test.mean_loss();
      state.history.test_loss.push_back(*report.test_loss);
      if (dataset.has_labels()) {
        report.test_accuracy = test.accuracy();
        state.history.test_accuracy.push_back(*report.test_accuracy);
      }
    }
    state.history.train_loss.push_back(report.train_loss);
    state.history.seconds.push_back(report.seconds);
    events.epoch(report);
    ++state.epoch;
    state.sample = 0;
    state.sums = {};
    state.seconds = 0;
    network.reset_losses();
    if (!std::isfinite(report.train_loss)) return end_run(Outcome::diverged);
    const bool last = state.epoch == deck.train.epochs;
    const bool by_epochs = deck.checkpoint.every_epochs > 0 &&
                           state.epoch % deck.checkpoint.every_epochs == 0;
    if (last || stop || enough || by_steps || by_epochs) save();
    if (last) return end_run(Outcome::finished);
    if (stop) return end_run(Outcome::stopped_by_signal);
    if (enough) return end_run(Outcome::stopped_after_steps);
    epoch_begin = host_seconds();
    epoch_before = 0;
  }
}

#define RIDGELINE_TRAINER(Space, T)                                                             \
  template TrainingResult train<Space, T>(const Space&, std::shared_ptr<const NetworkPlan>,     \
                                          const config::Deck&, const data::Dataset&,            \
                                          const TrainingFiles&, TrainingEvents&);               \
  template LossSums evaluate<Space, T>(Network<Space, T>&, const data::Dataset&,                \
                                       const data::Split&, std::size_t);
RIDGELINE_FOR_SPACES(RIDGELINE_TRAINER)

}  // namespace ridgeline::network
