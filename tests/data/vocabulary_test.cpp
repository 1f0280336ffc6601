#include "data/vocabulary.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

#include "io/scratch.hpp"

namespace ridgeline {
namespace {

using data::Vocabulary;
using testing::error_of;

TEST(Utf8, IsReadCharacterByCharacter) {
  const std::string text =
      "a\xC2\x80\xC3\xA9\xDF\xBF\xE0\xA0\x80\xE2\x82\xAC\xEF\xBF\xBF"
      "\xF0\x90\x80\x80\xF4\x8F\xBF\xBF";
  const std::vector<char32_t> expected = {'a',    0x80,   0xE9,    0x7FF,   0x800,
                                          0x20AC, 0xFFFF, 0x10000, 0x10FFFF};
  std::vector<char32_t> found;
  std::string again;
  for (std::size_t at = 0; at < text.size();) {
    const auto character = next_character(text, at);
    ASSERT_TRUE(character.has_value()) << at;
    found.push_back(*character);
    again += to_utf8(*character);
  }
  EXPECT_EQ(found, expected);
  EXPECT_EQ(again, text);
}

TEST(Utf8, RefusesWhatIsNotValid) {
  for (const std::string bytes :
       {"\x80", "\xBF", "\xC0\x80", "\xC1\xBF", "\xC3", "\xC3(", "\xE2\x82", "\xE2\x28\xA1",
        "\xE0\x9F\xBF", "\xED\xA0\x80", "\xED\xBF\xBF", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80",
        "\xF5\x80\x80\x80", "\xF0\x90\x80", "\xFE", "\xFF"}) {
    std::size_t at = 0;
    EXPECT_FALSE(next_character(bytes, at).has_value()) << ::testing::PrintToString(bytes);
    EXPECT_EQ(at, 0u);
  }
  std::size_t at = 1;
  EXPECT_FALSE(next_character(std::string("a\0b", 3), at).has_value());
  EXPECT_EQ(at, 1u);
}

TEST(Utf8, CharactersAreShownOnOneLine) {
  EXPECT_EQ(data::show_character('a'), "\"a\" (U+0061)");
  EXPECT_EQ(data::show_character(0xE9), "\"\xC3\xA9\" (U+00E9)");
  EXPECT_EQ(data::show_character('\n'), "U+000A");
  EXPECT_EQ(data::show_character(0x2028), "U+2028");
  EXPECT_EQ(data::show_character(0x1F600), "\"\xF0\x9F\x98\x80\" (U+1F600)");
}

TEST(Vocabulary, IsEveryCharacterByCodePoint) {
  const Vocabulary vocabulary =
      Vocabulary::of({"b\xE2\x82\xAC"
                      "a\n",
                      "\xC3\xA9"
                      "ab"});
  EXPECT_EQ(vocabulary.size(), 5u);
  EXPECT_EQ(vocabulary.characters(),
            (std::vector<std::string>{"\n", "a", "b", "\xC3\xA9", "\xE2\x82\xAC"}));
  EXPECT_EQ(vocabulary.encode("ab\xC3\xA9\n\xE2\x82\xAC", "text"),
            (std::vector<std::int32_t>{1, 2, 3, 0, 4}));
  EXPECT_EQ(vocabulary.decode(4), "\xE2\x82\xAC");
  EXPECT_THROW(vocabulary.decode(5), std::out_of_range);
  EXPECT_THROW(vocabulary.decode(-1), std::out_of_range);
}

TEST(Vocabulary, SurvivesBeingJoined) {
  const Vocabulary vocabulary = Vocabulary::of({"za\xC3\xA9\n"});
  EXPECT_EQ(Vocabulary::from_joined("\naz\xC3\xA9", "x").characters(), vocabulary.characters());
  // A checkpoint maps tokens to characters.
  EXPECT_EQ(Vocabulary::from_joined("zab", "x").encode("abz", "y"),
            (std::vector<std::int32_t>{1, 2, 0}));
}

TEST(Vocabulary, ThatIsBrokenIsRefused) {
  EXPECT_EQ(error_of([] { Vocabulary::from_joined("aba", "m.h5: /vocabulary"); }),
            "m.h5: /vocabulary: holds the character \"a\" (U+0061) twice");
  EXPECT_EQ(error_of([] { Vocabulary::from_joined("a\xFF", "m.h5: /vocabulary"); }),
            "m.h5: /vocabulary: is not valid UTF-8 at byte 1");
  EXPECT_EQ(error_of([] { Vocabulary::from_joined("", "m.h5: /vocabulary"); }),
            "m.h5: /vocabulary: holds no characters");
}

TEST(Vocabulary, NamesTheCharacterThatItLacks) {
  const Vocabulary vocabulary = Vocabulary::of({"ab\xC3\xA9"});
  EXPECT_EQ(error_of([&] {
              vocabulary.encode(
                  "a\xC3\xA9"
                  "c",
                  "--prompt");
            }),
            "--prompt: character 3, \"c\" (U+0063), is not among the 3 characters of the network's "
            "vocabulary");
  EXPECT_EQ(error_of([&] { vocabulary.encode("ab\xE2\x82\xAC", "--prompt"); }),
            "--prompt: character 3, \"\xE2\x82\xAC\" (U+20AC), is not among the 3 characters of "
            "the network's vocabulary");
  EXPECT_EQ(
      error_of([&] { vocabulary.encode("a\n", "--prompt"); }),
      "--prompt: character 2, U+000A, is not among the 3 characters of the network's vocabulary");
  EXPECT_EQ(error_of([&] { vocabulary.encode("a\xC3", "--prompt"); }),
            "--prompt: is not valid UTF-8 at byte 1");
  EXPECT_TRUE(vocabulary.encode("", "--prompt").empty());
}

}  // namespace
}  // namespace ridgeline
