#pragma once

#include <string>
#include <vector>

#include "io/run_files.hpp"
#include "studies/crossover.hpp"
#include "verbs.hpp"

namespace ridgeline::miniapp {

/// Decks that a study takes: those of `--deck`, or every one whose data are there in `inputs/` of
/// the current folder or, without that, of the installation that this program belongs to.
struct DeckChoice {
  std::vector<std::string> decks, sets;
  bool none = false;

  void add_to(CLI::App& study);

  /// Adds the decks and their data as files that are read.
  void add_inputs(io::RunFiles& files) const;

  /// Loads them; `decks` becomes those that could be loaded, and a note says if there are none to
  /// load. Throws RequestError for a deck of `--deck` that is wrong.
  std::vector<studies::DeckCase> load(std::vector<std::string>& notes);

 private:
  std::vector<std::string> chosen() const;
};

}  // namespace ridgeline::miniapp
