#include "kernels/dropout/dropout.hpp"

#include <algorithm>

#include "core/launch.hpp"
#include "kernels/dropout/device/dropout.hpp"
#include "kernels/dropout/host/dropout.hpp"

namespace ridgeline::kernels {

template <class Space, class T>
void dropout(const Space& instance, const std::string& label, const DropoutMask& mask,
             const Vector<Space, const std::int64_t>& step, const Vector<Space, const T>& x,
             const Vector<Space, T>& y, std::size_t before) {
  const std::size_t size = x.size();
  if constexpr (kIsHost<Space>) {
    constexpr std::size_t kPerBlock = 64;
    const std::size_t first = before / kDropoutBlock;
    const std::size_t all = (before + size + kDropoutBlock - 1) / kDropoutBlock;
    const int blocks = static_cast<int>((all - first + kPerBlock - 1) / kPerBlock);
    for_blocks(instance, label, blocks, {15.0 * size, 2.0 * sizeof(T) * size}, [&](int block) {
      const std::size_t begin = first + std::size_t(block) * kPerBlock;
      host::dropout(mask, step(0), begin, std::min(all, begin + kPerBlock), before, size, x.data(),
                    y.data());
    });
  } else {
    const DeviceDropout<MemoryOf<Space>, T> body{mask, step, x, y, before};
    launch_elements(instance, label, body.calls(), body);
  }
}

#define RIDGELINE_DROPOUT(Space, T)                                                       \
  template void dropout<Space, T>(const Space&, const std::string&, const DropoutMask&,   \
                                  const Vector<Space, const std::int64_t>&,               \
                                  const Vector<Space, const T>&, const Vector<Space, T>&, \
                                  std::size_t);
RIDGELINE_FOR_SPACES(RIDGELINE_DROPOUT)

}  // namespace ridgeline::kernels
