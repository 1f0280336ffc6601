#include "config/decks.hpp"

namespace ridgeline {
namespace {

using config::Deck;
using testing::contains;
using testing::deck_with;
using testing::kDeck;
using testing::parse;
using testing::refusal;

const std::string kIdx = "kind = \"idx\"\npath = \"images\"\n";

/// kDeck with text data; `lines` begin on line 5.
std::string text_deck(const std::string& lines) {
  return deck_with(kIdx, "kind = \"text\"\n" + lines + "\n");
}

TEST(TextOptions, TakeAFileOrAListAndHaveDefaults) {
  const Deck one = Deck::parse(text_deck("path = 'a.txt'\nlength = 64"), "deck.toml", "/folder");
  EXPECT_EQ(one.data.kind, config::DataKind::text);
  EXPECT_EQ(one.data.paths, (std::vector<std::string>{"/folder/a.txt"}));
  EXPECT_EQ(one.data.length, 64);
  EXPECT_EQ(one.data.validation, 0.1);
  EXPECT_TRUE(one.data.shuffle);
  const Deck many =
      Deck::parse(text_deck("path = ['/abs/a', 'b']\nlength = 1\nvalidation = 0\nshuffle = false"),
                  "deck.toml", "/folder");
  EXPECT_EQ(many.data.paths, (std::vector<std::string>{"/abs/a", "/folder/b"}));
  EXPECT_EQ(many.data.validation, 0.0);
  EXPECT_FALSE(many.data.shuffle);
}

TEST(TextOptions, WrongOnesAreRefused) {
  const auto refused = [](const std::string& lines) { return refusal(text_deck(lines)); };
  EXPECT_EQ(refused("length = 3"),
            "deck.toml:3: data.path is missing; it must be a text in quotes or a list of them");
  EXPECT_EQ(refused("path = []\nlength = 3"),
            "deck.toml:5: data.path must be a text in quotes or a list of them, not an empty list");
  EXPECT_EQ(refused("path = ['a', 3]\nlength = 3"),
            "deck.toml:5: data.path must be a text in quotes or a list of them, not 3");
  EXPECT_EQ(refused("path = 3\nlength = 3"),
            "deck.toml:5: data.path must be a text in quotes or a list of them, not 3");
  EXPECT_EQ(refused("path = ['a', '']\nlength = 3"), "deck.toml:5: data.path must not be empty");
  EXPECT_EQ(refused("path = 'a'"),
            "deck.toml:3: data.length is missing; it must be an integer from 1 to 16777216");
  EXPECT_EQ(refused("path = 'a'\nlength = 0"),
            "deck.toml:6: data.length must be an integer from 1 to 16777216, not 0");
  EXPECT_EQ(refused("path = 'a'\nlength = 3\nvalidation = 1.0"),
            "deck.toml:7: data.validation must be a number from 0 to below 1, not 1");
  EXPECT_TRUE(contains(refused("path = 'a'\nlength = 3\ntarget = 'input'"),
                       "deck.toml:7: unknown key \"target\" in [data]"));
  EXPECT_TRUE(contains(refused("path = 'a'\nlength = 3\nnormalize = { mean = 0, std = 1 }"),
                       "deck.toml:7: unknown key \"normalize\" in [data]"));
  EXPECT_TRUE(contains(refused("path = 'a'\nlength = 3\naugment = { flip = true }"),
                       "deck.toml:7: unknown key \"augment\" in [data]"));
}

TEST(TextOptions, BelongToTextAlone) {
  EXPECT_TRUE(contains(refusal(deck_with(kIdx, kIdx + "length = 3\n")),
                       "deck.toml:6: unknown key \"length\" in [data]"));
  EXPECT_TRUE(contains(refusal(deck_with("\"images\"", "['a', 'b']")),
                       "deck.toml:5: data.path must be a text in quotes, not a list"));
}

TEST(TextOptions, NeedALossOfClasses) {
  for (const char* loss : {"mse", "binary_cross_entropy"}) {
    std::string text = text_deck("path = 'a'\nlength = 3");
    text.replace(text.find("cross_entropy"), 13, loss);
    EXPECT_EQ(refusal(text), "deck.toml:23: train.loss = \"" + std::string(loss) +
                                 "\" needs values as targets, and text data has characters; use "
                                 "\"cross_entropy\"");
  }
}

TEST(Augmentation, IsOffByDefault) {
  EXPECT_FALSE(parse(kDeck).data.augment.any());
  EXPECT_FALSE(parse(deck_with(kIdx, kIdx + "augment = {}\n")).data.augment.any());
  const auto augment =
      parse(deck_with(kIdx, kIdx + "augment = { flip = true, crop = 2 }\n")).data.augment;
  EXPECT_TRUE(augment.flip);
  EXPECT_EQ(augment.crop, 2);
  EXPECT_TRUE(augment.any());
}

TEST(Augmentation, WrongOptionsAreRefused) {
  const auto refused = [](const std::string& options) {
    return refusal(deck_with(kIdx, kIdx + "augment = " + options + "\n"));
  };
  EXPECT_EQ(refused("{ crop = -1 }"),
            "deck.toml:6: data.augment.crop must be an integer from 0 to 32768, not -1");
  EXPECT_EQ(refused("{ flip = 1 }"), "deck.toml:6: data.augment.flip must be true or false, not 1");
  EXPECT_TRUE(contains(refused("{ flop = true }"),
                       "deck.toml:6: unknown key \"flop\" in [data.augment], did you mean "
                       "\"flip\"?"));
  EXPECT_EQ(refused("true"), "deck.toml:6: data.augment must be a table, not true");
}

TEST(Augmentation, NeedsImages) {
  const auto synthetic = [](const std::string& shape) {
    return deck_with(kIdx, "kind = \"synthetic\"\nshape = " + shape + "\naugment = { crop = 1 }\n");
  };
  EXPECT_EQ(refusal(synthetic("[3, 8, 8]")), "none");
  EXPECT_EQ(refusal(synthetic("[64]")),
            "deck.toml:6: data.augment needs images, [channels, height, width], and not samples of "
            "shape [64]");
}

}  // namespace
}  // namespace ridgeline
