#pragma once

#include <cstddef>
#include <string>

namespace ridgeline {

// Host memory, and the part available to this process.

/// Returns the physical memory of the machine, in bytes.
std::size_t total_memory_bytes();

/// Returns the memory that this process can allocate now without swapping or being killed, in
/// bytes: the minimum of the kernel's MemAvailable, the remaining allowance of each control group
/// of the process, and that of its address space (ulimit -v).
std::size_t free_memory_bytes();

/// Returns the remaining memory allowance of the control groups of this process (versions 1 and 2),
/// in bytes; SIZE_MAX if none has a limit. A batch job's limit may be set on any group between the
/// process's own and the root. The page cache counts as free. `root` is prepended to the paths of
/// /proc and of the control groups, for tests on a recorded tree.
std::size_t control_group_allowance(const std::string& root = {});

}  // namespace ridgeline
