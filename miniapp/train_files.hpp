#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/deck.hpp"
#include "io/file.hpp"
#include "io/lock.hpp"
#include "io/run_files.hpp"
#include "network/checkpoint.hpp"
#include "session.hpp"

namespace ridgeline::miniapp {

struct TrainOptions {
  DeckOptions deck;
  std::string output, checkpoint, resume, init, stop_after;
  std::optional<std::int64_t> seed;
  bool quiet = false, dry_run = false, no_lock = false, verify = false;
};

/// The files of a training run. None is written before all have been checked; all functions
/// throw RequestError.
class TrainFiles {
 public:
  /// Compares outputs with inputs; both arguments must outlive this object.
  TrainFiles(const config::Deck& deck, const TrainOptions& options);

  const std::string& checkpoint() const { return checkpoint_; }
  const std::string& record() const { return record_; }

  /// Locks the checkpoint, as soon as its folder exists.
  void lock();

  /// Returns the checkpoint of --resume, or null. For a folder it is the newest that matches the
  /// deck; warnings name those that were skipped.
  std::shared_ptr<const network::CheckpointFile> open_resumed();

  /// Creates missing folders, after all other checks; they are removed again
  /// unless keep_folders() is called.
  void create_folders();
  void keep_folders() { folders_->keep(); }

  /// Returns what happens to a checkpoint that the run replaces without resuming from it. Known
  /// after create_folders().
  io::Replaced replaced() const { return replaced_; }

  /// Returns notes for the beginning of the run: the checkpoint that it resumes from, and the one
  /// it replaces.
  const std::vector<std::string>& notes() const { return notes_; }

  /// Returns this command with --resume, quoted for a shell.
  std::string resume_command() const;

  /// Returns the files that a run has written: its record and, if it wrote one, the checkpoint with
  /// the one that it replaced.
  std::vector<std::string> written(bool with_checkpoint) const;

 private:
  void add_outputs();
  std::shared_ptr<const network::CheckpointFile> file_to_resume();
  std::shared_ptr<const network::CheckpointFile> newest_of_folder();
  void decide_on_replaced();
  std::string previous_checkpoint() const;

  const config::Deck& deck_;
  const TrainOptions& options_;
  const std::string checkpoint_, record_;
  std::string resumed_;
  io::Replaced replaced_ = io::Replaced::lost;
  std::vector<std::string> notes_;
  io::RunFiles files_;
  std::optional<MadeFolders> folders_;  ///< destroyed after the lock
  std::optional<io::FileLock> lock_;
};

}  // namespace ridgeline::miniapp
