#include "kernels/optimizer/optimizer.hpp"

#include <algorithm>

namespace ridgeline::kernels {

std::vector<std::string> state_names(const UpdateRule& rule) {
  switch (rule.kind) {
    case UpdateKind::adam:
    case UpdateKind::adamw:
      return {"exp_avg", "exp_avg_sq"};
    case UpdateKind::rmsprop:
      if (rule.momentum != 0) return {"square_avg", "momentum_buffer"};
      return {"square_avg"};
    default:
      if (rule.momentum != 0) return {"momentum_buffer"};
      return {};
  }
}

double update_flops(const UpdateRule& rule) {
  const double decay = rule.weight_decay != 0 ? 2 : 0, momentum = rule.momentum != 0 ? 2 : 0;
  switch (rule.kind) {
    case UpdateKind::adam:
    case UpdateKind::adamw:
      // m 3, v 4, the root with its scale and ε 3, step 3
      return 13 + decay;
    case UpdateKind::rmsprop:
      // v 4, root and ε 2, quotient, step 2
      return 9 + decay + momentum;
    default:
      return 2 + decay + momentum + (momentum > 0 && rule.nesterov ? 2 : 0);
  }
}

namespace {

// One parameter's update; `Momentum` is whether there is a momentum buffer.
template <class Memory, UpdateKind Kind, bool Momentum, class T>
struct Update {
  Vector<Memory, T> parameter;
  Vector<Memory, const T> gradient;
  Vector<Memory, T> first;   // exp_avg, square_avg, or sgd's momentum buffer
  Vector<Memory, T> second;  // exp_avg_sq, or rmsprop's momentum buffer
  Vector<Memory, const double> numbers;
  T momentum, decay;
  // 1 - beta is rounded once: in float32, 1 - 0.999f has a relative error of 1e-5.
  T beta1, one_minus_beta1, beta2, one_minus_beta2, epsilon;
  bool nesterov, clipped;

  KOKKOS_FUNCTION void operator()(std::size_t i) const {
    const T rate = static_cast<T>(numbers(kRate));
    T p = parameter(i);
    T g = gradient(i);
    if (clipped) g *= static_cast<T>(numbers(kGradientScale));
    if constexpr (Kind == UpdateKind::adamw) {
      p -= rate * decay * p;
    } else {
      g += decay * p;
    }
    if constexpr (Kind == UpdateKind::sgd) {
      if constexpr (Momentum) {
        const T v = momentum * first(i) + g;
        first(i) = v;
        g = nesterov ? g + momentum * v : v;
      }
      parameter(i) = p - rate * g;
    } else if constexpr (Kind == UpdateKind::rmsprop) {
      const T v = beta2 * first(i) + one_minus_beta2 * (g * g);
      first(i) = v;
      T step = g / (std::sqrt(v) + epsilon);
      if constexpr (Momentum) {
        step += momentum * second(i);
        second(i) = step;
      }
      parameter(i) = p - rate * step;
    } else {
      const T m = beta1 * first(i) + one_minus_beta1 * g;
      const T v = beta2 * second(i) + one_minus_beta2 * (g * g);
      first(i) = m;
      second(i) = v;
      const T root = std::sqrt(v) * static_cast<T>(numbers(kRootScale)) + epsilon;
      parameter(i) = p - static_cast<T>(numbers(kCorrection)) * (m / root);
    }
  }
};

// Runs the body unless kApply is 0, a value that only the device's memory has.
template <class Body>
struct Applied {
  Body body;
  KOKKOS_FUNCTION void operator()(std::size_t i) const {
    if (body.numbers(kApply) != 0) body(i);
  }
};

template <UpdateKind Kind, bool Momentum, class Space, class T>
void launch(const Space& instance, const std::string& label, const UpdateRule& rule, bool clipped,
            const OptimizerArguments<Space, T>& arguments) {
  const std::size_t size = arguments.parameters.size();
  const double states = Kind == UpdateKind::adam || Kind == UpdateKind::adamw ? 2
                        : Kind == UpdateKind::rmsprop                         ? 1 + Momentum
                                                                              : Momentum;
  const double decay_of_squares = Kind == UpdateKind::rmsprop ? rule.alpha : rule.beta2;
  // A host space has finished the kernel that decides, and reads the flag once; a device reads it
  // with the other values.
  if constexpr (kIsHost<Space>) {
    if (arguments.numbers(kApply) == 0) return;
  }
  using Body = Update<MemoryOf<Space>, Kind, Momentum, T>;
  const Body body{arguments.parameters,
                  arguments.gradients,
                  arguments.state[0],
                  arguments.state[1],
                  arguments.numbers,
                  static_cast<T>(rule.momentum),
                  static_cast<T>(rule.weight_decay),
                  static_cast<T>(rule.beta1),
                  static_cast<T>(1 - rule.beta1),
                  static_cast<T>(decay_of_squares),
                  static_cast<T>(1 - decay_of_squares),
                  static_cast<T>(rule.epsilon),
                  rule.nesterov,
                  clipped};
  const Cost cost = {update_flops(rule) * size, (3 + 2 * states) * sizeof(T) * size};
  if constexpr (kIsHost<Space>) {
    for_elements(instance, label, size, cost, body);
  } else {
    for_elements(instance, label, size, cost, Applied<Body>{body});
  }
}

}  // namespace

template <class Space, class T>
void update(const Space& instance, const std::string& label, const UpdateRule& rule, bool clipped,
            const OptimizerArguments<Space, T>& arguments) {
  const bool momentum = rule.momentum != 0;
  switch (rule.kind) {
    case UpdateKind::adam:
      return launch<UpdateKind::adam, false>(instance, label, rule, clipped, arguments);
    case UpdateKind::adamw:
      return launch<UpdateKind::adamw, false>(instance, label, rule, clipped, arguments);
    case UpdateKind::rmsprop:
      return momentum
                 ? launch<UpdateKind::rmsprop, true>(instance, label, rule, clipped, arguments)
                 : launch<UpdateKind::rmsprop, false>(instance, label, rule, clipped, arguments);
    case UpdateKind::sgd:
      return momentum ? launch<UpdateKind::sgd, true>(instance, label, rule, clipped, arguments)
                      : launch<UpdateKind::sgd, false>(instance, label, rule, clipped, arguments);
  }
}

namespace {

constexpr std::size_t kClipBlock = 16384;  // gradients per partial sum

// A team adds up one block's squares; then one thread adds up the blocks.
template <class Space, class T>
struct SquaresOfBlock {
  Vector<Space, const T> gradients;
  Vector<Space, double> partials;

