#pragma once

namespace ridgeline::miniapp {

/// Puts the process into a known state, however it was started: opens standard streams that are
/// closed, so that no file takes their place; a reader of standard output that goes away and a
/// limit of file sizes become errors of writing; SIGTERM, SIGINT, SIGHUP, SIGUSR1 and SIGUSR2 end
/// the process at once with status 75, except those that are ignored already (nohup).
void prepare_process();

/// From here on these signals only request a stop.
void defer_stop_signals();

/// Whether one of them came.
bool stop_requested();

/// Seconds since prepare_process().
double seconds_since_start();

}  // namespace ridgeline::miniapp
