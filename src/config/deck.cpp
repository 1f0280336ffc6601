#include "config/deck.hpp"

#include <algorithm>

#include "config/document.hpp"
#include "config/key_reference.hpp"
#include "config/other_names.hpp"
#include "config/sections.hpp"
#include "core/error.hpp"
#include "core/text.hpp"
#include "io/file.hpp"

namespace ridgeline::config {
namespace {

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.find_last_of('/');
  return slash == std::string::npos ? std::string() : path.substr(0, slash + 1);
}

std::string stem_of(const std::string& path) {
  const std::string file = path.substr(folder_of(path).size());
  const std::size_t dot = file.find_last_of('.');
  return dot == std::string::npos || dot == 0 ? file : file.substr(0, dot);
}

/// Returns whether a section differs between two documents.
bool differs(const toml::table& a, const toml::table& b, const char* section) {
  const toml::table* const first = a[section].as_table();
  const toml::table* const second = b[section].as_table();
  if (first == nullptr || second == nullptr) return first != second;
  return *first != *second;
}

/// A section of the deck.
struct Section {
  const char* name;
  const char* about;
  const char* fallback;  ///< what the reference shows as its default
  const char* needs;     ///< keys of a section that decks must have; else null
  void (*read)(const OptionTable& table);
};

constexpr Section kSections[] = {
    {"data", "Samples for training and test.", "required",
     "kind = \"idx\", \"hdf5\", \"text\" or \"synthetic\"",
     [](const OptionTable& table) { read_data(table, {}); }},
    {"network", "Layers, and the type of their values.", "required",
     "at least one [[network.layer]]", [](const OptionTable& table) { read_network(table); }},
    {"train", "Loss, optimizer and length of training.", "required",
     "epochs, batch, loss and optimizer", [](const OptionTable& table) { read_train(table); }},
    {"checkpoint", "File of the checkpoints, and how often one is written.", "its defaults",
     nullptr, [](const OptionTable& table) { read_checkpoint(table, "deck"); }},
    {"run", "Limits of one run, which do not change what is trained.", "none", nullptr,
     [](const OptionTable& table) { read_run(table); }},
    {"verify", "Bound of a metric; a run that misses it exits with 1.", "none", nullptr,
     [](const OptionTable& table) { read_verify(table, Loss::cross_entropy); }}};

/// Returns the title; marks every key of the top level as known.
std::string read_top_level(const OptionTable& root, const std::string& stem) {
  std::string title =
      root.string({"title", "Name of the deck in tables and results.", "the file's name"}, stem);
  if (root.has("title") && has_control_character(title)) {
    root.fail("title", "title must not hold control characters, unlike \"" + title + "\"");
  }
  for (const Section& section : kSections) root.has(section.name);
  return title;
}

OptionTable require_section(const OptionTable& root, const std::string& key) {
  const auto section = std::find_if(std::begin(kSections), std::end(kSections),
                                    [&](const Section& each) { return each.name == key; });
  if (!root.has(key)) root.fail("", "has no [" + key + "] section; it needs " + section->needs);
  return root.table(key);
}

/// Reads a section, or an empty one, to collect the keys that are requested.
void request_keys(const OptionTable& root, const Section& section) {
  static const toml::table kEmpty;
  auto state = std::make_shared<OptionTable::State>();
  state->document = root.state()->document;
  const toml::table* const found = (*root.state()->table)[section.name].as_table();
  state->table = found != nullptr ? found : &kEmpty;
  state->path = {section.name};
  try {
    section.read(OptionTable(state));
  } catch (const RequestError&) {  // reported later
  }
}

/// Marks every key of every section as requested in the document.
void request_all_keys(const OptionTable& root) {
  for (const Section& section : kSections) request_keys(root, section);
}

/// Throws if a key of a section is at the top level, as after `--set epochs=2`.
void refuse_misplaced(const OptionTable& root) {
  const std::vector<std::string> sections(root.state()->requested.begin(),
                                          root.state()->requested.end());
  const auto leaf = [](const std::string& path) { return path.substr(path.rfind('.') + 1); };
  for (const std::string& key : root.keys()) {
    if (root.state()->requested.count(key) != 0) continue;
    request_all_keys(root);
    std::vector<std::string> leaves;
    for (const std::string& path : root.state()->document->requested) leaves.push_back(leaf(path));
    std::string meant = key;
    if (std::find(leaves.begin(), leaves.end(), key) == leaves.end()) {
      if (!nearest(key, sections).empty()) continue;
      meant = meant_by(key, leaves);
    }
    std::string paths;
    for (const std::string& path : root.state()->document->requested) {
      if (leaf(path) == meant) paths += (paths.empty() ? "\"" : " or \"") + path + "\"";
    }
    if (!paths.empty()) {
      root.fail(key, "unknown key \"" + key + "\" in the deck, did you mean " + paths + "?");
    }
  }
}

/// Checks that involve several sections.
void check_together(const Deck& deck) {
  const DataOptions& data = deck.data;
  const bool values = data.target_is_input;
  const std::string loss = std::string("train.loss = \"") + to_string(deck.train.loss) + "\"";
  if (deck.train.loss == Loss::cross_entropy) {
    if (values) {
      deck.train.table.fail("loss", loss +
                                        " needs class labels, which data.target = \"input\" "
                                        "does not provide; use \"mse\"");
    }
  } else if (data.kind == DataKind::text) {
    deck.train.table.fail("loss", loss +
                                      " needs values as targets, and text data has characters; "
                                      "use \"cross_entropy\"");
  } else if (!values && data.kind != DataKind::hdf5) {
    deck.train.table.fail("loss", loss + " needs values as targets, and " + to_string(data.kind) +
                                      " data has class labels; use \"cross_entropy\", or "
                                      "data.target = \"input\"");
  }
  if (data.augment.any() && data.kind == DataKind::synthetic && data.shape.size() != 3) {
    data.table.fail("augment",
                    "data.augment needs images, [channels, height, width], and not "
                    "samples of shape " +
                        ridgeline::to_string(data.shape));
  }
}

}  // namespace

