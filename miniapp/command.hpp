#pragma once

#include <functional>

namespace ridgeline {

/// Runs the command `ridgeline` with these arguments, of which the first is the program's name, and
/// returns its exit status. Called once, from main: it starts and ends Kokkos. `prepare` is called
/// first: an external program adds its kinds of layer there (layers/layer.hpp), for which it then
/// has all verbs. What it throws is reported as any error is.
int run_command(int argc, char** argv, const std::function<void()>& prepare = {});

}  // namespace ridgeline
