#include "io/layout.hpp"

#include <gtest/gtest.h>

namespace ridgeline {
namespace {

TEST(Layout, WidthCountsCharactersAndNotBytes) {
  EXPECT_EQ(io::display_width(""), 0u);
  EXPECT_EQ(io::display_width("12 µs ≥ 3"), 9u);
}

TEST(Layout, WrapsAtSpacesSoThatNoLineIsWiderThanAsked) {
  EXPECT_EQ(io::wrapped("one two three", 13), "one two three");
  EXPECT_EQ(io::wrapped("one two three", 12), "one two\nthree");
  EXPECT_EQ(io::wrapped("one two three", 3), "one\ntwo\nthree");
  EXPECT_EQ(io::wrapped("µ µ µ ≥", 5), "µ µ µ\n≥");
}

TEST(Layout, IndentsTheLinesThatItBegins) {
  EXPECT_EQ(io::wrapped("- one two three", 9, 2), "- one two\n  three");
  EXPECT_EQ(io::wrapped("- one two three", 7, 2), "- one\n  two\n  three");
}

TEST(Layout, KeepsLineBreaksSpacesAndLongWords) {
  EXPECT_EQ(io::wrapped("a b\n\nc  d\n", 10, 4), "a b\n\nc  d\n");
  EXPECT_EQ(io::wrapped("key    a long value", 12, 7), "key    a\n       long\n       value");
  EXPECT_EQ(io::wrapped("an unbreakable word", 5), "an\nunbreakable\nword");
}

TEST(Layout, AbbreviatesInTheMiddle) {
  EXPECT_EQ(io::abbreviated("abcdefg", 7), "abcdefg");
  EXPECT_EQ(io::abbreviated("abcdefg", 6), "abc…fg");
  EXPECT_EQ(io::abbreviated("aµ≥dµfg", 5), "aµ…fg");
  EXPECT_EQ(io::abbreviated("abc", 0), "…");
}

}  // namespace
}  // namespace ridgeline
