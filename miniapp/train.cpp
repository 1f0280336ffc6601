#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <iostream>
#include <limits>
#include <nlohmann/json.hpp>

#include "io/file.hpp"
#include "io/json.hpp"
#include "io/table.hpp"
#include "machine/description.hpp"
#include "network/trainer.hpp"
#include "session.hpp"
#include "signals.hpp"

namespace ridgeline::miniapp {

void print_dry_run(const Session& session, SpaceKind space, int host_threads,
                   io::TableFormat format);

namespace {

struct TrainOptions {
  DeckOptions deck;
  std::string output, checkpoint, resume, init;
  std::optional<std::int64_t> seed;
  bool quiet = false, dry_run = false;
};

// Prints epochs as they end, and progress where somebody watches.
class Console : public network::TrainingEvents {
 public:
  Console(io::TableFormat format, bool quiet)
      : format_(format),
        quiet_(quiet),
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
      fmt::print("{:>5}  {:>10}  {:>9}  {:>13}  {:>8}  {:>10}\n", "epoch", "train loss",
                 "test loss", "test accuracy", "time", "samples/s");
    }
    const auto text = [](const std::optional<double>& value) {
      return value ? fmt::format("{:.4f}", *value) : std::string("-");
    };
    fmt::print("{:>5}  {:>10.4f}  {:>9}  {:>13}  {:>8}  {:>10.0f}\n", report.epoch,
               report.train_loss, text(report.test_loss), text(report.test_accuracy),
               show_seconds(report.seconds), report.samples_per_second);
    std::fflush(stdout);
  }

  void progress(std::int64_t epoch, std::int64_t step, std::int64_t steps,
                const std::function<double()>& loss) override {
    if (!progress_) return;
    const double now = host_seconds();
    if (now - shown_ < 0.25) return;
    shown_ = now;
    constexpr int kWidth = 30;
    const int done = static_cast<int>(kWidth * step / steps);
    fmt::print(stderr, "\repoch {} [{:=<{}}{:<{}}] {}/{} loss {:.4f}\033[K", epoch, "", done, "",
               kWidth - done, step, steps, loss());
    drawn_ = true;
  }

  bool stop_requested() override { return miniapp::stop_requested(); }

  void finish() {
    clear();
    if (format_ != io::TableFormat::table && !table_.empty()) table_.print(std::cout, format_);
  }
  void say(const std::string& message) {
    clear();
    if (!quiet_) note(message);
  }

 private:
  void clear() {
    if (drawn_) fmt::print(stderr, "\r\033[K");
    drawn_ = false;
  }

  const io::TableFormat format_;
  const bool quiet_, progress_;
  bool header_printed_ = false, drawn_ = false;
  double shown_ = 0;
  io::Table table_;
};

