#include "kernels/optimizer/optimizer.hpp"

namespace ridgeline::kernels {

using config::OptimizerKind;

std::vector<std::string> state_names(const config::Optimizer& options) {
  switch (options.kind) {
    case OptimizerKind::adam:
    case OptimizerKind::adamw:
      return {"exp_avg", "exp_avg_sq"};
    case OptimizerKind::rmsprop:
      if (options.momentum != 0) return {"square_avg", "momentum_buffer"};
      return {"square_avg"};
    default:
      if (options.momentum != 0) return {"momentum_buffer"};
      return {};
  }
}

double update_flops(const config::Optimizer& options) {
  const double decay = options.weight_decay != 0 ? 2 : 0, momentum = options.momentum != 0 ? 2 : 0;
  switch (options.kind) {
    case OptimizerKind::adam:
    case OptimizerKind::adamw:
      // m 3, v 4, the root with its scale and ε 3, step 3
      return 13 + decay;
    case OptimizerKind::rmsprop:
      // v 4, root and ε 2, quotient, step 2
      return 9 + decay + momentum;
    default:
      return 2 + decay + momentum + (momentum > 0 && options.nesterov ? 2 : 0);
  }
}

namespace {

// One parameter's update; `Momentum` is whether there is a momentum buffer.
template <OptimizerKind Kind, bool Momentum, class T>
struct Update {
  T* parameter;
  const T* gradient;
  T* first;   // exp_avg, square_avg, or sgd's momentum buffer
  T* second;  // exp_avg_sq, or rmsprop's momentum buffer
  const double* numbers;
  T momentum, decay;
  // 1 - beta is rounded once: in float32, 1 - 0.999f is off by 1e-5.
  T beta1, one_minus_beta1, beta2, one_minus_beta2, epsilon;
  bool nesterov, clipped;

  KOKKOS_FUNCTION void operator()(std::size_t i) const {
    const T rate = static_cast<T>(numbers[kRate]);
    T p = parameter[i];
    T g = gradient[i];
    if (clipped) g *= static_cast<T>(numbers[kGradientScale]);
    if constexpr (Kind == OptimizerKind::adamw) {
      p -= rate * decay * p;
    } else {
      g += decay * p;
    }
    if constexpr (Kind == OptimizerKind::sgd) {
      if constexpr (Momentum) {
        const T v = momentum * first[i] + g;
        first[i] = v;
        g = nesterov ? g + momentum * v : v;
      }
      parameter[i] = p - rate * g;
    } else if constexpr (Kind == OptimizerKind::rmsprop) {
      const T v = beta2 * first[i] + one_minus_beta2 * (g * g);
      first[i] = v;
      T step = g / (std::sqrt(v) + epsilon);
      if constexpr (Momentum) {
        step += momentum * second[i];
        second[i] = step;
      }
      parameter[i] = p - rate * step;
    } else {
      const T m = beta1 * first[i] + one_minus_beta1 * g;
      const T v = beta2 * second[i] + one_minus_beta2 * (g * g);
      first[i] = m;
      second[i] = v;
      const T root = std::sqrt(v) * static_cast<T>(numbers[kRootScale]) + epsilon;
      parameter[i] = p - static_cast<T>(numbers[kCorrection]) * (m / root);
    }
  }
};

// The same unless the step is not to be applied, which a device knows and its host does not.
template <class Body>
struct Applied {
  Body body;
  KOKKOS_FUNCTION void operator()(std::size_t i) const {
    if (body.numbers[kApply] != 0) body(i);
  }
};

template <OptimizerKind Kind, bool Momentum, class Space, class T>
void launch(const Space& instance, const std::string& label, const config::Optimizer& options,
            bool clipped, const OptimizerArguments<Space, T>& arguments) {
  const std::size_t size = arguments.parameters.size();
  const double states = Kind == OptimizerKind::adam || Kind == OptimizerKind::adamw ? 2
                        : Kind == OptimizerKind::rmsprop                            ? 1 + Momentum
                                                                                    : Momentum;
  const double decay_of_squares = Kind == OptimizerKind::rmsprop ? options.alpha : options.beta2;
  // A host space is done with what decides, and reads it once; a device reads it with the other
  // values.
  if constexpr (kIsHost<Space>) {
    if (arguments.numbers.data()[kApply] == 0) return;
  }
  const Update<Kind, Momentum, T> body{arguments.parameters.data(),
                                       arguments.gradients.data(),
                                       arguments.state[0].data(),
                                       arguments.state[1].data(),
                                       arguments.numbers.data(),
                                       static_cast<T>(options.momentum),
                                       static_cast<T>(options.weight_decay),
                                       static_cast<T>(options.beta1),
                                       static_cast<T>(1 - options.beta1),
                                       static_cast<T>(decay_of_squares),
                                       static_cast<T>(1 - decay_of_squares),
                                       static_cast<T>(options.epsilon),
                                       options.nesterov,
                                       clipped};
  const Cost cost = {update_flops(options) * size, (3 + 2 * states) * sizeof(T) * size};
  if constexpr (kIsHost<Space>) {
    for_elements(instance, label, size, cost, body);
  } else {
    for_elements(instance, label, size, cost, Applied<Update<Kind, Momentum, T>>{body});
  }
}

}  // namespace

template <class Space, class T>
void update(const Space& instance, const std::string& label, const config::Optimizer& options,
            bool clipped, const OptimizerArguments<Space, T>& arguments) {
  const bool momentum = options.momentum != 0;
  switch (options.kind) {
    case OptimizerKind::adam:
      return launch<OptimizerKind::adam, false>(instance, label, options, clipped, arguments);
    case OptimizerKind::adamw:
      return launch<OptimizerKind::adamw, false>(instance, label, options, clipped, arguments);
    case OptimizerKind::rmsprop:
      return momentum ? launch<OptimizerKind::rmsprop, true>(instance, label, options, clipped,
                                                             arguments)
                      : launch<OptimizerKind::rmsprop, false>(instance, label, options, clipped,
                                                              arguments);
    case OptimizerKind::sgd:
      return momentum
                 ? launch<OptimizerKind::sgd, true>(instance, label, options, clipped, arguments)
                 : launch<OptimizerKind::sgd, false>(instance, label, options, clipped, arguments);
  }
}

namespace {

constexpr std::size_t kClipBlock = 16384;  // gradients a partial sum

// A team adds up one block's squares; then one thread adds up the blocks.
template <class Space, class T>
struct SquaresOfBlock {
  const T* gradient;
  double* partial;
  std::size_t size;

