#include "io/file.hpp"

#include <sys/resource.h>
#include <sys/stat.h>

#include "io/scratch.hpp"
#include "support/file_size_limit.hpp"

namespace ridgeline {
namespace {

using testing::bytes_of_file;
using testing::contains;
using testing::error_of;
using testing::FileSizeLimit;
using testing::ScratchFolder;

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

TEST(WriteFileAtomically, LeavesFilesOfOthersAlone) {
  const ScratchFolder folder;
  folder.write("victim", "precious");
  std::filesystem::create_symlink("victim", folder / "out.partial");
  io::write_file_atomically(folder / "out", "new");
  EXPECT_EQ(bytes_of_file(folder / "out"), "new");
  EXPECT_EQ(bytes_of_file(folder / "victim"), "precious");
  EXPECT_EQ(folder.listing(), "out out.partial victim");
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

TEST(WriteFileAtomically, WritesNothingButFiles) {
  const ScratchFolder folder;
  mkfifo((folder / "fifo").c_str(), 0600);
  std::filesystem::create_symlink("nowhere", folder / "dangling");
  const std::pair<std::string, std::string> wrong[] = {
      {"/dev/full", "it is a device"},
      {folder / "fifo", "it is a FIFO"},
      {folder.path(), "it is a folder"},
      {folder / "dangling", "it is a symbolic link that leads nowhere"}};
  for (const auto& [path, reason] : wrong) {
    EXPECT_TRUE(
        contains(error_of([&, p = path] { io::write_file_atomically(p, "x"); }, Status::run_failed),
                 path + ": cannot write: " + reason));
    EXPECT_TRUE(contains(error_of([&, p = path] { io::check_writable(p); }), reason));
  }
  EXPECT_EQ(folder.listing(), "dangling fifo");
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
}

TEST(CheckWritable, RefusesWhatCannotBeWritten) {
  const ScratchFolder folder;
  folder.write("file", "");
  EXPECT_TRUE(contains(error_of([&] { io::check_writable(folder / "none/out"); }),
                       folder / "none/out: cannot write: folder " + (folder / "none") +
                           ": No such file or directory"));
  EXPECT_TRUE(contains(error_of([&] { io::check_writable(folder / "file/out"); }), "file"));
  EXPECT_TRUE(contains(error_of([&] { io::check_writable(folder.path()); }), "it is a folder"));
  EXPECT_TRUE(contains(error_of([] { io::check_writable(""); }), "a path must not be empty"));
  // Even root cannot create files in /proc.
  EXPECT_TRUE(contains(error_of([] { io::check_writable("/proc/out"); }), "/proc/out"));
}

TEST(ReadText, ReadsEveryByte) {
  const ScratchFolder folder;
  const std::string bytes("a\0b", 3);
  EXPECT_EQ(io::read_text(folder.write("in", bytes)), bytes);
  EXPECT_EQ(io::read_text(folder.write("empty", "")), "");
  EXPECT_TRUE(contains(io::read_text("/proc/self/status"), "Name:"));  // of size 0, but not empty
}

TEST(ReadText, ReadsFilesAloneAndNeverWaits) {
  const ScratchFolder folder;
  mkfifo((folder / "fifo").c_str(), 0600);
  EXPECT_EQ(error_of([&] { io::read_text(folder / "fifo"); }),
            folder / "fifo" + ": cannot read: it is a FIFO, not a file");
  EXPECT_EQ(error_of([] { io::read_text("/dev/zero"); }),
            "/dev/zero: cannot read: it is a device, not a file");
  std::filesystem::create_symlink("nowhere", folder / "dangling");
  EXPECT_TRUE(contains(error_of([&] { io::read_text(folder / "dangling"); }), "No such file"));
  folder.write("target", "text");
  std::filesystem::create_symlink("target", folder / "link");
  EXPECT_EQ(io::read_text(folder / "link"), "text");
}

TEST(ReadText, RefusesPathsWithControlCharactersAndShowsThem) {
  EXPECT_EQ(error_of([] { io::read_text(std::string("a\0b", 3)); }),
            "a\\x00b: a path must not hold control characters");
  EXPECT_EQ(error_of([] { io::check_writable("a\nb"); }),
            "a\\x0ab: a path must not hold control characters");
}

TEST(ReadText, TakesNoMemoryThatTheFileDoesNotAccountFor) {
  const ScratchFolder folder;
  const std::string path = folder.write("sparse", "text");
  std::filesystem::resize_file(path, std::uintmax_t{1} << 40);
  EXPECT_TRUE(contains(error_of([&] { io::read_text(path); }), "cannot read: it has holes: "));
  EXPECT_TRUE(contains(error_of([&] { io::read_text(path, 1000); }), "is larger than 1.00 kB"));
  std::filesystem::resize_file(path, 4);
  EXPECT_EQ(io::read_text(path, 4), "text");
  EXPECT_TRUE(contains(error_of([&] { io::read_text(path, 3); }), "is larger than 3 B"));
}

TEST(RequireMemory, SaysWhatTakesHowMuch) {
  io::require_memory(1e6, "file", "its content");
  const std::string error = error_of([] { io::require_memory(1e15, "file", "its content"); });
  EXPECT_TRUE(contains(error, "file: its content takes 1000 TB of memory, and "));
  EXPECT_TRUE(contains(error, " are free for this process"));
}

TEST(ReplaceByLink, GivesAFileASecondNameInPlaceOfAnother) {
  const ScratchFolder folder;
  folder.write("a", "one");
  folder.write("b", "other");
  io::replace_by_link(folder / "a", folder / "b");
  EXPECT_EQ(bytes_of_file(folder / "b"), "one");
  io::replace_by_link(folder / "a", folder / "b");  // again: they are already one file
  io::write_file_atomically(folder / "a", "two");
  EXPECT_EQ(bytes_of_file(folder / "b"), "one");
  EXPECT_EQ(folder.listing(), "a b");
}

TEST(Partials, AreKnownByTheirNames) {
  EXPECT_EQ(io::target_of_partial("a.h5.12-0123abcd.partial"), "a.h5");
  for (const char* other : {"a.h5.partial", "a.h5.12-0123abc.partial", "a.h5.-0123abcd.partial",
                            "a.h5.12-0123abcg.partial", ".12-0123abcd.partial", "partial", ""}) {
    EXPECT_EQ(io::target_of_partial(other), "") << other;
  }
}

TEST(ReadText, NamesAMissingFileAndAFolder) {
  EXPECT_EQ(error_of([] { io::read_text("/no/such"); }),
            "/no/such: cannot read: No such file or directory");
  EXPECT_EQ(error_of([] { io::read_text("/tmp"); }),
            "/tmp: cannot read: it is a folder, not a file");
}

}  // namespace
}  // namespace ridgeline
