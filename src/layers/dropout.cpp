#include "kernels/dropout/dropout.hpp"
#include "kernels/elementwise/elementwise.hpp"
#include "layers/layer_of.hpp"

// dropout: y = x ∘ mask / (1 - rate) in training, y = x in inference,  dx = dy ∘ mask / (1 - rate).
// The backward pass generates the mask again, so that it need not be stored.

namespace ridgeline::layers {
namespace {

struct Dropout : LayerOf<Dropout> {
  explicit Dropout(const Description& from)
      : LayerOf(from, from.input),
        rate(from.options.real({"rate", "Probability with which a value is zero in training."},
                               config::Range::half_open(0, 1))) {}

  static std::optional<StudyFamily> family() {
    return StudyFamily{"rate = 0.5", {0}, 8, 16384, 256, 64};
  }

  const double rate;
  const std::string forward_label = name + "/forward", backward_label = name + "/backward";

  bool is_view(bool training) const override { return !training; }

  Work work(const CountedPass& pass) const override {
    const Formula n("n", double(pass.batch * size_of(input)));
    const bool computes = pass.training && (pass.phase == Phase::forward || pass.input_gradient);
    if (!computes) return {};
    return {0, 2 * n, 2 * n, 0};
  }

  template <class Space, class T>
  void forward(const ForwardPass<Space, T>& pass) const {
    if (pass.mode == Mode::training) {
      apply(pass, forward_label, pass.x(), pass.y);
    } else if (pass.x().data() != pass.y.data()) {  // the same without training
      kernels::copy<Space, T>(pass.instance, forward_label, as_vector(pass.x()), as_vector(pass.y));
    }
  }

  template <class Space, class T>
  void backward(const BackwardPass<Space, T>& pass) const {
    if (pass.dx().data()) apply(pass, backward_label, pass.dy, pass.dx());
  }

 private:
  template <template <class, class> class Pass, class Space, class T>
  void apply(const Pass<Space, T>& pass, const std::string& label,
             const Matrix<Space, const T>& from, const Matrix<Space, T>& to) const {
    const kernels::DropoutMask mask(pass.memory.seed, pass.memory.stream, rate);
    kernels::dropout<Space, T>(pass.instance, label, mask, pass.memory.step, as_vector(from),
                               as_vector(to), pass.part.global_offset * size_of(input));
  }
};

}  // namespace

RIDGELINE_LAYER(dropout, Dropout)

}  // namespace ridgeline::layers
