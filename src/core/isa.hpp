#pragma once

#include <string>
#include <vector>

namespace ridgeline {

// A program ends with SIGILL on a CPU that lacks an instruction set it was compiled for. Therefore
// isa_baseline.cpp, compiled for the baseline ISA, runs before any other code. It compares the
// required instruction sets with those of this CPU and ends the program with an error message if
// one is missing.

/// Instruction set extensions that this build requires ("avx2", "avx512f"), null-terminated.
extern const char* const kRequiredIsa[];

/// Returns those of `required` (null-terminated) that this CPU lacks.
std::vector<std::string> missing_isa(const char* const* required);

}  // namespace ridgeline
