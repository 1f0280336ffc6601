#include "train_files.hpp"

#include <utility>

#include "io/file.hpp"
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
  // A run that failed before it wrote anything may have given the second name already.
  if (const std::string earlier = network::earlier_checkpoint(checkpoint_);
      io::exists(checkpoint_) && !io::is_same_file(checkpoint_, earlier)) {
    files_.output("keeping the earlier checkpoint under this name", earlier, advice);
    earlier_ = earlier;
  }
  files_.output("train.json", record_, "choose another --output");
  if (!options_.checkpoint.empty()) require_folder_of(checkpoint_);
}

void TrainFiles::lock() {
  if (lock_ || options_.no_lock || !io::is_folder(io::folder_of(checkpoint_))) return;
  lock_.emplace(checkpoint_);
  if (!lock_->warning().empty()) warn(lock_->warning());
  files_.remove_stale_partials(checkpoint_);
}

std::shared_ptr<const network::CheckpointFile> TrainFiles::open_resumed(
    const std::function<void(const std::string&)>& say) {
  if (options_.resume.empty()) return {};
  const auto file = resumed_file(say);
  if (io::is_same_file(file->path(), checkpoint_)) earlier_.clear();
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
  for (const std::string& file : {checkpoint_, record_}) io::check_writable(file);
}

std::string TrainFiles::resume_options() const {
  std::string text;
  if (!options_.output.empty()) text += "--output " + options_.output + " ";
  if (!options_.checkpoint.empty()) text += "--checkpoint " + options_.checkpoint + " ";
  return text + "--resume " + checkpoint_;
}

}  // namespace ridgeline::miniapp
