#include "kernels/dropout/dropout.hpp"

#include <algorithm>

#include "core/launch.hpp"
#include "kernels/dropout/device/dropout.hpp"
#include "kernels/dropout/host/dropout.hpp"

namespace ridgeline::kernels {

template <class Space, class T>
void dropout(const Space& instance, const std::string& label, const DropoutMask& mask,
             const Vector<Space, const std::int64_t>& step, const Vector<Space, const T>& x,
             const Vector<Space, T>& y) {
  const std::size_t size = x.size();
  if constexpr (kIsHost<Space>) {
    constexpr std::size_t kPerBlock = 64;
    const std::size_t all = (size + kDropoutBlock - 1) / kDropoutBlock;
    const int blocks = static_cast<int>((all + kPerBlock - 1) / kPerBlock);
    for_blocks(instance, label, blocks, {15.0 * size, 2.0 * sizeof(T) * size}, [&](int block) {
      const std::size_t begin = std::size_t(block) * kPerBlock;
      host::dropout(mask, step(0), begin, std::min(all, begin + kPerBlock), size, x.data(),
                    y.data());
    });
  } else {
    launch_elements(instance, label, DeviceDropout<MemoryOf<Space>, T>::calls(size),
                    DeviceDropout<MemoryOf<Space>, T>{mask, step, x, y});
  }
}

#define RIDGELINE_DROPOUT(Space, T)                                                     \
  template void dropout<Space, T>(const Space&, const std::string&, const DropoutMask&, \
                                  const Vector<Space, const std::int64_t>&,             \
                                  const Vector<Space, const T>&, const Vector<Space, T>&);
RIDGELINE_FOR_SPACES(RIDGELINE_DROPOUT)

}  // namespace ridgeline::kernels
