#include "train_files.hpp"

#include <utility>
#include <vector>

#include "core/error.hpp"
#include "io/file.hpp"
#include "io/hdf5.hpp"
#include "network/resume.hpp"

namespace ridgeline::miniapp {

TrainFiles::TrainFiles(const config::Deck& deck, const TrainOptions& options)
    : deck_(deck),
      options_(options),
      checkpoint_(options.checkpoint.empty() ? inside(options.output, deck.checkpoint.path)
                                             : options.checkpoint),
      record_(inside(options.output, "train.json")) {
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
      !io::is_same_file(previous, checkpoint_)) {  // as after a kill before anything was written
    files_.output("keeping the checkpoint that is replaced under this name", previous,
                  "rename this one, or " + advice);
  }
  files_.output("train.json", record_, "choose another --output");
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

std::shared_ptr<const network::CheckpointFile> TrainFiles::open_resumed(
    const std::function<void(const std::string&)>& say) {
  if (options_.resume.empty()) return {};
  const auto file = resumed_file(say);
  resumed_ = file->path();
  return file;
}

std::shared_ptr<const network::CheckpointFile> TrainFiles::resumed_file(
    const std::function<void(const std::string&)>& say) {
  if (!io::is_folder(options_.resume)) {
    auto file = std::make_shared<const network::CheckpointFile>(options_.resume);
    if (const auto reason = network::refusal_of(deck_, *file)) throw RequestError(*reason);
    return file;
  }
  network::ResumePoint point = network::newest_checkpoint(
      options_.resume,
      [&](const network::CheckpointFile& file) { return network::refusal_of(deck_, file); });
  for (const std::string& skipped : point.skipped) warn("skipped " + skipped);
  say("going on from " + point.file->path());
  files_.input("--resume", point.file->path());
  return std::move(point.file);
}

void TrainFiles::create_folders() {
  folders_.emplace(options_.output);
  lock();
  std::vector<std::string> written = {checkpoint_, record_};
  // Now that no other run writes it.
  if (io::exists(checkpoint_) && (resumed_.empty() || !io::is_same_file(resumed_, checkpoint_))) {
    replaced_ = io::Replaced::kept;
    const io::InputFile readable(checkpoint_);  // to be copied where it cannot have a second name
    const std::string previous = previous_checkpoint();
    if (io::exists(previous) && !io::is_hdf5(previous)) {
      throw RequestError(previous + ": is no checkpoint, and the one that is replaced is kept " +
                         "under this name; rename it, or choose another checkpoint");
    }
    written.push_back(previous);
  }
  constexpr long kMostSteps = 9999999999;
  if (deck_.checkpoint.keep) written.push_back(io::numbered_path(checkpoint_, kMostSteps));
  for (const std::string& file : written) io::check_writable(file);
}

std::string TrainFiles::previous_checkpoint() const {
  return io::previous_name(io::output_target(checkpoint_));
}

std::string TrainFiles::resume_options() const {
  std::string text;
  if (!options_.output.empty()) text += "--output " + options_.output + " ";
  if (!options_.checkpoint.empty()) text += "--checkpoint " + options_.checkpoint + " ";
  return text + "--resume " + checkpoint_;
}

}  // namespace ridgeline::miniapp
