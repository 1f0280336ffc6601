#pragma once

namespace ridgeline::miniapp {

/// From here on SIGTERM, SIGINT and SIGUSR1 (what Slurm sends before a job's limit) ask for a stop
/// instead of ending the process.
void catch_stop_signals();

/// Whether one of them came.
bool stop_requested();

}  // namespace ridgeline::miniapp
