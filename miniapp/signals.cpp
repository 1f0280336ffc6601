#include "signals.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <initializer_list>

#include "core/error.hpp"
#include "core/seconds.hpp"
#include "io/lock.hpp"

namespace ridgeline::miniapp {
namespace {

volatile std::sig_atomic_t deferred = 0;
volatile std::sig_atomic_t requested = 0;
double started = 0;

void on_signal(int) {
  requested = 1;
  if (deferred != 0) return;
  // There is no checkpoint to write yet, or the verb writes none.
  constexpr char kMessage[] = "stopped by a signal\n";
  io::remove_held_lock();
  [[maybe_unused]] const ssize_t ignored = write(STDERR_FILENO, kMessage, sizeof kMessage - 1);
  _exit(static_cast<int>(Status::stopped));
}

}  // namespace

void prepare_process() {
  started = host_seconds();
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (fcntl(stream, F_GETFD) != -1 || errno != EBADF) continue;
    // Messages to a closed standard error are discarded; results to a closed standard output are
    // lost, which is an error when they are written.
    open("/dev/null", stream == STDERR_FILENO ? O_WRONLY : O_RDONLY);
  }
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2}) {
    struct sigaction before = {};
    if (sigaction(signal, nullptr, &before) == 0 && before.sa_handler == SIG_IGN) continue;
    struct sigaction action = {};
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;  // a current write continues
    sigaction(signal, &action, nullptr);
  }
}

void defer_stop_signals() { deferred = 1; }

bool stop_requested() { return requested != 0; }

double seconds_since_start() { return host_seconds() - started; }

}  // namespace ridgeline::miniapp
