#include "network/resume.hpp"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/fingerprint.hpp"
#include "io/file.hpp"
#include "io/hdf5.hpp"
#include "io/run_files.hpp"
#include "io/units.hpp"
#include "network/network.hpp"
#include "network/schedule.hpp"

namespace ridgeline::network {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail_to_read(const std::string& path, const std::error_code& error) {
  throw RequestError(path + ": cannot read: " + error.message());
}

// Returns the numbers of the checkpoints beside `path`, in increasing order.
std::vector<long> numbers_beside(const std::string& path) {
  std::vector<long> numbers;
  std::error_code error;
  fs::directory_iterator entries(io::folder_of(path), error);
  for (; !error && entries != fs::directory_iterator(); entries.increment(error)) {
    const long number =
        io::number_of(entries->path().filename().string(), fs::path(path).filename().string());
    if (number >= 0) numbers.push_back(number);
  }
  if (error && error != std::errc::no_such_file_or_directory) fail_to_read(path, error);
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

// Returns whether a run of this deck on this data can have this state.
void require_resumable(const std::string& file, const TrainingState& state,
                       const config::Deck& deck, const data::Dataset& dataset) {
  const auto samples = static_cast<std::int64_t>(dataset.train.samples);
  const std::int64_t batch = deck.train.batch;
  const bool at_a_step = state.sample % batch == 0 && state.sample < samples;
  const bool counted = state.step == state.epoch * steps_per_epoch(deck, dataset.train.samples) +
                                         state.sample / batch;
  if (at_a_step && counted) return;
  throw RequestError(file + ": /state: no run of this deck on " + std::to_string(samples) +
                     " samples stands at epoch " + std::to_string(state.epoch) + ", sample " +
                     std::to_string(state.sample) + " and step " + std::to_string(state.step));
}

// Files of a folder that may be checkpoints, in the order of their names.
struct FolderFiles {
  std::vector<std::string> files;
  std::string replaced;  ///< the file that a run replaced last, if it is still there
};

FolderFiles files_in(const std::string& folder) {
  FolderFiles found;
  std::error_code error;
  fs::directory_iterator entries(folder, error);
  for (; !error && entries != fs::directory_iterator(); entries.increment(error)) {
    const std::string path = entries->path().string();
    const std::string name = entries->path().filename().string();
    std::error_code unknown;
    // Another run may be writing a temporary file.
    if (!entries->is_regular_file(unknown) || !io::target_of_partial(name).empty() ||
        io::is_set_aside(name)) {
      continue;
    }
    if (io::is_previous(name)) {
      found.replaced = path;
    } else {
      found.files.push_back(path);
    }
  }
  if (error) fail_to_read(folder, error);
  std::sort(found.files.begin(), found.files.end());
  return found;
}

struct Candidate {
  std::int64_t step;
  std::string file;
};

// Returns the checkpoints among the files, the newest first.
std::vector<Candidate> candidates_of(const std::vector<std::string>& files,
                                     std::vector<std::string>& skipped) {
  std::vector<Candidate> candidates;
  for (const std::string& name : files) {
    try {
      // The folder may contain other files.
      if (const auto step = checkpoint_step(name)) {
        candidates.push_back({*step, name});
      } else if (fs::path(name).extension() == ".h5" && !io::is_hdf5(name)) {
        skipped.push_back(name + ": is not an HDF5 file");
      }
    } catch (const RequestError& damage) {
      skipped.emplace_back(damage.what());
    }
  }
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const Candidate& a, const Candidate& b) { return a.step > b.step; });
  return candidates;
}

}  // namespace

ResumePoint newest_checkpoint(const std::string& folder, const Refusal& refusal) {
  ResumePoint point;
  const FolderFiles found = files_in(folder);
  std::int64_t newest = -1;
  for (const Candidate& candidate : candidates_of(found.files, point.skipped)) {
    try {
      auto file = std::make_unique<CheckpointFile>(candidate.file);
      file->state();  // throws for a state that no run can have
      const std::optional<std::string> reason = refusal(*file);
      if (!reason) {
        point.file = std::move(file);
        newest = candidate.step;
        break;
      }
      point.skipped.push_back(candidate.file + ": " + *reason);
    } catch (const RequestError& damage) {
      point.skipped.emplace_back(damage.what());
    }
  }
  if (!found.replaced.empty()) {
    const std::int64_t step = step_or_none(found.replaced).value_or(-1);
    if (!point.file || step > newest) {
      point.skipped.push_back(found.replaced + ": has " + io::show_count(step, "step") +
                              ", and a run replaced it; to resume from it, rename it");
    }
  }
  if (point.file) return point;
  if (point.skipped.empty()) {
    throw RequestError(folder + ": holds no checkpoint to resume from; omit --resume to begin");
  }
  // The first is the newest, or a damaged one.
  std::string reasons = point.skipped.front();
  for (std::size_t i = 1; i < point.skipped.size(); ++i) reasons += "; " + point.skipped[i];
  throw RequestError(reasons + "; " + folder + " holds no other checkpoint to resume from");
}

