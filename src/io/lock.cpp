#include "io/lock.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <thread>

#include "core/error.hpp"
#include "io/file.hpp"

namespace ridgeline::io {
namespace {

// Name and process of the most recent lock. Child processes inherit both but hold no lock.
char held_name[4096];
std::atomic<pid_t> holder{0};

constexpr const char* kMark = "ridgeline lock: host ";

/// Returns the content of a lock file; empty for a new one.
std::string content_of(int descriptor) {
  char text[512];
  const ssize_t count = ::pread(descriptor, text, sizeof text, 0);
  return count > 0 ? std::string(text, static_cast<std::size_t>(count)) : std::string();
}

/// Returns "host NAME, process PID" of another run's lock, which it writes after taking the lock.
std::string holder_of(int descriptor) {
  const std::size_t begin = std::strlen("ridgeline lock: ");
  for (int attempt = 0; attempt < 100; ++attempt) {
    const std::string text = content_of(descriptor);
    if (text.size() > begin && text.back() == '\n') {
      return text.substr(begin, text.size() - begin - 1);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return "host and process unknown";
}

std::string own_content() {
  char host[256] = "";
  gethostname(host, sizeof host - 1);
  return kMark + std::string(host) + ", process " + std::to_string(getpid()) + "\n";
}

}  // namespace

// Uses an open file description lock if the kernel supports it: it also excludes another run in the
// same process.
bool try_lock(int descriptor) {
  struct flock lock = {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
#if defined(F_OFD_SETLK)
  if (::fcntl(descriptor, F_OFD_SETLK, &lock) == 0) return true;
  if (errno != EINVAL) return false;
  lock.l_pid = 0;
#endif
  return ::fcntl(descriptor, F_SETLK, &lock) == 0;
}

bool is_named(int descriptor, const std::string& name) {
  struct stat open_file, named;
  return ::fstat(descriptor, &open_file) == 0 && ::lstat(name.c_str(), &named) == 0 &&
         open_file.st_dev == named.st_dev && open_file.st_ino == named.st_ino;
}

std::string FileLock::name_of(const std::string& path) { return output_target(path) + ".lock"; }

namespace {

// Holds signals back: one between creating a lock file and noting that it is held would end the
// process and leave the file.
class SignalsHeldBack {
 public:
  SignalsHeldBack() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before_);
  }
  ~SignalsHeldBack() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsHeldBack(const SignalsHeldBack&) = delete;
  SignalsHeldBack& operator=(const SignalsHeldBack&) = delete;

 private:
  sigset_t before_;
};

}  // namespace

FileLock::FileLock(const std::string& path) : name_(name_of(path)) {
  const SignalsHeldBack held_back;
  const auto fail = [&](const std::string& reason) {
    if (descriptor_ >= 0) ::close(descriptor_);
    throw RequestError(reason);
  };
  constexpr int kAttempts = 1000;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    output_target(name_);  // throws for a folder or a special file
    descriptor_ =
        ::open(name_.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0666);
    if (descriptor_ < 0) {
      fail(path + ": cannot write: its lock " + name_ + ": " + std::strerror(errno));
    }
    const std::string before = content_of(descriptor_);
    if (!before.empty() && before.compare(0, std::strlen(kMark), kMark) != 0) {
      fail(name_ + ": is not a lock of ridgeline; rename it, or choose another checkpoint");
    }
    if (!try_lock(descriptor_)) {
      if (errno == EAGAIN || errno == EACCES) {
        fail(path + ": another run writes this checkpoint (" + holder_of(descriptor_) +
             "); wait for its end, or choose another --output or --checkpoint");
      }
      warning_ = name_ + ": this file system has no locks (" + std::strerror(errno) +
                 "): a second run on the same checkpoint would not be detected";
    }
    // The previous holder may just have removed the file.
    if (is_named(descriptor_, name_)) break;
    ::close(descriptor_);
    descriptor_ = -1;
  }
  if (descriptor_ < 0)
    throw RequestError(name_ + ": cannot lock: it is created and removed repeatedly");
  const std::string content = own_content();
  if (::ftruncate(descriptor_, 0) != 0 ||
      ::pwrite(descriptor_, content.data(), content.size(), 0) < 0) {
    // The content only informs other runs.
    warning_ = name_ + ": cannot record the holder of the lock: " + std::strerror(errno);
  }
  if (name_.size() < sizeof held_name) {
    std::strcpy(held_name, name_.c_str());
    holder = getpid();
  }
}

FileLock::~FileLock() {
  holder = 0;
  // Removed while the lock is held: a process that has it open detects that it lost its name.
  if (is_named(descriptor_, name_)) ::unlink(name_.c_str());
  ::close(descriptor_);
}

void remove_held_lock() {
  if (holder == getpid()) ::unlink(held_name);
}

}  // namespace ridgeline::io
