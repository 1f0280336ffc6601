#include "machine/host_chase.hpp"

namespace ridgeline::machine::host {

void* chase(void* node, long loads) {
  void** at = static_cast<void**>(node);
  // Unrolled, so that the loads hide the loop counter.
  for (; loads >= 8; loads -= 8) {
#if defined(__clang__)
#pragma clang loop unroll(full)
#else
#pragma GCC unroll 8
#endif
    for (int i = 0; i < 8; ++i) at = static_cast<void**>(*at);
  }
  for (; loads > 0; --loads) at = static_cast<void**>(*at);
  return at;
}

}  // namespace ridgeline::machine::host
