#pragma once

#include <cstddef>
#include <string>

namespace ridgeline {

// The host's memory, and what this process may have of it.

/// Returns the memory of the machine, in bytes.
std::size_t total_memory_bytes();

/// Returns the memory that this process can take now, in bytes, without swapping or being killed:
/// the least of what the kernel calls available, what each control group around the process still
/// allows, and the limit of its address space (ulimit -v).
std::size_t free_memory_bytes();

/// Returns what the control groups around this process (versions 1 and 2) still allow together, in
/// bytes; SIZE_MAX if none has a limit. A batch job's limit may be that of any group between the
/// process's own and the root. Memory that the page cache holds counts as free. `root` precedes the
/// paths of /proc and of the control groups, for tests on a recorded tree.
std::size_t control_group_allowance(const std::string& root = {});

}  // namespace ridgeline
