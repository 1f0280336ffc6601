#include <cmath>
#include <limits>

#include "data/files.hpp"
#include "data/load.hpp"
#include "io/hdf5.hpp"
#include "support/paths.hpp"

namespace ridgeline {
namespace {

using testing::bytes_of_file;
using testing::contains;
using testing::data_options;
using testing::error_of;
using testing::ScratchFolder;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

/// A data file under construction; a test sets members to make it invalid.
struct File {
  std::vector<float> train_inputs = {1, 2, 3, 4, 5, 6};
  Shape train_shape = {3, 2};
  std::vector<std::int64_t> train_labels = {0, 2, 1};
  std::vector<float> test_inputs = {7, 8};
  Shape test_shape = {1, 2};
  std::vector<std::int64_t> test_labels = {1};

  std::string save(const ScratchFolder& folder) const {
    io::Hdf5Writer writer;
    writer.write("/train/inputs", train_shape, train_inputs.data());
    writer.write("/train/targets", train_labels);
    writer.write("/test/inputs", test_shape, test_inputs.data());
    writer.write("/test/targets", test_labels);
    writer.save(folder / "data.h5");
    return folder / "data.h5";
  }
};

data::Dataset load(const std::string& path, const std::string& lines = "") {
  return data::load_dataset(data_options("kind = 'hdf5'\npath = '" + path + "'\n" + lines));
}

std::string error_for(const ScratchFolder& folder, const File& file) {
  const std::string path = file.save(folder);
  const std::string message = error_of([&] { load(path); });
  EXPECT_TRUE(contains(message, path + ": "));
  return message;
}

TEST(Hdf5Data, IsLoadedWithShapesAndClasses) {
  const ScratchFolder folder;
  const data::Dataset dataset = load(File().save(folder));
  EXPECT_EQ(dataset.sample_shape, Shape{2});
  EXPECT_EQ(dataset.classes, 3u);
  EXPECT_EQ(dataset.train.samples, 3u);
  EXPECT_EQ(dataset.train.labels, (std::vector<std::int32_t>{0, 2, 1}));
  EXPECT_EQ(dataset.test.samples, 1u);
  const std::uint32_t last = 2;
  std::vector<double> inputs(2);
  std::int32_t label;
  dataset.gather(dataset.train, &last, 1, inputs.data(), &label, static_cast<double*>(nullptr));
  EXPECT_EQ(inputs, (std::vector<double>{5, 6}));
  EXPECT_EQ(label, 1);
}

TEST(Hdf5Data, WithoutTestSetIsLoaded) {
  const ScratchFolder folder;
  io::Hdf5Writer writer;
  writer.write("/train/inputs", Shape{2, 1}, std::vector<float>{1, 2}.data());
  writer.write("/train/targets", std::vector<std::uint8_t>{0, 1});
  writer.save(folder / "data.h5");
  const data::Dataset dataset = load(folder / "data.h5");
  EXPECT_EQ(dataset.test.samples, 0u);
  EXPECT_EQ(dataset.classes, 2u);
}

TEST(Hdf5Data, KeepsFloat64AndRegressionTargets) {
  const ScratchFolder folder;
  io::Hdf5Writer writer;
  writer.write("/train/inputs", Shape{2, 1}, std::vector<double>{0.1, 0.2}.data());
  writer.write("/train/targets", Shape{2, 2}, std::vector<double>{1, 2, 3, 0.4}.data());
  writer.write("/test/inputs", Shape{0, 1}, std::vector<double>{}.data());
  writer.write("/test/targets", Shape{0, 2}, std::vector<double>{}.data());
  writer.save(folder / "data.h5");
  const data::Dataset dataset = load(folder / "data.h5");
  EXPECT_FALSE(dataset.has_labels());
  EXPECT_EQ(dataset.target_shape, Shape{2});
  EXPECT_EQ(dataset.test.samples, 0u);
  const std::uint32_t order[] = {1, 0};
  std::vector<double> inputs(2), targets(4);
  dataset.gather<double>(dataset.train, order, 2, inputs.data(), nullptr, targets.data());
  EXPECT_EQ(inputs, (std::vector<double>{0.2, 0.1}));
  EXPECT_EQ(targets, (std::vector<double>{3, 0.4, 1, 2}));
}

/// A file with uint8 images of two channels and 1 x 2 pixels.
std::string save_images(const ScratchFolder& folder, const std::vector<std::uint8_t>& train,
                        const std::vector<std::uint8_t>& test) {
  io::Hdf5Writer writer;
  writer.write("/train/inputs", Shape{train.size() / 4, 2, 1, 2}, train.data());
  writer.write("/train/targets", std::vector<std::uint8_t>(train.size() / 4, 1));
  writer.write("/test/inputs", Shape{test.size() / 4, 2, 1, 2}, test.data());
  writer.write("/test/targets", std::vector<std::uint8_t>(test.size() / 4, 0));
  writer.save(folder / "data.h5");
  return folder / "data.h5";
}

TEST(Hdf5Data, BytesOfFourDimensionsAreImages) {
  const ScratchFolder folder;
  const std::string path = save_images(folder, {0, 51, 102, 255, 1, 2, 3, 4}, {5, 6, 7, 8});
  const data::Dataset dataset = load(path);
  EXPECT_EQ(dataset.tokens, 0u);
  EXPECT_EQ(dataset.sample_shape, (Shape{2, 1, 2}));
  EXPECT_EQ(dataset.train.samples, 2u);
  EXPECT_EQ(std::get<std::vector<std::uint8_t>>(dataset.train.inputs),
            (std::vector<std::uint8_t>{0, 51, 102, 255, 1, 2, 3, 4}));
  EXPECT_EQ(dataset.memory_bytes(), 8 + 4 + 3 * sizeof(std::int32_t));
  const std::uint32_t order[] = {1, 0};
  std::vector<double> inputs(8);
  std::vector<std::int32_t> labels(2);
  dataset.gather<double>(dataset.train, order, 2, inputs.data(), labels.data(), nullptr);
  EXPECT_EQ(inputs,
            (std::vector<double>{1 / 255.0, 2 / 255.0, 3 / 255.0, 4 / 255.0, 0, 0.2, 0.4, 1}));

  const data::Dataset normalized = load(path, "normalize = { mean = 0.2, std = 0.4 }");
  normalized.gather<double>(normalized.train, order + 1, 1, inputs.data(), labels.data(), nullptr);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_NEAR(inputs[i], (std::vector<double>{-0.5, 0, 0.5, 2})[i], 1e-15);
  }
  EXPECT_EQ(load(path, "augment = { flip = true }").train.samples, 2u);
  EXPECT_EQ(load(path, "target = 'input'").target_shape, (Shape{2, 1, 2}));
  EXPECT_TRUE(contains(error_of([&] { load(path, "normalize = { mean = 0.2, std = 1e-300 }"); }),
                       "/train/inputs: a byte, normalised by data.normalize, is beyond"));
}

TEST(Hdf5Data, OtherIntegersAreTokens) {
  const ScratchFolder folder;
  const auto load_as = [&](const Shape& shape, auto element) {
    const std::vector<decltype(element)> values(size_of(shape), 3);
    io::Hdf5Writer writer;
    writer.write("/train/inputs", shape, values.data());
    writer.write("/train/targets", std::vector<std::uint8_t>(shape[0], 1));
    writer.save(folder / "data.h5");
    return load(folder / "data.h5").tokens;
  };
  EXPECT_EQ(load_as({2, 1, 2, 2}, std::uint8_t()), 0u);
  EXPECT_EQ(load_as({2, 2, 2}, std::uint8_t()), 4u);
  EXPECT_EQ(load_as({2, 5}, std::uint8_t()), 4u);
  EXPECT_EQ(load_as({2, 1, 1, 2, 2}, std::uint8_t()), 4u);
  EXPECT_EQ(load_as({2, 1, 2, 2}, std::int32_t()), 4u);
  EXPECT_EQ(load_as({2, 1, 2, 2}, std::uint32_t()), 4u);
}

TEST(Hdf5Data, ImagesAndValuesDoNotMix) {
  const ScratchFolder folder;
  const std::vector<std::uint8_t> bytes(8, 3);
  const std::vector<float> values(8, 0.5f);
  io::Hdf5Writer writer;
  writer.write("/train/inputs", Shape{2, 2, 1, 2}, bytes.data());
  writer.write("/train/targets", std::vector<std::uint8_t>{0, 1});
  writer.write("/test/inputs", Shape{2, 2, 1, 2}, values.data());
  writer.write("/test/targets", std::vector<std::uint8_t>{0, 1});
  writer.save(folder / "data.h5");
  EXPECT_TRUE(contains(error_of([&] { load(folder / "data.h5"); }),
                       "/test/inputs: holds values, but /train/inputs uint8 images"));
}

TEST(Hdf5Data, OneTargetPerSampleMayHaveOneDimension) {
  const ScratchFolder folder;
  io::Hdf5Writer writer;
  writer.write("/train/inputs", std::vector<float>{1, 2});
  writer.write("/train/targets", std::vector<float>{3, 4});
  writer.save(folder / "data.h5");
  const data::Dataset dataset = load(folder / "data.h5");
  EXPECT_EQ(dataset.sample_shape, Shape{1});
  EXPECT_EQ(dataset.target_shape, Shape{1});
}

TEST(Hdf5Data, IsNormalized) {
  const ScratchFolder folder;
  const data::Dataset dataset = load(File().save(folder), "normalize = { mean = 2.0, std = 0.5 }");
  const std::uint32_t first = 0;
  std::vector<float> inputs(2);
  std::int32_t label;
  dataset.gather(dataset.train, &first, 1, inputs.data(), &label, static_cast<float*>(nullptr));
  EXPECT_EQ(inputs, (std::vector<float>{-2, 0}));
}

TEST(Hdf5Data, OfAnAutoencoderNeedsNoTargets) {
  const ScratchFolder folder;
  io::Hdf5Writer writer;
  writer.write("/train/inputs", Shape{2, 1}, std::vector<float>{1, 2}.data());
  writer.save(folder / "data.h5");
  const data::Dataset dataset = load(folder / "data.h5", "target = 'input'");
  EXPECT_TRUE(dataset.target_is_input);
  EXPECT_EQ(dataset.target_shape, Shape{1});
  EXPECT_TRUE(contains(error_of([&] { load(folder / "data.h5"); }), "/train/targets: is missing"));
}

TEST(Hdf5Data, ValuesThatAreNotFiniteAreRefusedWithTheirPlace) {
  const ScratchFolder folder;
  File file;
  file.train_inputs[3] = kNan;
  EXPECT_TRUE(contains(error_for(folder, file), "/train/inputs: value 1 of sample 1 is nan"));
  file = {};
  file.test_inputs[0] = -std::numeric_limits<float>::infinity();
  EXPECT_TRUE(contains(error_for(folder, file), "/test/inputs: value 0 of sample 0 is -inf"));
}

TEST(Hdf5Data, TargetsThatAreNotFiniteAreRefused) {
  const ScratchFolder folder;
  io::Hdf5Writer writer;
  writer.write("/train/inputs", std::vector<float>{1, 2});
  writer.write("/train/targets", std::vector<float>{3, kNan});
  writer.save(folder / "data.h5");
  EXPECT_TRUE(contains(error_of([&] { load(folder / "data.h5"); }),
                       "/train/targets: the value of sample 1 is nan"));
}

TEST(Hdf5Data, ImpossibleLabelsAreRefusedWithTheirPlace) {
  const ScratchFolder folder;
  File file;
  file.train_labels[2] = -1;
  EXPECT_TRUE(contains(error_for(folder, file), "/train/targets: the label of sample 2 is -1"));
  file.train_labels[2] = std::int64_t{1} << 40;
  EXPECT_TRUE(contains(error_for(folder, file), "the label of sample 2 is 1099511627776"));
}

TEST(Hdf5Data, WrongShapesAreErrors) {
  const ScratchFolder folder;
  File file;
  file.train_labels.pop_back();
  EXPECT_TRUE(contains(error_for(folder, file),
                       "/train/targets: has the shape [2]; its first dimension must be the 3"));
  file = {};
  file.test_shape = {2, 1};
  file.test_labels = {0, 0};
  EXPECT_TRUE(contains(error_for(folder, file), "/test/inputs: samples are [1], but [2] in"));
  file = {};
  file.train_shape = {};
  EXPECT_TRUE(contains(error_for(folder, file), "/train/inputs: is a scalar"));
  file = {};
  file.train_shape = {3, 0};
  EXPECT_TRUE(contains(error_for(folder, file), "/train/inputs: has empty samples"));
  file = {};
  file.train_shape = {0, 2};
  file.train_labels = {};
  EXPECT_TRUE(contains(error_for(folder, file), "/train/inputs: has no samples"));
}

TEST(Hdf5Data, LabelsOfHigherRankAndMixedTargetsAreErrors) {
  const ScratchFolder folder;
  {
    io::Hdf5Writer writer;
    writer.write("/train/inputs", std::vector<float>{1, 2});
    writer.write("/train/targets", Shape{2, 1, 2}, std::vector<std::int32_t>{0, 1, 2, 3}.data());
    writer.save(folder / "rank.h5");
  }
  EXPECT_TRUE(
      contains(error_of([&] { load(folder / "rank.h5"); }),
               "/train/targets: holds integers of shape [1, 2] per sample; labels are one per "
               "sample or a list of them, one per token"));
  {
    io::Hdf5Writer writer;
    writer.write("/train/inputs", std::vector<float>{1, 2});
    writer.write("/train/targets", std::vector<std::int32_t>{0, 1});
    writer.write("/test/inputs", std::vector<float>{1, 2});
    writer.write("/test/targets", std::vector<float>{0, 1});
    writer.save(folder / "mixed.h5");
  }
  EXPECT_TRUE(contains(error_of([&] { load(folder / "mixed.h5"); }), "values [1] and not labels"));
}

TEST(Hdf5Data, TextsAreNoInputs) {
  const ScratchFolder folder;
  io::Hdf5Writer text;
  text.write_text("/train/inputs", "no");
  text.save(folder / "text.h5");
  EXPECT_EQ(
      error_of([&] { load(folder / "text.h5"); }),
      folder / "text.h5" +
          ": /train/inputs: holds no numbers; values are float32 or float64, tokens integers, "
          "and images uint8 [n, channels, height, width]");
}

TEST(Hdf5Data, OfTheTabularDeckIsStandardised) {
  const data::Dataset dataset = load(testing::source_folder() + "/inputs/diabetes.h5");
  EXPECT_EQ(dataset.sample_shape, Shape{10});
  EXPECT_EQ(dataset.target_shape, Shape{1});
  EXPECT_EQ(dataset.train.samples, 354u);
  EXPECT_EQ(dataset.test.samples, 88u);
  std::vector<double> inputs(10), sum(11, 0.0), squares(11, 0.0);
  for (std::uint32_t i = 0; i < 354; ++i) {
    double target;
    dataset.gather(dataset.train, &i, 1, inputs.data(), nullptr, &target);
    for (std::size_t k = 0; k < 11; ++k) {
      const double value = k < 10 ? inputs[k] : target;
      sum[k] += value / 354;
      squares[k] += value * value / 354;
    }
  }
  for (std::size_t k = 0; k < 11; ++k) {
    EXPECT_NEAR(sum[k], 0.0, 1e-6);
    EXPECT_NEAR(squares[k], 1.0, 1e-6);
  }
}

TEST(Hdf5Data, MissingForeignAndTruncatedFilesAreErrors) {
  const ScratchFolder folder;
  EXPECT_TRUE(contains(error_of([&] { load("/no/such.h5"); }),
                       "deck.toml:3: data.path: there is no file /no/such.h5; it must be"));
  EXPECT_TRUE(contains(error_of([&] { load(folder.write("text", "no HDF5")); }),
                       folder / "text" + ": is not an HDF5 file"));
  const std::string bytes = bytes_of_file(File().save(folder));
  const std::string cut = folder.write("cut.h5", bytes.substr(0, bytes.size() / 2));
  EXPECT_TRUE(contains(error_of([&] { load(cut); }), cut + ": cannot be opened"));
}

TEST(LoadInputs, ReadsWhatInferIsGiven) {
  const ScratchFolder folder;
  io::Hdf5Writer writer;
  writer.write("/inputs", Shape{2, 1, 2}, std::vector<float>{1, 2, 3, 4}.data());
  writer.save(folder / "x.h5");
  const auto options =
      data_options("kind = 'hdf5'\npath = 'x'\nnormalize = { mean = 1.0, std = 2.0 }");
  const data::Dataset dataset =
      data::load_inputs(io::Hdf5Reader(folder / "x.h5", {"/inputs"}), options, {1, 2});
  EXPECT_EQ(dataset.test.samples, 2u);
  EXPECT_FALSE(dataset.has_labels());
  const std::uint32_t second = 1;
  std::vector<float> inputs(2);
  dataset.gather<float>(dataset.test, &second, 1, inputs.data(), nullptr, nullptr);
  EXPECT_EQ(inputs, (std::vector<float>{1, 1.5}));
  EXPECT_TRUE(contains(error_of([&] {
                         data::load_inputs(io::Hdf5Reader(folder / "x.h5", {"/inputs"}), options,
                                           {2});
                       }),
                       "/inputs: samples are [1, 2]; the network takes [2]"));
}

}  // namespace
}  // namespace ridgeline
