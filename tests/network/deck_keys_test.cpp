#include "network/deck_keys.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "config/deck.hpp"
#include "config/other_names.hpp"
#include "io/scratch.hpp"
#include "layers/layer.hpp"
#include "network/gated_residual.hpp"
#include "support/key_tables.hpp"
#include "support/paths.hpp"

namespace ridgeline::network {
namespace {

using config::DescribedKey;
using config::DescribedTable;
using config::OptionTable;
using testing::find_key;

TEST(DeckKeys, HaveTypeRangeDefaultAndASentence) {
  std::size_t count = 0;
  for (const DescribedTable& table : deck_keys()) {
    for (const DescribedKey& key : table.keys) {
      const std::string name = table.header() + " " + key.name;
      ++count;
      EXPECT_NE(key.type, "") << name;
      EXPECT_NE(key.fallback, "") << name;
      const bool limited =
          testing::contains(key.type, "integer") || key.type == "number" || key.type == "one of";
      EXPECT_EQ(!key.range.empty(), limited) << name;
      ASSERT_NE(key.about, "") << name << " has no sentence: give the getter {\"" << key.name
                               << "\", \"…\"}";
      EXPECT_EQ(key.about.back(), '.') << name;
      EXPECT_EQ(key.about.find_first_of("|\n"), std::string::npos) << name;
    }
  }
  EXPECT_GT(count, 90u);
}

TEST(DeckKeys, AreReadToTheEndOfEveryLayer) {
  for (const DescribedTable& table : deck_keys()) {
    if (table.is_list) {
      EXPECT_TRUE(table.complete) << table.header() << " " << table.kinds.front();
    }
  }
}

TEST(DeckKeys, HaveNamesElsewhereThatAreNoKeysOfTheSameTable) {
  std::set<std::string> words;  // keys, values and sections
  for (const DescribedTable& table : deck_keys()) {
    words.insert(table.header());
    for (const DescribedKey& key : table.keys) {
      words.insert(key.name);
      words.insert("\"" + key.name + "\"");
      words.insert(key.range);
      for (const auto& [name, others] : config::other_names()) {
        if (name != key.name) continue;
        for (const std::string& other : others) {
          EXPECT_TRUE(std::none_of(table.keys.begin(), table.keys.end(),
                                   [&](const auto& each) { return each.name == other; }))
              << table.header() << " has both " << name << " and " << other;
        }
      }
    }
  }
  for (const auto& [name, others] : config::other_names()) {
    EXPECT_TRUE(std::any_of(words.begin(), words.end(),
                            [&, &word = name](const std::string& each) {
                              return each == word || testing::contains(each, "\"" + word + "\"");
                            }))
        << name << " is neither a key nor a value of decks";
  }
}

/// Expects every key of a table, and of the tables inside it, to be described.
void expect_described(const std::vector<DescribedTable>& tables, const OptionTable& table,
                      const std::string& path) {
  const bool has_kind = find_key(tables, path, "", "kind") != nullptr;
  const std::string kind = has_kind ? table.string("kind") : "";
  for (const std::string& name : table.keys()) {
    const DescribedKey* key = find_key(tables, path, kind, name);
    ASSERT_NE(key, nullptr) << table.place(name) << ": " << path << "." << name;
    if (key->type == "table") {
      expect_described(tables, table.table(name), path + "." + name);
    } else if (key->type == "list of tables") {
      for (const OptionTable& layer : table.tables(name)) {
        expect_described(tables, layer, "network.layer");
      }
    }
  }
}

TEST(DeckKeys, HaveEveryKeyOfOurDecks) {
  const std::vector<DescribedTable> tables = deck_keys();
  std::size_t decks = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(testing::source_folder() + "/inputs")) {
    if (entry.path().extension() != ".toml") continue;
    const config::Deck deck = config::Deck::load(entry.path().string());
    ++decks;
    expect_described(tables, deck.data.table, "data");
    expect_described(tables, deck.network.table, "network");
    expect_described(tables, deck.train.table, "train");
    expect_described(tables, deck.checkpoint.table, "checkpoint");
    if (deck.verify) expect_described(tables, deck.verify->table, "verify");
  }
  EXPECT_GE(decks, 8u);
}

TEST(DeckKeys, HaveEveryKeyThatALayerReads) {
  const std::vector<DescribedTable> tables = deck_keys();
  std::size_t layers_read = 0;
  for (const layers::LayerKind& kind : layers::layer_kinds()) {
    if (!kind.family) continue;
    std::string text = "kind = \"" + kind.name + "\"\n" + kind.family->keys;
    const std::size_t at = text.find("WIDTH");
    if (at != std::string::npos) text.replace(at, 5, "8");
    Shape input = kind.family->input;
    for (std::size_t& size : input) {
      if (size == 0) size = 8;
    }
    const OptionTable table = OptionTable::generated(text, kind.name);
    layers::read_layer({table, kind.name, input});
    ++layers_read;
    for (const std::string& name : table.known_keys()) {
      EXPECT_NE(find_key(tables, "network.layer", kind.name, name), nullptr)
          << kind.name << " " << name;
    }
  }
  EXPECT_GT(layers_read, 10u);
}

struct Promise {
  const char *path, *kind, *key, *fallback;
};

// The keys that decks of other programs rely on, and their defaults.
const Promise kContract[] = {
    {"", "", "title", "the file's name"},
    {"", "", "data", "required"},
    {"", "", "network", "required"},
    {"", "", "train", "required"},
    {"", "", "checkpoint", "its defaults"},
    {"", "", "run", "none"},
    {"", "", "verify", "none"},
    {"data", "idx", "kind", "required"},
    {"data", "idx", "path", "required"},
    {"data", "hdf5", "path", "required"},
    {"data", "text", "path", "required"},
    {"data", "text", "length", "required"},
    {"data", "text", "validation", "0.1"},
    {"data", "idx", "shuffle", "true"},
    {"data", "synthetic", "shuffle", "true"},
    {"data", "synthetic", "shape", "[784]"},
    {"data", "synthetic", "classes", "10"},
    {"data", "synthetic", "samples", "10000"},
    {"data", "synthetic", "seed", "1"},
    {"data", "idx", "target", "none"},
    {"data", "hdf5", "augment", "none"},
    {"data", "idx", "normalize", "none"},
    {"data.augment", "", "flip", "false"},
    {"data.augment", "", "crop", "0"},
    {"data.normalize", "", "mean", "required"},
    {"data.normalize", "", "std", "required"},
    {"network", "", "precision", "\"float32\""},
    {"network", "", "gemm", "\"native\""},
    {"network", "", "initialization", "\"default\""},
    {"network", "", "layer", "required"},
    {"network.layer", "dense", "kind", "required"},
    {"network.layer", "dense", "name", "kind and number"},
    {"network.layer", "dense", "units", "required"},
    {"network.layer", "dense", "bias", "true"},
    {"network.layer", "dense", "activation", "\"identity\""},
    {"network.layer", "conv2d", "channels", "required"},
    {"network.layer", "conv2d", "kernel", "required"},
    {"network.layer", "conv2d", "stride", "1"},
    {"network.layer", "conv2d", "padding", "0"},
    {"network.layer", "conv2d", "dilation", "1"},
    {"network.layer", "conv2d", "groups", "1"},
    {"network.layer", "conv2d", "bias", "true"},
    {"network.layer", "conv2d", "activation", "\"identity\""},
    {"network.layer", "max_pool2d", "kernel", "required"},
    {"network.layer", "max_pool2d", "stride", "kernel"},
    {"network.layer", "avg_pool2d", "padding", "0"},
    {"network.layer", "batch_norm", "momentum", "0.1"},
    {"network.layer", "batch_norm", "epsilon", "1e-05"},
    {"network.layer", "layer_norm", "epsilon", "1e-05"},
    {"network.layer", "activation", "function", "required"},
    {"network.layer", "dropout", "rate", "required"},
    {"network.layer", "embedding", "vocabulary", "the text's"},
    {"network.layer", "embedding", "features", "required"},
    {"network.layer", "attention", "heads", "required"},
    {"network.layer", "attention", "causal", "false"},
    {"network.layer", "lstm", "units", "required"},
    {"network.layer", "gru", "return_sequence", "false"},
    {"network.layer", "residual", "layer", "required"},
    {"network.layer", "residual", "shortcut", "none"},
    {"network.layer", "residual", "activation", "\"identity\""},
    {"network.layer", "sequence", "layer", "required"},
    {"train", "", "epochs", "required"},
    {"train", "", "batch", "required"},
    {"train", "", "loss", "required"},
    {"train", "", "seed", "1"},
    {"train", "", "shuffle_seed", "seed"},
    {"train", "", "optimizer", "required"},
    {"train", "", "schedule", "kind = \"constant\""},
    {"train", "", "on_nonfinite", "\"stop\""},
    {"train", "", "clip_norm", "none"},
    {"train", "", "label_smoothing", "0"},
    {"train", "", "early_stop", "none"},
    {"train", "", "stop_after_steps", "none"},
    {"train.optimizer", "sgd", "kind", "required"},
    {"train.optimizer", "sgd", "learning_rate", "required"},
    {"train.optimizer", "sgd", "momentum", "0"},
    {"train.optimizer", "sgd", "nesterov", "false"},
    {"train.optimizer", "sgd", "weight_decay", "0"},
    {"train.optimizer", "adam", "beta1", "0.9"},
    {"train.optimizer", "adam", "beta2", "0.999"},
    {"train.optimizer", "adam", "epsilon", "1e-08"},
    {"train.optimizer", "adam", "weight_decay", "0"},
    {"train.optimizer", "adamw", "weight_decay", "0.01"},
    {"train.optimizer", "rmsprop", "alpha", "0.99"},
    {"train.optimizer", "rmsprop", "epsilon", "1e-08"},
    {"train.optimizer", "rmsprop", "momentum", "0"},
    {"train.optimizer", "rmsprop", "weight_decay", "0"},
    {"train.schedule", "constant", "warmup_steps", "0"},
    {"train.schedule", "step", "every", "required"},
    {"train.schedule", "step", "factor", "required"},
    {"train.schedule", "cosine", "final", "0"},
    {"train.early_stop", "", "metric", "required"},
    {"train.early_stop", "", "patience", "required"},
    {"checkpoint", "", "path", "\"DECK.h5\""},
    {"checkpoint", "", "every_epochs", "1 or 0"},
    {"checkpoint", "", "every_steps", "0"},
    {"checkpoint", "", "keep", "none"},
    {"run", "", "stop_after", "none"},
    {"verify", "", "metric", "required"},
    {"verify", "", "at_least", "none"},
    {"verify", "", "at_most", "none"},
};

TEST(DeckKeys, HaveTheDefaultsOfTheContract) {
  const std::vector<DescribedTable> tables = deck_keys();
  for (const Promise& promise : kContract) {
    const DescribedKey* key = find_key(tables, promise.path, promise.kind, promise.key);
    ASSERT_NE(key, nullptr) << promise.path << " " << promise.kind << " " << promise.key;
    EXPECT_EQ(key->fallback, promise.fallback) << promise.path << " " << promise.key;
  }
  for (const char* path : {"network.layer", "train.optimizer"}) {
    const DescribedKey* kind = find_key(tables, path, "", "kind");
    ASSERT_NE(kind, nullptr);
    EXPECT_TRUE(
        testing::contains(kind->range, path[0] == 'n' ? "\"position_embedding\"" : "\"rmsprop\""));
  }
}

TEST(DeckKeys, HaveThoseOfLayersFromOutside) {
  testing::add_gated_residual();
  const std::vector<DescribedTable> tables = deck_keys();
  const auto line = [&](const char* name) {
    const DescribedKey* key = find_key(tables, "network.layer", "gated_residual", name);
    return key ? testing::line_of(*key) : "";
  };
  EXPECT_EQ(line("initial"), "initial: integer from 0 to 1 = 0 (Initial value of every gate.)");
  EXPECT_EQ(
      line("shortcut"),
      "shortcut: list of tables = none (The layers of the other branch; without them it passes the "
      "input on unchanged.)");
  EXPECT_TRUE(testing::contains(line("kind"), "\"gated_residual\""));
}

}  // namespace
}  // namespace ridgeline::network
