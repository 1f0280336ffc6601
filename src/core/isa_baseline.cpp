#include <unistd.h>

#include <cstring>

// Compiled for the baseline ISA. The check uses only the C library: the linker might take an inline
// function of a header from a file that was compiled for another ISA.
#include "core/isa.hpp"

namespace ridgeline {
namespace {

struct Feature {
  const char* name;
  bool supported;
};

bool cpu_has(const char* name) {
#if defined(__x86_64__)
  __builtin_cpu_init();
#define RIDGELINE_FEATURE(NAME) \
  { NAME, __builtin_cpu_supports(NAME) != 0 }
  const Feature features[] = {RIDGELINE_FEATURE("sse3"),
                              RIDGELINE_FEATURE("ssse3"),
                              RIDGELINE_FEATURE("sse4.1"),
                              RIDGELINE_FEATURE("sse4.2"),
                              RIDGELINE_FEATURE("popcnt"),
                              RIDGELINE_FEATURE("avx"),
                              RIDGELINE_FEATURE("avx2"),
                              RIDGELINE_FEATURE("fma"),
                              RIDGELINE_FEATURE("bmi"),
                              RIDGELINE_FEATURE("bmi2"),
                              RIDGELINE_FEATURE("avx512f"),
                              RIDGELINE_FEATURE("avx512dq"),
                              RIDGELINE_FEATURE("avx512bw"),
                              RIDGELINE_FEATURE("avx512vl"),
                              RIDGELINE_FEATURE("avx512cd"),
                              RIDGELINE_FEATURE("avx512ifma"),
                              RIDGELINE_FEATURE("avx512vbmi"),
                              RIDGELINE_FEATURE("avx512vbmi2"),
                              RIDGELINE_FEATURE("avx512vnni"),
                              RIDGELINE_FEATURE("avx512bitalg"),
                              RIDGELINE_FEATURE("avx512vpopcntdq"),
                              RIDGELINE_FEATURE("avx512bf16")};
#undef RIDGELINE_FEATURE
  for (const Feature& feature : features) {
    if (std::strcmp(feature.name, name) == 0) return feature.supported;
  }
#endif
  (void)name;
  return false;
}

void write_error(const char* text) {
  const ssize_t written = write(STDERR_FILENO, text, std::strlen(text));
  (void)written;
}

// 101 is the highest priority available to programs: this runs before all other constructors of
// Ridgeline.
__attribute__((constructor(101))) void check_isa() {
  bool missing = false;
  for (const char* const* name = kRequiredIsa; *name; ++name) {
    if (cpu_has(*name)) continue;
    write_error(missing ? ", " : "ridgeline: this build needs a CPU with ");
    write_error(*name);
    missing = true;
  }
  if (!missing) return;
  write_error("; build on this machine, or configure with -DRIDGELINE_ISA=x86-64\n");
  _exit(2);
}

}  // namespace

std::vector<std::string> missing_isa(const char* const* required) {
  std::vector<std::string> missing;
  for (; *required; ++required) {
    if (!cpu_has(*required)) missing.emplace_back(*required);
  }
  return missing;
}

}  // namespace ridgeline
