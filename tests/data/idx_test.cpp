#include "data/idx.hpp"

#include "data/files.hpp"
#include "data/load.hpp"
#include "io/compressed.hpp"

namespace ridgeline {
namespace {

using testing::big_endian;
using testing::contains;
using testing::data_options;
using testing::error_of;
using testing::gzipped;
using testing::idx_images;
using testing::idx_labels;
using testing::ScratchFolder;
using testing::write_idx_set;

data::Dataset load(const ScratchFolder& folder, const std::string& lines = "") {
  const bool is_autoencoder = lines.find("target") != std::string::npos;
  return data::load_dataset(data_options("kind = 'idx'\npath = '" + folder.path() + "'\n" + lines,
                                         is_autoencoder ? "mse" : "cross_entropy"));
}

std::string error_for_images(const ScratchFolder& folder, const std::string& bytes) {
  const std::string path = folder.write("images", bytes);
  const std::string message = error_of([&] { data::read_idx_images(path); });
  EXPECT_TRUE(contains(message, path + ": "));
  return message;
}

TEST(IdxReader, ReadsPlainAndGzippedFiles) {
  const ScratchFolder folder;
  for (const bool packed : {false, true}) {
    const std::string images = idx_images(5, 3, 4), labels = idx_labels({0, 255, 7});
    const auto read =
        data::read_idx_images(folder.write("images", packed ? gzipped(images) : images));
    EXPECT_EQ(read.count, 5u);
    EXPECT_EQ(read.rows, 3u);
    EXPECT_EQ(read.columns, 4u);
    ASSERT_EQ(read.pixels.size(), 60u);
    EXPECT_EQ(read.pixels[59], (59 * 37 + 11) % 256);
    EXPECT_EQ(data::read_idx_labels(folder.write("labels", packed ? gzipped(labels) : labels)),
              (std::vector<std::int32_t>{0, 255, 7}));
  }
}

TEST(IdxReader, WrongMagicNumberIsAnError) {
  const ScratchFolder folder;
  EXPECT_TRUE(contains(error_for_images(folder, idx_labels({1, 2, 3, 4, 5, 6, 7, 8, 9})),
                       "its magic number is 0x00000801, not 0x00000803"));
  const std::string path = folder.write("labels", idx_images(1, 1, 1));
  EXPECT_TRUE(contains(error_of([&] { data::read_idx_labels(path); }),
                       "not an IDX file of labels: its magic number is 0x00000803"));
}

TEST(IdxReader, FewerAndMoreBytesThanTheHeaderSaysAreErrors) {
  const ScratchFolder folder;
  const std::string bytes = idx_images(5, 3, 4);
  EXPECT_TRUE(contains(error_for_images(folder, bytes.substr(0, bytes.size() - 1)),
                       "fewer bytes than its header says: 59 instead of 5 x 3 x 4"));
  EXPECT_TRUE(contains(error_for_images(folder, bytes + "x"),
                       "more bytes than its header says: over 60 instead of 5 x 3 x 4"));
  EXPECT_TRUE(contains(error_for_images(folder, bytes.substr(0, 15)), "the header alone has 16"));
  EXPECT_TRUE(contains(error_for_images(folder, ""), "too short for an IDX file: 0 bytes"));
  EXPECT_TRUE(contains(error_for_images(folder, gzipped(bytes.substr(0, 40))), "fewer bytes"));
}

TEST(IdxReader, ImpossibleDimensionsAreAnErrorAndNotAnAllocation) {
  const ScratchFolder folder;
  const std::string most = big_endian(0xFFFFFFFF);
  EXPECT_TRUE(contains(error_for_images(folder, big_endian(0x803) + most + most + most),
                       "fewer bytes than its header says: at most 16 instead of 4294967295 x"));
  // 2^32 rows of 2^32 columns are 2^64 bytes, which is 0 if the product wraps around.
  const std::string wrapping = big_endian(0x80000000);
  EXPECT_TRUE(contains(
      error_for_images(folder, big_endian(0x803) + big_endian(4) + wrapping + wrapping), "fewer"));
  EXPECT_TRUE(contains(error_for_images(folder, idx_images(0, 3, 4)), "holds nothing"));
}

TEST(IdxReader, TruncatedAndDamagedGzipAreErrors) {
  const ScratchFolder folder;
  std::string packed = gzipped(idx_images(5, 30, 40));
  EXPECT_TRUE(contains(error_for_images(folder, packed.substr(0, packed.size() / 2)), "truncated"));
  packed[packed.size() - 6] = static_cast<char>(packed[packed.size() - 6] ^ 1);
  EXPECT_TRUE(contains(error_for_images(folder, packed), "damaged gzip file"));
}

TEST(IdxData, IsLoadedWithShapesClassesAndScaling) {
  const ScratchFolder folder;
  write_idx_set(folder);
  const data::Dataset dataset = load(folder);
  EXPECT_EQ(dataset.sample_shape, (Shape{1, 3, 4}));
  EXPECT_EQ(dataset.classes, 10u);  // the maximum label is in the test set
  EXPECT_EQ(dataset.train.samples, 5u);
  EXPECT_EQ(dataset.test.samples, 2u);
  EXPECT_EQ(dataset.memory_bytes(), 7 * (12 + 4u));
  const std::uint32_t second = 1;
  std::vector<float> inputs(12);
  std::int32_t label;
  dataset.gather(dataset.train, &second, 1, inputs.data(), &label, static_cast<float*>(nullptr));
  EXPECT_EQ(label, 1);
  EXPECT_EQ(inputs[0], static_cast<float>((12 * 37 + 11) % 256 / 255.0));
}

TEST(IdxData, PrefersPlainFilesAndTakesGzippedOnes) {
  const ScratchFolder folder;
  write_idx_set(folder);
  folder.write("train-images-idx3-ubyte.gz", "not read");
  std::filesystem::remove(folder / "t10k-labels-idx1-ubyte");
  folder.write("t10k-labels-idx1-ubyte.gz", gzipped(idx_labels({0, 1})));
  EXPECT_EQ(load(folder).test.labels, (std::vector<std::int32_t>{0, 1}));
}

TEST(IdxData, OfAnAutoencoderHasNoLabels) {
  const ScratchFolder folder;
  write_idx_set(folder);
  const data::Dataset dataset = load(folder, "target = 'input'");
  EXPECT_FALSE(dataset.has_labels());
  EXPECT_EQ(dataset.target_shape, (Shape{1, 3, 4}));
}

TEST(IdxData, MissingPathsNameTheDecksLine) {
  const ScratchFolder folder;
  EXPECT_TRUE(contains(error_of([] {
                         data::load_dataset(
                             data_options("kind = 'idx'\npath = '/no/such'", "cross_entropy"));
                       }),
                       "deck.toml:3: data.path: there is no folder /no/such; it must hold"));
  EXPECT_TRUE(contains(error_of([&] { load(folder); }),
                       "deck.toml:3: data.path: the folder " + folder.path() +
                           " has neither train-images-idx3-ubyte nor train-images-idx3-ubyte.gz"));
}

TEST(IdxData, FilesThatDoNotBelongTogetherAreErrors) {
  const ScratchFolder folder;
  write_idx_set(folder);
  folder.write("train-labels-idx1-ubyte", idx_labels({1, 2, 3, 4}));
  EXPECT_TRUE(contains(error_of([&] { load(folder); }),
                       folder / "train-labels-idx1-ubyte" + ": has 4 labels, but "));
  write_idx_set(folder);
  folder.write("t10k-images-idx3-ubyte", idx_images(2, 4, 4));
  EXPECT_TRUE(
      contains(error_of([&] { load(folder); }),
               "t10k-images-idx3-ubyte: test images are [1, 4, 4], training images [1, 3, 4]"));
}

}  // namespace
}  // namespace ridgeline
