#include "core/text.hpp"

#include <gtest/gtest.h>

#include "core/error.hpp"

namespace ridgeline {
namespace {

TEST(Printable, EscapesWhatATerminalWouldActOn) {
  EXPECT_EQ(printable("plain, Größe, 日本"), "plain, Größe, 日本");
  EXPECT_EQ(printable("a\nb\tc"), "a\\x0ab\\x09c");
  EXPECT_EQ(printable(std::string("a\0b", 3)), "a\\x00b");
  EXPECT_EQ(printable("\x1b[2J\x7f"), "\\x1b[2J\\x7f");
  EXPECT_EQ(printable("\xC2\x85"), "\\xc2\\x85");           // C1
  EXPECT_EQ(printable("\xE2\x80\xA8"), "\\xe2\\x80\\xa8");  // a separator of lines
  EXPECT_EQ(printable("\xE2\x80\xAE"), "\\xe2\\x80\\xae");  // reverses the direction of writing
  EXPECT_EQ(printable("caf\xE9 \xC3\xA9"), "caf\\xe9 \xC3\xA9");  // Latin-1 among UTF-8
  EXPECT_EQ(printable(""), "");
}

TEST(HasControlCharacter, FindsThoseAlone) {
  for (const std::string text : {"", "a b", "Größe", "caf\xE9", "日本"}) {
    EXPECT_FALSE(has_control_character(text)) << text;
  }
  for (const std::string& text :
       {std::string("a\0b", 3), std::string("a\n"), std::string("\x1b"), std::string("\x7f"),
        std::string("\xC2\x85"), std::string("\xE2\x80\xA8"), std::string("\xE2\x81\xA6")}) {
    EXPECT_TRUE(has_control_character(text)) << printable(text);
  }
}

TEST(Nearest, FindsWhatWasMisspelledAndNothingElse) {
  const std::vector<std::string> known = {"train", "infer", "machine", "--output", "--seed"};
  EXPECT_EQ(nearest("trian", known), "train");
  EXPECT_EQ(nearest("tran", known), "train");
  EXPECT_EQ(nearest("trains", known), "train");
  EXPECT_EQ(nearest("infre", known), "infer");
  EXPECT_EQ(nearest("mashcine", known), "machine");
  EXPECT_EQ(nearest("--ouput", known), "--output");
  EXPECT_EQ(nearest("frobnicate", known), "");
  EXPECT_EQ(nearest("", known), "");
  EXPECT_EQ(nearest("train", {}), "");
  // Two neighbours swapped are one edit, so that this is nearer than a letter more and one less.
  EXPECT_EQ(nearest("abdc", {"abd", "xbdcd", "abcd"}), "abd");
  EXPECT_EQ(nearest("abdcef", {"abcdxf", "abcdef", "xbdcxf"}), "abcdef");
  EXPECT_EQ(nearest("badcfe", {"abcdef", "xxdcfxyz"}), "");
  EXPECT_EQ(nearest("badcfeghi", {"abcdefghi"}), "abcdefghi");  // three swaps, a third of nine
}

TEST(ShellQuoted, IsOneWordOfAShell) {
  EXPECT_EQ(shell_quoted("out/a-b_1.h5"), "out/a-b_1.h5");
  EXPECT_EQ(shell_quoted("my results/x.h5"), "'my results/x.h5'");
  EXPECT_EQ(shell_quoted("$HOME"), "'$HOME'");
  EXPECT_EQ(shell_quoted("~x"), "'~x'");
  EXPECT_EQ(shell_quoted("it's"), "'it'\\''s'");
  EXPECT_EQ(shell_quoted(""), "''");
}

TEST(LineOf, CountsFromOne) {
  EXPECT_EQ(line_of("a\nb\n", 0), 1u);
  EXPECT_EQ(line_of("a\nb\n", 2), 2u);
  EXPECT_EQ(line_of("a\nb\n", 99), 3u);
}

TEST(Errors, AreOnePrintableLine) {
  EXPECT_STREQ(RequestError(std::string("x\0y\nz", 5)).what(), "x\\x00y\\x0az");
}

}  // namespace
}  // namespace ridgeline
