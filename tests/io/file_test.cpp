#include "io/file.hpp"

#include <sys/resource.h>
#include <sys/stat.h>

#include "io/scratch.hpp"

namespace ridgeline {
namespace {

using testing::bytes_of_file;
using testing::contains;
using testing::error_of;
using testing::ScratchFolder;

/// Limits the size of files as a full disk would, while it lives.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    getrlimit(RLIMIT_FSIZE, &before_);
    rlimit limit = before_;
    limit.rlim_cur = bytes;
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() { setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_;
};

TEST(WriteFileAtomically, WritesEveryByteAndLeavesNothingElse) {
  const ScratchFolder folder;
  const std::string bytes = std::string("a\0b\n", 4) + std::string(3 << 20, 'x');
  io::write_file_atomically(folder / "out", bytes);
  EXPECT_EQ(bytes_of_file(folder / "out"), bytes);
  EXPECT_EQ(folder.listing(), "out");
}

TEST(WriteFileAtomically, ReplacesAFileAndKeepsItsMode) {
  const ScratchFolder folder;
  const std::string path = folder.write("out", "a longer old content");
  chmod(path.c_str(), 0640);
  io::write_file_atomically(path, "new");
  EXPECT_EQ(bytes_of_file(path), "new");
  struct stat status;
  ASSERT_EQ(stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0640u);
}

TEST(WriteFileAtomically, ReplacesWhatAnInterruptedRunLeft) {
  const ScratchFolder folder;
  folder.write("out.partial", "the longer half of something");
  io::write_file_atomically(folder / "out", "new");
  EXPECT_EQ(bytes_of_file(folder / "out"), "new");
  EXPECT_EQ(folder.listing(), "out");
}

TEST(WriteFileAtomically, WritesThroughASymbolicLink) {
  const ScratchFolder folder;
  folder.write("target", "old");
  std::filesystem::create_symlink("target", folder / "link");
  io::write_file_atomically(folder / "link", "new");
  EXPECT_TRUE(std::filesystem::is_symlink(folder / "link"));
  EXPECT_EQ(bytes_of_file(folder / "target"), "new");
}

TEST(WriteFileAtomically, FailedWriteLeavesTheOldFileAndNoPartialOne) {
  const ScratchFolder folder;
  const std::string path = folder.write("out", "old");
  std::string message;
  {
    const FileSizeLimit limit(4096);
    message = error_of([&] { io::write_file_atomically(path, std::string(100000, 'x')); },
                       Status::run_failed);
  }
  EXPECT_EQ(message, path + ": cannot write: File too large");
  EXPECT_EQ(bytes_of_file(path), "old");
  EXPECT_EQ(folder.listing(), "out");
}

TEST(WriteFileAtomically, FailedWriteCreatesNothing) {
  const ScratchFolder folder;
  {
    const FileSizeLimit limit(4096);
    EXPECT_THROW(io::write_file_atomically(folder / "out", std::string(100000, 'x')), RunError);
  }
  EXPECT_EQ(folder.listing(), "");
}

TEST(WriteFileAtomically, FullDeviceIsAnErrorAndStaysADevice) {
  EXPECT_EQ(error_of([] { io::write_file_atomically("/dev/full", "x"); }, Status::run_failed),
            "/dev/full: cannot write: No space left on device");
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/full"));
  EXPECT_FALSE(std::filesystem::exists("/dev/full.partial"));
}

TEST(WriteFileAtomically, MissingFolderIsAnError) {
  EXPECT_EQ(error_of([] { io::write_file_atomically("/no/such/out", "x"); }, Status::run_failed),
            "/no/such/out: cannot write: No such file or directory");
}

TEST(CheckWritable, AcceptsAndAltersNothing) {
  const ScratchFolder folder;
  io::check_writable(folder / "new");
  EXPECT_EQ(folder.listing(), "");
  folder.write("old", "content");
  io::check_writable(folder / "old");
  EXPECT_EQ(bytes_of_file(folder / "old"), "content");
  EXPECT_EQ(folder.listing(), "old");
  io::check_writable("/dev/null");
}

TEST(CheckWritable, RefusesWhatCannotBeWritten) {
  const ScratchFolder folder;
  folder.write("file", "");
  EXPECT_TRUE(contains(error_of([&] { io::check_writable(folder / "none/out"); }),
                       folder / "none/out: cannot write: folder " + (folder / "none") +
                           ": No such file or directory"));
  EXPECT_TRUE(contains(error_of([&] { io::check_writable(folder / "file/out"); }), "file"));
  EXPECT_TRUE(contains(error_of([&] { io::check_writable(folder.path()); }), "it is a folder"));
  EXPECT_TRUE(contains(error_of([] { io::check_writable(""); }), "without a name"));
  // Even root cannot make files in /proc.
  EXPECT_TRUE(contains(error_of([] { io::check_writable("/proc/out"); }), "/proc/out"));
}

TEST(ReadText, ReadsEveryByte) {
  const ScratchFolder folder;
  const std::string bytes("a\0b", 3);
  EXPECT_EQ(io::read_text(folder.write("in", bytes)), bytes);
  EXPECT_EQ(io::read_text(folder.write("empty", "")), "");
  EXPECT_TRUE(contains(io::read_text("/proc/self/status"), "Name:"));  // of size 0, and yet text
}

TEST(ReadText, NamesAMissingFileAndAFolder) {
  EXPECT_EQ(error_of([] { io::read_text("/no/such"); }),
            "/no/such: cannot read: No such file or directory");
  EXPECT_EQ(error_of([] { io::read_text("/tmp"); }),
            "/tmp: cannot read: it is a folder, not a file");
}

}  // namespace
}  // namespace ridgeline
