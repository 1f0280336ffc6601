#include <sys/stat.h>
#include <unistd.h>

#include "data/batch_loader.hpp"
#include "data/files.hpp"
#include "data/load.hpp"
#include "data/shuffle.hpp"

namespace ridgeline {
namespace {

using data::Dataset;
using data::Vocabulary;
using testing::contains;
using testing::data_options;
using testing::error_of;
using testing::ScratchFolder;

/// Texts of the folder as data; `lines` begin on line 4 of the deck.
Dataset load(const std::vector<std::string>& paths, const std::string& lines,
             const Vocabulary* vocabulary = nullptr) {
  std::string list;
  for (const std::string& path : paths) list += (list.empty() ? "'" : ", '") + path + "'";
  return data::load_dataset(
      data_options("kind = 'text'\npath = [" + list + "]\n" + lines, "cross_entropy"), vocabulary);
}

std::string decoded(const Dataset& dataset, const std::vector<std::int32_t>& tokens) {
  std::string text;
  for (const std::int32_t token : tokens) text += dataset.vocabulary.decode(token);
  return text;
}

/// A sample's inputs and its labels as text.
std::pair<std::string, std::string> sample(const Dataset& dataset, const data::Split& split,
                                           std::uint32_t index) {
  std::vector<double> inputs(dataset.sample_size());
  std::vector<std::int32_t> labels(dataset.labels_per_sample());
  dataset.gather<double>(split, &index, 1, inputs.data(), labels.data(), nullptr);
  return {decoded(dataset, {inputs.begin(), inputs.end()}), decoded(dataset, labels)};
}

using Samples = std::vector<std::pair<std::string, std::string>>;

Samples samples(const Dataset& dataset, const data::Split& split) {
  Samples all;
  for (std::uint32_t i = 0; i < split.samples; ++i) all.push_back(sample(dataset, split, i));
  return all;
}

TEST(Text, IsCutIntoWindowsWithTheNextCharactersAsLabels) {
  const ScratchFolder folder;
  const Dataset dataset =
      load({folder.write("a", "abcdefghij\xC3\xA9xyzXY")}, "length = 3\nvalidation = 0.25");
  // 16 characters, the last 4 for the test.
  EXPECT_EQ(samples(dataset, dataset.train),
            (Samples{{"abc", "bcd"}, {"def", "efg"}, {"ghi", "hij"}}));
  EXPECT_EQ(samples(dataset, dataset.test), (Samples{{"yzX", "zXY"}}));
  EXPECT_EQ(dataset.train.samples, 3u);
  EXPECT_EQ(dataset.test.samples, 1u);
  EXPECT_EQ(dataset.sample_shape, Shape{3});
  EXPECT_EQ(dataset.label_shape, Shape{3});
  EXPECT_EQ(dataset.labels_per_sample(), 3u);
  EXPECT_EQ(dataset.vocabulary.size(), 16u);
  EXPECT_EQ(dataset.tokens, 16u);
  EXPECT_EQ(dataset.classes, 16u);
  EXPECT_TRUE(dataset.has_labels());
  EXPECT_EQ(dataset.target_size(), 0u);
  EXPECT_EQ(dataset.vocabulary.characters(),
            Vocabulary::from_joined("XYabcdefghijxyz\xC3\xA9", "all three").characters());
}

TEST(Text, CountsCharactersAndNotBytes) {
  const ScratchFolder folder;
  const Dataset dataset = load({folder.write("a",
                                             "\xC3\xA9\xE2\x82\xAC"
                                             "a\xF0\x9F\x98\x80"
                                             "b")},
                               "length = 2\nvalidation = 0");
  EXPECT_EQ(samples(dataset, dataset.train), (Samples{{"\xC3\xA9\xE2\x82\xAC",
                                                       "\xE2\x82\xAC"
                                                       "a"},
                                                      {"a\xF0\x9F\x98\x80",
                                                       "\xF0\x9F\x98\x80"
                                                       "b"}}));
  EXPECT_EQ(dataset.test.samples, 0u);
}

TEST(Text, OfSeveralFilesHasNoWindowAcrossThem) {
  const ScratchFolder folder;
  const Dataset dataset = load({folder.write("b", "abcdefghij"), folder.write("a", "ABCDEFGHIJKL")},
                               "length = 2\nvalidation = 0.3");
  EXPECT_EQ(samples(dataset, dataset.train), (Samples{{"ab", "bc"},
                                                      {"cd", "de"},
                                                      {"ef", "fg"},
                                                      {"AB", "BC"},
                                                      {"CD", "DE"},
                                                      {"EF", "FG"},
                                                      {"GH", "HI"}}));
  EXPECT_EQ(samples(dataset, dataset.test), (Samples{{"hi", "ij"}, {"JK", "KL"}}));
  EXPECT_EQ(dataset.vocabulary.size(), 22u);
  EXPECT_EQ(dataset.train.inputs_source, folder / "b" + " and 1 more");
}

TEST(Text, IsStoredOnce) {
  const ScratchFolder folder;
  std::string text;
  for (int i = 0; i < 10001; ++i) text += static_cast<char>('a' + i * i % 26);
  const Dataset dataset = load({folder.write("a", text)}, "length = 100\nvalidation = 0");
  EXPECT_EQ(dataset.train.samples, 100u);
  EXPECT_EQ(dataset.memory_bytes(), 10001 + 100 * sizeof(std::size_t));
}

TEST(Text, HoldsMoreCharactersThanAByteCounts) {
  const ScratchFolder folder;
  std::string text;
  for (char32_t c = 0x100; c < 0x100 + 300; ++c) text += to_utf8(c);
  const Dataset dataset = load({folder.write("a", text)}, "length = 299\nvalidation = 0");
  EXPECT_EQ(dataset.tokens, 300u);
  const auto only = sample(dataset, dataset.train, 0);
  EXPECT_EQ(only.first, text.substr(0, 2 * 299));
  EXPECT_EQ(only.second, text.substr(2));
}

TEST(Text, ReachesTheBatchesOfTheLoader) {
  const ScratchFolder folder;
  const Dataset dataset = load({folder.write("a", "the quick brown fox jumps over the lazy dog")},
                               "length = 5\nvalidation = 0");
  data::LoaderOptions options;
  options.batch = 3;
  options.shuffle = true;
  options.seed = 4;
  data::BatchLoader<float> loader(dataset, dataset.train, options);
  for (int i = 0; i < 6; ++i) {
    const auto batch = loader.next();
    const auto order = data::epoch_order(dataset.train.samples, 4, batch.epoch, true);
    ASSERT_EQ(batch.targets, nullptr);
    for (std::size_t k = 0; k < batch.count; ++k) {
      const float* inputs = batch.inputs + 5 * k;
      const std::int32_t* labels = batch.labels + 5 * k;
      EXPECT_EQ(decoded(dataset, {inputs, inputs + 5}),
                sample(dataset, dataset.train, order[batch.first + k]).first);
      EXPECT_EQ(decoded(dataset, {labels, labels + 5}),
                sample(dataset, dataset.train, order[batch.first + k]).second);
    }
  }
}

TEST(Text, TakesTheTokensOfAGivenVocabulary) {
  const ScratchFolder folder;
  const Vocabulary vocabulary = Vocabulary::from_joined("zyxcba", "m.h5");
  const Dataset dataset =
      load({folder.write("a", "abcab")}, "length = 4\nvalidation = 0", &vocabulary);
  EXPECT_EQ(dataset.tokens, 6u);
  EXPECT_EQ(dataset.classes, 6u);
  EXPECT_EQ(dataset.vocabulary.characters(), vocabulary.characters());
  std::vector<float> inputs(4);
  std::vector<std::int32_t> labels(4);
  const std::uint32_t first = 0;
  dataset.gather<float>(dataset.train, &first, 1, inputs.data(), labels.data(), nullptr);
  EXPECT_EQ(inputs, (std::vector<float>{5, 4, 3, 5}));
  EXPECT_EQ(labels, (std::vector<std::int32_t>{4, 3, 5, 4}));
}

TEST(Text, WithACharacterThatAGivenVocabularyLacksIsRefused) {
  const ScratchFolder folder;
  const Vocabulary vocabulary = Vocabulary::of({"abc\n\xC3\xA9"});
  const std::string good = folder.write("good", "abcabc");
  const std::string bad = folder.write("bad",
                                       "abc\n\xC3\xA9\n\xC3\xA9"
                                       "bZa\n");
  EXPECT_EQ(error_of([&] {
              load({good, bad}, "length = 2", &vocabulary);
            }),
            bad +
                ":3: character 3 of the line, \"Z\" (U+005A), is not among the 5 characters of "
                "the network's vocabulary");
}

TEST(Text, OutsideANetworksVocabularyIsRefused) {
  const ScratchFolder folder;
  const std::string path = folder.write("a", "aabaacab");
  const Dataset dataset = load({path}, "length = 3\nvalidation = 0");
  dataset.require_tokens_below(3);
  EXPECT_EQ(error_of([&] { dataset.require_tokens_below(2); }),
            path +
                ": token 2 of sample 1 is 2, the character \"c\" (U+0063); the network's "
                "vocabulary of 2 has tokens 0 to 1");
}

TEST(Text, ThatIsNoTextIsRefusedWithItsPlace) {
  const ScratchFolder folder;
  const std::string good = folder.write("good", "abcabc");
  const auto refused = [&](const std::string& bytes) {
    const std::string path = folder.write("bad", bytes);
    const std::string message = error_of([&] { load({good, path}, "length = 2"); });
    EXPECT_EQ(message.rfind(path + ":", 0), 0u) << message;
    return message.substr(path.size());
  };
  const std::string rule = "; it must be a plain text";
  EXPECT_EQ(refused(""), ": is empty" + rule);
  EXPECT_EQ(refused("abc\n\xC3\xA9\nx\xFFz"),
            ":3: no valid UTF-8 at byte 8 of the file, 0xff" + rule);
  EXPECT_EQ(refused("abc\xE2\x82"), ":1: no valid UTF-8 at byte 3 of the file, 0xe2" + rule);
  EXPECT_EQ(refused(std::string("ab\nc\0d", 6)),
            ":2: no valid UTF-8 at byte 4 of the file, 0x00" + rule);
}

TEST(Text, ThatIsTooShortIsRefused) {
  const ScratchFolder folder;
  const std::string good = folder.write("good", std::string(200, 'x'));
  const std::string path = folder.write("short", "abcdefghij");
  const std::string needs = "; a sample of data.length = 10 takes 11 characters";
  EXPECT_EQ(error_of([&] {
              load({good, path}, "length = 10\nvalidation = 0");
            }),
            path + ": is too short: 10 characters" + needs);
  EXPECT_EQ(
      error_of([&] {
        load({good, folder.write("short", "abcdefghijk")}, "length = 10");
      }),
      path + ": is too short: 10 characters without the last 1, which are the test set" + needs);
  EXPECT_EQ(load({good, folder.write("short", "abcdefghijk")}, "length = 10\nvalidation = 0")
                .train.samples,
            20u);
}

TEST(Text, ThatLeavesNoTestSampleIsRefused) {
  const ScratchFolder folder;
  const std::string path = folder.write("a", std::string(100, 'x'));
  const std::string reason =
      "with this data.validation no file contains a test sample; a sample of data.length = 10 "
      "takes 11 characters; increase validation, reduce length, or set validation = 0";
  EXPECT_EQ(error_of([&] { load({path}, "length = 10"); }), "deck.toml:4: " + reason);
  EXPECT_EQ(error_of([&] { load({path}, "length = 10\nvalidation = 0.1"); }),
            "deck.toml:5: " + reason);
  EXPECT_EQ(load({path}, "length = 10\nvalidation = 0.11").test.samples, 1u);
  // One file that is long enough suffices.
  const std::string long_one = folder.write("b", std::string(200, 'x'));
  EXPECT_EQ(load({path, long_one}, "length = 10").test.samples, 1u);
}

TEST(Text, ThatIsMissingIsRefusedAtTheDecksLine) {
  const ScratchFolder folder;
  const std::string good = folder.write("good", "abcabc");
  EXPECT_EQ(error_of([&] {
              load({good, "/no/such"}, "length = 2");
            }),
            "deck.toml:3: data.path: there is no file /no/such; it must be a plain text, UTF-8");
  EXPECT_EQ(error_of([&] { load({"/usr/share/games/fortunes/no-such"}, "length = 2"); }),
            "deck.toml:3: data.path: there is no file /usr/share/games/fortunes/no-such; Debian's "
            "package fortunes has it");
  EXPECT_EQ(error_of([&] { load({folder.path()}, "length = 2"); }),
            folder.path() + ": cannot read: it is a folder, not a file");
  if (::geteuid() == 0) return;  // root reads everything
  ::chmod(good.c_str(), 0);
  EXPECT_EQ(error_of([&] { load({good}, "length = 2"); }),
            good + ": cannot read: Permission denied");
}

}  // namespace
}  // namespace ridgeline
