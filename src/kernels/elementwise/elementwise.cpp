#include "kernels/elementwise/elementwise.hpp"

namespace ridgeline::kernels {
namespace {

// An activation's order of magnitude, for the decision whether threads pay.
constexpr double kActivationFlops = 20;

// What an activation does, as a functor: with_activation's lambda cannot hold a device's.
template <Activation F, class T>
struct Activate {
  const T* x;
  T* y;
  KOKKOS_FUNCTION void operator()(std::size_t i) const { y[i] = kernels::activate<F>(x[i]); }
};

template <Activation F, class T>
struct AddAndActivate {
  const T* a;
  const T* b;
  T* y;
  KOKKOS_FUNCTION void operator()(std::size_t i) const { y[i] = kernels::activate<F>(a[i] + b[i]); }
};

template <Activation F, class T>
struct AddKeepAndActivate {
  const T* a;
  const T* b;
  T* kept;
  T* y;
  KOKKOS_FUNCTION void operator()(std::size_t i) const {
    const T z = a[i] + b[i];
    kept[i] = z;
    y[i] = kernels::activate<F>(z);
  }
};

template <Activation F, class T>
struct MultiplyByDerivative {
  const T* kept;
  const T* dy;
  T* dx;
  KOKKOS_FUNCTION void operator()(std::size_t i) const { dx[i] = dy[i] * derivative<F>(kept[i]); }
};

template <class T>
struct Copy {
  const T* x;
  T* y;
  KOKKOS_FUNCTION void operator()(std::size_t i) const { y[i] = x[i]; }
};

template <class T>
struct Add {
  const T* a;
  const T* b;
  T* sum;
  KOKKOS_FUNCTION void operator()(std::size_t i) const { sum[i] = a[i] + b[i]; }
};

template <class T>
Cost cost_of(std::size_t size, double flops, double arrays) {
  return {flops * double(size), arrays * sizeof(T) * double(size)};
}

}  // namespace

template <class Space, class T>
void copy(const Space& instance, const std::string& label, std::size_t size, const T* x, T* y) {
  for_elements(instance, label, size, cost_of<T>(size, 0, 2), Copy<T>{x, y});
}

template <class Space, class T>
void add(const Space& instance, const std::string& label, std::size_t size, const T* a, const T* b,
         T* sum) {
  for_elements(instance, label, size, cost_of<T>(size, 1, 3), Add<T>{a, b, sum});
}

template <class Space, class T>
void activate(const Space& instance, const std::string& label, Activation f, std::size_t size,
              const T* x, T* y) {
  with_activation(f, [&](auto function) {
    for_elements(instance, label, size, cost_of<T>(size, kActivationFlops, 2),
                 Activate<function(), T>{x, y});
  });
}

template <class Space, class T>
void add_and_activate(const Space& instance, const std::string& label, Activation f,
                      std::size_t size, const T* a, const T* b, T* kept, T* y) {
  with_activation(f, [&](auto function) {
    const Cost cost = cost_of<T>(size, kActivationFlops + 1, kept ? 4 : 3);
    if (kept) {
      for_elements(instance, label, size, cost, AddKeepAndActivate<function(), T>{a, b, kept, y});
    } else {
      for_elements(instance, label, size, cost, AddAndActivate<function(), T>{a, b, y});
    }
  });
}

template <class Space, class T>
void multiply_by_derivative(const Space& instance, const std::string& label, Activation f,
                            std::size_t size, const T* kept, const T* dy, T* dx) {
  with_activation(f, [&](auto function) {
    for_elements(instance, label, size, cost_of<T>(size, kActivationFlops, 3),
                 MultiplyByDerivative<function(), T>{kept, dy, dx});
  });
}

#define RIDGELINE_ELEMENTWISE(Space, T)                                                          \
  template void copy<Space, T>(const Space&, const std::string&, std::size_t, const T*, T*);     \
  template void add<Space, T>(const Space&, const std::string&, std::size_t, const T*, const T*, \
                              T*);                                                               \
  template void activate<Space, T>(const Space&, const std::string&, Activation, std::size_t,    \
                                   const T*, T*);                                                \
  template void add_and_activate<Space, T>(const Space&, const std::string&, Activation,         \
                                           std::size_t, const T*, const T*, T*, T*);             \
  template void multiply_by_derivative<Space, T>(const Space&, const std::string&, Activation,   \
                                                 std::size_t, const T*, const T*, T*);
RIDGELINE_FOR_SPACES(RIDGELINE_ELEMENTWISE)

}  // namespace ridgeline::kernels
