#pragma once

namespace ridgeline {

/// What this binary was built from, and how; every result carries it.
struct BuildInfo {
  const char* version;
  /// "unknown" outside a git checkout; ends in "-dirty" where tracked files had been changed.
  const char* git_commit;
  const char* compiler;
  const char* flags;
  const char* build_type;
  /// What -march= was given, and what that stands for.
  const char* isa;
  /// Kokkos's name of the GPU architecture, such as AMPERE80; empty without CUDA.
  const char* cuda_arch;
  const char* kokkos_version;
  /// "installed", or the release or source package that was built for Ridgeline.
  const char* kokkos_origin;
  const char* kokkos_kernels_version;
};

const BuildInfo& build_info();

}  // namespace ridgeline
