#include "io/file.hpp"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>

#include "core/error.hpp"
#include "core/memory.hpp"
#include "core/text.hpp"
#include "io/lock.hpp"
#include "io/units.hpp"

namespace ridgeline::io {
namespace {

constexpr const char* kPartial = ".partial";
constexpr const char* kAside = ".set-aside";
constexpr const char* kPrevious = ".previous";

/// Returns whether `name` ends with `tail` and is longer.
bool ends_with(const std::string& name, std::string_view tail) {
  return name.size() > tail.size() &&
         name.compare(name.size() - tail.size(), tail.size(), tail) == 0;
}

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

  /// Closes the file; some file systems report a failed write only on close.
  bool close() {
    const int number = number_;
    number_ = -1;
    return ::close(number) == 0;
  }

 private:
  int number_;
};

/// Blocks signals while a file is written: a signal that ends the process would leave a temporary
/// file behind. Discards SIGXFSZ, so that exceeding the file size limit is an error like a full
/// disk.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t signals;
    sigemptyset(&signals);
    for (const int signal : {SIGXFSZ, SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2}) {
      sigaddset(&signals, signal);
    }
    pthread_sigmask(SIG_BLOCK, &signals, &before_);
  }
  ~SignalsBlocked() {
    const int saved = errno;
    sigset_t dropped;
    sigemptyset(&dropped);
    sigaddset(&dropped, SIGXFSZ);
    const timespec no_wait{};
    while (sigtimedwait(&dropped, nullptr, &no_wait) == SIGXFSZ) {
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    errno = saved;
  }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_;
};

/// Returns "a folder", "a FIFO" …; empty for a regular file.
std::string special_kind(mode_t mode) {
  if (S_ISREG(mode)) return {};
  if (S_ISDIR(mode)) return "a folder";
  if (S_ISFIFO(mode)) return "a FIFO";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

constexpr int kAttempts = 100;

/// Returns a unique name for a temporary file: TARGET.PID-8HEX.partial.
std::string partial_name(const std::string& target) {
  std::uint32_t random = 0;
  if (getrandom(&random, sizeof random, GRND_NONBLOCK) != sizeof random) {
    random = static_cast<std::uint32_t>(std::time(nullptr));
  }
  char text[32];
  std::snprintf(text, sizeof text, ".%ld-%08x", static_cast<long>(getpid()), random);
  return target + text + kPartial;
}

/// A temporary file that is exclusive to this process. It is removed unless it was renamed.
class PartialFile {
 public:
  /// `target` is the final file. On failure is_open() is false and errno is set.
  explicit PartialFile(const std::string& target) : file_(create(target, path_)) {}
  ~PartialFile() {
    if (file_.is_open() || closed_) ::unlink(path_.c_str());
  }

  bool is_open() const { return file_.is_open(); }
  int descriptor() const { return file_.number(); }
  bool close() {
    closed_ = true;
    return file_.close();
  }
  bool rename_to(const std::string& target) {
    if (::rename(path_.c_str(), target.c_str()) != 0) return false;
    closed_ = false;
    return true;
  }

 private:
  static int create(const std::string& target, std::string& path) {
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
      path = partial_name(target);
      const int file =
          ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
      if (file < 0 && errno != EEXIST) return -1;
      if (file < 0) continue;
      // remove_stale_partials() locks a file before it removes it. The lock ends with the process.
      try_lock(file);
      if (is_named(file, path)) return file;
      ::close(file);
    }
    errno = EEXIST;
    return -1;
  }
  std::string path_;
  Descriptor file_;
  bool closed_ = false;
};

/// A new name survives a power failure only after the folder is flushed. The file itself is
/// complete and in place, so the failure of a file system to flush folders is ignored.
void flush_folder_of(const std::string& path) {
  const Descriptor folder(::open(folder_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.is_open()) ::fsync(folder.number());
}

/// Calls output_target() during a run. The path was checked before, so an error means that it has
/// changed since.
std::string target_in_run(const std::string& path) {
  try {
    return output_target(path);
  } catch (const RequestError& error) {
    throw RunError(error.what());
  }
}

[[noreturn]] void fail_write(const std::string& path, int error) {
  throw RunError(path + ": cannot write: " + std::strerror(error));
}

void copy(const std::string& path, const std::string& target) {
  try {
    InputFile from(path);
    PartialFile file(target);
    if (!file.is_open()) fail_write(target, errno);
    std::string block(std::size_t{1} << 20, '\0');
    while (const std::size_t count = from.read(block.data(), block.size())) {
      if (!write_all(file.descriptor(), {block.data(), count})) fail_write(target, errno);
    }
    if (::fsync(file.descriptor()) != 0 || !file.close() || !file.rename_to(target)) {
      fail_write(target, errno);
    }
  } catch (const RequestError& error) {  // during a run, reading fails as RunError
    throw RunError(error.what());
  }
}

/// Creates a hard link `target` to the file at `path`, or copies it.
void link_or_copy(const std::string& path, const std::string& target) {
  // link() does not replace a file, so a temporary link is created and renamed.
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const std::string name = partial_name(target);
    if (::link(path.c_str(), name.c_str()) != 0) {
      if (errno == EEXIST) continue;
      break;
    }
    const bool renamed = ::rename(name.c_str(), target.c_str()) == 0;
    const int error = errno;
    // Also after success: rename() keeps both names if they already refer to the same file.
    ::unlink(name.c_str());
    if (renamed) return;
    if (error != ENOENT) fail_write(target, error);  // ENOENT: removed as a stale partial
  }
  copy(path, target);
}

