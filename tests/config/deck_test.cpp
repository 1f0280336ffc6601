#include "config/deck.hpp"

#include "config/decks.hpp"
#include "config/duration.hpp"

namespace ridgeline {
namespace {

using config::Deck;
using testing::contains;
using testing::deck_with;
using testing::error_of;
using testing::kDeck;
using testing::parse;
using testing::refusal;
using testing::ScratchFolder;

TEST(Deck, FillsInTheDefaultsOfTheContract) {
  const Deck deck = parse(kDeck);
  EXPECT_EQ(deck.title, "A deck");
  EXPECT_EQ(deck.data.kind, config::DataKind::idx);
  EXPECT_TRUE(deck.data.shuffle);
  EXPECT_FALSE(deck.data.target_is_input);
  EXPECT_FALSE(deck.data.normalize.has_value());
  EXPECT_EQ(deck.network.precision, config::Precision::float32);
  EXPECT_EQ(deck.network.gemm, config::Gemm::native);
  EXPECT_EQ(deck.network.initialization, config::Initialization::standard);
  EXPECT_EQ(deck.network.layers.size(), 3u);
  EXPECT_EQ(deck.train.epochs, 10);
  EXPECT_EQ(deck.train.batch, 128);
  EXPECT_EQ(deck.train.loss, config::Loss::cross_entropy);
  EXPECT_EQ(deck.train.label_smoothing, 0.0);
  EXPECT_EQ(deck.train.seed, 1u);
  EXPECT_EQ(deck.train.shuffle_seed, 1u);
  EXPECT_FALSE(deck.train.stop_after_steps.has_value());
  EXPECT_EQ(deck.train.optimizer.learning_rate, 0.05);
  EXPECT_EQ(deck.train.optimizer.momentum, 0.9);
  EXPECT_FALSE(deck.train.optimizer.nesterov);
  EXPECT_EQ(deck.train.optimizer.weight_decay, 0.0);
  EXPECT_EQ(deck.train.schedule.kind, config::ScheduleKind::constant);
  EXPECT_EQ(deck.train.schedule.warmup_steps, 0);
  EXPECT_EQ(deck.checkpoint.path, "deck.h5");
  EXPECT_EQ(deck.checkpoint.every_epochs, 1);
  EXPECT_EQ(deck.checkpoint.every_steps, 0);
  EXPECT_FALSE(deck.verify.has_value());
}

TEST(Deck, ReadsEveryOption) {
  const Deck deck = parse(R"(
[data]
kind = "synthetic"
shuffle = false
target = "input"
shape = [3, 8, 8]
classes = 4
samples = 100
seed = 7
[network]
precision = "float64"
gemm = "kokkos_kernels"
initialization = "xavier_uniform"
layer = [{ kind = "flatten" }]
[train]
epochs = 2
batch = 16
loss = "mse"
seed = 3
shuffle_seed = 4
stop_after_steps = 5
optimizer = { kind = "sgd", learning_rate = 1, momentum = 0.5, nesterov = true, weight_decay = 1e-4 }
schedule = { kind = "cosine", final = 1e-3, warmup_steps = 10 }
[checkpoint]
path = "runs/a.h5"
every_steps = 50
[verify]
metric = "test_loss"
at_most = 0.5
)");
  EXPECT_EQ(deck.title, "deck");
  EXPECT_FALSE(deck.data.shuffle);
  EXPECT_TRUE(deck.data.target_is_input);
  EXPECT_EQ(deck.data.shape, (Shape{3, 8, 8}));
  EXPECT_EQ(deck.data.classes, 4);
  EXPECT_EQ(deck.data.samples, 100);
  EXPECT_EQ(deck.data.seed, 7u);
  EXPECT_EQ(deck.network.precision, config::Precision::float64);
  EXPECT_EQ(deck.network.gemm, config::Gemm::kokkos_kernels);
  EXPECT_EQ(deck.network.initialization, config::Initialization::xavier_uniform);
  EXPECT_EQ(deck.train.loss, config::Loss::mse);
  EXPECT_EQ(deck.train.seed, 3u);
  EXPECT_EQ(deck.train.shuffle_seed, 4u);
  EXPECT_EQ(deck.train.stop_after_steps, 5);
  EXPECT_EQ(deck.train.optimizer.learning_rate, 1.0);
  EXPECT_TRUE(deck.train.optimizer.nesterov);
  EXPECT_EQ(deck.train.optimizer.weight_decay, 1e-4);
  EXPECT_EQ(deck.train.schedule.kind, config::ScheduleKind::cosine);
  EXPECT_EQ(deck.train.schedule.final_rate, 1e-3);
  EXPECT_EQ(deck.train.schedule.warmup_steps, 10);
  EXPECT_EQ(deck.checkpoint.path, "runs/a.h5");
  EXPECT_EQ(deck.checkpoint.every_epochs, 0);
  EXPECT_EQ(deck.checkpoint.every_steps, 50);
  ASSERT_TRUE(deck.verify.has_value());
  EXPECT_EQ(deck.verify->metric, config::Metric::test_loss);
  EXPECT_EQ(deck.verify->at_most, 0.5);
}

TEST(Deck, ReadsNormalization) {
  const Deck deck =
      parse(deck_with("[network]", "normalize = { mean = 0.286, std = 0.353 }\n[network]"));
  EXPECT_EQ(deck.data.normalize->mean, 0.286);
  EXPECT_EQ(deck.data.normalize->standard_deviation, 0.353);
}

TEST(Deck, PathsAreRelativeToTheDecksFolder) {
  const ScratchFolder folder;
  const std::string path = folder.write("my.deck.toml", kDeck);
  const Deck deck = Deck::load(path);
  EXPECT_EQ(deck.data.path, folder / "images");
  EXPECT_EQ(deck.checkpoint.path, "my.deck.h5");
  EXPECT_EQ(Deck::parse(deck_with("\"images\"", "\"/abs\""), "a.toml", "/folder").data.path,
            "/abs");
  EXPECT_EQ(Deck::parse(kDeck, "a.toml", "/folder").data.path, "/folder/images");
}

TEST(Deck, ErrorsNameTheLine) {
  EXPECT_EQ(refusal(deck_with("batch = 128", "batch = -3")),
            "deck.toml:21: train.batch must be an integer from 1 to 1048576, not -3");
  EXPECT_EQ(refusal(deck_with("epochs = 10", "epochs = 0")),
            "deck.toml:20: train.epochs must be an integer from 1 to 1000000000, not 0");
  EXPECT_EQ(refusal(deck_with("batch = 128\n", "")),
            "deck.toml:19: train.batch is missing; it must be an integer from 1 to 1048576");
  EXPECT_EQ(refusal(deck_with("batch = 128", "bach = 128")),
            "deck.toml:21: unknown key \"bach\" in [train], did you mean \"batch\"?");
  EXPECT_TRUE(contains(refusal(deck_with("batch = 128", "batch = 128\nsead = 3")),
                       "deck.toml:22: unknown key \"sead\" in [train], did you mean \"seed\"?"));
  EXPECT_TRUE(contains(refusal(deck_with("[train]", "[trian]\nx = 1\n[train]")),
                       "deck.toml:19: unknown key \"trian\" in the deck, did you mean \"train\"?"));
  EXPECT_TRUE(
      contains(refusal(deck_with("momentum = 0.9", "momentum = 1.5")),
               "deck.toml:23: train.optimizer.momentum must be a number from 0 to below 1"));
  EXPECT_TRUE(contains(refusal(deck_with("momentum = 0.9", "nesterov = true")),
                       "deck.toml:23: train.optimizer.nesterov needs a momentum above 0"));
  EXPECT_TRUE(contains(refusal(deck_with("learning_rate = 0.05, ", "")),
                       "deck.toml:23: train.optimizer.learning_rate is missing"));
  EXPECT_TRUE(
      contains(refusal(deck_with("path = \"images\"\n", "")), "deck.toml:3: data.path is missing"));
  EXPECT_TRUE(contains(refusal(deck_with("path = \"images\"", "path = \"images\"\nclasses = 3")),
                       "deck.toml:6: unknown key \"classes\" in [data]"));
}

TEST(Deck, SyntaxErrorsNameTheLine) {
  EXPECT_TRUE(contains(refusal(deck_with("batch = 128", "batch = = 128")),
                       "deck.toml:21: not valid TOML: "));
  EXPECT_TRUE(contains(refusal(deck_with("batch = 128", "batch = 1\nbatch = 2")),
                       "deck.toml:22: not valid TOML: "));
  EXPECT_TRUE(contains(refusal(deck_with("A deck", "\xff")), "deck.toml:1: not valid TOML: "));
}

TEST(Deck, AValueWithoutQuotesIsNamedWithThem) {
  const auto expect = [](const std::string& value, const std::string& quoted) {
    EXPECT_EQ(refusal(deck_with("\"cross_entropy\"", value)),
              "deck.toml:22: not valid TOML: " + value +
                  " is neither a number nor true or false; a text needs quotes: " + quoted);
  };
  expect("cross_entropy", "\"cross_entropy\"");
  expect("A small deck", "\"A small deck\"");
  expect("./data.h5", "\"./data.h5\"");
  expect("C:\\data", "'C:\\data'");
  expect("23h50m", "\"23h50m\"");  // toml++ begins to read a number
  expect("trueish", "\"trueish\"");
  expect("größe", "\"größe\"");  // is not given to toml++
  EXPECT_EQ(refusal(deck_with("\"cross_entropy\"", "True")),
            "deck.toml:22: not valid TOML: True is no value; write true");
  const std::string needs = "a text needs quotes: ";
  const auto names = [&](const std::string& from, const std::string& to, const std::string& place) {
    EXPECT_TRUE(contains(refusal(deck_with(from, to)), place));
  };
  names("\"cross_entropy\"", "mse # \"mse\" too", "deck.toml:22: not valid TOML: mse is ");
  names("\"sgd\"", "sgd", "deck.toml:23: not valid TOML: sgd is ");  // in an inline table
  names("\"images\"", "[\"a\",\n  0, b]", "deck.toml:6: not valid TOML: b is ");
  names("\"images\"", "\"\"\"\nx = y\"\"\"\nz = y", "deck.toml:7: not valid TOML: y is ");
  // Not after a look at every value of a long line, nor of numbers alone.
  std::string list = "[";
  for (int i = 0; i < 200000; ++i) list += "1e1, ";
  names("\"images\"", list + "b]", "deck.toml:5: not valid TOML: Error");
  EXPECT_TRUE(contains(refusal(deck_with("128", "1.2.3")), "deck.toml:21: not valid TOML: Error"));
  // Other faults of a line are what toml++ says.
  names("128", "128\n\"", "deck.toml:22: not valid TOML: Error");
  EXPECT_EQ(refusal(deck_with("128", "= 128")).find("quotes"), std::string::npos);
  // --set takes as a text what is not TOML.
  EXPECT_TRUE(contains(refusal(kDeck, {"train.optimizer={kind = sgd, learning_rate = 1}"}),
                       "must be a table, not \"{kind = sgd, learning_rate = 1}\", which is not "
                       "valid TOML: sgd is neither a number nor true or false; " +
                           needs + "\"sgd\""));
}

TEST(Deck, NamesOfOtherFrameworksAreTranslated) {
  const auto suggests = [](const std::string& from, const std::string& to,
                           const std::string& unknown, const std::string& meant) {
    const std::string message = refusal(deck_with(from, to));
    EXPECT_TRUE(contains(message, unknown)) << message;
    EXPECT_TRUE(contains(message, "did you mean \"" + meant + "\"?")) << message;
  };
  suggests("learning_rate", "lr", "deck.toml:23: unknown key \"lr\"", "learning_rate");
  suggests("momentum = 0.9", "wd = 0.1", "deck.toml:23: unknown key \"wd\"", "weight_decay");
  suggests("batch =", "batch_size =", "deck.toml:21: unknown key \"batch_size\"", "batch");
  suggests("epochs =", "n_epochs =", "deck.toml:20: unknown key \"n_epochs\"", "epochs");
  suggests("loss =", "criterion =", "deck.toml:22: unknown key \"criterion\"", "loss");
  suggests("optimizer =", "Optim =", "unknown key \"Optim\"", "optimizer");
  suggests("[train]", "[training]", "unknown key \"training\" in the deck", "train");
  suggests("batch = 128", "batch = 128\nlr = 1", "deck.toml:22: unknown key \"lr\" in [train]",
           "train.optimizer.learning_rate");
  suggests("[data]", "batch_size = 3\n[data]", "deck.toml:3: unknown key \"batch_size\"",
           "train.batch");
  suggests("\"cross_entropy\"", "\"BCE\"", "not \"BCE\"", "binary_cross_entropy");
  suggests("\"sgd\"", "\"SGD\"", "not \"SGD\"", "sgd");
}

TEST(Deck, MissingSectionsAndLayersAreErrors) {
  EXPECT_TRUE(contains(refusal(""), "deck.toml: has no [data] section"));
  EXPECT_TRUE(contains(refusal("train = 3\ndata = 1\nnetwork = 2\n"),
                       "deck.toml:2: data must be a table, not 1"));
  EXPECT_TRUE(
      contains(refusal(kDeck.substr(0, kDeck.find("[train]"))), "deck.toml: has no [train]"));
  EXPECT_TRUE(
      contains(refusal("[data]\nkind = 'synthetic'\n[network]\n[train]\n"),
               "deck.toml:3: the network has no layers; it needs at least one [[network.layer]]"));
}

TEST(Deck, MissingFileIsAnError) {
  EXPECT_EQ(error_of([] { Deck::load("/no/deck.toml"); }),
            "/no/deck.toml: cannot read: No such file or directory");
}

TEST(Deck, OptionsThatContradictEachOtherAreRefused) {
  EXPECT_TRUE(contains(refusal(deck_with("\"cross_entropy\"", "\"mse\"")),
                       "deck.toml:22: train.loss = \"mse\" needs values as targets"));
  EXPECT_TRUE(contains(refusal(deck_with("\"images\"", "\"images\"\ntarget = \"input\"")),
                       "deck.toml:23: train.loss = \"cross_entropy\" needs class labels"));
  EXPECT_TRUE(contains(refusal(kDeck + "label_smoothing = 1.0\n"),
                       "deck.toml:24: train.label_smoothing must be a number from 0 to below 1"));
  std::string smoothed_mse = deck_with("\"idx\"", "\"hdf5\"");
  smoothed_mse.replace(smoothed_mse.find("cross_entropy"), 13, "mse");
  EXPECT_EQ(refusal(smoothed_mse), "none");
  EXPECT_TRUE(contains(refusal(smoothed_mse + "label_smoothing = 0.1\n"),
                       "deck.toml:24: train.label_smoothing goes only with"));
  EXPECT_TRUE(contains(refusal(smoothed_mse + "[verify]\nmetric = 'test_accuracy'\nat_least = 1\n"),
                       "deck.toml:25: verify.metric = \"test_accuracy\" needs"));
}

TEST(Deck, BoundsTheDepthOfKeysAndValues) {
  const auto dotted = [](std::size_t parts) {
    std::string key = "a";
    for (std::size_t i = 1; i < parts; ++i) key += i % 2 == 0 ? ".a" : " . \"b.c\"";
    return key;
  };
  const std::string deep = "nested deeper than 32 levels, which no deck is";
  for (const std::size_t parts : {34, 100000}) {
    EXPECT_EQ(refusal(dotted(parts) + " = 1\n" + kDeck), "deck.toml:1: " + deep);
    EXPECT_EQ(refusal("# a comment.with.dots\n[" + dotted(parts) + "]\nx = 1\n" + kDeck),
              "deck.toml:2: " + deep);
    EXPECT_TRUE(contains(refusal(kDeck, {dotted(parts) + "=1"}), "the key has more than 32 parts"));
    const std::string brackets(parts, '['), closing(parts, ']');
    EXPECT_EQ(refusal("x = " + brackets + closing + "\n" + kDeck), "deck.toml:1: " + deep);
    EXPECT_TRUE(contains(refusal(kDeck, {"train.epochs=" + brackets}), "must be an integer"));
    std::string tables;
    for (std::size_t i = 0; i < parts; ++i) tables += "{ a = ";
    EXPECT_EQ(refusal("x = " + tables + "\n" + kDeck), "deck.toml:1: " + deep);
  }
  // A long string may end in quotes that belong to it: they do not begin another.
  for (const char quote : {'"', '\''}) {
    for (const std::size_t closing : {3, 4, 5}) {
      const std::string text = std::string(3, quote) + "b" + std::string(closing, quote);
      EXPECT_EQ(refusal("x = { a = " + text + ", " + dotted(40) + " = 1 }\n" + kDeck),
                "deck.toml:1: " + deep);
    }
  }
  // Dots and brackets in texts and in lists of numbers do not count as depth.
  std::string dots, list = "[";
  for (int i = 0; i < 100; ++i) {
    dots += "a.b [[ { ";
    list += "1.5, ";
  }
  EXPECT_EQ(parse(deck_with("A deck", dots)).title, dots);
  EXPECT_TRUE(contains(refusal("x = " + list + "]\n" + kDeck), "unknown key \"x\""));
  const std::string quotes(3, '\'');
  EXPECT_TRUE(contains(refusal("x = " + quotes + dots + "\n" + dots + quotes + "\n" + kDeck),
                       "unknown key \"x\""));
  EXPECT_TRUE(contains(refusal(std::string(5 << 20, '\n') + kDeck), "is larger than 4.19 MB"));
}

TEST(Deck, RefusesWhatItsParserDoesNotCheck) {
  // Each led to undefined behaviour in toml++ 3.3 (found by tests/fuzz).
  const std::string beyond = "a non-ASCII character outside texts and comments";
  EXPECT_EQ(refusal("# \xc3\xa9\nx\xc3\xa9 = 1\n" + kDeck), "deck.toml:2: " + beyond);
  EXPECT_EQ(refusal("\xd1\x8c = 1\n" + kDeck), "deck.toml:1: " + beyond);
  EXPECT_TRUE(contains(refusal("x = \xd1\x8c\n" + kDeck), "deck.toml:1: not valid TOML: \xd1\x8c"));
  for (const char* header :
       {"[!data]", "[[!etwork.layer]]", " [ =]", "[[[a]]]", "[", "[.a]", "x = ]"}) {
    EXPECT_TRUE(contains(refusal(header + std::string("\n") + kDeck), ": not valid TOML"))
        << header;
  }
  EXPECT_EQ(parse(deck_with("A deck", "Un r\xc3\xa9seau")).title, "Un r\xc3\xa9seau");
  EXPECT_EQ(parse("\xef\xbb\xbf" + kDeck).title, "A deck");
  EXPECT_TRUE(contains(refusal("x = [\n [!\n" + kDeck), "not valid TOML"));
}

TEST(Deck, RefusesControlCharactersInNamesAndPaths) {
  EXPECT_EQ(refusal(deck_with("\"images\"", "\"a\\u0000b\"")),
            "deck.toml:5: data.path must not hold control characters, unlike \"a\\x00b\"");
  EXPECT_EQ(refusal(deck_with("\"A deck\"", "\"a\\u001Bb\"")),
            "deck.toml:1: title must not hold control characters, unlike \"a\\x1bb\"");
  EXPECT_TRUE(contains(refusal(kDeck + "[checkpoint]\npath = \"a\\u0007\"\n"),
                       "checkpoint.path must not hold control characters, unlike \"a\\x07\""));
}

TEST(Deck, ReadsHowManyCheckpointsAreKeptAndWhenARunEnds) {
  const Deck deck = parse(kDeck + "[checkpoint]\nkeep = 3\n[run]\nstop_after = '23h50m'\n");
  EXPECT_EQ(deck.checkpoint.keep, 3);
  EXPECT_EQ(deck.run.stop_after, 23 * 3600.0 + 50 * 60);
  EXPECT_FALSE(parse(kDeck).checkpoint.keep.has_value());
  EXPECT_FALSE(parse(kDeck).run.stop_after.has_value());
  EXPECT_TRUE(
      contains(refusal(kDeck + "[checkpoint]\nkeep = 0\n"), "keep must be an integer from 1"));
  EXPECT_TRUE(contains(refusal(kDeck + "[run]\nstop_after = '24'\n"),
                       "run.stop_after must be a duration such as \"23h50m\", \"1d12h\" or "
                       "\"90s\", not \"24\""));
  EXPECT_TRUE(contains(refusal(kDeck + "[run]\nstop = 1\n"), "unknown key \"stop\" in [run]"));
}

TEST(Deck, StopsOrSkipsStepsThatAreNotFinite) {
  EXPECT_EQ(parse(kDeck).train.on_nonfinite, config::OnNonfinite::stop);
  EXPECT_EQ(parse(kDeck, {"train.on_nonfinite=skip"}).train.on_nonfinite,
            config::OnNonfinite::skip);
  EXPECT_TRUE(contains(refusal(kDeck, {"train.on_nonfinite=ignore"}),
                       "train.on_nonfinite must be one of \"stop\", \"skip\""));
}

TEST(Deck, RejectsARealNumberForAnInteger) {
  EXPECT_TRUE(contains(refusal(deck_with("epochs = 10", "epochs = 1e3")),
                       "train.epochs must be an integer from 1 to 1000000000, not the real number "
                       "1000; write 1000"));
  EXPECT_TRUE(contains(refusal(deck_with("epochs = 10", "epochs = 1.5")), ", not 1.5"));
}

TEST(Durations, AreDaysHoursMinutesAndSeconds) {
  EXPECT_EQ(config::parse_duration("90s"), 90.0);
  EXPECT_EQ(config::parse_duration("1d2h3m4s"), 86400 + 7200 + 184.0);
  EXPECT_EQ(config::parse_duration("010m"), 600.0);
  for (const char* wrong : {"", "0s", "90", "s", "1h1h", "1m1h", "-1s", "1.5h", "1 h", "1w", "1h5",
                            "99999999999999999999d"}) {
    EXPECT_EQ(config::parse_duration(wrong), std::nullopt) << wrong;
  }
}

TEST(Deck, VerifyNeedsExactlyOneBound) {
  const std::string verify = kDeck + "[verify]\nmetric = \"test_accuracy\"\n";
  EXPECT_EQ(parse(verify + "at_least = 0.885\n").verify->at_least, 0.885);
  EXPECT_EQ(refusal(verify), "deck.toml:24: [verify] needs one of at_least and at_most");
  EXPECT_EQ(refusal(verify + "at_least = 0.1\nat_most = 0.9\n"),
            "deck.toml:27: [verify] needs one of at_least and at_most");
}

TEST(Deck, ResumingAllowsOtherEpochsPathsCheckpointAndVerify) {
  const Deck before = parse(kDeck);
  const auto allowed = [&](const std::string& from, const std::string& to) {
    EXPECT_EQ(parse(deck_with(from, to)).difference_that_forbids_resume(before), std::nullopt)
        << to;
  };
  allowed("epochs = 10", "epochs = 20");
  allowed("epochs = 10", "epochs = 10\nstop_after_steps = 3");
  allowed("\"images\"", "\"elsewhere\"");
  allowed("A deck", "Another deck");
  allowed("[train]",
          "[checkpoint]\nevery_steps = 5\n[verify]\nmetric = 'test_loss'\nat_most = 1\n[train]");
  allowed("momentum = 0.9", "momentum = 0.90, nesterov = false");
  allowed("batch = 128", "batch = 128\nseed = 1\nschedule = { kind = 'constant' }");
  allowed("[network]", "augment = { crop = 0 }\n[network]");
}

TEST(Deck, ResumingNamesTheKeyThatForbidsIt) {
  const Deck before = parse(kDeck);
  const auto difference = [&](const std::string& from, const std::string& to) {
    return parse(deck_with(from, to)).difference_that_forbids_resume(before).value_or("none");
  };
  EXPECT_EQ(
      difference("batch = 128", "batch = 64"),
      "deck.toml:21: train.batch is 64, but 128 in the checkpoint's deck; resuming may change "
      "only epochs, stop_after_steps and on_nonfinite of [train], paths, [checkpoint], [run] and "
      "[verify]");
  EXPECT_TRUE(contains(difference("units = 512", "units = 256"),
                       "deck.toml:13: network.layer.fc1.units is 256, but 512"));
  EXPECT_TRUE(contains(difference("activation = \"relu\"\n", ""),
                       "deck.toml:10: network.layer.fc1.activation is not given, but \"relu\""));
  EXPECT_TRUE(contains(difference("[train]", "[[network.layer]]\nkind = \"flatten\"\n[train]"),
                       "deck.toml:8: network.layer is 4 layers, but 3 layers"));
  for (const auto& [from, to] : std::initializer_list<std::pair<const char*, const char*>>{
           {"0.05", "0.06"},
           {"batch = 128", "batch = 128\nseed = 2"},
           {"batch = 128", "batch = 128\nshuffle_seed = 2"},
           {"batch = 128", "batch = 128\nlabel_smoothing = 0.1"},
           {"batch = 128", "batch = 128\nschedule = { kind = 'cosine' }"},
           {"[network]", "[network]\nprecision = 'float64'"},
           {"[network]", "[network]\ninitialization = 'kaiming_normal'"},
           {"\"idx\"", "\"hdf5\""},
           {"\"images\"", "\"images\"\nshuffle = false"},
           {"\"images\"", "\"images\"\nnormalize = { mean = 0.1, std = 1 }"},
           {"\"images\"", "\"images\"\naugment = { flip = true }"},
           {"\"images\"", "\"images\"\naugment = { crop = 1 }"},
           {"batch = 128", "batch = 128\nclip_norm = 1"},
           {"batch = 128", "batch = 128\nearly_stop = { metric = 'test_loss', patience = 1 }"},
           {"momentum = 0.9", "momentum = 0.9, weight_decay = 1e-4"}}) {
    EXPECT_NE(difference(from, to), "none") << to;
  }
}

TEST(Deck, ResumingNeedsTheSameOptimizerScheduleAndText) {
  const std::string sgd = "{ kind = \"sgd\", learning_rate = 0.05, momentum = 0.9 }";
  const auto difference = [&](const std::string& from, const std::string& to, const std::string& a,
                              const std::string& b) {
    const Deck before = parse(deck_with(from, to + a));
    return parse(deck_with(from, to + b)).difference_that_forbids_resume(before).value_or("none");
  };
  const auto optimizers = [&](const std::string& a, const std::string& b) {
    return difference(sgd, "", "{ learning_rate = 1, kind = " + a + " }",
                      "{ learning_rate = 1, kind = " + b + " }");
  };
  EXPECT_EQ(optimizers("'adam'", "'adam', beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8"), "none");
  EXPECT_TRUE(contains(optimizers("'sgd'", "'adam', beta1 = 0.5"),
                       "deck.toml:23: train.optimizer.kind is adam, but sgd in"));
  for (const char* key : {"beta1", "beta2", "epsilon", "weight_decay"}) {
    EXPECT_TRUE(contains(optimizers("'adamw'", "'adamw', " + std::string(key) + " = 0.5"),
                         "deck.toml:23: train.optimizer." + std::string(key) + " is 0.5, but "));
  }
  EXPECT_TRUE(contains(optimizers("'rmsprop'", "'rmsprop', alpha = 0.5"),
                       "deck.toml:23: train.optimizer.alpha is 0.5, but 0.99 in"));
  const std::string batch = "batch = 128";
  const std::string step = batch + "\nschedule = { kind = 'step', every = 2, factor = ";
  EXPECT_TRUE(contains(difference(batch, step, "0.5 }", "0.25 }"),
                       "deck.toml:22: train.schedule.factor is 0.25, but 0.5 in"));
  EXPECT_TRUE(contains(
      difference(batch, batch, "\nearly_stop = { metric = 'test_loss', patience = 2 }", ""),
      "deck.toml:19: train.early_stop.metric is not given, but test_loss in"));
  const std::string idx = "kind = \"idx\"\npath = \"images\"\n";
  const std::string text = "kind = 'text'\n";
  EXPECT_EQ(difference(idx, text, "path = 'a'\nlength = 4\n", "path = ['a', 'b']\nlength = 4\n"),
            "none");
  EXPECT_TRUE(
      contains(difference(idx, text, "path = 'a'\nlength = 4\n", "path = 'a'\nlength = 5\n"),
               "deck.toml:6: data.length is 5, but 4 in"));
  EXPECT_TRUE(contains(difference(idx, text, "path = 'a'\nlength = 4\n",
                                  "path = 'a'\nlength = 4\nvalidation = 0.25\n"),
                       "deck.toml:7: data.validation is 0.25, but 0.1 in"));
}

}  // namespace
}  // namespace ridgeline
