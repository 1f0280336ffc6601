#include <fmt/format.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "config/duration.hpp"
#include "core/build_info.hpp"
#include "core/energy.hpp"
#include "data/fingerprint.hpp"
#include "io/file.hpp"
#include "io/json.hpp"
#include "io/table.hpp"
#include "machine/description.hpp"
#include "network/resume.hpp"
#include "network/trainer.hpp"
#include "parallel/agreement.hpp"
#include "session.hpp"
#include "signals.hpp"
#include "train_files.hpp"

namespace ridgeline::miniapp {

void print_dry_run(const Session& session, SpaceKind space, int host_threads, std::size_t batch,
                   io::TableFormat format);

namespace {

// Prints every finished epoch, and progress if standard error is a terminal; ends training on a
// signal or at its time limit.
class Console : public network::TrainingEvents {
 public:
  Console(io::TableFormat format, bool quiet, std::optional<double> stop_after, SpaceKind space)
      : space_(space),
        format_(format),
        quiet_(quiet),
        stop_after_(stop_after),
        progress_(!quiet && isatty(STDERR_FILENO) != 0),
        table_({{"epoch", "epoch"},
                {"train loss", "train_loss"},
                {"test loss", "test_loss"},
                {"test accuracy", "test_accuracy"},
                {"time", "seconds"},
                {"samples/s", "samples_per_second"}}) {}

  void epoch(const network::EpochReport& report) override {
    clear();
    const auto number = [](const std::optional<double>& value) {
      return value ? io::Cell(*value, "{:.4f}") : io::Cell();
    };
    table_.add_row({io::Cell(report.epoch), io::Cell(report.train_loss, "{:.4f}"),
                    number(report.test_loss), number(report.test_accuracy),
                    io::Cell::shown_as(report.seconds, show_seconds(report.seconds)),
                    io::Cell(report.samples_per_second, "{:.0f}")});
    if (format_ != io::TableFormat::table) return;
    if (report.epoch == 1 || !header_printed_) {
      header_printed_ = true;
      print(fmt::format("{:>5}  {:>10}  {:>9}  {:>13}  {:>8}  {:>10}\n", "epoch", "train loss",
                        "test loss", "test accuracy", "time", "samples/s"));
    }
    const auto text = [](const std::optional<double>& value) {
      return value ? fmt::format("{:.4f}", *value) : std::string("-");
    };
    print(fmt::format("{:>5}  {:>10.4f}  {:>9}  {:>13}  {:>8}  {:>10.0f}\n", report.epoch,
                      report.train_loss, text(report.test_loss), text(report.test_accuracy),
                      show_seconds(report.seconds), report.samples_per_second));
    flush_output();
  }

  void progress(std::int64_t epoch, std::int64_t step, std::int64_t steps,
                const std::function<double()>& loss) override {
    const double now = host_seconds();
    if (now - energy_read_ >= 1) {
      energy_read_ = now;
      if (energy_) energy_->update();
    }
    if (!progress_) return;
    if (now - shown_ < 0.25) return;
    shown_ = now;
    constexpr int kWidth = 30;
    const int done = static_cast<int>(kWidth * step / steps);
    show_progress(fmt::format("epoch {} [{:=<{}}{:<{}}] {}/{} loss {:.4f}", epoch, "", done, "",
                              kWidth - done, step, steps, loss()));
    drawn_ = true;
  }

  /// Sets the action for the beginning of training.
  void on_begin(std::function<void()> action) { on_begin_ = std::move(action); }
  void begin() override {
    on_begin_();
    energy_.emplace(EnergyPlaces{"/", space_ == SpaceKind::cuda ? device_address() : ""});
    energy_->start();
    energy_begin_ = host_seconds();
  }

  /// Adds the energy of the run since its first step to its record.
  void record_energy(io::Json& json) {
    const std::optional<double> joules = energy_ ? energy_->joules() : std::nullopt;
    const double seconds = host_seconds() - energy_begin_;
    json["energy_joules"] = joules ? io::Json(*joules) : io::Json();
    json["power_watts"] = joules && seconds > 0 ? io::Json(*joules / seconds) : io::Json();
    json["energy_sources"] = joules ? io::Json(energy_->sources()) : io::Json();
  }

  bool stop_requested() override { return miniapp::stop_requested() || time_is_over(); }
  bool time_is_over() const { return stop_after_ && seconds_since_start() >= *stop_after_; }

