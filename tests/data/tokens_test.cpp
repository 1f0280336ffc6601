#include <limits>

#include "data/batch_loader.hpp"
#include "data/files.hpp"
#include "data/load.hpp"
#include "io/hdf5.hpp"

namespace ridgeline {
namespace {

using testing::contains;
using testing::data_options;
using testing::error_of;
using testing::ScratchFolder;

/// What every refusal of integers as other than tokens adds.
const std::string kAdvice =
    "; integers are tokens: if these are values, store them as float32, or images as uint8 (N, C, "
    "H, W)";

data::Dataset load(const std::string& path, const std::string& lines = "") {
  return data::load_dataset(data_options("kind = 'hdf5'\npath = '" + path + "'\n" + lines));
}

/// Tokens [samples, length] with a label each; test samples where `test` has any.
template <class Token>
std::string write_tokens(const ScratchFolder& folder, std::size_t length,
                         const std::vector<Token>& train, const std::vector<Token>& test = {}) {
  io::Hdf5Writer writer;
  const auto add = [&](const std::string& group, const std::vector<Token>& tokens) {
    const Shape shape = {tokens.size() / length, length};
    writer.write(group + "/inputs", shape, tokens.data());
    writer.write(group + "/targets", shape, std::vector<std::int32_t>(tokens.size(), 1).data());
  };
  add("/train", train);
  if (!test.empty()) add("/test", test);
  writer.save(folder / "tokens.h5");
  return folder / "tokens.h5";
}

template <class T>
std::vector<T> inputs_of(const data::Dataset& dataset, const data::Split& split,
                         std::uint32_t sample) {
  std::vector<T> inputs(dataset.sample_size());
  std::vector<std::int32_t> labels(dataset.labels_per_sample());
  dataset.gather(split, &sample, 1, inputs.data(), labels.data(), static_cast<T*>(nullptr));
  return inputs;
}

template <class Token>
void expect_exact(const std::vector<Token>& tokens) {
  const ScratchFolder folder;
  const data::Dataset dataset = load(write_tokens(folder, 2, tokens));
  EXPECT_EQ(dataset.sample_shape, Shape{2});
  EXPECT_EQ(dataset.label_shape, Shape{2});
  EXPECT_EQ(dataset.tokens, static_cast<std::size_t>(tokens[3]) + 1);
  EXPECT_EQ(inputs_of<float>(dataset, dataset.train, 1),
            (std::vector<float>{static_cast<float>(tokens[2]), static_cast<float>(tokens[3])}));
  EXPECT_EQ(inputs_of<double>(dataset, dataset.train, 0),
            (std::vector<double>{static_cast<double>(tokens[0]), static_cast<double>(tokens[1])}));
}

TEST(Tokens, OfEveryIntegerTypeAreHandedOnExactly) {
  expect_exact<std::uint8_t>({0, 7, 254, 255});
  expect_exact<std::int32_t>({0, 7, 8, 256});
  expect_exact<std::uint32_t>({0, 7, 8, 65535});
  expect_exact<std::int64_t>({0, 7, 8, 65536});
  expect_exact<std::uint64_t>({0, 7, 16777213, 16777215});
}

TEST(Tokens, AreStoredInTheSmallestIntegersThatHoldThem) {
  const ScratchFolder folder;
  const auto bytes = [&](std::int64_t most) {
    const data::Dataset dataset =
        load(write_tokens<std::int64_t>(folder, 2, {0, 1, 2, most, 4, 5, 6, 7}));
    return (dataset.memory_bytes() - 8 * sizeof(std::int32_t)) / 8;
  };
  EXPECT_EQ(bytes(255), 1u);
  EXPECT_EQ(bytes(256), 2u);
  EXPECT_EQ(bytes(65535), 2u);
  EXPECT_EQ(bytes(65536), 4u);
}

TEST(Tokens, OfBothSplitsCount) {
  const ScratchFolder folder;
  const data::Dataset dataset = load(write_tokens<std::int32_t>(folder, 2, {0, 3}, {9, 1}));
  EXPECT_EQ(dataset.tokens, 10u);
  EXPECT_EQ(inputs_of<float>(dataset, dataset.test, 0), (std::vector<float>{9, 1}));
}

TEST(Tokens, ValuesHaveNone) {
  const ScratchFolder folder;
  io::Hdf5Writer writer;
  writer.write("/train/inputs", std::vector<float>{1, 2});
  writer.write("/train/targets", std::vector<std::int32_t>{0, 1});
  writer.save(folder / "values.h5");
  const data::Dataset dataset = load(folder / "values.h5");
  EXPECT_EQ(dataset.tokens, 0u);
  dataset.require_tokens_below(1);
}

TEST(Tokens, ThatCannotBeAreRefusedWithTheirPlace) {
  const ScratchFolder folder;
  const auto refused = [&](std::int64_t token) {
    const std::string path = write_tokens<std::int64_t>(folder, 3, {0, 1, 2, 3, 4, token});
    const std::string message = error_of([&] { load(path); });
    EXPECT_EQ(message.rfind(path + ": ", 0), 0u) << message;
    return message.substr(path.size() + 2);
  };
  EXPECT_EQ(refused(-1),
            "/train/inputs: token 2 of sample 1 is -1; tokens count from 0 to at most 16777215");
  EXPECT_EQ(refused(16777216),
            "/train/inputs: token 2 of sample 1 is 16777216; tokens count from 0 to at most "
            "16777215");
}

TEST(Tokens, ThatCannotBeAreFoundBehindTheFirstChunk) {
  const ScratchFolder folder;
  std::vector<std::int32_t> tokens(3000000, 1);
  tokens[2500001] = -7;
  const std::string path = write_tokens(folder, 1000, tokens);
  EXPECT_TRUE(contains(error_of([&] { load(path); }),
                       "/train/inputs: token 1 of sample 2500 is -7; tokens"));
  tokens[2500001] = 300;
  const data::Dataset dataset = load(write_tokens(folder, 1000, tokens));
  EXPECT_EQ(dataset.tokens, 301u);
  EXPECT_EQ(inputs_of<float>(dataset, dataset.train, 2500)[1], 300.0f);
}

TEST(Tokens, OutsideANetworksVocabularyAreRefusedWithTheirPlace) {
  const ScratchFolder folder;
  const std::string path = write_tokens<std::int32_t>(folder, 3, {0, 1, 2, 3, 8, 2}, {9, 1, 1});
  const data::Dataset dataset = load(path);
  dataset.require_tokens_below(10);
  EXPECT_EQ(error_of([&] { dataset.require_tokens_below(9); }),
            path +
                ": /test/inputs: token 0 of sample 0 is 9; the network's vocabulary of 9 has "
                "tokens 0 to 8");
  EXPECT_EQ(error_of([&] { dataset.require_tokens_below(3); }),
            path +
                ": /train/inputs: token 0 of sample 1 is 3; the network's vocabulary of 3 has "
                "tokens 0 to 2");
}

TEST(Tokens, AreNeitherNormalizedNorTargetsNorImages) {
  const ScratchFolder folder;
  const std::string path = write_tokens<std::int32_t>(folder, 3, {0, 1, 2});
  EXPECT_EQ(error_of([&] { load(path, "normalize = { mean = 1, std = 2 }"); }),
            "deck.toml:4: data.normalize does not apply to tokens, which " + path +
                ": /train/inputs holds" + kAdvice);
  EXPECT_EQ(error_of([&] { load(path, "target = 'input'"); }),
            "deck.toml:4: data.target = \"input\" needs values, and " + path +
                ": /train/inputs holds tokens" + kAdvice);
  EXPECT_EQ(error_of([&] { load(path, "augment = { flip = true }"); }),
            "deck.toml:4: data.augment needs images, [channels, height, width], and " + path +
                ": /train/inputs has tokens" + kAdvice);
}

TEST(Tokens, AndValuesDoNotMix) {
  const ScratchFolder folder;
  io::Hdf5Writer writer;
  writer.write("/train/inputs", std::vector<std::int32_t>{1, 2});
  writer.write("/train/targets", std::vector<std::int32_t>{0, 1});
  writer.write("/test/inputs", std::vector<float>{1, 2});
  writer.write("/test/targets", std::vector<std::int32_t>{0, 1});
  writer.save(folder / "mixed.h5");
  EXPECT_EQ(
      error_of([&] { load(folder / "mixed.h5"); }),
      folder / "mixed.h5" + ": /test/inputs: holds values, but /train/inputs tokens" + kAdvice);
}

TEST(LabelsOfTokens, AreOnePerToken) {
  const ScratchFolder folder;
  io::Hdf5Writer writer;
  writer.write("/train/inputs", Shape{2, 3}, std::vector<std::uint8_t>{0, 1, 2, 3, 4, 5}.data());
  writer.write("/train/targets", Shape{2, 3}, std::vector<std::int64_t>{5, 4, 3, 2, 1, 6}.data());
  writer.save(folder / "labels.h5");
  const data::Dataset dataset = load(folder / "labels.h5");
  EXPECT_EQ(dataset.classes, 7u);
  EXPECT_EQ(dataset.label_shape, Shape{3});
  EXPECT_EQ(dataset.labels_per_sample(), 3u);
  EXPECT_EQ(dataset.target_shape, Shape{});
  const std::uint32_t order[] = {1, 0};
  std::vector<double> inputs(6);
  std::vector<std::int32_t> labels(6);
  dataset.gather<double>(dataset.train, order, 2, inputs.data(), labels.data(), nullptr);
  EXPECT_EQ(inputs, (std::vector<double>{3, 4, 5, 0, 1, 2}));
  EXPECT_EQ(labels, (std::vector<std::int32_t>{2, 1, 6, 5, 4, 3}));
}

TEST(LabelsOfTokens, ThatCannotBeAreRefusedWithTheirPlace) {
  const ScratchFolder folder;
  io::Hdf5Writer writer;
  writer.write("/train/inputs", Shape{2, 2}, std::vector<std::uint8_t>{0, 1, 2, 3}.data());
  writer.write("/train/targets", Shape{2, 2}, std::vector<std::int64_t>{0, 1, 2, -3}.data());
  writer.save(folder / "labels.h5");
  EXPECT_EQ(error_of([&] { load(folder / "labels.h5"); }),
            folder / "labels.h5" +
                ": /train/targets: label 1 of sample 1 is -3; labels count the classes from 0");
}

TEST(LabelsOfTokens, AreOfOneShapeInBothSplits) {
  const ScratchFolder folder;
  io::Hdf5Writer writer;
  writer.write("/train/inputs", Shape{1, 2}, std::vector<std::uint8_t>{0, 1}.data());
  writer.write("/train/targets", Shape{1, 2}, std::vector<std::int64_t>{0, 1}.data());
  writer.write("/test/inputs", Shape{1, 2}, std::vector<std::uint8_t>{0, 1}.data());
  writer.write("/test/targets", std::vector<std::int64_t>{0});
  writer.save(folder / "labels.h5");
  EXPECT_EQ(error_of([&] { load(folder / "labels.h5"); }),
            folder / "labels.h5" +
                ": /test/targets: targets are unlike those of /train/targets: labels and not "
                "labels [2]");
}

TEST(LabelsOfTokens, ReachTheBatchesOfTheLoader) {
  const ScratchFolder folder;
  std::vector<std::uint8_t> tokens(7 * 3);
  std::vector<std::int32_t> labels(7 * 3);
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    tokens[i] = static_cast<std::uint8_t>(i);
    labels[i] = static_cast<std::int32_t>(100 + i);
  }
  io::Hdf5Writer writer;
  writer.write("/train/inputs", Shape{7, 3}, tokens.data());
  writer.write("/train/targets", Shape{7, 3}, labels.data());
  writer.save(folder / "labels.h5");
  const data::Dataset dataset = load(folder / "labels.h5");
  data::LoaderOptions options;
  options.batch = 3;
  options.shuffle = true;
  data::BatchLoader<float> loader(dataset, dataset.train, options);
  std::vector<bool> seen(7, false);
  for (int i = 0; i < 3; ++i) {
    const auto batch = loader.next();
    for (std::size_t k = 0; k < batch.count * 3; ++k) {
      ASSERT_EQ(static_cast<float>(batch.labels[k]), batch.inputs[k] + 100.0f);
    }
    for (std::size_t k = 0; k < batch.count; ++k) {
      seen[static_cast<std::size_t>(batch.inputs[3 * k]) / 3] = true;
    }
  }
  EXPECT_EQ(seen, std::vector<bool>(7, true));
}

TEST(LoadInputs, TakesTokens) {
  const ScratchFolder folder;
  io::Hdf5Writer writer;
  writer.write("/inputs", Shape{2, 2}, std::vector<std::int32_t>{1, 2, 3, 300}.data());
  writer.save(folder / "x.h5");
  const data::Dataset dataset = data::load_inputs(io::Hdf5Reader(folder / "x.h5", {"/inputs"}),
                                                  data_options("kind = 'hdf5'\npath = 'x'"), {2});
  EXPECT_EQ(dataset.tokens, 301u);
  EXPECT_EQ(inputs_of<float>(dataset, dataset.test, 1), (std::vector<float>{3, 300}));
  EXPECT_EQ(error_of([&] { dataset.require_tokens_below(300); }),
            folder / "x.h5" +
                ": /inputs: token 1 of sample 1 is 300; the network's vocabulary of "
                "300 has tokens 0 to 299");
  const auto normalized =
      data_options("kind = 'hdf5'\npath = 'x'\nnormalize = { mean = 1, std = 2 }");
  EXPECT_EQ(error_of([&] {
              data::load_inputs(io::Hdf5Reader(folder / "x.h5", {"/inputs"}), normalized, {2});
            }),
            "deck.toml:4: data.normalize does not apply to tokens, which " + (folder / "x.h5") +
                ": /inputs holds" + kAdvice);
}

/// One target in three samples; the deck's loss is binary_cross_entropy.
std::string error_for_targets(const std::vector<float>& train, const std::vector<float>& test) {
  const ScratchFolder folder;
  io::Hdf5Writer writer;
  writer.write("/train/inputs", std::vector<float>(train.size(), 1));
  writer.write("/train/targets", train);
  writer.write("/test/inputs", std::vector<float>(test.size(), 1));
  writer.write("/test/targets", test);
  writer.save(folder / "data.h5");
  const std::string message = error_of([&] {
    data::load_dataset(data_options("kind = 'hdf5'\npath = '" + (folder / "data.h5") + "'",
                                    "binary_cross_entropy"));
  });
  const std::string file = folder / "data.h5" + ": ";
  return message.rfind(file, 0) == 0 ? message.substr(file.size()) : message;
}

TEST(Probabilities, AreTargetsFromZeroToOne) {
  EXPECT_EQ(error_for_targets({0, 0.5, 1}, {1, 0}), "none");
  EXPECT_EQ(error_for_targets({0, 1.5, 1}, {1, 0}),
            "/train/targets: the target of sample 1 is 1.500000; binary_cross_entropy needs "
            "targets from 0 to 1");
  EXPECT_EQ(error_for_targets({0, 1}, {1, 0, -0.25}),
            "/test/targets: the target of sample 2 is -0.250000; binary_cross_entropy needs "
            "targets from 0 to 1");
}

TEST(Probabilities, OfAnAutoencoderAreItsNormalizedInputs) {
  const ScratchFolder folder;
  testing::write_idx_set(folder);
  const auto error = [&](const std::string& lines) {
    return error_of([&] {
      data::load_dataset(
          data_options("kind = 'idx'\npath = '" + folder.path() + "'\ntarget = 'input'\n" + lines,
                       "binary_cross_entropy"));
    });
  };
  EXPECT_EQ(error(""), "none");
  EXPECT_TRUE(contains(error("normalize = { mean = 0.5, std = 0.5 }"),
                       folder / "train-images-idx3-ubyte" + ": target 0 of sample 0 is -0.9137"));
}

}  // namespace
}  // namespace ridgeline