/// Keeps or sets aside a file that is about to be replaced, if it exists.
void keep(const std::string& target, Replaced replaced) {
  struct stat status;
  if (replaced == Replaced::lost || ::stat(target.c_str(), &status) != 0) return;
  // Replaces a link under the previous name, but not the target of the link.
  replaced == Replaced::kept ? link_or_copy(target, previous_name(target)) : set_aside(target);
}

}  // namespace

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

InputFile::InputFile(const std::string& path) : path_(path), descriptor_(-1), size_(0) {
  check_path(path);
  // Opening a FIFO without a writer would block, and a terminal could become the controlling
  // terminal.
  descriptor_ = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (descriptor_ < 0) fail(std::strerror(errno));
  struct stat status;
  std::string reason;
  if (::fstat(descriptor_, &status) != 0) {
    reason = std::strerror(errno);
  } else if (const std::string kind = special_kind(status.st_mode); !kind.empty()) {
    reason = "it is " + kind + ", not a file";
  }
  if (!reason.empty()) {
    ::close(descriptor_);
    fail(reason);
  }
  size_ = static_cast<std::size_t>(std::max<off_t>(status.st_size, 0));
}

InputFile::~InputFile() { ::close(descriptor_); }

void InputFile::fail(const std::string& reason) const {
  throw RequestError(path_ + ": cannot read: " + reason);
}

std::size_t InputFile::stored_bytes() const {
  if (size_ <= kAlwaysAllowedBytes) return size_;
  const off_t here = ::lseek(descriptor_, 0, SEEK_CUR);
  std::size_t stored = 0;
  off_t at = 0;
  for (;;) {
    const off_t data = ::lseek(descriptor_, at, SEEK_DATA);
    if (data < 0) {
      if (errno != ENXIO) stored = size_;  // the file system has no SEEK_DATA
      break;
    }
    at = ::lseek(descriptor_, data, SEEK_HOLE);
    if (at < 0) at = static_cast<off_t>(size_);
    stored += static_cast<std::size_t>(at - data);
  }
  ::lseek(descriptor_, here, SEEK_SET);
  return stored;
}

std::size_t InputFile::read(char* to, std::size_t count) {
  for (;;) {
    const ssize_t found = ::read(descriptor_, to, count);
    if (found >= 0) return static_cast<std::size_t>(found);
    if (errno != EINTR) fail(std::strerror(errno));
  }
}

std::string read_text(const std::string& path, std::size_t most) {
  InputFile file(path);
  const auto refuse_above = [&](std::size_t size) {
    if (size > most) {
      throw RequestError(path + ": is larger than " + show_bytes(static_cast<double>(most)) +
                         ", which no such file needs");
    }
  };
  refuse_above(file.size());
  if (const std::size_t stored = file.stored_bytes(); stored < file.size()) {
    file.fail("it has holes: " + show_bytes(static_cast<double>(stored)) + " are stored of " +
              show_bytes(static_cast<double>(file.size())));
  }
  require_memory(static_cast<double>(file.size()), path, "its content");

  // One byte more than the size, so that the end of the file is detected without reallocation.
  std::string text(file.size() + 1, '\0');
  std::size_t used = 0;
  while (const std::size_t count = file.read(text.data() + used, text.size() - used)) {
    used += count;
    refuse_above(used);
    if (used < text.size()) continue;
    require_memory(2.0 * static_cast<double>(used), path, "its content, which grows,");
    text.resize(2 * text.size());
  }
  text.resize(used);
  return text;
}

void require_memory(double bytes, const std::string& who, const std::string& what) {
  // Below 1 MiB, reading the free memory from /proc costs more than the check is worth.
  if (bytes < 1 << 20) return;
  const auto free = static_cast<double>(free_memory_bytes());
  if (bytes <= free) return;
  throw RequestError(who + ": " + what + " takes " + show_bytes(bytes) + " of memory, and " +
                     show_bytes(free) + " are free for this process");
}

void check_path(const std::string& path) {
  if (path.empty()) throw RequestError("a path must not be empty");
  if (has_control_character(path)) {
    throw RequestError(path + ": a path must not hold control characters");
  }
}

