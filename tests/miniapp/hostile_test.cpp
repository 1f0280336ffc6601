#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>

#include "data/files.hpp"
#include "io/compressed.hpp"
#include "miniapp/ridgeline.hpp"
#include "support/usage.hpp"

// Inputs on which a release failed (tests/cases), through the command: one line, status 2, nothing
// written, and no more memory than the input accounts for.

namespace ridgeline::testing {
namespace {

namespace fs = std::filesystem;

// Memory of a run independent of its input, generously: 256 MiB, and the program itself, of
// which a sanitizer keeps a shadow.
#if defined(RIDGELINE_SANITIZED)
constexpr long kMostKilobytes = 640 * 1024;
#else
constexpr long kMostKilobytes = 400 * 1024;
#endif

class HostileInput : public ::testing::Test {
 protected:
  HostileInput() { fs::copy(case_path("hostile"), folder.path(), fs::copy_options::recursive); }

  CommandResult run(std::vector<std::string> line) const {
    CommandOptions options;
    options.folder = folder.path();
    return ridgeline(line, options);
  }

  CommandResult line(const std::string& text) const {
    CommandOptions options;
    options.folder = folder.path();
    return shell(text, options);
  }

  // Expects an error whose message contains all parts, in bounded memory, and no new files.
  void expect_refused(const std::vector<std::string>& line, const std::vector<std::string>& parts) {
    const std::string before = folder.listing();
    expect_refused(run(line), parts);
    EXPECT_EQ(folder.listing(), before);
  }
  void expect_refused(const CommandResult& result, const std::vector<std::string>& parts) {
    EXPECT_EQ(result.status, 2) << result.err;
    ASSERT_EQ(result.errors().size(), 1u) << result.err;
    for (const std::string& part : parts) EXPECT_TRUE(contains(result.errors()[0], part));
    EXPECT_LT(result.peak_kilobytes, kMostKilobytes);
  }

