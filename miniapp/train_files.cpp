#include "train_files.hpp"

#include <filesystem>
#include <utility>

#include "core/error.hpp"
#include "core/text.hpp"
#include "io/file.hpp"
#include "io/hdf5.hpp"
#include "io/units.hpp"
#include "machine/system.hpp"
#include "network/resume.hpp"

namespace ridgeline::miniapp {

TrainFiles::TrainFiles(const config::Deck& deck, const TrainOptions& options)
    : deck_(deck),
      options_(options),
      checkpoint_(options.checkpoint.empty() ? inside(options.output, deck.checkpoint.path)
                                             : options.checkpoint),
      record_(inside(options.output,
                     std::filesystem::path(checkpoint_).stem().string() + ".train.json")) {
  add_inputs(deck, files_);
  if (!options.init.empty()) files_.input("--init", options.init);
  const bool is_folder = !options.resume.empty() && io::is_folder(options.resume);
  if (!options.resume.empty() && !is_folder) files_.input("--resume", options.resume);
  add_outputs();
}

void TrainFiles::add_outputs() {
  const bool by_deck = deck_.checkpoint.table.has("path");
  const std::string advice = !options_.checkpoint.empty() ? "choose another --checkpoint"
                             : by_deck ? "change checkpoint.path, or give --checkpoint"
                                       : "set checkpoint.path in the deck, or give --checkpoint";
  const std::string what = !options_.checkpoint.empty() || by_deck
                               ? "the checkpoint"
                               : "the checkpoint, which is named after the deck by default,";
  // A resumed run may replace the checkpoint that it continues.
  files_.output(what, checkpoint_, advice, "--resume");
  if (deck_.checkpoint.keep) {
    files_.numbered_outputs("a numbered checkpoint", checkpoint_, advice, "--resume");
  }
  if (!options_.no_lock) {
    files_.output("the checkpoint's lock", io::FileLock::name_of(checkpoint_), advice);
  }
  if (const std::string previous = previous_checkpoint();
      !io::is_same_file(previous, checkpoint_)) {  // as after a kill before the first write
    files_.output("the checkpoint that is replaced, kept under this name,", previous,
                  "rename this file, or " + advice);
  }
  files_.output("the run's record", record_, "choose another --output");
  require_result("the run's record", record_, "choose another --output");
  if (!options_.checkpoint.empty()) require_folder_of(checkpoint_);
}

void TrainFiles::lock() {
  if (lock_ || options_.no_lock || !io::is_folder(io::folder_of(checkpoint_))) return;
  lock_.emplace(checkpoint_);
  if (!lock_->warning().empty()) warn(lock_->warning());
  for (const std::string& file : {checkpoint_, io::output_target(checkpoint_), record_}) {
    files_.remove_stale_partials(file);
  }
}

std::shared_ptr<const network::CheckpointFile> TrainFiles::open_resumed() {
  if (options_.resume.empty()) return {};
  auto file = io::is_folder(options_.resume) ? newest_of_folder() : file_to_resume();
  resumed_ = file->path();
  const network::TrainingState state = file->state();
  notes_.push_back("resuming from " + resumed_ + ", after " + io::show_count(state.epoch, "epoch") +
                   " and " + io::show_count(state.step, "step"));
  return file;
}

std::shared_ptr<const network::CheckpointFile> TrainFiles::file_to_resume() {
  std::shared_ptr<const network::CheckpointFile> file;
  try {
    file = std::make_shared<const network::CheckpointFile>(options_.resume);
    file->state();
  } catch (const RequestError& error) {
    if (!deck_.checkpoint.keep || !io::exists(options_.resume)) throw;
    throw RequestError(std::string(error.what()) + "; --resume " +
                       shell_quoted(io::folder_of(options_.resume)) +
                       " takes the newest checkpoint that is whole");
  }
  if (const auto reason = network::refusal_of(deck_, *file)) throw RequestError(*reason);
  return file;
}

std::shared_ptr<const network::CheckpointFile> TrainFiles::newest_of_folder() {
  network::ResumePoint point = network::newest_checkpoint(
      options_.resume,
      [&](const network::CheckpointFile& file) { return network::refusal_of(deck_, file); });
  for (const std::string& skipped : point.skipped) warn("skipped " + skipped);
  files_.input("--resume", point.file->path());
  return std::move(point.file);
}

void TrainFiles::create_folders() {
  folders_.emplace(options_.output);
  lock();
  std::vector<std::string> written = {checkpoint_, record_};
  // No other run writes it any more.
  if (io::exists(checkpoint_) && (resumed_.empty() || !io::is_same_file(resumed_, checkpoint_))) {
    decide_on_replaced();
    if (replaced_ == io::Replaced::kept) written.push_back(previous_checkpoint());
  }
  constexpr long kMostSteps = 9999999999;
  if (deck_.checkpoint.keep) written.push_back(io::numbered_path(checkpoint_, kMostSteps));
  for (const std::string& file : written) io::check_writable(file);
}

// Of two checkpoints that the run may replace, the one with more steps is kept.
void TrainFiles::decide_on_replaced() {
  if (io::InputFile(checkpoint_).size() == 0) return;
  if (!io::is_hdf5(checkpoint_)) {
    replaced_ = io::Replaced::set_aside;
    notes_.push_back(checkpoint_ + " is not a checkpoint, and will be renamed to NAME.set-aside");
    return;
  }
  const std::string previous = previous_checkpoint();
  if (!io::exists(previous)) {
    replaced_ = io::Replaced::kept;
    notes_.push_back("the checkpoint that is there will be kept as " + previous);
    return;
  }
  if (!io::is_hdf5(previous)) {
    throw RequestError(previous +
                       ": is not a checkpoint, and the one that is replaced is kept under " +
                       "this name; rename it, or choose another checkpoint");
  }
  const std::int64_t before = network::step_or_none(previous).value_or(0);
  if (network::step_or_none(checkpoint_).value_or(-1) >= before) {
    replaced_ = io::Replaced::kept;
    notes_.push_back("the checkpoint that is there will be kept as " + previous +
                     ", in place of the one there, of " + io::show_count(before, "step"));
  } else {
    notes_.push_back("the checkpoint that is there will be replaced; " + previous + ", of " +
                     io::show_count(before, "step") + ", stays");
  }
}

std::string TrainFiles::previous_checkpoint() const {
  return io::previous_name(io::output_target(checkpoint_));
}

std::string TrainFiles::resume_command() const {
  const std::vector<std::string> arguments = machine::command_line();
  std::string command;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string name = arguments[i].substr(0, arguments[i].find('='));
    if (name == "--resume" || name == "--init") {
      if (name == arguments[i]) ++i;  // the value is a word of its own
      continue;
    }
    command += shell_quoted(arguments[i]) + " ";
  }
  return command + "--resume " + shell_quoted(checkpoint_);
}

std::vector<std::string> TrainFiles::written(bool with_checkpoint) const {
  std::vector<std::string> files = {record_};
  if (!with_checkpoint) return files;
  files.insert(files.begin(), checkpoint_);
  if (replaced_ == io::Replaced::kept) files.push_back(previous_checkpoint());
  return files;
}

}  // namespace ridgeline::miniapp
