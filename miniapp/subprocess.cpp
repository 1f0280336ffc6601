#include "subprocess.hpp"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "core/error.hpp"
#include "core/processors.hpp"
#include "signals.hpp"

namespace ridgeline::miniapp {
namespace {

struct Pipe {
  int ends[2] = {-1, -1};
  Pipe() {
    if (pipe(ends) != 0) {
      throw RunError(std::string("cannot start a process: ") + std::strerror(errno));
    }
  }
  ~Pipe() {
    for (const int end : ends) {
      if (end >= 0) close(end);
    }
  }
  void close_end(int which) {
    close(ends[which]);
    ends[which] = -1;
  }
};

// Reads both pipes until both are closed at the other end. If a signal stops this process, it is
// sent once to the child, which may not have received it.
void read_both(const Pipe& out, const Pipe& err, pid_t child, ProcessOutput& result) {
  bool told = false;
  pollfd waiting[] = {{out.ends[0], POLLIN, 0}, {err.ends[0], POLLIN, 0}};
  std::string* texts[] = {&result.out, &result.err};
  for (int open = 2; open > 0;) {
    const int ready = poll(waiting, 2, 100);
    if (ready < 0 && errno != EINTR) break;
    if (stop_requested() && !told) told = kill(child, SIGTERM) == 0;
    if (ready <= 0) continue;
    for (int i = 0; i < 2; ++i) {
      if (waiting[i].fd < 0 || waiting[i].revents == 0) continue;
      char block[4096];
      const ssize_t count = read(waiting[i].fd, block, sizeof block);
      if (count > 0) {
        texts[i]->append(block, static_cast<std::size_t>(count));
      } else if (count == 0 || errno != EINTR) {
        waiting[i].fd = -1;
        --open;
      }
    }
  }
}

}  // namespace

std::string path_of_program() {
  char path[4096];
  const ssize_t length = readlink("/proc/self/exe", path, sizeof path);
  if (length < 0) throw RunError("cannot find this program: /proc/self/exe");
  return std::string(path, static_cast<std::size_t>(length));
}

ProcessOutput run_self(const std::vector<std::string>& arguments, const std::vector<int>& cpus) {
  // All allocations are before the fork: the child of a multithreaded program must not allocate.
  std::string path = path_of_program();
  std::vector<char*> argv = {path.data()};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const ProcessorMask mask(cpus);
  Pipe out, err;
  const pid_t child = fork();
  if (child < 0) throw RunError(std::string("cannot start a process: ") + std::strerror(errno));
  if (child == 0) {
    if (!mask.empty()) mask.bind_this_thread();
    dup2(out.ends[1], STDOUT_FILENO);
    dup2(err.ends[1], STDERR_FILENO);
    for (const int end : {out.ends[0], out.ends[1], err.ends[0], err.ends[1]}) close(end);
    execv(argv[0], argv.data());
    _exit(127);
  }
  out.close_end(1);
  err.close_end(1);
  ProcessOutput result;
  read_both(out, err, child, result);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  result.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

}  // namespace ridgeline::miniapp
