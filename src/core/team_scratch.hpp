#pragma once

#include <Kokkos_Core.hpp>

#include <cstddef>

#include "core/cuda/compiler.hpp"

namespace ridgeline {

/// Returns the bytes of level-0 scratch that a policy must request for `count` scalars per team.
template <class T>
int team_scratch_bytes(std::size_t count) {
  return static_cast<int>(count * sizeof(T)) + 16;
}

/// Returns a team's level-0 scratch for `count` scalars, aligned to 16 bytes. To be called by all
/// threads of the team.
template <class T, class Member>
KOKKOS_INLINE_FUNCTION T* team_scratch(const Member& team, std::size_t count) {
  T* scratch = static_cast<T*>(team.team_shmem().get_shmem_aligned(count * sizeof(T), 16));
  RIDGELINE_ASSUME_SCRATCH(scratch);
  return scratch;
}

/// Four contiguous scalars, aligned for vector loads and stores of up to 16 bytes.
template <class T>
struct alignas(4 * sizeof(T) < 16 ? 4 * sizeof(T) : 16) Four {
  T value[4];
};

}  // namespace ridgeline
