#pragma once

namespace ridgeline {

/// Provenance of this binary, written to every result.
struct BuildInfo {
  const char* version;
  /// "unknown" outside a git checkout; ends in "-dirty" if tracked files were modified.
  const char* git_commit;
  const char* compiler;
  const char* flags;
  const char* build_type;
  /// The argument of -march= and the architecture that it selects.
  const char* isa;
  /// Kokkos's name for the GPU architecture, such as AMPERE80; empty without CUDA.
  const char* cuda_arch;
  const char* kokkos_version;
  /// "installed", or the release or source package that was built for Ridgeline.
  const char* kokkos_origin;
  const char* kokkos_kernels_version;
};

const BuildInfo& build_info();

}  // namespace ridgeline
