#include "config/deck.hpp"

#include "config/decks.hpp"

namespace ridgeline {
namespace {

using config::Deck;
using testing::contains;
using testing::deck_with;
using testing::kDeck;
using testing::parse;
using testing::refusal;

TEST(Set, ReplacesValuesOfEveryType) {
  const Deck deck = parse(kDeck, {"train.epochs=2", "title=New title", "data.shuffle=false",
                                  "train.optimizer.learning_rate=1e-3", "data.path=\"other\""});
  EXPECT_EQ(deck.train.epochs, 2);
  EXPECT_EQ(deck.title, "New title");
  EXPECT_FALSE(deck.data.shuffle);
  EXPECT_EQ(deck.train.optimizer.learning_rate, 1e-3);
  EXPECT_EQ(deck.train.optimizer.momentum, 0.9);
  EXPECT_EQ(deck.data.path, "other");
}

TEST(Set, ReplacesWholeTables) {
  const Deck deck = parse(kDeck, {"train.optimizer={ kind = \"sgd\", learning_rate = 2 }"});
  EXPECT_EQ(deck.train.optimizer.learning_rate, 2.0);
  EXPECT_EQ(deck.train.optimizer.momentum, 0.0);
}

TEST(Set, AddressesLayersByNumberAndByName) {
  for (const char* key : {"network.layer.1.units", "network.layer.fc1.units"}) {
    const Deck deck = parse(kDeck, {std::string(key) + "=7"});
    EXPECT_EQ(deck.network.layers[1].integer("units", 1, 9), 7) << key;
    EXPECT_EQ(deck.network.layers[2].integer("units", 1, 99), 10) << key;
  }
  const Deck deck = parse(kDeck, {"network.layer.dense2.units=7"});
  EXPECT_EQ(deck.network.layers[2].integer("units", 1, 9), 7);
}

TEST(Set, CreatesWhatTheDeckLacks) {
  const Deck deck = parse(kDeck, {"verify.metric=test_accuracy", "verify.at_least=0.5",
                                  "network.layer.3.kind=flatten", "train.seed=9"});
  EXPECT_EQ(deck.verify->at_least, 0.5);
  ASSERT_EQ(deck.network.layers.size(), 4u);
  EXPECT_EQ(deck.network.layers[3].string("kind"), "flatten");
  EXPECT_EQ(deck.train.seed, 9u);
}

TEST(Set, CreatesAListOfTables) {
  const std::string without = kDeck.substr(0, kDeck.find("[network]"));
  const std::string train = kDeck.substr(kDeck.find("[train]"));
  const Deck deck = parse(without + train, {"network.layer.0.kind=flatten"});
  EXPECT_EQ(deck.network.layers.size(), 1u);
}

TEST(Set, LaterOnesWin) {
  EXPECT_EQ(parse(kDeck, {"train.batch=1", "train.batch=2"}).train.batch, 2);
}

TEST(Set, WhatIsNotTomlIsABareText) {
  EXPECT_EQ(parse(kDeck, {"data.path=/a path/x#1=2"}).data.path, "/a path/x#1=2");
  EXPECT_EQ(parse(kDeck, {"title="}).title, "");
  // The value cannot contain a second key.
  EXPECT_TRUE(contains(refusal(kDeck, {"title=1\nother = 2"}),
                       "title must not hold control characters, unlike \"1\\x0aother = 2\""));
}

TEST(Set, MalformedRequestsAreErrors) {
  EXPECT_TRUE(contains(refusal(kDeck, {"train.epochs"}), "--set train.epochs: no '='"));
  EXPECT_TRUE(contains(refusal(kDeck, {"=3"}), "the key is not complete"));
  EXPECT_TRUE(contains(refusal(kDeck, {"train..epochs=3"}), "the key is not complete"));
  EXPECT_TRUE(contains(refusal(kDeck, {"train.\"epochs=3"}), "a quote is not closed"));
  EXPECT_EQ(refusal(kDeck, {"train.batch.x=3"}),
            "--set train.batch.x: train.batch is 128, not a table");
  EXPECT_TRUE(contains(refusal(kDeck, {"network.layer.7.units=3"}),
                       "--set network.layer.7.units: network.layer has 3 elements"));
  EXPECT_TRUE(contains(refusal(kDeck, {"network.layer.fc9.units=3"}), "none called \"fc9\""));
}

TEST(Set, AKeyOutsideOfItsSectionIsNamedWithIt) {
  const auto meant = [](const std::string& set, const std::string& paths) {
    const std::string key = set.substr(0, set.find('='));
    EXPECT_EQ(refusal(kDeck, {set}), "--set " + key + ": unknown key \"" + key +
                                         "\" in the deck, did you mean " + paths + "?");
  };
  meant("epochs=2", "\"train.epochs\"");
  meant("epoch=2", "\"train.epochs\"");
  meant("clip_norm=1", "\"train.clip_norm\"");  // absent from the deck
  meant("learning_rate=1", "\"train.optimizer.learning_rate\"");
  meant("keep=2", "\"checkpoint.keep\"");
  meant("stop_after=1h", "\"run.stop_after\"");
  meant("at_least=1", "\"verify.at_least\"");
  meant("path=there", "\"checkpoint.path\" or \"data.path\"");
  EXPECT_EQ(refusal("batch = 3\n" + kDeck),
            "deck.toml:1: unknown key \"batch\" in the deck, did you mean \"train.batch\"?");
  // Other errors do not hide it; a section's name comes first.
  EXPECT_TRUE(contains(refusal(kDeck, {"train.batch=-1", "epochs=2"}), "\"train.epochs\"?"));
  EXPECT_TRUE(contains(refusal(kDeck, {"trian.epochs=2"}), "did you mean \"train\"?"));
  EXPECT_TRUE(contains(refusal(kDeck, {"frobnicated=2"}), "in the deck (known: "));
}

TEST(Set, ErrorsInItsValuesNameItInsteadOfALine) {
  EXPECT_EQ(refusal(kDeck, {"train.batch=-3"}),
            "--set train.batch: train.batch must be an integer from 1 to 1048576, not -3");
  EXPECT_EQ(refusal(kDeck, {"train.batch=many"}),
            "--set train.batch: train.batch must be an integer from 1 to 1048576, not \"many\"");
  EXPECT_TRUE(
      contains(refusal(kDeck, {"train.bach=3"}),
               "--set train.bach: unknown key \"bach\" in [train], did you mean \"batch\"?"));
  EXPECT_TRUE(contains(refusal(kDeck, {"verify.metric=test_loss"}),
                       "--set verify.metric: [verify] needs one of"));
  EXPECT_TRUE(contains(refusal(kDeck, {"train.optimizer={ kind = 'sgd', learning_rate = nan }"}),
                       "--set train.optimizer: train.optimizer.learning_rate must be"));
  // The deck's own values keep their lines.
  EXPECT_TRUE(contains(refusal(deck_with("epochs = 10", "epochs = 0"), {"train.batch=3"}),
                       "deck.toml:20: train.epochs"));
}

TEST(Set, SeedHasItsOwnOption) {
  const Deck deck = Deck::parse(kDeck, "deck.toml", {}, {"train.seed=5"}, 42);
  EXPECT_EQ(deck.train.seed, 42u);
  EXPECT_EQ(deck.train.shuffle_seed, 42u);
  EXPECT_EQ(parse(deck.text()).train.seed, 42u);
}

TEST(Set, TellsWhetherItChangedWhatIsTrained) {
  const auto changes = [](const std::vector<std::string>& sets) {
    return parse(kDeck, sets).trains_otherwise;
  };
  EXPECT_FALSE(changes({}));
  for (const char* set :
       {"train.epochs=2", "data.path=other", "data.shuffle=false", "network.layer.fc1.units=77",
        "network.precision=float64", "train.optimizer.learning_rate=0.1", "train.clip_norm=1"}) {
    EXPECT_TRUE(changes({set})) << set;
  }
  for (const char* set : {"title=other", "checkpoint.path=other.h5", "checkpoint.keep=2",
                          "run.stop_after=1h", "verify={ metric = 'test_loss', at_most = 1 }"}) {
    EXPECT_FALSE(changes({set})) << set;
  }
  // A value that the file has already changes nothing, nor do two that cancel out.
  EXPECT_FALSE(changes({"train.epochs=10", "network.layer.fc1.units=512"}));
  EXPECT_FALSE(changes({"train.epochs=2", "train.epochs=10"}));
  // Texts that differ only far behind their beginning.
  const std::string folder(100, 'a');
  const std::string text = deck_with("images", folder + "1");
  EXPECT_TRUE(parse(text, {"data.path=" + folder + "2"}).trains_otherwise);
  EXPECT_FALSE(parse(text, {"data.path=" + folder + "1"}).trains_otherwise);
  EXPECT_TRUE(Deck::parse(kDeck, "deck.toml", {}, {}, 42).trains_otherwise);
  EXPECT_FALSE(Deck::parse(deck_with("batch", "seed = 42\nbatch"), "deck.toml", {}, {}, 42)
                   .trains_otherwise);
}

TEST(DeckText, IsTheOriginalWhereNothingWasOverridden) {
  const std::string text = "# a comment\n" + kDeck;
  EXPECT_EQ(parse(text).text(), text);
}

TEST(DeckText, HoldsWhatWasOverriddenAndParsesAgain) {
  const Deck deck =
      parse(kDeck, {"train.optimizer.learning_rate=0.1", "title=\"Größe 'x' \\\"y\\\"\"",
                    "network.layer.fc1.units=77", "train.schedule.kind=cosine"});
  const Deck again = parse(deck.text());
  EXPECT_EQ(again.title, "Größe 'x' \"y\"");
  EXPECT_EQ(again.train.optimizer.learning_rate, 0.1);
  EXPECT_EQ(again.network.layers[1].integer("units", 1, 99), 77);
  EXPECT_EQ(again.train.schedule.kind, config::ScheduleKind::cosine);
  EXPECT_EQ(deck.difference_that_forbids_resume(again), std::nullopt);
}

}  // namespace
}  // namespace ridgeline
