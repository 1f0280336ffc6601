#include "io/gzip.hpp"

#include "core/random.hpp"
#include "io/compressed.hpp"
#include "io/scratch.hpp"

namespace ridgeline {
namespace {

using testing::contains;
using testing::error_of;
using testing::gzipped;
using testing::ScratchFolder;

/// Returns bytes that compress badly, so that a compressed file can be truncated in many places.
std::string noisy_bytes(std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i) {
    bytes[i] = static_cast<char>(Philox(1, stream::kProbe, i).word[0] & 31);
  }
  return bytes;
}

/// Returns all unpacked bytes of a file, read in pieces of odd sizes.
std::string read_all(const std::string& path) {
  io::MaybeGzipInput input(path);
  std::string bytes;
  std::uint8_t block[999];
  while (const std::size_t count = input.read(block, sizeof block)) {
    bytes.append(block, block + count);
  }
  EXPECT_LE(static_cast<double>(bytes.size()), input.most_bytes());
  return bytes;
}

TEST(MaybeGzipInput, UnpacksGzipAndPassesPlainBytes) {
  const ScratchFolder folder;
  const std::string bytes = noisy_bytes(300000);
  EXPECT_EQ(read_all(folder.write("a.gz", gzipped(bytes))), bytes);
  EXPECT_EQ(read_all(folder.write("a", bytes)), bytes);
  EXPECT_EQ(read_all(folder.write("empty", "")), "");
  EXPECT_EQ(read_all(folder.write("empty.gz", gzipped(""))), "");
}

TEST(MaybeGzipInput, UnpacksWhatGrowsAThousandfold) {
  const ScratchFolder folder;
  const std::string bytes(5 << 20, 'z');
  EXPECT_EQ(read_all(folder.write("a.gz", gzipped(bytes))), bytes);
}

TEST(MaybeGzipInput, JoinsMembersAndIgnoresPadding) {
  const ScratchFolder folder;
  const std::string two = gzipped("one ") + gzipped("two") + std::string(512, '\0');
  EXPECT_EQ(read_all(folder.write("a.gz", two)), "one two");
}

TEST(MaybeGzipInput, TruncationAnywhereIsAnError) {
  const ScratchFolder folder;
  const std::string packed = gzipped(noisy_bytes(5000));
  for (std::size_t size = 2; size < packed.size();
       size += size < 40 || size + 40 > packed.size() ? 1 : 97) {
    const std::string path = folder.write("a.gz", packed.substr(0, size));
    const std::string message = error_of([&] { read_all(path); });
    EXPECT_EQ(message, path + ": truncated gzip file: it ends in the middle of its data") << size;
  }
}

TEST(MaybeGzipInput, TruncatedSecondMemberIsAnError) {
  const ScratchFolder folder;
  const std::string second = gzipped("two");
  const std::string path =
      folder.write("a.gz", gzipped("one") + second.substr(0, second.size() - 1));
  EXPECT_TRUE(contains(error_of([&] { read_all(path); }), path + ": truncated"));
}

TEST(MaybeGzipInput, BadChecksumLengthOrContentsAreErrors) {
  const ScratchFolder folder;
  const std::string packed = gzipped(noisy_bytes(5000));
  for (const std::size_t from_end : {8u, 4u, 1000u}) {
    std::string damaged = packed;
    damaged[damaged.size() - from_end] = static_cast<char>(damaged[damaged.size() - from_end] ^ 1);
    const std::string path = folder.write("a.gz", damaged);
    EXPECT_TRUE(contains(error_of([&] { read_all(path); }), path + ": damaged gzip file"))
        << from_end;
  }
}

TEST(MaybeGzipInput, UnknownBytesAfterTheEndAreAnError) {
  const ScratchFolder folder;
  const std::string path = folder.write("a.gz", gzipped("one") + "rest");
  EXPECT_TRUE(contains(error_of([&] { read_all(path); }), "after its end"));
}

}  // namespace
}  // namespace ridgeline
