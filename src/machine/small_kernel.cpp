#include "machine/small_kernel.hpp"

#include <limits>

#include "core/random.hpp"

namespace ridgeline::machine {
namespace detail {

constexpr double kScale = 0.4;

struct Scale {
  const double* a;
  double* c;
  KOKKOS_FUNCTION void operator()(std::size_t i) const { c[i] = kScale * a[i]; }
};

struct FillRandom {
  double* a;
  KOKKOS_FUNCTION void operator()(std::size_t i) const {
    a[i] = 0.5 + Philox(1, stream::kProbe, i).uniform(0);
  }
};

struct Poison {
  double* c;
  KOKKOS_FUNCTION void operator()(std::size_t i) const {
    c[i] = std::numeric_limits<double>::quiet_NaN();
  }
};

struct CountWrong {
  const double* a;
  const double* c;
  KOKKOS_FUNCTION void operator()(std::size_t i, std::size_t& wrong) const {
    if (!(c[i] == kScale * a[i])) ++wrong;
  }
};

}  // namespace detail

template <class Space>
SmallKernel<Space>::SmallKernel(const Space& instance, std::size_t n)
    : instance_(instance),
      input_(Kokkos::view_alloc(Kokkos::WithoutInitializing, "dispatch/input"), n),
      output_(Kokkos::view_alloc(Kokkos::WithoutInitializing, "dispatch/output"), n) {
  Kokkos::parallel_for("dispatch/fill", LongRange<Space>(instance, 0, n),
                       detail::FillRandom{input_.data()});
  poison();
}

template <class Space>
void SmallKernel<Space>::run(std::size_t begin, std::size_t end) const {
  Kokkos::parallel_for("dispatch/scale", LongRange<Space>(instance_, begin, end),
                       detail::Scale{input_.data(), output_.data()});
}

template <class Space>
bool SmallKernel<Space>::verify(std::size_t end) const {
  std::size_t wrong = 0;
  Kokkos::parallel_reduce("dispatch/verify", LongRange<Space>(instance_, 0, end),
                          detail::CountWrong{input_.data(), output_.data()}, wrong);
  return wrong == 0;
}

template <class Space>
void SmallKernel<Space>::poison() {
  Kokkos::parallel_for("dispatch/poison", LongRange<Space>(instance_, 0, size()),
                       detail::Poison{output_.data()});
  instance_.fence();
}

#define RIDGELINE_INSTANTIATE(Space) template class SmallKernel<Space>;
RIDGELINE_FOR_EACH_SPACE(RIDGELINE_INSTANTIATE)
#undef RIDGELINE_INSTANTIATE

}  // namespace ridgeline::machine
