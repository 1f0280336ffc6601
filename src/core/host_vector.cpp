#include "core/host_vector.hpp"

namespace ridgeline::host {

template <>
int require_vector_bytes<kVectorBytes>() {
  return kVectorBytes;
}

}  // namespace ridgeline::host
