#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "data/load.hpp"
#include "miniapp/ridgeline.hpp"

namespace ridgeline::testing {
namespace {

class Infer : public CommandLineThatComputes {
 protected:
  void SetUp() override {
    CommandLineThatComputes::SetUp();
    if (IsSkipped()) return;
    ASSERT_EQ(train("out").status, 0);
  }

  CommandResult infer(const std::vector<std::string>& more) {
    std::vector<std::string> line = {"infer",           deck,      "--checkpoint",
                                     checkpoint("out"), "--space", host_space()};
    line.insert(line.end(), more.begin(), more.end());
    return ridgeline(line);
  }

  // The deck's test set.
  data::Dataset dataset() const { return data::load_dataset(config::Deck::load(deck).data); }

  std::string write_inputs(const std::string& name, const Shape& shape,
                           const std::vector<float>& values) const {
    io::Hdf5Writer file;
    file.write("/inputs", shape, values.data());
    file.save(folder / name);
    return folder / name;
  }
};

TEST_F(Infer, GivesTheLastTestLossAndAccuracyOfTraining) {
  const io::Json history = record("out").at("history");
  const CommandResult result = infer({"--format", "json"});
  EXPECT_EQ(result.status, 0) << result.err;
  const io::Json row = io::Json::parse(result.out).at(0);
  EXPECT_EQ(row.at("samples"), 128);
  EXPECT_EQ(row.at("test_accuracy"), history.at("test_accuracy").back());
  EXPECT_EQ(row.at("test_loss"), history.at("test_loss").back());
  const CommandResult csv = infer({"--format", "csv"});
  EXPECT_EQ(csv.out.find("samples,test_loss,test_accuracy\r\n128,"), 0u);
  EXPECT_TRUE(contains(infer({}).out, "test accuracy"));
}

TEST_F(Infer, GivesTheSameWithAnotherBatchToRounding) {
  const double expected = record("out").at("history").at("test_loss").back();
  for (const char* batch : {"1", "7", "128", "1000"}) {
    const CommandResult result = infer({"--batch", batch, "--format", "json"});
    ASSERT_EQ(result.status, 0) << result.err;
    const io::Json row = io::Json::parse(result.out).at(0);
    EXPECT_NEAR(row.at("test_loss").get<double>(), expected, 1e-5 * expected) << batch;
    EXPECT_EQ(row.at("samples"), 128);
  }
}

TEST_F(Infer, WritesTheOutputsOfAFile) {
  const data::Dataset data = dataset();
  const std::size_t samples = data.test.samples;
  const std::string inputs =
      write_inputs("x.h5", {samples, 20}, std::get<std::vector<float>>(data.test.inputs));
  std::vector<float> first;
  for (const char* batch : {"64", "1", "33"}) {
    const CommandResult result =
        infer({"--input", inputs, "--output", folder / "y.h5", "--batch", batch});
    ASSERT_EQ(result.status, 0) << result.err;
    EXPECT_EQ(result.out, "");
    const io::Hdf5Reader file(folder / "y.h5");
    ASSERT_EQ(file.shape("/outputs"), (Shape{samples, 4}));
    EXPECT_EQ(file.element_size("/outputs"), 4u);
    const std::vector<float> outputs = file.read<float>("/outputs");
    if (first.empty()) first = outputs;
    for (std::size_t i = 0; i < outputs.size(); ++i) EXPECT_NEAR(outputs[i], first[i], 1e-4);
  }
  // Logits, in the order of the samples: the labels' accuracy is the one that training measured.
  std::size_t correct = 0;
  for (std::size_t i = 0; i < samples; ++i) {
    const auto row = first.begin() + std::ptrdiff_t(4 * i);
    correct += std::max_element(row, row + 4) - row == data.test.labels[i] ? 1 : 0;
  }
  EXPECT_EQ(double(correct) / double(samples),
            record("out").at("history").at("test_accuracy").back().get<double>());
}

TEST_F(Infer, ReportsTheScalingOfInputs) {
  const std::string images = "kind = \"hdf5\"\npath = \"x.h5\"\n";
  const std::string layers = "[[network.layer]]\nkind = \"flatten\"\n[[network.layer]]\n";
  std::string text =
      deck_with("kind = \"synthetic\"\nshape = [20]\nclasses = 4\nsamples = 640\n", images);
  text.replace(text.find("[[network.layer]]\n"), 18, layers);
  folder.write("deck.toml", text);
  std::vector<std::uint8_t> bytes(4 * 20);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(3 * i);
  const std::vector<float> scaled = [&] {
    std::vector<float> values;
    for (const std::uint8_t byte : bytes) values.push_back(static_cast<float>(byte / 255.0));
    return values;
  }();
  const auto save = [&](const std::string& name, const auto& values) {
    io::Hdf5Writer file;
    file.write("/train/targets", std::vector<std::uint8_t>{0, 1, 2, 3});
    file.write("/train/inputs", Shape{4, 1, 4, 5}, values.data());
    file.write("/inputs", Shape{4, 1, 4, 5}, values.data());
    file.save(folder / name);
  };
  save("x.h5", bytes);
  save("values.h5", scaled);

  const auto outputs = [&](const std::string& input, const Lines& more, std::string& said) {
    const CommandResult result =
        infer(Lines{"--input", folder / input, "--output", folder / "y.h5"} + more);
    EXPECT_EQ(result.status, 0) << result.err;
    said = result.err;
    return io::Hdf5Reader(folder / "y.h5").read<float>("/outputs");
  };
  const Lines normalize = {"--set", "data.normalize={ mean = 0.25, std = 0.5 }"};
  std::string said;
  // The same images as bytes and as the values that they become.
  const std::vector<float> expected = outputs("values.h5", {}, said);
  EXPECT_EQ(said.find("/inputs"), std::string::npos) << said;
  EXPECT_FALSE(contains(said, "normalize")) << said;
  EXPECT_EQ(outputs("x.h5", {}, said), expected);
  EXPECT_TRUE(contains(said, "x.h5: /inputs: uint8 images, taken as x / 255\n"));
  const std::vector<float> normalized = outputs("values.h5", normalize, said);
  EXPECT_TRUE(
      contains(said, "values.h5: /inputs: normalised, as the deck says: (x - 0.25) / 0.5\n"));
  EXPECT_NE(normalized, expected);
  EXPECT_TRUE(contains(said,
                       "data.normalize is mean 0.25, std 0.5, but none in the checkpoint's "
                       "deck, which its weights were trained for"))
      << said;
  const std::vector<float> both = outputs("x.h5", normalize, said);
  EXPECT_TRUE(contains(said, "taken as x / 255 and then normalised, as the deck says: (x - 0.25)"));
  for (std::size_t i = 0; i < both.size(); ++i) EXPECT_NEAR(both[i], normalized[i], 1e-5);

  // Training takes them the same way.
  ASSERT_EQ(train("images").status, 0);
  ASSERT_EQ(train("values", {"--set", "data.path=" + (folder / "values.h5")}).status, 0);
  EXPECT_EQ(training_of(checkpoint("images")), training_of(checkpoint("values")));
}

TEST_F(Infer, NeedsOnlyTheModelOfACheckpoint) {
  io::Hdf5Writer model;
  const io::Hdf5Reader from(checkpoint("out"));
  for (const std::string path :
       {"/model/fc1/weight", "/model/fc1/bias", "/model/fc2/weight", "/model/fc2/bias"}) {
    model.write(path, from.shape(path), from.read<float>(path).data());
  }
  model.save(folder / "model.h5");
  const CommandResult result = ridgeline({"infer", deck, "--checkpoint", folder / "model.h5",
                                          "--format", "json", "--space", host_space()});
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(io::Json::parse(result.out).at(0).at("test_accuracy"),
            record("out").at("history").at("test_accuracy").back());
}

TEST_F(Infer, RefusesWhatDoesNotFit) {
  const std::string good = write_inputs("good.h5", {2, 20}, std::vector<float>(40, 0.5f));
  const std::string narrow = write_inputs("narrow.h5", {2, 19}, std::vector<float>(38, 0.5f));
  std::vector<float> values(40, 0.5f);
  values[27] = NAN;
  const std::string bad = write_inputs("bad.h5", {2, 20}, values);
  const std::string y = folder / "y.h5";
  expect_refused(infer({"--input", good}), "--output");
  expect_refused(infer({"--output", y}), "--input");
  expect_refused(infer({"--input", narrow, "--output", y}), "19");
  expect_refused(infer({"--input", bad, "--output", y}),
                 bad + ": /inputs: value 7 of sample 1 is nan");
  expect_refused(infer({"--input", folder / "none.h5", "--output", y}), folder / "none.h5");
  expect_refused(infer({"--input", checkpoint("out"), "--output", y}), "/inputs");
  expect_refused(infer({"--input", good, "--output", folder / "missing/y.h5"}), "missing");
  expect_refused(ridgeline({"infer", deck, "--checkpoint", folder / "none.h5"}),
                 folder / "none.h5: no such file");
  for (const Shape& shape : {Shape{2, 0}, Shape{2, 20, 0}, Shape{2, 0, 3}, Shape{2, 1, 0, 0}}) {
    expect_refused(infer({"--input", write_inputs("empty.h5", shape, {}), "--output", y}),
                   folder / "empty.h5: /inputs: samples are [");
  }
  EXPECT_FALSE(std::filesystem::exists(y));
}

TEST_F(Infer, RefusesAnotherNetworksCheckpointByObject) {
  folder.write("deck.toml", deck_with("units = 96", "units = 95"));
  expect_refused(infer({}), checkpoint("out") + ": /model/fc1/weight: has shape [96, 20]");
  folder.write("deck.toml", deck_with("name = \"fc1\"", "name = \"first\""));
  expect_refused(infer({}), checkpoint("out") + ": /model/fc1: is a layer that this network");
  folder.write("deck.toml", deck_with("units = 96", "units = 96\nbias = false"));
  expect_refused(infer({}), checkpoint("out") + ": /model/fc1/bias: is a parameter that this");
}

TEST_F(Infer, AFullDiskLeavesTheOldOutput) {
  const std::string inputs = write_inputs("x.h5", {2, 20}, std::vector<float>(40, 0.5f));
  ASSERT_EQ(infer({"--input", inputs, "--output", folder / "y.h5"}).status, 0);
  const std::string before = bytes_of_file(folder / "y.h5"), files = folder.listing();
  CommandOptions small;
  small.largest_file = 100;
  const CommandResult result =
      ridgeline({"infer", deck, "--checkpoint", checkpoint("out"), "--input", inputs, "--output",
                 folder / "y.h5", "--space", host_space()},
                small);
  expect_refused(result, "y.h5: cannot write: ", 1);
  EXPECT_EQ(bytes_of_file(folder / "y.h5"), before);
  EXPECT_EQ(folder.listing(), files);
}

}  // namespace
}  // namespace ridgeline::testing
