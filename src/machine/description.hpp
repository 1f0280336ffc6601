#pragma once

#include <string>

#include "core/guard.hpp"
#include "io/json.hpp"

namespace ridgeline::machine {

/// Returns the `machine` object of every result file: the machine of the measurement, and the
/// build. Works whether Kokkos is running or not; `threads` and `thread_binding` are the running
/// Runtime's.
///
/// Keys: `hostname`, `cpu_model`, `cores` (physical, of the machine), `processors_usable`,
/// `threads`, `thread_binding`, `threads_bound`, `bind` (none, compact, spread, list or
/// environment), `thread_processors` (a list for each thread), `threads_sharing_a_core`,
/// `numa_domains_usable`, `processors` (of each usable core: its processors, which are siblings,
/// NUMA domain and package), `threads_share_processors` (more of them than processors),
/// `thread_warnings`, `memory_bytes`, `caches`, `gpu_model` (null if there is none),
/// `gpu_memory_bytes`, `compiler`, `flags`, `build_type`, `isa`, `cuda_arch`, `kokkos_version`,
/// `kokkos_origin`, `kokkos_kernels_version`, `kokkos_configuration`, `page_bytes`,
/// `transparent_huge_pages`, `energy` (its sources, or why it cannot be read), `clock_source`,
/// `kernel`, `frequency_governor` and `cgroup_processors` (a quota, null if there is none).
io::Json describe_machine();

/// Returns the model of the GPU; empty if there is none.
std::string gpu_model();

/// Returns the first keys of every result file: `format`, `version`, `created`,
/// `ridgeline_version` ("0.1.0 (f0926a34b2ba)"), `command` (a list, as this process was started),
/// `job` (number of the batch job, or null) and `machine`.
io::Json new_result(const std::string& format);

/// Returns the `disturbed` object of a result file: `alarm`, `reasons`, and the values observed.
io::Json to_json(const Disturbance& disturbance);

/// Returns the differences between the machine of a file and this one as text for a warning: "its
/// CPU is …, this one …". Empty if CPU model, number of cores and GPU are the same. Both arguments
/// are `machine` objects; a key that one of them lacks is not compared.
std::string machine_difference(const io::Json& of_file, const io::Json& here);

/// Returns the differences in the use of the host's threads and memory on the same machine: number
/// of threads, binding, kernel's setting of huge pages. Empty if there are none.
std::string setting_difference(const io::Json& of_file, const io::Json& here);

}  // namespace ridgeline::machine
