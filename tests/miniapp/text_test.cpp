#include <gtest/gtest.h>

#include <filesystem>

#include "miniapp/ridgeline.hpp"

namespace ridgeline::testing {
namespace {

// A character model from text to text: trained, resumed, and used to generate text.

const std::string kTextDeck = R"([data]
kind = "text"
path = ["a.txt", "b.txt"]
length = 8
validation = 0.2
[network]
[[network.layer]]
kind = "embedding"
features = 6
[[network.layer]]
kind = "position_embedding"
[[network.layer]]
kind = "residual"
layer = [ { kind = "layer_norm" }, { kind = "attention", heads = 2, causal = true } ]
[[network.layer]]
kind = "lstm"
units = 24
return_sequence = true
[[network.layer]]
kind = "dense"
units = "vocabulary"
[train]
epochs = 30
batch = 16
loss = "cross_entropy"
optimizer = { kind = "adam", learning_rate = 0.02 }
clip_norm = 1.0
)";

std::string repeated(const std::string& text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

class Text : public CommandLineThatComputes {
 protected:
  void SetUp() override {
    CommandLineThatComputes::SetUp();
    folder.write("deck.toml", kTextDeck);
    folder.write("a.txt", repeated("größer als du\n", 60));
    folder.write("b.txt", repeated("kleiner als wir\n", 40));
  }
  CommandResult infer(const std::vector<std::string>& more) {
    std::vector<std::string> line = {"infer",           deck,      "--checkpoint",
                                     checkpoint("out"), "--space", host_space()};
    line.insert(line.end(), more.begin(), more.end());
    return ridgeline(line);
  }
};

TEST_F(Text, LearnsARepetitionAndContinuesIt) {
  const CommandResult trained = train("out", {"--format", "json"});
  ASSERT_EQ(trained.status, 0) << trained.err;
  const io::Json history = record("out").at("history");
  EXPECT_LT(history.at("test_loss").back().get<double>(), 0.5);
  // The characters, in the order of their tokens: by code point.
  const std::vector<std::string> expected = {"\n", " ", "a", "d", "e", "g", "i", "k",
                                             "l",  "n", "r", "s", "u", "w", "ß", "ö"};
  EXPECT_EQ(io::Hdf5Reader(checkpoint("out")).read_texts("/vocabulary"), expected);

  const CommandResult sure =
      infer({"--prompt", "größer al", "--length", "19", "--temperature", "0"});
  ASSERT_EQ(sure.status, 0) << sure.err;
  EXPECT_EQ(sure.out, "größer als du\ngrößer als du\n\n") << sure.out;
  const auto drawn = [&](const std::string& seed) {
    return infer({"--prompt", "k", "--length", "60", "--temperature", "3", "--seed", seed}).out;
  };
  EXPECT_EQ(drawn("1"), drawn("1"));
  EXPECT_NE(drawn("1"), drawn("2"));

  // The test set under the checkpoint's vocabulary.
  const CommandResult tested = infer({"--format", "json"});
  ASSERT_EQ(tested.status, 0) << tested.err;
  EXPECT_EQ(io::Json::parse(tested.out).at(0).at("test_loss"), history.at("test_loss").back());
}

TEST_F(Text, GivesOutputsForTokensFromAModelThatHasNoVocabulary) {
  const std::string dense =
      "[[network.layer]]\nkind = \"embedding\"\nfeatures = 6\n[[network.layer]]\nkind = \"dense\"\n"
      "units = \"vocabulary\"\n";
  const std::size_t begin = kTextDeck.find("[[network.layer]]"), end = kTextDeck.find("[train]");
  folder.write("deck.toml", kTextDeck.substr(0, begin) + dense + kTextDeck.substr(end));
  ASSERT_EQ(train("out", {"--set", "train.epochs=1"}).status, 0);
  io::Hdf5Writer model;
  const io::Hdf5Reader from(checkpoint("out"));
  for (const std::string path :
       {"/model/embedding1/weight", "/model/dense1/weight", "/model/dense1/bias"}) {
    model.write(path, from.shape(path), from.read<float>(path).data());
  }
  model.save(folder / "model.h5");
  io::Hdf5Writer inputs;
  inputs.write("/inputs", Shape{1, 8}, std::vector<std::int32_t>{0, 1, 2, 3, 4, 5, 6, 7}.data());
  inputs.save(folder / "x.h5");
  const auto outputs = [&](const std::string& weights) {
    const CommandResult result =
        ridgeline({"infer", deck, "--checkpoint", weights, "--input", folder / "x.h5", "--output",
                   folder / "y.h5", "--space", host_space()});
    EXPECT_EQ(result.status, 0) << result.err;
    return io::Hdf5Reader(folder / "y.h5").read<float>("/outputs");
  };
  EXPECT_EQ(outputs(folder / "model.h5"), outputs(checkpoint("out")));
}

TEST_F(Text, ThatIsNotValidatedCannotBeVerified) {
  expect_refused(train("out", {"--set", "data.validation=0", "--set", "verify.metric=test_loss",
                               "--set", "verify.at_most=1.0"}),
                 "[verify] asks for test_loss, and the data has no test set");
}

TEST_F(Text, WritesWithoutItsDataAndRefusesWhatItDoesNotKnow) {
  ASSERT_EQ(train("out", {"--set", "train.epochs=1"}).status, 0);
  std::filesystem::remove(folder / "a.txt");
  const CommandResult text = infer({"--prompt", "al", "--length", "5"});
  EXPECT_EQ(text.status, 0) << text.err;
  EXPECT_EQ(text.out.compare(0, 2, "al"), 0);
  expect_refused(infer({"--prompt", "alX"}), "--prompt");
  expect_refused(infer({"--prompt", ""}), "--prompt: must have at least one character");
  expect_refused(infer({"--prompt", "a", "--temperature", "-1"}), "--temperature");
  expect_refused(infer({"--prompt", "a", "--temperature", "nan"}), "--temperature: must be");
  expect_refused(infer({"--length", "5"}), "--prompt");
  expect_refused(infer({"--prompt", "a", "--input", "x.h5"}), "--input");
}

TEST_F(Text, ResumesToTheSameBitsAndNotOnAnotherText) {
  ASSERT_EQ(train("whole", {"--set", "train.epochs=3"}).status, 0);
  ASSERT_EQ(train("out", {"--set", "train.epochs=3", "--set", "train.stop_after_steps=7"}).status,
            0);
  const CommandResult resumed =
      train("out", {"--set", "train.epochs=3", "--resume", checkpoint("out")});
  ASSERT_EQ(resumed.status, 0) << resumed.err;
  EXPECT_EQ(training_of(checkpoint("out")), training_of(checkpoint("whole")));
  folder.write("b.txt", repeated("kleiner als Wir\n", 40));
  expect_refused(train("out", {"--set", "train.epochs=4", "--resume", checkpoint("out")}),
                 "b.txt:1: ");
}

TEST_F(Text, ACheckpointsVocabularyMustHoldTheTextThatItIsTestedOn) {
  ASSERT_EQ(train("out", {"--set", "train.epochs=1"}).status, 0);
  folder.write("b.txt", repeated("kleiner als wir\n", 20) + "Q" + repeated("kleiner\n", 20));
  expect_refused(infer({}), "b.txt");
}

// Sequences of tokens and one label each, in HDF5.
class Tokens : public CommandLineThatComputes {
 protected:
  void write_data(std::int64_t largest) {
    io::Hdf5Writer file;
    for (const std::string group : {"/train", "/test"}) {
      std::vector<std::int64_t> tokens(60 * 5), labels(60);
      for (std::size_t i = 0; i < tokens.size(); ++i) tokens[i] = std::int64_t(i * 7 % 11);
      for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = tokens[5 * i] % 3;
      if (group == "/test") tokens[5 * 17 + 2] = largest;
      file.write(group + "/inputs", {60, 5}, tokens.data());
      file.write(group + "/targets", {60}, labels.data());
    }
    file.save(folder / "data.h5");
  }
  void write_deck(const std::string& layers) {
    folder.write("deck.toml", "[data]\nkind = \"hdf5\"\npath = \"data.h5\"\n[network]\n" + layers +
                                  R"([[network.layer]]
kind = "gru"
units = 8
[[network.layer]]
kind = "dense"
units = 3
[train]
epochs = 40
batch = 20
loss = "cross_entropy"
optimizer = { kind = "rmsprop", learning_rate = 0.02 }
)");
  }
  const std::string embedding =
      "[[network.layer]]\nkind = \"embedding\"\nvocabulary = 11\nfeatures = 6\n";
};

TEST_F(Tokens, ReachTheirLabels) {
  write_data(10);
  write_deck(embedding);
  const CommandResult result = train("out");
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_GT(record("out").at("history").at("test_accuracy").back().get<double>(), 0.9);
}

TEST_F(Tokens, OutsideTheVocabularyAreRefusedByFileSampleAndPosition) {
  write_data(11);
  write_deck(embedding);
  expect_refused(train("out"), "data.h5: /test/inputs: token 2 of sample 17 is 11");
}

TEST_F(Tokens, NeedAnEmbedding) {
  write_data(10);
  write_deck("");
  expect_refused(train("out"), "deck.toml:6: gru1 computes with values, and the data are tokens");
}

}  // namespace
}  // namespace ridgeline::testing
