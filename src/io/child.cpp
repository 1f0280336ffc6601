#include "io/child.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>

#include "core/error.hpp"
#include "io/file.hpp"

namespace ridgeline::io {
namespace {

constexpr char kDone = 'd', kRefused = 'r';
constexpr rlim_t kMostMoreSeconds = 120;
constexpr int kLongestWait = 300000;  // milliseconds; longer than any limit of processor time

/// Sets a resource limit that may later be raised by `more`.
void limit(int resource, rlim_t most, rlim_t more = 0) {
  rlimit limits{};
  if (getrlimit(static_cast<__rlimit_resource>(resource), &limits) != 0) return;
  limits.rlim_max = std::min(limits.rlim_max, most + more);
  limits.rlim_cur = std::min(limits.rlim_max, most);
  setrlimit(static_cast<__rlimit_resource>(resource), &limits);
}

#if !defined(RIDGELINE_SANITIZED)
rlim_t address_space() {
  rlim_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  return pages * static_cast<rlim_t>(sysconf(_SC_PAGESIZE));
}
#endif

[[noreturn]] void run_child(int pipe_end, pid_t parent, const ChildLimits& limits,
                            const std::function<std::string()>& work) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);
  // The parent's handlers, such as a fuzzer's, must not run in the child.
  for (const int crash : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) signal(crash, SIG_DFL);
  // Discards the C library's messages about heap corruption.
  const int null_device = ::open("/dev/null", O_WRONLY);
  if (null_device >= 0) ::dup2(null_device, STDERR_FILENO);
  limit(RLIMIT_CORE, 0);
  signal(SIGXCPU, SIG_DFL);
  limit(RLIMIT_CPU, limits.processor_seconds, kMostMoreSeconds);
#if !defined(RIDGELINE_SANITIZED)
  // A sanitizer's shadow memory reserves terabytes of address space.
  limit(RLIMIT_AS, address_space() + limits.memory_bytes);
#endif
  std::string result;
  try {
    result = kDone + work();
  } catch (const RequestError& error) {
    result = kRefused + std::string(error.what());
  } catch (...) {
    _exit(1);
  }
  _exit(write_all(pipe_end, result) ? 0 : 1);
}

}  // namespace

void allow_more_time(unsigned seconds) {
  rlimit limits{};
  if (getrlimit(RLIMIT_CPU, &limits) != 0 || limits.rlim_cur == RLIM_INFINITY) return;
  limits.rlim_cur = std::min(limits.rlim_max, limits.rlim_cur + seconds);
  setrlimit(RLIMIT_CPU, &limits);
}

std::string run_in_child(const std::string& who, const std::string& reason,
                         const ChildLimits& limits, const std::function<std::string()>& work) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) {
    throw RunError(who + ": cannot start a process: " + std::strerror(errno));
  }
  const pid_t parent = getpid(), child = ::fork();
  if (child < 0) {
    const int error = errno;
    ::close(ends[0]);
    ::close(ends[1]);
    throw RunError(who + ": cannot start a process: " + std::strerror(error));
  }
  if (child == 0) run_child(ends[1], parent, limits, work);
  ::close(ends[1]);
  std::string result;
  bool is_late = false;
  char block[65536];
  for (;;) {
    // Detects a blocked child; the kernel limits its processor time.
    pollfd waiting = {ends[0], POLLIN, 0};
    const int ready = ::poll(&waiting, 1, kLongestWait);
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) {
      ::kill(child, SIGKILL);
      is_late = true;
      break;
    }
    const ssize_t count = ::read(ends[0], block, sizeof block);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    result.append(block, static_cast<std::size_t>(count));
  }
  ::close(ends[0]);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (is_late || (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU)) {
    throw RequestError(who + ": inspecting it took more than " +
                       (is_late ? std::to_string(kLongestWait / 1000) + " s"
                                : "the processor time allowed for its size") +
                       ": it is damaged, or too large for this machine");
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 || result.empty()) {
    throw RequestError(who + ": " + reason);
  }
  if (result[0] == kRefused) throw RequestError(result.substr(1));
  return result.substr(1);
}

}  // namespace ridgeline::io
