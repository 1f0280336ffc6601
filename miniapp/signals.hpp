#pragma once

namespace ridgeline::miniapp {

/// Puts the process into a defined state: opens standard streams that are
/// closed, so that no file has their descriptors; turns a closed pipe of standard output and a
/// limit of file sizes into write errors; SIGTERM, SIGINT, SIGHUP, SIGUSR1 and SIGUSR2 end
/// the process at once with status 75, except those that are ignored already (nohup).
void prepare_process();

/// From here on these signals only request a stop.
void defer_stop_signals();

/// Returns whether one of them was received.
bool stop_requested();

/// Returns the seconds since prepare_process().
double seconds_since_start();

}  // namespace ridgeline::miniapp