  ScratchFolder folder;
};

TEST_F(HostileInput, MachineFilesAreCheckedByFileAndKey) {
  const auto roofline = [](const std::string& file) {
    return std::vector<std::string>{"roofline", "tiny.toml", "--machine",
                                    file,       "--space",   host_space()};
  };
  expect_refused(roofline("overflow.json"), {"overflow.json:1: x: 1e999 is too large"});
  if (std::string(host_space()) == "openmp") {
    expect_refused(roofline("transfer_object.json"),
                   {"transfer_object.json: ", "transfer must be a list"});
  }
  folder.write("deep.json", std::string(200000, '['));
  expect_refused(roofline("deep.json"), {"deep.json: is nested deeper than 64 levels"});
}

TEST_F(HostileInput, DecksAreBoundedInDepth) {
  std::string key = "a";
  for (int i = 1; i < 100000; ++i) key += ".a";
  folder.write("dotted.toml", key + " = 1\n" + bytes_of_file(folder / "tiny.toml"));
  expect_refused({"train", "dotted.toml", "--dry-run", "--set", "train.epochs=2"},
                 {"dotted.toml:1: nested deeper than 32 levels"});
}

TEST_F(HostileInput, NamesHoldNoControlCharacters) {
  expect_refused({"train", "layer_nul.toml"}, {"layer_nul.toml:10: ", "unlike \"a\\x00b\""});
  expect_refused({"train", "path_nul.toml"}, {"path_nul.toml:23: checkpoint.path", "\\x00.h5"});
}

TEST_F(HostileInput, CheckpointsOfVersion1NeitherCrashNorLoseWhatTheyHold) {
  const auto line = [](const char* verb, const char* option, const char* file) {
    return std::vector<std::string>{verb, "d1.toml", "--set", "checkpoint.path=x.h5", option, file};
  };
  expect_refused(line("train", "--init", "ckpt_segv.h5"), {"ckpt_segv.h5: "});
  auto resumed = line("train", "--resume", "ckpt_history_damaged.h5");
  resumed.insert(resumed.end(), {"--set", "train.epochs=3"});
  expect_refused(resumed, {"ckpt_history_damaged.h5: ", "/history"});
  // It has no digest: a changed weight is another weight.
  if (has_space("cuda")) return;  // this program cannot compute without a device
  for (const char* file : {"ckpt_flipped_weight.h5", "ckpt_good.h5"}) {
    auto inferred = line("infer", "--checkpoint", file);
    inferred.insert(inferred.end(), {"--space", host_space()});
    EXPECT_EQ(run(inferred).status, 0) << file;
  }
}

TEST_F(HostileInput, AGzipStreamIsUnpackedNoFurtherThanItsHeaderSays) {
  // 2.6 GB in 2.6 MB: a header of 16 images of 6 x 6, and 40 members of zeros.
  std::string bomb = gzipped(big_endian(0x803) + big_endian(16) + big_endian(6) + big_endian(6));
  const std::string member = gzipped(std::string(std::size_t{64} << 20, '\0'));
  for (int i = 0; i < 40; ++i) bomb += member;
  folder.write("idxgz/train-images-idx3-ubyte.gz", bomb);
  expect_refused({"train", "idxgz.toml"}, {"train-images-idx3-ubyte.gz: "});
  // And a header that says more than the file can hold.
  folder.write("idxgz/train-images-idx3-ubyte.gz",
               gzipped(big_endian(0x803) + big_endian(1 << 30) + big_endian(6) + big_endian(6)));
  expect_refused({"train", "idxgz.toml"}, {"train-images-idx3-ubyte.gz: "});
}

TEST_F(HostileInput, ImagesWithADotInTheirNameGetAHint) {
  fs::rename(folder / "idxgz/train-images-idx3-ubyte.gz", folder / "idxgz/train-images.idx3-ubyte");
  expect_refused({"train", "idxgz.toml"}, {"train-images.idx3-ubyte", "rename"});
}

TEST_F(HostileInput, Hdf5DataTakeNoMemoryThatTheyDoNotStore) {
  for (const char* file : {"never_written.h5", "mostly_unwritten.h5", "huge_chunk.h5"}) {
    fs::copy(case_path("hdf5/" + std::string(file)), folder / "D.h5",
             fs::copy_options::overwrite_existing);
    expect_refused({"train", "D.toml"}, {"D.h5: /train/inputs"});
  }
}

TEST_F(HostileInput, ValuesThatThePrecisionCannotHoldAreNamedByPosition) {
  fs::copy(folder / "f8huge.h5", folder / "D.h5");
  expect_refused({"train", "D.toml"}, {"D.h5: /train/inputs", "value 0 of sample 0 is 1.257"});
}

TEST_F(HostileInput, AMissingFilterIsNoDamage) {
  fs::copy(case_path("hdf5/lzf.h5"), folder / "D.h5");
  expect_refused({"train", "D.toml"}, {"D.h5: /train/inputs", "lzf"});
}

TEST_F(HostileInput, InputsOfAnotherWidthNameBothShapes) {
  io::Hdf5Writer file;
  file.write("/inputs", {2, 7}, std::vector<float>(14).data());
  file.save(folder / "wide.h5");
  expect_refused({"infer", "d1.toml", "--checkpoint", "ckpt_good.h5", "--input", "wide.h5",
                  "--output", "out.h5"},
                 {"wide.h5: /inputs: samples are [7]", "[8, 6]"});
}

TEST_F(HostileInput, ManyLayersArePlannedInLinearTime) {
  const std::string tiny = bytes_of_file(folder / "tiny.toml");
  const std::size_t at = tiny.find("[[network.layer]]");
  ASSERT_NE(at, std::string::npos);
  const auto seconds = [&](int count) {
    std::string layers;
    for (int i = 0; i < count; ++i) layers += "[[network.layer]]\nkind = \"layer_norm\"\n";
    folder.write("many.toml", std::string(tiny).insert(at, layers));
    double least = 1e9;
    for (int i = 0; i < 3; ++i) {
      // Other programs do not count in its processor time.
      const double begin = usage().seconds;
      EXPECT_EQ(line("$R train many.toml --dry-run >/dev/null").status, 0);
      least = std::min(least, usage().seconds - begin);
    }
    return least;
  };
  // Eight times as long when it was quadratic, a sixteenth of that of 7,500.
  EXPECT_LT(seconds(30000), 9 * seconds(7500));
}

TEST_F(HostileInput, MemoryIsCheckedBeforeItIsTaken) {
#if defined(RIDGELINE_SANITIZED)
  GTEST_SKIP() << "a sanitizer takes terabytes of addresses";
#endif
  // 64 MiB of zeros per sample, in 65 kB: half a gigabyte as 64-bit integers.
  fs::copy(case_path("hostile/long_sample.h5"), folder / "D.h5");
  const CommandResult limited = line("ulimit -v 800000; $R train D.toml --dry-run");
  expect_refused(limited, {"D.h5: /train/inputs: a sample takes 537 MB of memory, and "});
  // A file of holes.
  fs::create_directory(folder / "holes");
  for (const auto& entry : fs::directory_iterator(folder / "idxgz")) {
    fs::copy(entry.path(), folder / ("holes/" + entry.path().filename().string()));
  }
  const std::string images = folder / "holes/train-images-idx3-ubyte";
  folder.write("holes/train-images-idx3-ubyte",
               std::string("\0\0\x08\x03\0\x0b\x71\xb0\0\0\0\x1c\0\0\0\x1c", 16));
  fs::resize_file(images, 16 + 750000u * 28 * 28);
  expect_refused(line("sed s/idxgz/holes/ idxgz.toml >holes.toml; $R train holes.toml"),
                 {"train-images-idx3-ubyte: fewer bytes than its header says"});
}

}  // namespace
}  // namespace ridgeline::testing
