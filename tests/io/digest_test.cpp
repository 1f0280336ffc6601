#include "io/digest.hpp"

#include <gtest/gtest.h>

namespace ridgeline {
namespace {

std::string digest_of(const std::string& text) {
  io::Digest digest;
  digest.add(text);
  return digest.text();
}

// Values of the reference implementation (xxhash 3.2 for Python, xxh3_128_hexdigest).
TEST(Digest, IsXxh3With128Bits) {
  EXPECT_EQ(digest_of(""), "xxh3-128:99aa06d3014798d86001c324468d497f");
  EXPECT_EQ(digest_of("abc"), "xxh3-128:06b05ab6733a618578af5f94892f3950");
  EXPECT_EQ(digest_of(std::string(1000, 'a')), "xxh3-128:b01da365eddaa29cb3e7af627147db7c");
}

TEST(Digest, DoesNotDependOnThePieces) {
  const std::string text(100000, 'q');
  io::Digest digest;
  for (std::size_t at = 0; at < text.size(); at += 777) digest.add(text.substr(at, 777));
  EXPECT_EQ(digest.text(), digest_of(text));
}

}  // namespace
}  // namespace ridgeline
