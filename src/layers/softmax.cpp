#include "kernels/softmax/softmax.hpp"
#include "layers/layer_of.hpp"

// softmax: y = e^(x - max x) / Σ e^(x - max x) over the last dimension,  dx = y (dy - Σ dy y).

namespace ridgeline::layers {
namespace {

struct Softmax : LayerOf<Softmax> {
  explicit Softmax(const Description& from) : LayerOf(from, from.input) {}

  static std::optional<StudyFamily> family() { return StudyFamily{"", {0}, 8, 16384, 256, 64}; }

  const std::size_t columns = input.back();
  const std::string forward_label = name + "/forward", backward_label = name + "/backward";

  Work work(const CountedPass& pass) const override {
    const Formula n("n", double(pass.batch * size_of(input))), R("R", n.value() / double(columns));
    // A comparison, a difference, exp, a sum and a product each; a quotient per row.
    if (pass.phase == Phase::forward) return {0, 5 * n + R, 2 * n, 0};
    if (!pass.input_gradient) return {};
    return {0, 4 * n, 3 * n, 0};  // two products, a sum, a difference
  }

  template <class Space, class T>
  void forward(const ForwardPass<Space, T>& pass) const {
    const std::size_t rows = pass.y.size() / columns;
    kernels::softmax<Space, T>(pass.instance, forward_label, as_matrix(pass.x(), rows, columns),
                               as_matrix(pass.y, rows, columns));
  }

  template <class Space, class T>
  void backward(const BackwardPass<Space, T>& pass) const {
    if (!pass.dx().data()) return;
    const std::size_t rows = pass.y.size() / columns;
    kernels::softmax_gradient<Space, T>(
        pass.instance, backward_label, as_matrix(pass.y, rows, columns),
        as_matrix(pass.dy, rows, columns), as_matrix(pass.dx(), rows, columns));
  }
};

}  // namespace

RIDGELINE_LAYER(softmax, Softmax)

}  // namespace ridgeline::layers
