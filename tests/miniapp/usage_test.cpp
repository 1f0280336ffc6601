#include <gtest/gtest.h>

#include "miniapp/ridgeline.hpp"

// The output of the command without computing: help, version, info, the dry run, and errors.

namespace ridgeline::testing {
namespace {

const std::vector<std::string> kVerbs = {"train",   "infer", "machine", "roofline",
                                         "compare", "deck",  "info"};

TEST(Usage, HelpNamesEveryVerbAndGivesAnExample) {
  for (const std::vector<std::string>& line :
       {std::vector<std::string>{"--help"}, std::vector<std::string>{"-h"}}) {
    const CommandResult help = ridgeline(line);
    EXPECT_EQ(help.status, 0);
    EXPECT_EQ(help.err, "");
    for (const std::string& verb : kVerbs) EXPECT_TRUE(contains(help.out, "\n  " + verb));
    EXPECT_TRUE(contains(help.out, "Example:\n  ridgeline "));
  }
}

TEST(Usage, HelpOfAVerbGivesItsOptionsAndAnExample) {
  for (const std::string& verb : kVerbs) {
    const CommandResult help = ridgeline({verb, "--help"});
    EXPECT_EQ(help.status, 0) << verb;
    EXPECT_EQ(help.err, "");
    EXPECT_TRUE(contains(help.out, "Example:\n  ridgeline " + verb));
    for (const char* option : {"--threads", "--format"}) {
      EXPECT_TRUE(contains(help.out, option)) << verb;
    }
  }
  const std::string train = ridgeline({"train", "--help"}).out;
  for (const char* option : {"--space", "--output", "--checkpoint", "--resume", "--init", "--set",
                             "--seed", "--quiet", "--dry-run"}) {
    EXPECT_TRUE(contains(train, option));
  }
  const std::string infer = ridgeline({"infer", "--help"}).out;
  for (const char* option :
       {"--space", "--checkpoint", "--input", "--output", "--batch", "--set"}) {
    EXPECT_TRUE(contains(infer, option));
  }
}

TEST(Usage, VersionGivesVersionAndCommit) {
  const CommandResult version = ridgeline({"--version"});
  EXPECT_EQ(version.status, 0);
  EXPECT_EQ(version.err, "");
  EXPECT_EQ(version.out.find("ridgeline "), 0u);
  EXPECT_TRUE(contains(version.out, "("));
  EXPECT_EQ(version.out.find('\n'), version.out.size() - 1);
}

TEST(Usage, InfoIsTextOrJson) {
  const CommandResult text = ridgeline({"info"});
  EXPECT_EQ(text.status, 0);
  EXPECT_TRUE(contains(text.out, "kokkos_version"));
  const io::Json info = io::Json::parse(ridgeline({"info", "--json"}).out);
  EXPECT_EQ(info.at("format"), "ridgeline-info");
  EXPECT_EQ(info.at("version"), 2);
  EXPECT_EQ(info.at("spaces").at(0), "serial");
  EXPECT_TRUE(info.at("cuda_devices").is_number_integer());
  EXPECT_TRUE(info.at("machine").contains("kokkos_configuration"));
}

TEST_F(CommandLine, AFullDiskBehindStandardOutputIsAnError) {
  for (const char* line : {"info", "info --json", "train deck.toml --dry-run"}) {
    CommandOptions here;
    here.folder = folder.path();
    const CommandResult result = run_command(
        {"/bin/sh", "-c", testing::kExecutable + std::string(" ") + line + " > /dev/full"}, here);
    expect_refused(result, "standard output: cannot write", 1);
  }
}

TEST_F(CommandLine, RefusesWhatItDoesNotKnow) {
  expect_refused(ridgeline({}),
                 "the verb is missing: train, infer, machine, roofline, study, report, compare, "
                 "deck, info; see "
                 "ridgeline --help");
  expect_refused(ridgeline({"study"}), "the study's name is missing: latency, bandwidth, ");
  expect_refused(ridgeline({"frobnicate"}), "frobnicate");
  expect_refused(ridgeline({"--frobnicate"}), "--frobnicate");
  expect_refused(ridgeline({"train", deck, "--frobnicate"}), "--frobnicate");
  expect_refused(ridgeline({"train", deck, "another.toml"}), "another.toml");
  expect_refused(ridgeline({"train"}), "DECK");
  expect_refused(ridgeline({"infer", deck}), "--checkpoint");
  expect_refused(ridgeline({"train", deck, "--format", "xml"}), "xml");
  for (const char* threads : {"0", "-1", "two"}) {
    expect_refused(ridgeline({"train", deck, "--threads", threads}), "--threads");
  }
  for (const char* seed : {"-1", "99999999999999999999", "one"}) {
    expect_refused(ridgeline({"train", deck, "--dry-run", "--seed", seed}), seed);
  }
  expect_refused(ridgeline({"train", deck, "--resume", "a.h5", "--init", "b.h5"}), "--init");
  expect_refused(ridgeline({"infer", deck, "--checkpoint", "a.h5", "--batch", "-3"}), "--batch");
  EXPECT_EQ(folder.listing(), "deck.toml");
}

TEST_F(CommandLine, SuggestsWhatWasProbablyMeant) {
  expect_refused(ridgeline({"trian", deck, "--output", "out"}),
                 "\"trian\" is neither a verb nor an option; did you mean train?");
  expect_refused(ridgeline({"latency", "--quick"}), "did you mean study latency?");
  expect_refused(ridgeline({"study", "latancy"}), "\"latancy\" is no study; did you mean latency?");
  expect_refused(ridgeline({"study", "frobnicate"}), "is no study; see ridgeline study --help");
  expect_refused(ridgeline({"train", deck, "--ouput", "out"}),
                 "--ouput is no option of train; did you mean --output?");
  expect_refused(ridgeline({"train", deck, "--ouput=out"}), "did you mean --output?");
  expect_refused(ridgeline({"train", deck, "--out", "x"}), "did you mean --output?");
  expect_refused(ridgeline({"--quick", "study", "latency"}), "--quick stands before its verb");
  expect_refused(ridgeline({"study", "--quick", "latency"}),
                 "--quick stands before its verb; options come after the verb");
  expect_refused(ridgeline({"study", "latency", "--bogus"}), "see ridgeline study latency --help");
  expect_refused(ridgeline({"train", deck, "--sed", "3"}), "did you mean --se");
  expect_refused(ridgeline({"study", "latency", "--quik"}),
                 "--quik is no option of latency; did you mean --quick?");
  expect_refused(ridgeline({"--versoin"}), "--versoin is no option; did you mean --version?");
  expect_refused(ridgeline({"train", deck, "another.toml"}),
                 "\"another.toml\" is not expected after train; see ridgeline train --help");
  expect_refused(ridgeline({"train", deck, "--dry-run", "--set", "epochs=2"}),
                 "did you mean \"train.epochs\"?");
}

TEST_F(CommandLine, ChoosesAmongDevicesAndSaysWhereThereAreNone) {
  const io::Json& devices = build().at("cuda_devices");
  for (const Lines& line :
       {Lines{"train", deck, "--dry-run"}, Lines{"infer", deck, "--checkpoint", "a"},
        Lines{"roofline", deck}, Lines{"machine"}, Lines{"study", "latency"}, Lines{"info"}}) {
    expect_refused(ridgeline(line + Lines{"--device", "-1"}), "--device: must be an integer");
    expect_refused(ridgeline(line + Lines{"--device", "60000"}),
                   devices == 0 ? "--device 60000: " : "--device 60000: there ");
  }
  if (!has_space("cuda")) {
    expect_refused(ridgeline({"train", deck, "--device", "0"}),
                   "--device 0: this build has no CUDA");
  }
  if (devices == 0) return;
  EXPECT_EQ(ridgeline({"info", "--device", "0"}).status, 0);
  expect_refused(ridgeline({"info", "--device", "0", "--kokkos-device-id=0"}),
                 "--device 0: --kokkos-device-id=0 chooses a device too");
}

TEST_F(CommandLine, RefusesEmptyValuesAsAnUnsetVariableGivesThem) {
  for (const char* option : {"--resume", "--init", "--checkpoint", "--output", "--stop-after",
                             "--space", "--set", "--seed", "--threads", "--format"}) {
    expect_refused(ridgeline({"train", deck, option, ""}), option);
    expect_refused(ridgeline({"train", deck, std::string(option) + "="}), option);
  }
  expect_refused(ridgeline({"train", ""}), "DECK");
  const std::vector<std::string> infer = {"infer", deck, "--checkpoint", "a.h5"};
  for (const char* option : {"--input", "--output"}) {
    std::vector<std::string> line = infer;
    line.insert(line.end(), {option, ""});
    expect_refused(ridgeline(line), option);
  }
  expect_refused(ridgeline({"roofline", deck, "--output", ""}), "--output");
  expect_refused(ridgeline({"study", "latency", "--output", ""}), "--output");
  expect_refused(ridgeline({"machine", "--output", ""}), "--output");
  EXPECT_EQ(folder.listing(), "deck.toml");
}

TEST_F(CommandLine, RefusesFlagsThatKokkosDoesNotKnow) {
  for (const char* flag : {"--kokkos-num-thread=1", "--kokkos-", "--kokkos-frobnicate"}) {
    expect_refused(ridgeline({"train", deck, "--dry-run", flag}), flag);
    expect_refused(ridgeline({"info", flag}), flag);
  }
}

// Each deck is an error in a dry run, hence before anything is computed.
TEST_F(CommandLine, RefusesABadDeckByFileLineAndKey) {
  const auto refused = [&](const std::string& text, const std::string& place,
                           const std::string& part) {
    folder.write("deck.toml", text);
    const CommandResult result = ridgeline({"train", deck, "--dry-run"});
    expect_refused(result, "ridgeline: " + deck + ":" + place);
    expect_refused(result, part);
  };
  refused(deck_with("epochs = 3", "epochs = 3\nepoch = 4"), "19: ", "unknown key \"epoch\"");
  refused(deck_with("units = 96", "unit = 96"), "11: ", "did you mean \"units\"?");
  refused(deck_with("batch = 64", "batch = -64"), "19: ", "train.batch must be an integer");
  refused(deck_with("units = 4", "units = 3"), "16: ", "the data has 4 classes");
  refused(deck_with("learning_rate = 0.02", "learning_rate = \"fast\""),
          "21: ", "train.optimizer.learning_rate must be");
  refused(deck_with("kind = \"dense\"", "kind = \"dens\""), "9: ", "must be one of");
  refused(deck_with("batch = 64", "batch = "), "19: ", "not valid TOML");
  refused(deck_with("kind = \"synthetic\"\nshape = [20]\nclasses = 4\nsamples = 640",
                    "kind = \"hdf5\"\npath = \"missing.h5\""),
          "4: ", "there is no file " + folder.path() + "/missing.h5");
  refused(deck_with("kind = \"synthetic\"\nshape = [20]\nclasses = 4\nsamples = 640",
                    "kind = \"idx\"\npath = \"missing\""),
          "4: ", "there is no folder " + folder.path() + "/missing");
}

TEST_F(CommandLine, RefusesAMissingDeckAndABadSet) {
  expect_refused(ridgeline({"train", folder / "none.toml"}),
                 folder / "none.toml: cannot read: No such file");
  expect_refused(ridgeline({"train", folder.path()}), "it is a folder");
  const auto set = [&](const std::string& text) {
    return ridgeline({"train", deck, "--dry-run", "--set", text});
  };
  expect_refused(set("train.epochs"), "train.epochs");
  expect_refused(set("train.epochs=many"), "--set train.epochs: ");
  expect_refused(set("train.batch=-1"), "--set train.batch: train.batch must be an integer");
  expect_refused(set("train.epoch=3"), "unknown key \"epoch\"");
  expect_refused(set("network.layer.fc9.units=3"), "fc9");
  expect_refused(set("title=\xff"), "is not UTF-8");
  const CommandResult endless = set(std::string(100000, 'k') + "=1");
  expect_refused(endless, "bytes more]");
  EXPECT_LT(endless.err.size(), 3000u);
  EXPECT_EQ(folder.listing(), "deck.toml");
}

TEST_F(CommandLine, RefusesASpaceThatIsNotThere) {
  for (const std::vector<std::string>& line : {std::vector<std::string>{"train", deck},
                                               {"train", deck, "--dry-run"},
                                               {"infer", deck, "--checkpoint", "a.h5"},
                                               {"roofline", deck},
                                               {"machine"}}) {
    std::vector<std::string> bogus = line, cuda = line;
    bogus.insert(bogus.end(), {"--space", "bogus"});
    expect_refused(ridgeline(bogus), "--space bogus: must be one of auto, serial");
    if (has_space("cuda")) continue;
    cuda.insert(cuda.end(), {"--space", "cuda"});
    expect_refused(ridgeline(cuda), "--space cuda: no such device or space in this build");
  }
  EXPECT_EQ(folder.listing(), "deck.toml");
}

TEST_F(CommandLine, NamesTheMissingDeviceOfACudaBuild) {
  if (!has_space("cuda") || build().at("cuda_devices") != 0) {
    GTEST_SKIP() << "only a CUDA build without a device can tell";
  }
  for (const char* space : {"auto", "cuda", "openmp", "serial"}) {
    expect_refused(ridgeline({"train", deck, "--space", space, "--output", folder / "out"}),
                   "no CUDA device");
  }
  EXPECT_EQ(ridgeline({"train", deck, "--space", "cuda", "--dry-run"}).status, 0);
}

TEST_F(CommandLine, DryRunPrintsWhatWouldRunAndWritesNothing) {
  const CommandResult dry = ridgeline({"train", deck, "--dry-run", "--output", folder / "out"});
  EXPECT_EQ(dry.status, 0);
  EXPECT_EQ(dry.err, "");
  EXPECT_EQ(folder.listing(), "deck.toml");
  for (const char* part : {"fc1", "[96]", "2016", "fc2", "388", "loss", "optimizer", "A small deck",
                           "640 training and 128 test samples of [20]", "2404 parameters",
                           "3 epochs of 10 steps", "memory: "}) {
    EXPECT_TRUE(contains(dry.out, part));
  }
  const io::Json rows =
      io::Json::parse(ridgeline({"train", deck, "--dry-run", "--format", "json"}).out);
  ASSERT_EQ(rows.size(), 6u);
  EXPECT_EQ(rows[0].at("layer"), "fc1");
  EXPECT_EQ(rows[0].at("phase"), "forward");
  // A product, biases and relu; inputs, weights, biases and outputs once.
  EXPECT_EQ(rows[0].at("flops"), 2 * 64 * 20 * 96 + 2 * 64 * 96);
  EXPECT_EQ(rows[0].at("bytes"), 4 * (64 * 20 + 20 * 96 + 96 + 64 * 96));
  EXPECT_EQ(rows[5].at("layer"), "optimizer");
  EXPECT_EQ(rows[5].at("bytes"), 4 * 5 * 2404);
}

TEST_F(CommandLine, DryRunsParametersAddUp) {
  // batch_norm's statistics are not trained parameters.
  const CommandResult dry =
      ridgeline({"train", deck, "--dry-run", "--format", "json", "--set",
                 "network.layer=[{ kind = \"batch_norm\" }, { kind = \"dense\", units = 4 }]"});
  ASSERT_EQ(dry.status, 0) << dry.err;
  const io::Json rows = io::Json::parse(dry.out);
  EXPECT_EQ(rows.at(0).at("parameters"), 40);
  EXPECT_EQ(rows.at(1).at("parameters"), 84);
}

TEST_F(CommandLine, DryRunTakesTheDecksPathFromItsFolderAndItsOwnFromTheCurrent) {
  CommandOptions elsewhere;
  elsewhere.folder = "/";
  EXPECT_EQ(ridgeline({"train", deck, "--dry-run"}, elsewhere).status, 0);
  CommandOptions here;
  here.folder = folder.path();
  EXPECT_EQ(ridgeline({"train", "deck.toml", "--dry-run"}, here).status, 0);
  expect_refused(ridgeline({"train", "deck.toml", "--dry-run"}, elsewhere),
                 "deck.toml: cannot read");
}

}  // namespace
}  // namespace ridgeline::testing
