#pragma once

#include <string>
#include <vector>

namespace ridgeline {

// A program compiled for a CPU's instruction set ends with SIGILL on one that lacks it. So before
// any other code runs, isa_baseline.cpp, compiled for the plainest CPU, compares what the rest was
// compiled for with what this CPU has, and ends the program with one clear line.

/// Instruction set extensions that this build was compiled for ("avx2", "avx512f"),
/// null-terminated.
extern const char* const kRequiredIsa[];

/// Those of `required` (null-terminated) that this CPU lacks.
std::vector<std::string> missing_isa(const char* const* required);

}  // namespace ridgeline
