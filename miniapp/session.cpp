#include "session.hpp"

#include <filesystem>

#include "data/load.hpp"
#include "io/file.hpp"
#include "network/checkpoint.hpp"
#include "network/trainer.hpp"

namespace ridgeline::miniapp {

void DeckOptions::add_to(CLI::App& verb) {
  verb.add_option("DECK", deck, "Input deck (TOML)")->required();
  verb.add_option("--set", sets, "Override a key of the deck: KEY=VALUE, dotted (repeatable)")
      ->type_name("KEY=VALUE")
      ->take_all();
  verb.add_option("--space", space, "Execution space: auto, serial, openmp or cuda")
      ->capture_default_str();
}

Session open_session(const config::Deck& deck, const data::Vocabulary& vocabulary) {
  Session session{deck, data::load_dataset(deck.data, vocabulary.empty() ? nullptr : &vocabulary),
                  nullptr};
  session.plan =
      std::make_shared<network::NetworkPlan>(deck, network::sample_shape_of(session.dataset));
  const auto require_test_set = [&](config::Metric metric, const config::OptionTable& table,
                                    const char* key, const std::string& who) {
    if (metric == config::Metric::train_loss || session.dataset.test.samples > 0) return;
    table.fail(
        key, who + " " + std::string(config::to_string(metric)) + ", and the data has no test set");
  };
  if (deck.verify) {
    require_test_set(deck.verify->metric, deck.verify->table, "metric", "[verify] asks for");
  }
  if (const auto& stop = deck.train.early_stop) {
    require_test_set(stop->metric, deck.train.table, "early_stop", "train.early_stop watches");
  }
  if (session.dataset.tokens > 0) {
    session.dataset.require_tokens_below(session.plan->token_limit());
  }
  return session;
}

data::Vocabulary vocabulary_of(const std::string& checkpoint) {
  std::string joined;
  for (const std::string& character : network::load_vocabulary(checkpoint)) joined += character;
  if (joined.empty()) return {};
  return data::Vocabulary::from_joined(joined, checkpoint + ": /vocabulary");
}

void require_writable(const std::string& file) {
  const std::filesystem::path folder = std::filesystem::path(file).parent_path();
  if (!folder.empty() && !std::filesystem::is_directory(folder)) {
    throw RequestError(file + ": the folder " + folder.string() + " does not exist");
  }
  io::check_writable(file);
}

void make_folder(const std::string& folder) {
  if (folder.empty()) return;
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error || !std::filesystem::is_directory(folder)) {
    throw RequestError(folder +
                       ": cannot create the folder: " + (error ? error.message() : "it is a file"));
  }
}

std::string inside(const std::string& folder, const std::string& file) {
  return (std::filesystem::path(folder) / file).string();
}

}  // namespace ridgeline::miniapp
