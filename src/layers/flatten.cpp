#include "layers/layer_of.hpp"

// flatten: y = x in one dimension; the output is a view of the input, and nothing is computed.

namespace ridgeline::layers {
namespace {

struct Flatten : LayerOf<Flatten> {
  explicit Flatten(const Description& from) : LayerOf(from, {size_of(from.input)}) {}

  static constexpr bool kAcceptsTokens = true;

  Work work(const CountedPass&) const override { return {}; }
  bool is_view(bool) const override { return true; }

  template <class Space, class T>
  void forward(const ForwardPass<Space, T>&) const {}
  template <class Space, class T>
  void backward(const BackwardPass<Space, T>&) const {}
};

}  // namespace

RIDGELINE_LAYER(flatten, Flatten)

}  // namespace ridgeline::layers