  using Member = typename Kokkos::TeamPolicy<Space>::member_type;
  KOKKOS_FUNCTION void operator()(const Member& team) const {
    const std::size_t block = team.league_rank(), begin = block * kClipBlock;
    const std::size_t left = gradients.size() - begin;
    double sum = 0;
    Kokkos::parallel_reduce(
        Kokkos::TeamThreadRange(team, left < kClipBlock ? left : kClipBlock),
        [&](std::size_t i, double& squares) {
          const double value = gradients(begin + i);
          squares += value * value;
        },
        sum);
    Kokkos::single(Kokkos::PerTeam(team), [&] { partials(block) = sum; });
  }
};

template <class Memory>
struct ScaleFromSquares {
  Vector<Memory, const double> partials;
  double most;
  Vector<Memory, double> numbers;
  Vector<Memory, std::int64_t> health;  // may be empty
  KOKKOS_FUNCTION void operator()(std::size_t) const {
    double sum = 0;
    for (std::size_t block = 0; block < partials.size(); ++block) sum += partials(block);
    if (health.size() > 0 && !std::isfinite(sum)) health(kBadNow) = 1;
    const double factor = most / (std::sqrt(sum) + 1e-6);
    numbers(kGradientScale) = factor > 1.0 ? 1.0 : factor;  // NaN propagates
  }
};

// Computes the sum of squares of `count` gradients on a host, with eight independent sums, so that
// the loop is vectorised; GCC does that for a pointer, and not for a View with an offset.
template <class T>
double squares_of(const T* gradients, std::size_t count) {
  constexpr std::size_t kSums = 8;
  double sums[kSums] = {};
  std::size_t i = 0;
  for (; i + kSums <= count; i += kSums) {
    for (std::size_t k = 0; k < kSums; ++k) {
      const double value = gradients[i + k];
      sums[k] += value * value;
    }
  }
  for (; i < count; ++i) sums[0] += double(gradients[i]) * double(gradients[i]);
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
  if constexpr (kIsHost<Space>) {
    for_blocks(instance, label, static_cast<int>(blocks), {2.0 * size, double(sizeof(T)) * size},
               [&](int block) {
                 const std::size_t begin = static_cast<std::size_t>(block) * kClipBlock;
                 partials(block) =
                     squares_of(&gradients(begin), std::min(size - begin, kClipBlock));
               });
  } else {
    ++launch_count.parallel;
    Kokkos::parallel_for(label, Kokkos::TeamPolicy<Space>(instance, static_cast<int>(blocks), 256),
                         SquaresOfBlock<Space, T>{gradients, partials});
  }
  for_elements(
      instance, label_scale, 1, {double(blocks), 8.0 * blocks},
      ScaleFromSquares<MemoryOf<Space>>{as_vector(partials, blocks), most, numbers, health});
}

#define RIDGELINE_OPTIMIZER(Space, T)                                                              \
  template void update<Space, T>(const Space&, const std::string&, const UpdateRule&, bool,        \
                                 const OptimizerArguments<Space, T>&);                             \
  template void clip_scale<Space, T>(const Space&, const std::string&, const std::string&, double, \
                                     const Vector<Space, const T>&, const Vector<Space, double>&,  \
                                     const Vector<Space, double>&, const HealthView<Space>&);
RIDGELINE_FOR_SPACES(RIDGELINE_OPTIMIZER)

}  // namespace ridgeline::kernels
