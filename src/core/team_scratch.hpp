#pragma once

#include <Kokkos_Core.hpp>

#include <cstddef>

namespace ridgeline {

/// Bytes of level-0 scratch that a policy has to ask for so that a team has `count` scalars of it.
template <class T>
int team_scratch_bytes(std::size_t count) {
  return static_cast<int>(count * sizeof(T)) + 16;
}

/// A team's level-0 scratch for `count` scalars, at a multiple of 16 bytes. All threads of the team
/// call it.
template <class T, class Member>
KOKKOS_INLINE_FUNCTION T* team_scratch(const Member& team, std::size_t count) {
  T* scratch = static_cast<T*>(team.team_shmem().get_shmem_aligned(count * sizeof(T), 16));
#if defined(__CUDA_ARCH__)
  // Otherwise the compiler takes it for memory of any kind, whose loads are slower and stay apart.
  __builtin_assume(__isShared(scratch));
#endif
  return scratch;
}

/// Four scalars that lie together, moved by as few instructions as there can be.
template <class T>
struct alignas(4 * sizeof(T) < 16 ? 4 * sizeof(T) : 16) Four {
  T value[4];
};

}  // namespace ridgeline
