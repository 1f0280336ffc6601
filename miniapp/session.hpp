#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/deck.hpp"
#include "core/scalar.hpp"
#include "core/spaces.hpp"
#include "data/dataset.hpp"
#include "data/vocabulary.hpp"
#include "io/json.hpp"
#include "io/run_files.hpp"
#include "network/checkpoint.hpp"
#include "network/plan.hpp"
#include "verbs.hpp"

namespace ridgeline::miniapp {

/// Options of every verb that takes a deck.
struct DeckOptions {
  std::string deck;
  std::vector<std::string> sets;
  std::string space = "auto";

  void add_to(CLI::App& verb);
};

/// A deck with its data and its network, before anything is computed.
struct Session {
  config::Deck deck;
  data::Dataset dataset;
  std::shared_ptr<const network::NetworkPlan> plan;
};

/// Loads and checks deck, data and shapes. A text has the characters of `vocabulary`, a
/// checkpoint's, if it is not null and not empty, and otherwise its own.
Session open_session(const config::Deck& deck, const data::Vocabulary& vocabulary = {});

/// Returns the vocabulary of a checkpoint; empty if it has none.
data::Vocabulary vocabulary_of(const network::CheckpointFile& checkpoint);

/// Adds the inputs of a deck's run to `files`: the deck and its data.
void add_inputs(const config::Deck& deck, io::RunFiles& files);

/// Adds the deck's keys of a result: `deck` (its file), `deck_text` (with overrides) and
/// `overrides`.
void deck_to_json(io::Json& json, const config::Deck& deck, const std::vector<std::string>& sets);

/// Adds an output. Throws RequestError with `advice`, before any work, if its folder does not exist
/// or cannot be written, if it is another file of the run, or if it would replace a file that is
/// not an older result.
void add_output(const std::string& what, const std::string& file, const std::string& advice,
                io::RunFiles& files);

/// Throws RequestError if `file` exists and is neither a result of ridgeline nor empty.
void require_result(const std::string& what, const std::string& file, const std::string& advice);

/// Throws RequestError if the folder of `file` does not exist.
void require_folder_of(const std::string& file);

/// Folders that are created for a run, and removed again, if they are empty, if the request turns
/// out to be invalid.
class MadeFolders {
 public:
  /// Creates a folder and its parents; throws RequestError if that fails.
  explicit MadeFolders(const std::string& folder);
  ~MadeFolders() { remove(); }
  MadeFolders(const MadeFolders&) = delete;
  MadeFolders& operator=(const MadeFolders&) = delete;

  /// Keeps the folders, since the run begins.
  void keep() { made_.clear(); }

 private:
  void remove();

  std::vector<std::string> made_;  ///< the innermost last
};

/// Returns FOLDER/FILE, or FILE if it is absolute.
std::string inside(const std::string& folder, const std::string& file);

/// Runs Kokkos during its lifetime, with warnings about the placement of the host's threads.
class ComputeRuntime {
 public:
  explicit ComputeRuntime(const CommonOptions& common);
  ComputeRuntime(const ComputeRuntime&) = delete;
  ComputeRuntime& operator=(const ComputeRuntime&) = delete;

 private:
  Runtime runtime_;
};

/// Throws RequestError if the network does not fit in the host's memory. A device's memory is
/// checked by its allocation.
void require_host_memory(SpaceKind space, const config::Deck& deck, std::int64_t batch,
                         const network::Memory& memory);

/// Runs `body(instance, T())` on the space and in the precision of the deck, inside a Runtime.
template <class Body>
decltype(auto) compute(SpaceKind space, config::Precision precision, const CommonOptions& common,
                       const Body& body) {
  const ComputeRuntime runtime(common);
  return with_space(space, [&](const auto& instance) {
    return with_scalar(config::scalar_bytes(precision),
                       [&](auto zero) { return body(instance, zero); });
  });
}

}  // namespace ridgeline::miniapp