std::string output_target(const std::string& path) {
  check_path(path);
  struct stat status;
  if (::lstat(path.c_str(), &status) != 0) return path;
  std::string target = path;
  if (S_ISLNK(status.st_mode)) {
    char* const resolved = ::realpath(path.c_str(), nullptr);
    if (resolved == nullptr) {
      throw RequestError(path + ": cannot write: it is a symbolic link that leads nowhere");
    }
    target = resolved;
    std::free(resolved);
    if (::stat(target.c_str(), &status) != 0) return target;
  }
  if (const std::string kind = special_kind(status.st_mode); !kind.empty()) {
    throw RequestError(path + ": cannot write: it is " + kind + ", not a file");
  }
  return target;
}

std::string previous_name(const std::string& file) { return file + kPrevious; }

bool is_previous(const std::string& name) { return ends_with(name, kPrevious); }

void write_file_atomically(const std::string& path, std::string_view bytes, Replaced replaced) {
  const SignalsBlocked no_signal;
  const std::string target = target_in_run(path);
  struct stat status;
  const bool is_there = ::stat(target.c_str(), &status) == 0;
  PartialFile file(target);
  if (!file.is_open()) fail_write(path, errno);
  if ((is_there && ::fchmod(file.descriptor(), status.st_mode & 07777) != 0) ||
      !write_all(file.descriptor(), bytes) || ::fsync(file.descriptor()) != 0 || !file.close()) {
    fail_write(path, errno);
  }
  keep(target, replaced);
  if (!file.rename_to(target)) fail_write(path, errno);
  flush_folder_of(target);
}

void replace_by_link(const std::string& path, const std::string& alias, Replaced replaced) {
  const SignalsBlocked no_signal;
  const std::string target = target_in_run(alias);
  keep(target, replaced);
  link_or_copy(path, target);
  flush_folder_of(target);
}

void set_aside(const std::string& path) {
  for (int attempt = 1; attempt <= kAttempts; ++attempt) {
    const std::string name = path + kAside + (attempt > 1 ? "-" + std::to_string(attempt) : "");
    // Unlike rename(), link() never replaces a file, but not every file system supports it.
    if (::link(path.c_str(), name.c_str()) == 0) {
      ::unlink(path.c_str());
      return;
    }
    if (errno == ENOENT) return;
    if (errno == EEXIST) continue;
    if (::renameat2(AT_FDCWD, path.c_str(), AT_FDCWD, name.c_str(), RENAME_NOREPLACE) == 0) return;
    if (errno != EEXIST) break;
  }
  fail_write(path, errno);
}

bool is_set_aside(const std::string& name) {
  const std::size_t at = name.rfind(kAside);
  return at != std::string::npos && at > 0 &&
         name.find_first_not_of("-0123456789", at + std::strlen(kAside)) == std::string::npos;
}

std::string target_of_partial(const std::string& name) {
  constexpr std::size_t kRandom = 8;
  if (!ends_with(name, kPartial)) return {};
  const std::string base = name.substr(0, name.size() - std::strlen(kPartial));
  const std::size_t dot = base.find_last_of('.'), dash = base.find_last_of('-');
  const bool is_partial = dot != std::string::npos && dot > 0 && dash != std::string::npos &&
                          dash > dot + 1 && base.size() - dash - 1 == kRandom &&
                          base.find_first_not_of("0123456789", dot + 1) == dash &&
                          base.find_first_not_of("0123456789abcdef", dash + 1) == std::string::npos;
  return is_partial ? base.substr(0, dot) : std::string();
}

void check_writable(const std::string& path) {
  const auto fail = [&](const std::string& reason) {
    throw RequestError(path + ": cannot write: " + reason);
  };
  const std::string target = output_target(path), folder = folder_of(target);
  struct stat status;
  if (::stat(target.c_str(), &status) == 0 && ::access(target.c_str(), W_OK) != 0) {
    fail(std::strerror(errno));
  }
  if (::stat(folder.c_str(), &status) != 0) {
    fail("folder " + folder + ": " + std::strerror(errno));
  }
  if (!S_ISDIR(status.st_mode)) fail(folder + " is not a folder");
  struct stat named;
  if ((status.st_mode & S_ISVTX) != 0 && ::lstat(target.c_str(), &named) == 0 && geteuid() != 0 &&
      named.st_uid != geteuid() && status.st_uid != geteuid()) {
    fail("it is another user's, in a folder where only its owner may replace it");
  }
  const PartialFile probe(target);
  if (!probe.is_open()) fail(std::strerror(errno));
}

bool exists(const std::string& path) {
  check_path(path);
  struct stat status;
  return ::stat(path.c_str(), &status) == 0;
}

bool is_folder(const std::string& path) {
  check_path(path);
  struct stat status;
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

bool is_same_file(const std::string& a, const std::string& b) {
  check_path(a);
  check_path(b);
  struct stat one, other;
  return ::stat(a.c_str(), &one) == 0 && ::stat(b.c_str(), &other) == 0 &&
         one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

}  // namespace ridgeline::io
