#include "layers/image.hpp"

namespace ridgeline::layers {

void require_image(const Description& from) {
  if (from.input.size() == 3) return;
  refuse_image(from, "kind",
               from.options.string("kind") + " needs images [channels, height, width], and gets " +
                   ridgeline::to_string(from.input));
}

void refuse_image(const Description& from, const std::string& key, const std::string& message) {
  try {
    from.options.fail(key, message);
  } catch (const RequestError& error) {
    throw ImageError(error.what());
  }
}

}  // namespace ridgeline::layers