  // The only table in csv and json.
  void finish() {
    clear();
    if (format_ != io::TableFormat::table) print(table_, format_);
  }
  void say(const std::string& message) const {
    clear();
    if (!quiet_) note(message);
  }

 private:
  void clear() const {
    if (drawn_) show_progress("");
    drawn_ = false;
  }

  const SpaceKind space_;
  std::optional<EnergyMeter> energy_;
  double energy_begin_ = 0, energy_read_ = 0;
  const io::TableFormat format_;
  const bool quiet_;
  const std::optional<double> stop_after_;
  const bool progress_;
  std::function<void()> on_begin_;
  bool header_printed_ = false;
  mutable bool drawn_ = false;
  double shown_ = 0;
  io::Table table_;
};

// Returns why the epoch of the checkpoint's weights misses [verify]; nullopt if it meets it.
std::optional<std::string> missed(const config::Deck& deck, const network::TrainingState& state) {
  if (!deck.verify) return {};
  const network::History& history = state.history;
  const bool accuracy = deck.verify->metric == config::Metric::test_accuracy;
  const std::vector<double>& values = accuracy ? history.test_accuracy : history.test_loss;
  const std::string metric = config::to_string(deck.verify->metric);
  if (values.empty()) return metric + " was not measured: there is no test data for it";
  const std::int64_t epoch = state.best_epoch.value_or(state.epoch);
  const double value = values.at(static_cast<std::size_t>(epoch) - 1);
  if (deck.verify->at_least && !(value >= *deck.verify->at_least)) {
    return fmt::format("{} is {:.4f}, and the deck's [verify] asks for at least {}", metric, value,
                       *deck.verify->at_least);
  }
  if (deck.verify->at_most && !(value <= *deck.verify->at_most)) {
    return fmt::format("{} is {:.4f}, and the deck's [verify] asks for at most {}", metric, value,
                       *deck.verify->at_most);
  }
  return {};
}

io::Json history_json(const network::History& history) {
  io::Json json = {{"train_loss", history.train_loss}, {"seconds", history.seconds}};
  if (!history.test_loss.empty()) json["test_loss"] = history.test_loss;
  if (!history.test_accuracy.empty()) json["test_accuracy"] = history.test_accuracy;
  return json;
}

void print_shares(const network::TrainingResult& result, std::int64_t batch) {
  print("\n");
  io::Table table({{"layer", "layer", io::Align::left},
                   {"time per step", "seconds"},
                   {"share", "share", io::Align::right, 0}});
  for (const network::LayerShare& share : result.shares) {
    table.add_row({io::Cell(share.layer),
                   io::Cell::shown_as(share.seconds, show_seconds(share.seconds)),
                   io::Cell::shown_as(share.share, fmt::format("{:.1f} %", 100 * share.share))});
  }
  print(table, io::TableFormat::table);
  print(fmt::format("a step of {} takes {} (median of {}, timed layer by layer)\n",
                    io::show_count(batch, "sample"), show_seconds(result.step_seconds.median),
                    result.step_seconds.repeats));
  if (result.communication.steps == 0) return;
  const double exposed = result.communication.exposed_seconds / double(result.communication.steps);
  print_wrapped(
      fmt::format("the ranks sum {} of gradients per step; {} of it is not hidden by the "
                  "computation ({:.1f} % of "
                  "a step)\n",
                  show_bytes(result.communication.bytes), show_seconds(exposed),
                  100 * exposed / result.step_seconds.median));
}

std::optional<double> time_limit(const config::Deck& deck, const TrainOptions& options) {
  if (options.stop_after.empty()) return deck.run.stop_after;
  const std::optional<double> seconds = config::parse_duration(options.stop_after);
  if (!seconds) {
    throw RequestError("--stop-after: must be " + std::string(config::kDurationDescription) +
                       ", not \"" + options.stop_after + "\"");
  }
  return seconds;
}

io::Json record_of(const config::Deck& deck, const TrainOptions& options, const Session& session,
                   SpaceKind space, const parallel::Ranks& ranks,
                   const network::TrainingResult& result) {
  // While the Runtime exists, which is described.
  io::Json json = machine::new_result("ridgeline-training");
  deck_to_json(json, deck, options.deck.sets);
  json["title"] = deck.title;
  json["space"] = to_string(space);
  json["precision"] = config::to_string(deck.network.precision);
  json["gemm"] = config::to_string(deck.network.gemm);
  json["history"] = history_json(result.state.history);
  json["parameters"] = session.plan->trained_count();
  json["batch"] = deck.train.batch;
  json["steps"] = result.state.step;
  if (result.state.best_epoch) json["best_epoch"] = *result.state.best_epoch;
  json["skipped_steps"] = result.state.skipped.total;
  json["step_seconds"] =
      result.step_seconds.repeats > 0 ? io::Json(result.step_seconds) : io::Json();
  json["ranks"] = ranks.size();
  const network::CommunicationTimes& communication = result.communication;
  json["communication"] =
      communication.steps == 0
          ? io::Json()
          : io::Json({{"bytes_per_step", communication.bytes},
                      {"exposed_seconds_per_step",
                       communication.exposed_seconds / double(communication.steps)}});
  json["shares"] = io::Json::array();
  for (const network::LayerShare& share : result.shares) {
    if (result.step_seconds.repeats == 0) break;
    json["shares"].push_back(
        {{"layer", share.layer}, {"seconds", share.seconds}, {"share", share.share}});
  }
  return json;
}

TrainFiles files_of(const config::Deck& deck, const TrainOptions& options) {
  try {
    return TrainFiles(deck, options);
  } catch (const RequestError&) {
    // Missing data and checkpoints are reported before conflicts of file names.
    open_session(deck);
    if (!options.resume.empty() && !io::is_folder(options.resume)) {
      const network::CheckpointFile checkpoint(options.resume);
    }
    throw;
  }
}

// Returns the space that a dry run plans for: a device even if there is none, since nothing is
// computed.
SpaceKind planned_space(const std::string& name) {
  const std::vector<SpaceKind> built = built_spaces();
  if (built.back() != SpaceKind::cuda || device_count() > 0) return resolve_space(name);
  if (name == "cuda") return SpaceKind::cuda;
  return name == "auto" ? built[built.size() - 2] : resolve_space(name);
}

// What a run left behind.
struct Trained {
  network::TrainingResult result;
  io::Json record;
  Disturbance disturbance;
  std::string resumed_from;
};

// Returns the samples of a batch that a rank has at most.
std::size_t share_of_batch(const config::Deck& deck, const parallel::Ranks& ranks) {
  return parallel::largest_share(static_cast<std::size_t>(deck.train.batch), ranks.size());
}

Trained train_on(SpaceKind space, const TrainOptions& options, const CommonOptions& common,
                 const config::Deck& deck, const Session& session, network::TrainingFiles training,
                 Console& console) {
  Trained trained;
  trained.result =
      compute(space, deck.network.precision, common, [&](const auto& instance, auto scalar) {
        using Space = std::decay_t<decltype(instance)>;
        using T = decltype(scalar);
        const layers::Target target =
            layers::target_of<Space, T>(instance, network::gemm_backend(deck));
        const network::Memory memory =
            session.plan->memory(target, share_of_batch(deck, *common.ranks), true);
        network::Memory held = memory;
        if (deck.train.early_stop) held.parameters *= 2;  // those of the best epoch
        require_host_memory(space, deck,
                            static_cast<std::int64_t>(share_of_batch(deck, *common.ranks)), held);
        console.say(
            fmt::format("{}: {}, {}, {} ({}), {} of memory on the space, {} of data on the host",
                        deck.title, io::show_count(session.plan->trained_count(), "parameter"),
                        to_string(space), io::show_count(Runtime::host_threads().count, "thread"),
                        Runtime::host_threads().binding, show_bytes(double(memory.total())),
                        show_bytes(double(session.dataset.memory_bytes()))));
        if (common.ranks->size() > 1) {
          console.say(fmt::format("{} ranks divide each batch of {}; the above is one's",
                                  common.ranks->size(),
                                  io::show_count(deck.train.batch, "sample")));
        }
        Guard guard(space, common.ranks->size() == 1);
        auto done = network::train<Space, T>(instance, session.plan, deck, session.dataset,
                                             std::move(training), console, common.ranks);
        trained.disturbance = guard.report();
        trained.record = record_of(deck, options, session, space, *common.ranks, done);
        trained.record["disturbed"] = machine::to_json(trained.disturbance);
        // Of several ranks a counter shows only what this one's node or device used.
        if (common.ranks->size() == 1) console.record_energy(trained.record);
        return done;
      });
  return trained;
}

void tell_outcome(const Trained& trained, const config::Deck& deck, bool ended,
                  const Console& console) {
  using network::Outcome;
  const network::TrainingResult& result = trained.result;
  if (result.outcome == Outcome::already_finished) {
    console.say(
        fmt::format("{} has finished already, after {}{}; nothing to do, and nothing is written",
                    trained.resumed_from, io::show_count(result.state.epoch, "epoch"),
                    result.state.epoch < deck.train.epochs ? ", by train.early_stop" : ""));
  }
  if (result.outcome == Outcome::stopped_early) {
    console.say(fmt::format("stopped early, after {}, by train.early_stop: {} no longer improves",
                            io::show_count(result.state.epoch, "epoch"),
                            config::to_string(deck.train.early_stop->metric)));
  }
  if (ended && result.state.best_epoch && result.state.best_epoch != result.state.epoch) {
    console.say(fmt::format("the checkpoint holds the weights of epoch {}, whose {} was best",
                            *result.state.best_epoch,
                            config::to_string(deck.train.early_stop->metric)));
  }
  if (result.state.skipped.total > 0) {
    warn(fmt::format("{} of {} skipped: loss or gradients were not finite",
                     result.state.skipped.total, io::show_count(result.state.step, "step")));
  }
}

// Writes the record and says how the run ended. Throws RunError for one that failed.
Status conclude(Trained trained, const TrainOptions& options, const config::Deck& deck,
                TrainFiles& files, bool writes, io::TableFormat format, const Console& console) {
  using network::Outcome;
  const network::TrainingResult& result = trained.result;
  const bool computed = result.outcome != Outcome::already_finished;
  // A run that has finished already has no measurements.
  if (computed) warn_of(trained.disturbance);
  const bool ended = result.outcome == Outcome::finished ||
                     result.outcome == Outcome::stopped_early ||
                     result.outcome == Outcome::already_finished;
  tell_outcome(trained, deck, ended, console);
  const std::optional<std::string> miss = ended ? missed(deck, result.state) : std::nullopt;
  // [verify] applies to the deck without overrides.
  const bool excused = miss && deck.trains_otherwise && !options.verify;
  const std::optional<std::string> failure = result.outcome == Outcome::diverged
                                                 ? std::optional<std::string>(result.failure)
                                             : excused ? std::nullopt
                                                       : miss;
  // The first rank concludes; it may still write its checkpoint.
  if (!writes) return Status::done;
  const bool as_table = format == io::TableFormat::table;
  if (computed) {
    io::Json& json = trained.record;
    if (ended) json["verified"] = excused ? io::Json() : io::Json(!failure);
    if (result.outcome == Outcome::diverged) json["verified"] = false;
    if (ended && !failure) json["figure_of_merit"] = result.samples_per_second;
    io::write_json(files.record(), json);
    if (as_table && result.step_seconds.repeats > 0) print_shares(result, deck.train.batch);
    console.say(written_to(files.written(result.outcome != Outcome::diverged)));
  }
  if (excused) {
    console.say(
        *miss +
        "; this is not a failure, because --set or --seed changed what is trained (--verify "
        "makes it one)");
  }
  if (failure) throw RunError(deck.name + ": " + *failure + "; the figure of merit is withheld");
  if (as_table && ended && computed) {
    print_wrapped(fmt::format(
        "figure of merit: {}{:.0f} samples/s, with loading and all else between steps{}\n",
        trained.disturbance.alarm() ? "~" : "", result.samples_per_second,
        trained.disturbance.alarm() ? "; measured while disturbed" : ""));
  }
  if (result.outcome == Outcome::stopped) {
    const bool several = trained.record["ranks"] > 1;
    console.say(std::string(stop_requested() ? "stopped by a signal"
                            : several        ? "stopped by a signal to a rank or at a time limit"
                                             : "stopped at its time limit") +
                "; resume" + (several ? " on any number of ranks" : "") +
                " with: " + files.resume_command());
    return Status::stopped;
  }
  if (result.outcome == Outcome::stopped_after_steps) {
    console.say(fmt::format("stopped at step {}, by train.stop_after_steps", result.state.step));
  }
  return Status::done;
}

// Throws RequestError on every rank if one has another build, deck or data.
void require_agreement_of_ranks(const parallel::Ranks& ranks, const Session& session,
                                SpaceKind space) {
  const data::Fingerprint data = data::fingerprint_of(session.dataset);
  parallel::require_agreement(
      ranks, {{"build", std::string(build_info().version) + " " + build_info().git_commit},
              {"deck", session.deck.text()},
              {"execution space", to_string(space)},
              {"data set", fmt::format("{} {} {} {} {} {}", data.train_samples, data.test_samples,
                                       data.sample_shape, data.target_shape, data.first_sample,
                                       data.last_sample)}});
}

Status run(const TrainOptions& options, const CommonOptions& common) {
  const io::TableFormat format = io::parse_table_format(common.format);
  const config::Deck deck = config::Deck::load(options.deck.deck, options.deck.sets, options.seed);
  if (options.verify && !deck.verify) {
    throw RequestError(options.deck.deck + ": has no [verify], which --verify is for");
  }
  const std::optional<double> stop_after = time_limit(deck, options);
  TrainFiles files = files_of(deck, options);
  const SpaceKind space =
      options.dry_run ? planned_space(options.deck.space) : resolve_space(options.deck.space);
  Console console(format, options.quiet, stop_after, space);
  const bool writes = common.ranks->is_first();
  if (!options.dry_run && writes) files.lock();
  network::TrainingFiles training;
  training.checkpoint = files.checkpoint();
  training.resume = files.open_resumed();
  if (!options.init.empty()) {
    training.init = std::make_shared<const network::CheckpointFile>(options.init);
  }
  std::shared_ptr<const network::CheckpointFile> weights =
      training.resume ? training.resume : training.init;
  const std::string resumed_from = training.resume ? training.resume->path() : std::string();
  // A text's tokens must be those with which the weights were trained.
  const Session session =
      open_session(deck, weights ? vocabulary_of(*weights) : data::Vocabulary());
  if (weights) weights->require_shapes(*session.plan);
  const auto kept = [&] {
    return network::kept_checkpoints(deck, session.dataset, files.checkpoint(),
                                     training.resume != nullptr);
  };
  if (options.dry_run) {
    kept();  // throws for other runs' checkpoints
    print_dry_run(session, space,
                  planned_threads(common.threads, common.kokkos_flags, binding_of(common)),
                  share_of_batch(deck, *common.ranks), format);
    return Status::done;
  }
  weights.reset();
  require_agreement_of_ranks(*common.ranks, session, space);
  // Last, so that an invalid request leaves no folder; before anything is computed. From here
  // on a signal ends the run after its first step, with a checkpoint.
  defer_stop_signals();
  if (writes) files.create_folders();
  training.kept = kept();
  training.replaced = files.replaced();
  console.on_begin([&] {
    if (writes) files.keep_folders();
    for (const std::string& note : files.notes()) console.say(note);
  });

  Trained trained = train_on(space, options, common, deck, session, std::move(training), console);
  trained.resumed_from = resumed_from;
  console.finish();
  return conclude(std::move(trained), options, deck, files, writes, format, console);
}

}  // namespace

void add_train(CLI::App& app, const CommonOptions& common, Action& action) {
  CLI::App* verb = app.add_subcommand("train", "Train the network of an input deck");
  auto options = std::make_shared<TrainOptions>();
  options->deck.add_to(*verb);
  verb->add_option("--output", options->output,
                   "Folder for the checkpoint and the run's record, STEM.train.json");
  verb->add_option("--checkpoint", options->checkpoint, "Checkpoint file, instead of the deck's");
  auto* resume =
      verb->add_option("--resume", options->resume,
                       "Continue from a checkpoint, or from the newest (by its steps) in a folder");
  verb->add_option("--init", options->init, "Begin with the weights of a checkpoint")
      ->excludes(resume);
  verb->add_option("--seed", options->seed, "Instead of the deck's train.seed")
      ->transform(integer(0, kMostSeed));
  verb->add_option("--stop-after", options->stop_after,
                   "Write a checkpoint and exit with 75 after this time, such as 23h50m")
      ->type_name("DURATION");
  verb->add_flag("--no-lock", options->no_lock,
                 "Do not lock the checkpoint against a second run that writes it");
  verb->add_flag("--verify", options->verify,
                 "Fail if the deck's [verify] is missed, even if --set or --seed changed "
                 "[data], [network] or [train]");
  verb->add_flag("--quiet", options->quiet, "No notes and no progress");
  verb->add_flag("--dry-run", options->dry_run,
                 "Check deck, data and shapes, print what would run, compute nothing");
  verb->footer(
      "Example:\n  ridgeline train inputs/fashion_mlp.toml --output results "
      "--set train.epochs=2");
  verb->callback(
      [=, &common, &action] { action = [=, &common] { return run(*options, common); }; });
}

}  // namespace ridgeline::miniapp
