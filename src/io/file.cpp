#include "io/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>

#include "core/error.hpp"

namespace ridgeline::io {
namespace {

/// A file descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  bool is_open() const { return number_ >= 0; }
  int number() const { return number_; }

  /// Closes now; some file systems report a failed write only here.
  bool close() {
    const int number = number_;
    number_ = -1;
    return ::close(number) == 0;
  }

 private:
  int number_;
};

/// Keeps SIGXFSZ from ending the process, so that a file size limit is an error like a full disk.
class FileSizeSignalBlocked {
 public:
  FileSizeSignalBlocked() {
    sigemptyset(&signal_);
    sigaddset(&signal_, SIGXFSZ);
    pthread_sigmask(SIG_BLOCK, &signal_, &before_);
  }
  ~FileSizeSignalBlocked() {
    const int saved = errno;
    const timespec no_wait{};
    while (sigtimedwait(&signal_, nullptr, &no_wait) == SIGXFSZ) {
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    errno = saved;
  }
  FileSizeSignalBlocked(const FileSizeSignalBlocked&) = delete;
  FileSizeSignalBlocked& operator=(const FileSizeSignalBlocked&) = delete;

 private:
  sigset_t signal_;
  sigset_t before_;
};

/// False, with errno set, unless every byte was taken.
bool write_all(int descriptor, std::string_view bytes) {
  constexpr std::size_t kChunk = std::size_t{1} << 30;
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), std::min(bytes.size(), kChunk));
    if (written < 0) {
      if (errno == EINTR) continue;
      return false;
    }
    if (written == 0) {
      errno = ENOSPC;
      return false;
    }
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

/// The file that `path` leads to: through symbolic links where it exists.
std::string target_of(const std::string& path) {
  char* resolved = ::realpath(path.c_str(), nullptr);
  if (resolved == nullptr) return path;
  const std::string target = resolved;
  std::free(resolved);
  return target;
}

/// True for what exists and is neither a regular file nor a folder, like /dev/null or a pipe.
bool is_special(const std::string& path) {
  struct stat status;
  return ::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode);
}

[[noreturn]] void fail_write(const std::string& path, int error) {
  throw RunError(path + ": cannot write: " + std::strerror(error));
}

void write_in_place(const std::string& path, std::string_view bytes) {
  Descriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file.is_open() || !write_all(file.number(), bytes) || !file.close()) {
    fail_write(path, errno);
  }
}

}  // namespace

std::string read_text(const std::string& path) {
  const auto fail = [&](const std::string& reason) -> std::string {
    throw RequestError(path + ": cannot read: " + reason);
  };
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.is_open()) return fail(std::strerror(errno));
  struct stat status;
  if (::fstat(file.number(), &status) != 0) return fail(std::strerror(errno));
  if (S_ISDIR(status.st_mode)) return fail("it is a folder, not a file");

  // One byte more than the size, so that the end of the file is seen without growing.
  std::string text(static_cast<std::size_t>(std::max<off_t>(status.st_size, 0)) + 1, '\0');
  std::size_t used = 0;
  for (;;) {
    if (used == text.size()) text.resize(2 * text.size());
    const ssize_t count = ::read(file.number(), text.data() + used, text.size() - used);
    if (count < 0) {
      if (errno == EINTR) continue;
      return fail(std::strerror(errno));
    }
    if (count == 0) break;
    used += static_cast<std::size_t>(count);
  }
  text.resize(used);
  return text;
}

void write_file_atomically(const std::string& path, std::string_view bytes) {
  const FileSizeSignalBlocked no_signal;
  if (is_special(path)) return write_in_place(path, bytes);

  const std::string target = target_of(path);
  const std::string partial = target + ".partial";
  struct stat status;
  const bool exists = ::stat(target.c_str(), &status) == 0;

  Descriptor file(::open(partial.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
  if (!file.is_open()) fail_write(path, errno);
  const bool done = (!exists || ::fchmod(file.number(), status.st_mode & 07777) == 0) &&
                    write_all(file.number(), bytes) && ::fsync(file.number()) == 0 &&
                    file.close() && ::rename(partial.c_str(), target.c_str()) == 0;
  if (!done) {
    const int error = errno;
    ::unlink(partial.c_str());
    fail_write(path, error);
  }
  // The new name outlives a power failure only once the folder is on the disk; the file itself is
  // complete and in place, so a file system that cannot flush folders is no failure.
  const Descriptor folder(::open(folder_of(target).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.is_open()) ::fsync(folder.number());
}

void check_writable(const std::string& path) {
  const auto fail = [&](const std::string& reason) {
    throw RequestError(path + ": cannot write: " + reason);
  };
  struct stat status;
  if (path.empty()) throw RequestError("cannot write to a file without a name");
  if (::stat(path.c_str(), &status) == 0) {
    if (S_ISDIR(status.st_mode)) fail("it is a folder, not a file");
    if (::access(path.c_str(), W_OK) != 0) fail(std::strerror(errno));
    if (!S_ISREG(status.st_mode)) return;
  }
  const std::string target = target_of(path);
  const std::string folder = folder_of(target);
  if (::stat(folder.c_str(), &status) != 0) {
    fail("folder " + folder + ": " + std::strerror(errno));
  }
  if (!S_ISDIR(status.st_mode)) fail(folder + " is not a folder");

  const std::string partial = target + ".partial";
  const bool existed = ::access(partial.c_str(), F_OK) == 0;
  const Descriptor probe(::open(partial.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666));
  if (!probe.is_open()) fail(std::strerror(errno));
  if (!existed) ::unlink(partial.c_str());
}

}  // namespace ridgeline::io