std::optional<std::int64_t> step_or_none(const std::string& file) {
  try {
    return checkpoint_step(file);
  } catch (const RequestError&) {
    return {};
  }
}

namespace {

config::Deck deck_of(const CheckpointFile& checkpoint, const config::Deck& deck) {
  return config::Deck::parse(checkpoint.deck_text(), checkpoint.path() + ": /deck",
                             fs::path(deck.name).parent_path().string());
}

}  // namespace

std::optional<std::string> refusal_of(const config::Deck& deck, const CheckpointFile& checkpoint) {
  return deck.difference_that_forbids_resume(deck_of(checkpoint, deck));
}

std::optional<std::string> difference_in_inputs(const config::Deck& deck,
                                                const CheckpointFile& checkpoint) {
  try {
    return deck.difference_in_inputs(deck_of(checkpoint, deck));
  } catch (const Error&) {
    return {};  // only the weights are used
  }
}

std::optional<std::string> data_difference(const config::Deck& deck, const data::Dataset& dataset,
                                           const CheckpointFile& checkpoint) {
  if (const auto before = checkpoint.data()) {
    const std::string difference = data::fingerprint_of(dataset).difference(*before);
    if (!difference.empty()) {
      return "/data: " + deck.name + "'s data have changed since: " + difference;
    }
  }
  if (checkpoint.vocabulary() != dataset.vocabulary.characters()) {
    return "/vocabulary is another than that of " + deck.name +
           "'s text; the text has changed since";
  }
  return {};
}

void require_no_numbered_checkpoints(const std::string& path) {
  const std::vector<long> numbers = numbers_beside(path);
  if (numbers.empty()) return;
  throw RequestError(io::numbered_path(path, numbers.back()) +
                     ": there are numbered checkpoints of an earlier run; continue with --resume " +
                     shell_quoted(io::folder_of(path)) + ", or choose another --output");
}

std::set<std::int64_t> numbered_checkpoints(const std::string& path, const Refusal& refusal) {
  std::set<std::int64_t> numbers;
  for (const long number : numbers_beside(path)) {
    const std::string file = io::numbered_path(path, number);
    std::optional<std::string> fault = "it is a link, or no file";
    std::error_code error;
    if (fs::symlink_status(file, error).type() == fs::file_type::regular) {
      std::unique_ptr<CheckpointFile> checkpoint;
      try {
        checkpoint = std::make_unique<CheckpointFile>(file);
        const std::int64_t step = checkpoint->state().step;
        fault.reset();
        if (step != number) fault = "its step is " + std::to_string(step);
      } catch (const RequestError& damage) {
        if (may_be_damaged_checkpoint(file)) continue;
        fault = damage.what();
      }
      if (!fault) fault = refusal(*checkpoint);
    }
    if (fault) {
      throw RequestError(file +
                         ": checkpoint.keep would replace it, and it is not a checkpoint of " +
                         "this run: " + *fault + "; move it, or choose another --checkpoint");
    }
    numbers.insert(number);
  }
  return numbers;
}

std::set<std::int64_t> kept_checkpoints(const config::Deck& deck, const data::Dataset& dataset,
                                        const std::string& path, bool resumed) {
  if (!deck.checkpoint.keep) return {};
  if (resumed) {
    return numbered_checkpoints(path, [&](const CheckpointFile& file) {
      const auto refusal = refusal_of(deck, file);
      return refusal ? refusal : data_difference(deck, dataset, file);
    });
  }
  require_no_numbered_checkpoints(path);
  return {};
}

template <class T>
Checkpoint<T> begin_run(const NetworkPlan& plan, const config::Deck& deck,
                        const data::Dataset& dataset, const CheckpointFile* resume,
                        const CheckpointFile* init) {
  Checkpoint<T> run;
  if (resume) {
    run = resume->load<T>(plan);
    require_resumable(resume->path(), run.state, deck, dataset);
    if (run.seed != deck.train.seed) {
      throw RequestError(resume->path() + ": /state has the seed " + std::to_string(run.seed) +
                         ", and train.seed is " + std::to_string(deck.train.seed));
    }
    if (const auto difference = data_difference(deck, dataset, *resume)) {
      throw RequestError(resume->path() + ": " + *difference);
    }
  } else {
    run.parameters =
        init ? init->parameters<T>(plan) : initial_parameters<T>(plan, deck.train.seed);
  }
  run.data = data::fingerprint_of(dataset);
  run.vocabulary = dataset.vocabulary.characters();
  run.deck = deck.text();
  run.seed = deck.train.seed;
  return run;
}

#define RIDGELINE_RESUME(T)                                                        \
  template Checkpoint<T> begin_run<T>(const NetworkPlan&, const config::Deck&,     \
                                      const data::Dataset&, const CheckpointFile*, \
                                      const CheckpointFile*);
RIDGELINE_RESUME(float)
RIDGELINE_RESUME(double)

}  // namespace ridgeline::network
