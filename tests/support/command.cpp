#include "support/command.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <sstream>
#include <stdexcept>

extern char** environ;

namespace ridgeline::testing {
namespace {

double now() {
  using Clock = std::chrono::steady_clock;
  return std::chrono::duration<double>(Clock::now().time_since_epoch()).count();
}

std::vector<std::string> environment_with(const std::map<std::string, std::string>& more,
                                          bool pinned) {
  std::vector<std::string> list;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    if (text.compare(0, 4, "OMP_") != 0 && more.count(text.substr(0, text.find('='))) == 0) {
      list.push_back(text);
    }
  }
  for (const auto& [name, value] : more) list.push_back(name + "=" + value);
  // Pinned threads of another test would lead to a warning of this run.
  if (!pinned && more.count("OMP_PROC_BIND") + more.count("OMP_PLACES") == 0)
    list.push_back("OMP_PROC_BIND=false");
  return list;
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

// Reads the available output; returns false at the end.
bool read_some(int descriptor, std::string& into) {
  char buffer[4096];
  const ssize_t count = read(descriptor, buffer, sizeof buffer);
  if (count > 0) into.append(buffer, static_cast<std::size_t>(count));
  return count > 0 || (count < 0 && (errno == EINTR || errno == EAGAIN));
}

}  // namespace

namespace {

std::string without_disturbance(const std::string& err) {
  std::string kept;
  std::size_t at = 0;
  while (at < err.size()) {
    const std::size_t end = std::min(err.find('\n', at), err.size() - 1) + 1;
    const std::string line = err.substr(at, end - at);
    if (line.rfind("warning: measured while disturbed: ", 0) != 0) kept += line;
    at = end;
  }
  return kept;
}

}  // namespace

std::vector<std::string> CommandResult::errors() const {
  std::vector<std::string> lines;
  std::istringstream text(err);
  for (std::string line; std::getline(text, line);) {
    if (line.compare(0, 10, "ridgeline:") == 0) lines.push_back(line);
  }
  return lines;
}

Command::Command(const std::vector<std::string>& arguments, const CommandOptions& options)
    : deadline_(now() + options.seconds), keeps_disturbance_(options.keeps_disturbance) {
  // All allocations are before the fork: this program has threads.
  std::vector<std::string> texts = arguments;
  std::vector<std::string> variables = environment_with(options.environment, options.pinned);
  const std::vector<char*> argv = pointers_to(texts), envp = pointers_to(variables);
  cpu_set_t every_cpu;
  std::memset(&every_cpu, 0xff, sizeof every_cpu);
  sigset_t no_signals;
  sigemptyset(&no_signals);
  int out[2], err[2];
  if (pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0) {
    throw std::runtime_error("no pipe for a command");
  }
  process_ = fork();
  if (process_ < 0) throw std::runtime_error("no process for a command");
  if (process_ == 0) {
    dup2(out[1], STDOUT_FILENO);
    dup2(err[1], STDERR_FILENO);
    sched_setaffinity(0, sizeof every_cpu, &every_cpu);
    sigprocmask(SIG_SETMASK, &no_signals, nullptr);
    for (const int signal : options.ignored_signals) std::signal(signal, SIG_IGN);
    if (options.largest_file) {
      const rlimit limit = {*options.largest_file, *options.largest_file};
      setrlimit(RLIMIT_FSIZE, &limit);
    }
    if (!options.folder.empty() && chdir(options.folder.c_str()) != 0) _exit(126);
    execve(argv[0], argv.data(), envp.data());
    _exit(127);
  }
  close(out[1]);
  close(err[1]);
  out_ = out[0];
  err_ = err[0];
}

Command::~Command() {
  if (!ended_) {
    send(SIGKILL);
    wait();
  }
}

void Command::send(int signal) const {
  if (!ended_) kill(process_, signal);
}

// Reads the command's output, and waits a little if there is none.
void Command::collect(int milliseconds) {
  pollfd descriptors[2] = {{out_, POLLIN, 0}, {err_, POLLIN, 0}};
  if (out_ < 0 && err_ < 0) {
    poll(nullptr, 0, milliseconds);
    return;
  }
  if (poll(descriptors, 2, milliseconds) <= 0) return;
  if (descriptors[0].revents != 0 && !read_some(out_, result_.out)) {
    close(out_);
    out_ = -1;
  }
  if (descriptors[1].revents != 0 && !read_some(err_, result_.err)) {
    close(err_);
    err_ = -1;
  }
}

bool Command::has_ended() {
  int status = 0;
  rusage usage{};
  if (ended_ || wait4(process_, &status, WNOHANG, &usage) != process_) return ended_;
  ended_ = true;
  result_.peak_kilobytes = usage.ru_maxrss;
  if (WIFEXITED(status)) result_.status = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) result_.signal = WTERMSIG(status);
  return true;
}

bool Command::wait_until(const std::function<bool()>& condition) {
  while (!condition()) {
    if (has_ended() || now() > deadline_) return false;
    collect(1);
  }
  return true;
}

CommandResult Command::wait() {
  while (!has_ended()) {
    if (now() > deadline_) send(SIGKILL);
    collect(1);
  }
  while (out_ >= 0 || err_ >= 0) collect(1000);
  // Other tests disturb this one, whose subject is not the disturbance.
  if (!keeps_disturbance_) result_.err = without_disturbance(result_.err);
  return result_;
}

CommandResult run_command(const std::vector<std::string>& arguments,
                          const CommandOptions& options) {
  return Command(arguments, options).wait();
}

}  // namespace ridgeline::testing
