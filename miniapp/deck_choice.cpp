#include "deck_choice.hpp"

#include <algorithm>
#include <filesystem>

#include "io/file.hpp"
#include "network/trainer.hpp"
#include "session.hpp"
#include "subprocess.hpp"

namespace ridgeline::miniapp {
namespace {

// Returns the default folder of decks; empty if there is none.
std::string folder_of_decks() {
  if (io::is_folder("inputs")) return "inputs";
  const std::filesystem::path prefix =
      std::filesystem::path(path_of_program()).parent_path().parent_path();
  const std::string installed = (prefix / "share/ridgeline/inputs").string();
  return io::is_folder(installed) ? installed : std::string();
}

}  // namespace

void DeckChoice::add_to(CLI::App& study) {
  CLI::Option* chosen = study.add_option(
      "--deck", decks, "Input deck (repeatable; default: inputs/*.toml, here or installed)");
  study.add_flag("--no-decks", none, "Layers alone")->excludes(chosen);
  study.add_option("--set", sets, "Override a key of every deck: KEY=VALUE (repeatable)")
      ->type_name("KEY=VALUE")
      ->take_all();
}

void DeckChoice::add_inputs(io::RunFiles& files) const {
  for (const std::string& file : chosen()) {
    files.input("a deck", file);
    try {
      miniapp::add_inputs(config::Deck::load(file, sets), files);
    } catch (const RequestError&) {  // load() reports the error
    }
  }
}

std::vector<std::string> DeckChoice::chosen() const {
  std::vector<std::string> list = decks;
  if (none) return {};
  const std::string folder = list.empty() ? folder_of_decks() : std::string();
  if (folder.empty()) return list;
  std::error_code error;
  std::filesystem::directory_iterator entry(folder, error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    if (entry->path().extension() == ".toml") list.push_back(entry->path().string());
  }
  if (error) throw RequestError(folder + ": cannot read: " + error.message());
  std::sort(list.begin(), list.end());
  return list;
}

std::vector<studies::DeckCase> DeckChoice::load(std::vector<std::string>& notes) {
  std::vector<studies::DeckCase> cases;
  if (!none && chosen().empty()) {
    const std::string folder = folder_of_decks();
    notes.push_back(
        "no decks: " +
        (folder.empty() ? std::string("there is no folder inputs/ here") : folder + " holds none") +
        "; give --deck, or --no-decks");
  }
  const bool requested = !decks.empty();
  std::vector<std::string> loaded;
  for (const std::string& file : chosen()) {
    try {
      const std::string name = std::filesystem::path(file).stem().string();
      for (const studies::DeckCase& other : cases) {
        if (other.name != name) continue;
        throw RequestError("--deck: two decks are called " + name + ", which results go by");
      }
      const config::Deck deck = config::Deck::load(file, sets);
      const Session session = open_session(deck);
      cases.push_back({name, session.plan, deck.network.precision, network::gemm_backend(deck),
                       static_cast<std::size_t>(deck.train.batch)});
      loaded.push_back(file);
    } catch (const RequestError& error) {
      if (requested) throw;
      note("note: leaving out " + file + ": " + error.what());
    }
  }
  decks = loaded;
  return cases;
}

}  // namespace ridgeline::miniapp
