#include "layers/layer.hpp"

#include "core/scalar.hpp"
#include "layers/layer_of.hpp"

namespace ridgeline::layers {

std::string to_string(Phase phase) {
  return phase == Phase::forward ? "forward" : phase == Phase::backward ? "backward" : "update";
}

Counts counts_of(const Work& work, std::size_t scalar_bytes) {
  const double matrix = work.matrix_flops.value();
  const double bytes = work.scalars.value() * double(scalar_bytes) + work.token_bytes.value();
  return {matrix + work.other_flops.value(), matrix, bytes, bytes};
}

Layer::Layer(const Description& from, Shape output_shape)
    : kind(from.options.string("kind")),
      name(from.name),
      input(from.input),
      output(std::move(output_shape)) {}

std::vector<std::string> layer_kind_names() {
  std::vector<std::string> names;
  for (const LayerKind& kind : layer_kinds()) names.push_back(kind.name);
  names.push_back(kSequence);
  return names;
}

std::unique_ptr<Layer> read_layer(const Description& from) {
  const std::string name = from.options.one_of("kind", layer_kind_names());
  const LayerKind* kind = find_layer_kind(name);
  if (!kind) from.options.fail("kind", name + " is no layer of its own, but a list of layers");
  std::unique_ptr<Layer> layer = kind->read(from);
  from.options.finish();
  return layer;
}

void require_dimensions(const Description& from, std::size_t count, const std::string& wanted) {
  if (from.input.size() == count) return;
  from.options.fail("kind", from.options.string("kind") + " needs " + wanted + ", and gets " +
                                ridgeline::to_string(from.input));
}

kernels::Activation read_activation(const config::OptionTable& options, const config::Key& key,
                                    const std::optional<std::string>& fallback) {
  return kernels::activation_named(options.one_of(key, kernels::activation_names(), fallback));
}

std::size_t product_workspace(const Target& target, const kernels::GemmShape& shape) {
  return with_scalar(target.scalar_bytes, [&](auto zero) {
    return kernels::gemm_workspace<decltype(zero)>(target.on_device, target.gemm, shape);
  });
}

}  // namespace ridgeline::layers