  using Member = typename Kokkos::TeamPolicy<Space>::member_type;
  KOKKOS_FUNCTION void operator()(const Member& team) const {
    const std::size_t block = team.league_rank();
    const std::size_t begin = block * kClipBlock;
    const std::size_t count = size - begin < kClipBlock ? size - begin : kClipBlock;
    const T* const from = gradient + begin;
    double sum = 0;
    Kokkos::parallel_reduce(
        Kokkos::TeamThreadRange(team, count),
        [&](std::size_t i, double& squares) {
          squares += static_cast<double>(from[i]) * static_cast<double>(from[i]);
        },
        sum);
    double* const to = partial + block;
    Kokkos::single(Kokkos::PerTeam(team), [&] { *to = sum; });
  }
};

struct ScaleFromSquares {
  const double* partial;
  std::size_t blocks;
  double most;
  double* scale;
  std::int64_t* health;
  KOKKOS_FUNCTION void operator()(std::size_t) const {
    double sum = 0;
    for (std::size_t block = 0; block < blocks; ++block) sum += partial[block];
    if (health && !std::isfinite(sum)) health[kBadNow] = 1;
    const double factor = most / (std::sqrt(sum) + 1e-6);
    *scale = factor > 1.0 ? 1.0 : factor;  // keeps a NaN
  }
};

// The squares of one block on a host: eight sums side by side, so that they are vectors.
template <class T>
double squares_of(const T* from, std::size_t count) {
  constexpr std::size_t kSums = 8;
  double sums[kSums] = {};
  std::size_t i = 0;
  for (; i + kSums <= count; i += kSums) {
    for (std::size_t k = 0; k < kSums; ++k) {
      const double value = from[i + k];
      sums[k] += value * value;
    }
  }
  for (; i < count; ++i) sums[0] += static_cast<double>(from[i]) * static_cast<double>(from[i]);
  return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

}  // namespace

std::size_t clip_partials(std::size_t n) { return (n + kClipBlock - 1) / kClipBlock; }

template <class Space, class T>
void clip_scale(const Space& instance, const std::string& label, const std::string& label_scale,
                double most, const Vector<Space, const T>& gradients,
                const Vector<Space, double>& partials, const Vector<Space, double>& numbers,
                const HealthView<Space>& health) {
  const std::size_t size = gradients.size(), blocks = clip_partials(size);
  const T* gradient = gradients.data();
  double* partial = partials.data();
  double* scale = numbers.data() + kGradientScale;
  if constexpr (kIsHost<Space>) {
    for_blocks(instance, label, static_cast<int>(blocks), {2.0 * size, double(sizeof(T)) * size},
               [=](int block) {
                 const std::size_t begin = static_cast<std::size_t>(block) * kClipBlock;
                 partial[block] = squares_of(gradient + begin, std::min(kClipBlock, size - begin));
               });
  } else {
    ++launch_count.parallel;
    Kokkos::parallel_for(label, Kokkos::TeamPolicy<Space>(instance, static_cast<int>(blocks), 256),
                         SquaresOfBlock<Space, T>{gradient, partial, size});
  }
  for_elements(instance, label_scale, 1, {double(blocks), 8.0 * blocks},
               ScaleFromSquares{partial, blocks, most, scale, data_or_null(health)});
}

#define RIDGELINE_OPTIMIZER(Space, T)                                                              \
  template void update<Space, T>(const Space&, const std::string&, const config::Optimizer&, bool, \
                                 const OptimizerArguments<Space, T>&);                             \
  template void clip_scale<Space, T>(const Space&, const std::string&, const std::string&, double, \
                                     const Vector<Space, const T>&, const Vector<Space, double>&,  \
                                     const Vector<Space, double>&, const HealthView<Space>&);
RIDGELINE_FOR_SPACES(RIDGELINE_OPTIMIZER)

}  // namespace ridgeline::kernels
