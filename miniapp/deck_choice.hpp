#pragma once

#include <string>
#include <vector>

#include "io/run_files.hpp"
#include "studies/crossover.hpp"
#include "verbs.hpp"

namespace ridgeline::miniapp {

/// The decks of a study: those of `--deck`, or every one whose data exist in `inputs/` of
/// the current folder or, without that, of this program's installation.
struct DeckChoice {
  std::vector<std::string> decks, sets;
  bool none = false;

  void add_to(CLI::App& study);

  /// Adds the decks and their data as files that are read.
  void add_inputs(io::RunFiles& files) const;

  /// Loads them into `decks`; those that cannot be loaded are left out, and a note says if there
  /// are none. Throws RequestError for an invalid deck of `--deck`.
  std::vector<studies::DeckCase> load(std::vector<std::string>& notes);

 private:
  std::vector<std::string> chosen() const;
};

}  // namespace ridgeline::miniapp