Deck Deck::load(const std::string& path, const std::vector<std::string>& sets,
                std::optional<std::uint64_t> seed) {
  return parse(io::read_text(path, kMostDeckBytes), path, folder_of(path), sets, seed);
}

Deck Deck::parse(const std::string& text, const std::string& name, const std::string& folder,
                 const std::vector<std::string>& sets, std::optional<std::uint64_t> seed) {
  auto document = std::make_shared<Document>(parse_document(text, name));
  const toml::table in_file = document->root;
  for (const std::string& set : sets) apply_set(*document, set);
  if (seed) override_value(*document, "train.seed", std::to_string(*seed), "--seed");

  Deck deck;
  deck.name = name;
  for (const char* section : {"data", "network", "train"}) {
    deck.trains_otherwise |= differs(in_file, document->root, section);
  }
  deck.text_ = document->overrides.empty() ? text : to_toml(*document);
  const OptionTable root = root_table(document);
  deck.title = read_top_level(root, stem_of(name));
  refuse_misplaced(root);
  root.finish();
  deck.data = read_data(require_section(root, "data"), folder);
  deck.network = read_network(require_section(root, "network"));
  deck.train = read_train(require_section(root, "train"));
  deck.checkpoint = read_checkpoint(root.optional_table("checkpoint"), stem_of(name));
  deck.run = read_run(root.optional_table("run"));
  if (const auto verify = root.optional_table("verify")) {
    deck.verify = read_verify(*verify, deck.train.loss);
  }
  deck.data.precision = deck.network.precision;
  deck.data.targets_are_probabilities = deck.train.loss == Loss::binary_cross_entropy;
  check_together(deck);
  return deck;
}

std::vector<DescribedTable> describe_sections() {
  std::vector<DescribedTable> tables = describe_keys({}, [](const OptionTable& root) {
    read_top_level(root, {});
    for (const Section& section : kSections) {
      root.table({section.name, section.about, section.fallback});
    }
    root.finish();
  });
  for (const Section& section : kSections) {
    for (DescribedTable& table : describe_keys({section.name}, section.read)) {
      tables.push_back(std::move(table));
    }
  }
  return tables;
}

}  // namespace ridgeline::config
