#include "io/run_files.hpp"

#include <fcntl.h>
#include <unistd.h>

#include "io/file.hpp"
#include "io/lock.hpp"
#include "io/scratch.hpp"

namespace ridgeline {
namespace {

using io::RunFiles;
using testing::contains;
using testing::error_of;
using testing::ScratchFolder;

// Returns the error for an output of a run that reads `input` as data.path.
std::string conflict(const std::string& input, const std::string& output) {
  RunFiles files;
  files.input("data.path", input);
  return error_of([&] { files.output("the checkpoint", output, "choose another"); });
}

TEST(RunFiles, RefuseAnOutputThatIsAnInputByWhateverName) {
  const ScratchFolder folder;
  const std::string data = folder.write("data.h5", "precious");
  std::filesystem::create_symlink("data.h5", folder / "link.h5");
  std::filesystem::create_hard_link(data, folder / "hard.h5");
  std::filesystem::create_directory(folder / "sub");
  std::filesystem::create_directory_symlink(".", folder / "here");
  for (const char* name : {"data.h5", "link.h5", "hard.h5", "sub/../data.h5", "here/data.h5"}) {
    EXPECT_TRUE(contains(conflict(data, folder / name),
                         folder / name + ": the checkpoint would overwrite data.path"))
        << name;
    EXPECT_TRUE(contains(conflict(folder / name, data), "would overwrite data.path")) << name;
  }
  EXPECT_TRUE(contains(conflict(data, data), "; choose another"));
  EXPECT_EQ(conflict(data, folder / "other.h5"), "none");
  EXPECT_EQ(conflict(folder / "sub", folder / "other.h5"), "none");
}

TEST(RunFiles, RefuseTwoOutputsOfOneNameBeforeEitherIsThere) {
  const ScratchFolder folder;
  std::filesystem::create_directory_symlink(".", folder / "here");
  RunFiles files;
  files.output("the checkpoint", folder / "out", "choose another");
  EXPECT_TRUE(
      contains(error_of([&] { files.output("train.json", folder / "here/out", "choose another"); }),
               "train.json would overwrite the checkpoint"));
  // Nor if their folder does not exist yet.
  files.output("--output", folder / "new/out", "");
  EXPECT_TRUE(contains(error_of([&] { files.output("x", folder / "here/new/./out", ""); }),
                       "x would overwrite --output"));
  EXPECT_TRUE(contains(error_of([&] { files.output("x", folder / "new/deeper/..//out", ""); }),
                       "x would overwrite --output"));
  files.output("train.json", folder / "out2", "");
  EXPECT_TRUE(contains(error_of([&] { files.output("x", folder / "out2", ""); }), "train.json"));
}

TEST(RunFiles, RefuseAnInputThatIsAnOutputAlready) {
  const ScratchFolder folder;
  const std::string file = folder.write("a.h5", "");
  RunFiles files;
  files.output("the checkpoint", file, "choose another", "--resume");
  files.input("--resume", file);  // to resume in the same file
  EXPECT_TRUE(contains(error_of([&] { files.input("--init", file); }), "would overwrite --init"));
}

TEST(RunFiles, RefuseInputsThatNumberedOutputsWouldReach) {
  const ScratchFolder folder;
  const std::string data = folder.write("model-120.h5", "");
  RunFiles files;
  files.input("data.path", data);
  EXPECT_TRUE(contains(
      error_of([&] { files.numbered_outputs("a numbered checkpoint", folder / "model.h5", ""); }),
      "would overwrite data.path"));
  files.numbered_outputs("a numbered checkpoint", folder / "other.h5", "");
  EXPECT_TRUE(contains(error_of([&] { files.output("train.json", folder / "other-7.h5", ""); }),
                       "would overwrite a numbered checkpoint"));
}

TEST(NumberedFiles, HaveOneNameEach) {
  EXPECT_EQ(io::numbered_path("a/model.h5", 12), "a/model-12.h5");
  EXPECT_EQ(io::numbered_path("model", 0), "model-0");
  EXPECT_EQ(io::number_of("model-12.h5", "model.h5"), 12);
  EXPECT_EQ(io::number_of("model-0", "a/model"), 0);
  for (const char* other : {"model.h5", "model-.h5", "model-12.h5.partial", "model-012.h5",
                            "model-1a.h5", "model-12.json", "xmodel-12.h5", "model-12"}) {
    EXPECT_EQ(io::number_of(other, "model.h5"), -1) << other;
  }
}

TEST(StalePartials, AreRemovedByTheirExactShape) {
  const ScratchFolder folder;
  for (const char* name :
       {"a.h5.123-0123abcd.partial", "a-7.h5.9-ffffffff.partial", "a.h5.partial",
        "a.h5.backup.partial", "a.h5.123-0123ABCD.partial", "b.h5.123-0123abcd.partial",
        "a.h5.123-0123abcd.partial.txt", "a.h5.x-0123abcd.partial"}) {
    folder.write(name, "");
  }
  RunFiles().remove_stale_partials(folder / "a.h5");
  EXPECT_EQ(folder.listing(),
            "a.h5.123-0123ABCD.partial a.h5.123-0123abcd.partial.txt a.h5.backup.partial "
            "a.h5.partial a.h5.x-0123abcd.partial b.h5.123-0123abcd.partial");
}

TEST(StalePartials, ThatAreInputsStay) {
  const ScratchFolder folder;
  const std::string rescued = folder / "a.h5.123-0123abcd.partial";
  folder.write("a.h5.123-0123abcd.partial", "rescued");
  RunFiles files;
  files.input("--resume", rescued);
  files.remove_stale_partials(folder / "a.h5");
  EXPECT_EQ(folder.listing(), "a.h5.123-0123abcd.partial");
}

TEST(RunFiles, RefuseOutputsThatAreLinksToNowhere) {
  const ScratchFolder folder;
  // It would become a second name of the lock that the run creates.
  std::filesystem::create_symlink(folder / "a.h5.lock", folder / "train.json");
  RunFiles files;
  EXPECT_TRUE(contains(
      error_of([&] { files.output("train.json", folder / "train.json", "choose another"); }),
      folder / "train.json" + ": cannot write: it is a symbolic link that leads nowhere"));
}

TEST(StalePartials, OfARunThatStillWritesStay) {
  const ScratchFolder folder;
  folder.write("a.h5.123-0123abcd.partial", "");
  const int writer = ::open((folder / "a.h5.123-0123abcd.partial").c_str(), O_RDWR);
  ASSERT_TRUE(io::try_lock(writer));
  RunFiles().remove_stale_partials(folder / "a.h5");
  EXPECT_EQ(folder.listing(), "a.h5.123-0123abcd.partial");
  ::close(writer);
  RunFiles().remove_stale_partials(folder / "a.h5");
  EXPECT_EQ(folder.listing(), "");
}

}  // namespace
}  // namespace ridgeline
