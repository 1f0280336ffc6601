#pragma once

#include <string>

#include "io/json.hpp"

namespace ridgeline::machine {

/// The `machine` object of every result file: what was measured on, and with what build. Works
/// whether Kokkos is running or not; `threads` and `thread_binding` are the running Runtime's.
///
/// Keys: `hostname`, `cpu_model`, `cores` (physical, of the machine), `processors_usable`,
/// `threads`, `thread_binding`, `threads_bound`,
/// `threads_share_processors` (more of them than processors), `thread_warnings`, `memory_bytes`,
/// `caches`, `gpu_model` (null where there is none), `gpu_memory_bytes`, `compiler`, `flags`,
/// `build_type`, `isa`, `cuda_arch`, `kokkos_version`, `kokkos_origin`, `kokkos_kernels_version`,
/// `kokkos_configuration`, `page_bytes`, `transparent_huge_pages`, `clock_source`.
io::Json describe_machine();

/// What the first keys of every result file are: `format`, `version` 1, `created`,
/// `ridgeline_version` ("0.1.0 (f0926a34b2ba)") and `machine`.
io::Json new_result(const std::string& format);

/// What differs between the machine of a file and this one, in words, for a warning: "its CPU is …,
/// this one …". Empty where CPU model, number of cores and GPU are the same. Both arguments are
/// `machine` objects; what one of them does not say is not compared.
std::string machine_difference(const io::Json& of_file, const io::Json& here);

}  // namespace ridgeline::machine
