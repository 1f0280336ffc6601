#pragma once

namespace ridgeline {

/// Runs the command `ridgeline` with these arguments, of which the first is the program's name, and
/// returns its exit status. Called once, from main: it starts and ends Kokkos. An external program
/// can add kinds of layer before (layers/layer.hpp) and has all verbs for them.
int run_command(int argc, char** argv);

}  // namespace ridgeline
