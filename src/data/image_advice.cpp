#include "data/image_advice.hpp"

namespace ridgeline::data {
namespace {

bool may_be_channels(std::size_t size) { return size == 1 || size == 3; }

}  // namespace

std::string image_advice(const Shape& sample, bool tokens) {
  if (sample.size() == 2) {
    return std::string("; if these are images, add a channel dimension: (N, 1, H, W)") +
           (tokens ? " of uint8" : "") + ", in NumPy images[:, None]";
  }
  if (sample.size() == 3 && may_be_channels(sample[2]) && !may_be_channels(sample[0])) {
    return std::string("; images are (N, C, H, W)") + (tokens ? " of uint8" : "") +
           "; if these are (N, H, W, C), store images.transpose(0, 3, 1, 2) of NumPy";
  }
  if (!tokens) return {};
  return sample.size() == 3 ? "; if these are images, store them as uint8"
                            : "; integers are tokens: if these are values, store them as float32, "
                              "or images as uint8 (N, C, H, W)";
}

}  // namespace ridgeline::data
