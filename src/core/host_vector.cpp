#include "core/host_vector.hpp"

namespace ridgeline::host {

template <>
int link_ridgeline_kernel_options<kVectorBytes>() {
  return kVectorBytes;
}

}  // namespace ridgeline::host