// What [verify] asks for against what the last epoch gave; nothing where it was met.
std::optional<std::string> missed(const config::Deck& deck, const network::History& history) {
  if (!deck.verify) return {};
  const bool accuracy = deck.verify->metric == config::Metric::test_accuracy;
  const std::vector<double>& values = accuracy ? history.test_accuracy : history.test_loss;
  const std::string metric = config::to_string(deck.verify->metric);
  if (values.empty()) return metric + " was not measured: there is no test data for it";
  const double value = values.back();
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

void print_shares(const network::TrainingResult& result, io::TableFormat format) {
  fmt::print("\n");
  std::fflush(stdout);
  io::Table table(
      {{"layer", "layer", io::Align::left}, {"time a step", "seconds"}, {"share", "share"}});
  for (const network::LayerShare& share : result.shares) {
    table.add_row({io::Cell(share.layer),
                   io::Cell::shown_as(share.seconds, show_seconds(share.seconds)),
                   io::Cell::shown_as(share.share, fmt::format("{:.1f} %", 100 * share.share))});
  }
  table.print(std::cout, format);
  std::cout.flush();
}

// Checks what a resume needs before any work.
void check_resume(const config::Deck& deck, const std::string& file) {
  const std::string name = file + ": /deck";
  const config::Deck before = config::Deck::parse(
      network::load_deck_text(file), name, std::filesystem::path(deck.name).parent_path().string());
  if (const auto difference = deck.difference_that_forbids_resume(before)) {
    throw RequestError(*difference);
  }
}

Status run(const TrainOptions& options, const CommonOptions& common) {
  const io::TableFormat format = io::parse_table_format(common.format);
  const config::Deck deck = config::Deck::load(options.deck.deck, options.deck.sets, options.seed);
  if (options.dry_run) {
    // Plans for a device even where there is none: nothing is computed.
    const std::vector<SpaceKind> built = built_spaces();
    const bool planned_device = options.deck.space == "cuda" && built.back() == SpaceKind::cuda;
    const bool no_device = built.back() == SpaceKind::cuda && cuda_device_count() == 0;
    const SpaceKind space = planned_device ? SpaceKind::cuda
                            : no_device && options.deck.space == "auto"
                                ? built[built.size() - 2]
                                : resolve_space(options.deck.space);
    print_dry_run(open_session(deck), space, planned_threads(common.threads), format);
    return Status::done;
  }
  // Before the data is read, so that a signal meanwhile ends in a checkpoint too.
  catch_stop_signals();
  const SpaceKind space = resolve_space(options.deck.space);
  network::TrainingFiles files;
  if (!options.checkpoint.empty()) require_writable(options.checkpoint);
  if (!options.resume.empty()) {
    files.resume = options.resume;
    check_resume(deck, options.resume);
  }
  if (!options.init.empty()) files.init = options.init;
  // A text's tokens mean what they meant when the weights were trained.
  const std::string& weights = options.resume.empty() ? options.init : options.resume;
  const Session session =
      open_session(deck, weights.empty() ? data::Vocabulary() : vocabulary_of(weights));
  // Last, so that a wrong request leaves no folder behind; before anything is computed.
  make_folder(options.output);
  files.checkpoint = options.checkpoint.empty() ? inside(options.output, deck.checkpoint.path)
                                                : options.checkpoint;
  const std::string record = inside(options.output, "train.json");
  require_writable(files.checkpoint);
  require_writable(record);

  Console console(format, options.quiet);
  io::Json json;
  const network::TrainingResult result =
      compute(space, deck.network.precision, common, [&](const auto& instance, auto scalar) {
        using Space = std::decay_t<decltype(instance)>;
        using T = decltype(scalar);
        const layers::Target target =
            layers::target_of<Space, T>(instance, network::gemm_backend(deck));
        const network::Memory memory =
            session.plan->memory(target, static_cast<std::size_t>(deck.train.batch), true);
        console.say(
            fmt::format("{}: {} parameters, {}, {} threads ({}), {} of memory on the space, "
                        "{} of data on the host",
                        deck.title, session.plan->trained_count(), to_string(space),
                        Runtime::host_threads().count, Runtime::host_threads().binding,
                        show_bytes(double(memory.total())),
                        show_bytes(double(session.dataset.memory_bytes()))));
        const auto done =
            network::train<Space, T>(instance, session.plan, deck, session.dataset, files, console);
        json = machine::new_result("ridgeline-training");  // while the Runtime is there to describe
        return done;
      });
  console.finish();

  using network::Outcome;
  const bool ended = result.outcome == Outcome::finished ||
                     result.outcome == Outcome::stopped_early ||
                     result.outcome == Outcome::already_finished;
  const std::optional<std::string> failure =
      result.outcome == Outcome::diverged
          ? std::optional<std::string>("training diverged: the loss is not finite")
          : (ended ? missed(deck, result.state.history) : std::nullopt);
  if (result.outcome == Outcome::already_finished) {
    console.say(fmt::format("{} has finished already, after {} epochs; nothing to do",
                            options.resume, result.state.epoch));
  } else {
    json["deck"] = deck.name;
    json["title"] = deck.title;
    json["space"] = to_string(space);
    json["precision"] = config::to_string(deck.network.precision);
    json["gemm"] = config::to_string(deck.network.gemm);
    json["history"] = history_json(result.state.history);
    json["parameters"] = session.plan->trained_count();
    json["batch"] = deck.train.batch;
    json["steps"] = result.state.step;
    json["step_seconds"] = result.step_seconds;
    json["shares"] = io::Json::array();
    for (const network::LayerShare& share : result.shares) {
      json["shares"].push_back(
          {{"layer", share.layer}, {"seconds", share.seconds}, {"share", share.share}});
    }
    if (ended) json["verified"] = !failure;
    if (ended && !failure) json["figure_of_merit"] = result.samples_per_second;
    io::write_json(record, json);
    if (result.step_seconds.repeats > 0) {
      print_shares(result, format);
      if (format == io::TableFormat::table) {
        fmt::print("a step of {} samples takes {} (median of {})\n", deck.train.batch,
                   show_seconds(result.step_seconds.median), result.step_seconds.repeats);
      }
    }
  }
  if (failure) {
    std::fflush(stdout);
    throw RunError(*failure + "; the figure of merit is withheld");
  }
  if (result.outcome == Outcome::stopped_early) {
    console.say(
        fmt::format("stopped early, after {} epochs, as the deck asks: {} no longer improves",
                    result.state.epoch, config::to_string(deck.train.early_stop->metric)));
  }
  if (ended && result.outcome != Outcome::already_finished && format == io::TableFormat::table) {
    fmt::print("figure of merit: {:.0f} samples/s\n", result.samples_per_second);
  }
  std::fflush(stdout);
  if (result.outcome == Outcome::stopped_by_signal) {
    console.say("stopped by a signal; go on with --resume " + files.checkpoint);
    return Status::stopped;
  }
  if (result.outcome == Outcome::stopped_after_steps) {
    console.say(fmt::format("stopped after {} steps, as the deck asks", result.state.step));
  }
  return Status::done;
}

}  // namespace

void add_train(CLI::App& app, const CommonOptions& common, Action& action) {
  CLI::App* verb = app.add_subcommand("train", "Train the network of an input deck");
  auto options = std::make_shared<TrainOptions>();
  options->deck.add_to(*verb);
  verb->add_option("--output", options->output, "Folder for train.json and the checkpoint");
  verb->add_option("--checkpoint", options->checkpoint, "Checkpoint file, instead of the deck's");
  auto* resume = verb->add_option("--resume", options->resume, "Continue from a checkpoint");
  verb->add_option("--init", options->init, "Begin with the weights of a checkpoint")
      ->excludes(resume);
  // CLI11 turns a number that is too large into the largest, which is refused for that.
  verb->add_option("--seed", options->seed, "Instead of the deck's train.seed")
      ->check(CLI::Range(std::int64_t{0}, std::numeric_limits<std::int64_t>::max() - 1));
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
