#include "network/heap.hpp"

#include <cstdlib>
#include <new>

namespace {
thread_local long allocations = 0;
}  // namespace

// In a separate file: a compiler that inlines only one of the two warns that they do not match.
#if !defined(RIDGELINE_SANITIZED)
void* operator new(std::size_t size) {
  ++allocations;
  if (void* const memory = std::malloc(size > 0 ? size : 1)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
#endif

namespace ridgeline::testing {
long heap_allocations() { return allocations; }
}  // namespace ridgeline::testing
