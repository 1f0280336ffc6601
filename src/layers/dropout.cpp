#include "layers/dropout.hpp"

#include <cmath>

#include "core/random.hpp"

namespace ridgeline::layers {

std::unique_ptr<LayerPlan> DropoutPlan::read(const config::OptionTable& options,
                                             const std::string& layer_name,
                                             const Shape& input_shape) {
  return std::make_unique<DropoutPlan>(layer_name, input_shape,
                                       options.real("rate", config::Range::half_open(0.0, 1.0)));
}

Counts DropoutPlan::counts(Phase phase, std::size_t batch, std::size_t scalar_bytes,
                           bool input_gradient) const {
  Counts counts;
  if (phase == Phase::backward && !input_gradient) return counts;
  const double size = double(batch) * size_of(input);
  counts.flops = 2 * size;  // a comparison and a product
  counts.bytes = counts.working_set_bytes = 2 * size * scalar_bytes;
  return counts;
}

template <class Space, class T>
Dropout<Space, T>::Dropout(const DropoutPlan& plan, const Target&)
    : rate_(plan.rate), forward_(plan.name + "/forward"), backward_(plan.name + "/backward") {}

namespace {

// Elements that one call of Philox decides on, a word each.
constexpr std::size_t kGroup = 4;

// Keeps the elements of a group whose word is at least `threshold`; a whole group on the way out.
template <class T>
struct DropGroup {
  const std::int64_t* step;
  std::uint64_t seed, stream;
  std::uint64_t threshold;  // of 2^32
  T scale;
  std::size_t size;
  const T* from;
  T* to;

  KOKKOS_FUNCTION void operator()(std::size_t group) const {
    // A step has up to 2^40 groups, which leaves 2^24 steps before numbers repeat elsewhere.
    const std::uint64_t counter = (static_cast<std::uint64_t>(*step) << 40) + group;
    const Philox random(seed, stream, counter);
    for (std::size_t k = 0; k < kGroup; ++k) {
      const std::size_t i = group * kGroup + k;
      if (i < size) to[i] = random.word[k] >= threshold ? scale * from[i] : T(0);
    }
  }
};

}  // namespace

template <class Space, class T>
void Dropout<Space, T>::drop(const Space& instance, const std::string& label, std::size_t size,
                             const T* from, T* to) const {
  const auto threshold = static_cast<std::uint64_t>(std::llround(rate_ * 0x1.0p32));
  const DropGroup<T> group{memory_.step,
                           memory_.seed,
                           memory_.stream,
                           threshold,
                           static_cast<T>(1.0 / (1.0 - rate_)),
                           size,
                           from,
                           to};
  for_elements(instance, label, (size + kGroup - 1) / kGroup, {30.0 * size, 2.0 * sizeof(T) * size},
               group, 1024);
}

template <class Space, class T>
void Dropout<Space, T>::forward(const Space& instance, Mode mode, const Matrix<Space, const T>& x,
                                const Matrix<Space, T>& y) {
  const std::size_t size = x.size();
  const T* from = x.data();
  T* to = y.data();
  if (mode == Mode::training) return drop(instance, forward_, size, from, to);
  if (from == to) return;  // a view
  for_elements(
      instance, forward_, size, {0, 2.0 * sizeof(T) * size},
      KOKKOS_LAMBDA(std::size_t i) { to[i] = from[i]; });
}

template <class Space, class T>
void Dropout<Space, T>::backward(const Space& instance, const Matrix<Space, const T>& x,
                                 const Matrix<Space, const T>& /*y*/,
                                 const Matrix<Space, const T>& dy, const Matrix<Space, T>& dx) {
  if (dx.data()) drop(instance, backward_, x.size(), dy.data(), dx.data());
}

#define RIDGELINE_DROPOUT(Space, T) template class Dropout<Space, T>;
RIDGELINE_FOR_SPACES(RIDGELINE_DROPOUT)

}  // namespace ridgeline::layers
