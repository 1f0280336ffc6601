#include "session.hpp"

#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "data/load.hpp"
#include "io/file.hpp"
#include "io/hdf5.hpp"
#include "network/trainer.hpp"

namespace ridgeline::miniapp {

void DeckOptions::add_to(CLI::App& verb) {
  verb.add_option("DECK", deck, "Input deck (TOML)")->required();
  verb.add_option("--set", sets, "Override a key of the deck: KEY=VALUE, dotted (repeatable)")
      ->type_name("KEY=VALUE")
      ->take_all();
  verb.add_option("--space", space, "Execution space")
      ->type_name(kSpaceNames)
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

data::Vocabulary vocabulary_of(const network::CheckpointFile& checkpoint) {
  std::string joined;
  for (const std::string& character : checkpoint.vocabulary()) joined += character;
  if (joined.empty()) return {};
  return data::Vocabulary::from_joined(joined, checkpoint.path() + ": /vocabulary");
}

void add_inputs(const config::Deck& deck, io::RunFiles& files) {
  files.input("the deck", deck.name);
  for (const std::string& file : data::data_files(deck.data)) files.input("data.path", file);
}

void deck_to_json(io::Json& json, const config::Deck& deck, const std::vector<std::string>& sets) {
  json["deck"] = deck.name;
  json["deck_text"] = deck.text();
  json["overrides"] = sets;
}

void add_output(const std::string& what, const std::string& file, const std::string& advice,
                io::RunFiles& files) {
  files.output(what, file, advice);
  require_folder_of(file);
  require_result(what, file, advice);
  io::check_writable(file);
}

void require_result(const std::string& what, const std::string& file, const std::string& advice) {
  if (!io::exists(file)) return;
  io::InputFile input(file);
  if (input.size() == 0) return;
  bool is_result = false;
  if (io::is_hdf5(file)) {
    const io::Hdf5Reader reader(file, {"/"});
    is_result = reader.has("/outputs") && !reader.has("/model");
  } else {
    char first = 0;
    is_result = input.read(&first, 1) == 1 && first == '{';
  }
  if (is_result) return;
  throw RequestError(file + ": " + what +
                     " would replace it, and it is not a result of ridgeline; " + advice);
}

void require_folder_of(const std::string& file) {
  const std::string folder = io::folder_of(file);
  if (!io::is_folder(folder)) {
    throw RequestError(file + ": the folder " + folder + " does not exist");
  }
}

MadeFolders::MadeFolders(const std::string& folder) {
  if (folder.empty()) return;
  io::check_path(folder);
  std::filesystem::path path;
  for (const std::filesystem::path& part : std::filesystem::path(folder)) {
    path /= part;
    std::error_code error;
    if (std::filesystem::create_directory(path, error)) made_.push_back(path.string());
    if (error || !std::filesystem::is_directory(path)) {
      const std::string reason = error ? error.message() : "it is a file";
      remove();
      throw RequestError(folder + ": cannot create the folder: " + reason);
    }
  }
}

void MadeFolders::remove() {
  for (auto folder = made_.rbegin(); folder != made_.rend(); ++folder) {
    rmdir(folder->c_str());  // fails, as intended, if it is no longer empty
  }
}

std::string inside(const std::string& folder, const std::string& file) {
  return (std::filesystem::path(folder) / file).string();
}

Binding binding_of(const CommonOptions& common) {
  return common.bind.empty() ? Binding() : Binding::parse(common.bind);
}

ComputeRuntime::ComputeRuntime(const CommonOptions& common)
    : runtime_(common.threads, common.kokkos_flags, binding_of(common)) {
  for (const std::string& warning : Runtime::host_threads().warnings) warn(warning);
}

void require_host_memory(SpaceKind space, const config::Deck& deck, std::int64_t batch,
                         const network::Memory& memory) {
  if (space == SpaceKind::cuda) return;
  io::require_memory(static_cast<double>(memory.total()), deck.name,
                     "this network with a batch of " + std::to_string(batch));
}

}  // namespace ridgeline::miniapp
