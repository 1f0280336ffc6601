#include "io/lock.hpp"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <memory>

#include "io/scratch.hpp"

namespace ridgeline {
namespace {

using io::FileLock;
using testing::bytes_of_file;
using testing::contains;
using testing::error_of;
using testing::ScratchFolder;

TEST(FileLock, HoldsOffASecondOneAndNamesItsHolder) {
  const ScratchFolder folder;
  const std::string file = folder / "a.h5";
  char host[256] = "";
  gethostname(host, sizeof host - 1);
  const std::string holder =
      "(host " + std::string(host) + ", process " + std::to_string(getpid()) + ")";
  {
    const FileLock lock(file);
    EXPECT_EQ(lock.warning(), "");
    EXPECT_EQ(folder.listing(), "a.h5.lock");
    EXPECT_TRUE(contains(error_of([&] { const FileLock second(file); }),
                         file + ": another run writes this checkpoint " + holder));
    const FileLock other(folder / "b.h5");
  }
  EXPECT_EQ(folder.listing(), "");
  const FileLock again(file);
}

TEST(FileLock, EndsWithItsProcessHoweverThatEnds) {
  const ScratchFolder folder;
  const std::string file = folder / "a.h5";
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  if (child == 0) {
    const FileLock lock(file);
    [[maybe_unused]] const ssize_t told = write(ends[1], "x", 1);
    pause();
    _exit(0);
  }
  char byte;
  ASSERT_EQ(read(ends[0], &byte, 1), 1);
  EXPECT_TRUE(
      contains(error_of([&] { const FileLock second(file); }), "process " + std::to_string(child)));
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  EXPECT_EQ(folder.listing(), "a.h5.lock");  // left, and no longer locked
  { const FileLock again(file); }
  EXPECT_EQ(folder.listing(), "");
}

TEST(FileLock, IsOfTheFileThatALinkLeadsTo) {
  const ScratchFolder folder;
  folder.write("target.h5", "");
  std::filesystem::create_symlink("target.h5", folder / "link.h5");
  const FileLock lock(folder / "link.h5");
  EXPECT_TRUE(
      contains(error_of([&] { const FileLock second(folder / "target.h5"); }), "another run"));
}

TEST(FileLock, OverwritesNothingThatIsNoLock) {
  const ScratchFolder folder;
  const std::string precious = folder.write("a.h5.lock", "somebody's notes");
  EXPECT_TRUE(contains(error_of([&] { const FileLock lock(folder / "a.h5"); }),
                       precious + ": is not a lock of ridgeline"));
  EXPECT_EQ(bytes_of_file(precious), "somebody's notes");
  mkfifo((folder / "b.h5.lock").c_str(), 0600);
  EXPECT_TRUE(contains(error_of([&] { const FileLock lock(folder / "b.h5"); }), "it is a FIFO"));
  std::filesystem::create_symlink("a.h5.lock", folder / "c.h5.lock");
  EXPECT_TRUE(contains(error_of([&] { const FileLock lock(folder / "c.h5"); }),
                       "c.h5: cannot write: its lock "));
  EXPECT_TRUE(contains(error_of([&] { const FileLock lock(folder / "none/a.h5"); }),
                       "No such file or directory"));
}

}  // namespace
}  // namespace ridgeline
