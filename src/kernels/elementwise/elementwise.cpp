#include "kernels/elementwise/elementwise.hpp"

namespace ridgeline::kernels {
namespace {

constexpr double kActivationOperations = 20;  // see Cost

template <class Memory, class T>
struct Copy {
  Vector<Memory, const T> x;
  Vector<Memory, T> y;
  KOKKOS_FUNCTION void operator()(std::size_t i) const { y(i) = x(i); }
};

template <class Memory, class T>
struct Add {
  Vector<Memory, const T> a, b;
  Vector<Memory, T> sum;
  KOKKOS_FUNCTION void operator()(std::size_t i) const { sum(i) = a(i) + b(i); }
};

template <class Memory, Activation F, class T>
struct Activate {
  Vector<Memory, const T> x;
  Vector<Memory, T> y;
  KOKKOS_FUNCTION void operator()(std::size_t i) const { y(i) = kernels::activate<F>(x(i)); }
};

template <class Memory, Activation F, class T>
struct AddAndActivate {
  Vector<Memory, const T> a, b;
  Vector<Memory, T> y;
  KOKKOS_FUNCTION void operator()(std::size_t i) const { y(i) = kernels::activate<F>(a(i) + b(i)); }
};

template <class Memory, Activation F, class T>
struct AddKeepAndActivate {
  Vector<Memory, const T> a, b;
  Vector<Memory, T> kept, y;
  KOKKOS_FUNCTION void operator()(std::size_t i) const {
    const T z = a(i) + b(i);
    kept(i) = z;
    y(i) = kernels::activate<F>(z);
  }
};

template <class Memory, Activation F, class T>
struct MultiplyByDerivative {
  Vector<Memory, const T> kept, dy;
  Vector<Memory, T> dx;
  KOKKOS_FUNCTION void operator()(std::size_t i) const { dx(i) = dy(i) * derivative<F>(kept(i)); }
};

template <class T>
Cost cost_of(std::size_t size, double operations, double arrays) {
  return {operations * double(size), arrays * sizeof(T) * double(size)};
}

}  // namespace

template <class Space, class T>
void copy(const Space& instance, const std::string& label, const Vector<Space, const T>& x,
          const Vector<Space, T>& y) {
  for_elements(instance, label, y.size(), cost_of<T>(y.size(), 0, 2),
               Copy<MemoryOf<Space>, T>{x, y});
}

template <class Space, class T>
void add(const Space& instance, const std::string& label, const Vector<Space, const T>& a,
         const Vector<Space, const T>& b, const Vector<Space, T>& sum) {
  for_elements(instance, label, sum.size(), cost_of<T>(sum.size(), 1, 3),
               Add<MemoryOf<Space>, T>{a, b, sum});
}

template <class Space, class T>
void activate(const Space& instance, const std::string& label, Activation f,
              const Vector<Space, const T>& x, const Vector<Space, T>& y) {
  with_activation(f, [&](auto function) {
    for_elements(instance, label, y.size(), cost_of<T>(y.size(), kActivationOperations, 2),
                 Activate<MemoryOf<Space>, function(), T>{x, y});
  });
}

template <class Space, class T>
void add_and_activate(const Space& instance, const std::string& label, Activation f,
                      const Vector<Space, const T>& a, const Vector<Space, const T>& b,
                      const Vector<Space, T>& kept, const Vector<Space, T>& y) {
  const bool keeps = kept.size() > 0;
  const Cost cost = cost_of<T>(y.size(), kActivationOperations + 1, keeps ? 4 : 3);
  with_activation(f, [&](auto function) {
    if (keeps) {
      for_elements(instance, label, y.size(), cost,
                   AddKeepAndActivate<MemoryOf<Space>, function(), T>{a, b, kept, y});
    } else {
      for_elements(instance, label, y.size(), cost,
                   AddAndActivate<MemoryOf<Space>, function(), T>{a, b, y});
    }
  });
}

template <class Space, class T>
void multiply_by_derivative(const Space& instance, const std::string& label, Activation f,
                            const Vector<Space, const T>& kept, const Vector<Space, const T>& dy,
                            const Vector<Space, T>& dx) {
  with_activation(f, [&](auto function) {
    for_elements(instance, label, dx.size(), cost_of<T>(dx.size(), kActivationOperations, 3),
                 MultiplyByDerivative<MemoryOf<Space>, function(), T>{kept, dy, dx});
  });
}

#define RIDGELINE_ELEMENTWISE(Space, T)                                                         \
  template void copy<Space, T>(const Space&, const std::string&, const Vector<Space, const T>&, \
                               const Vector<Space, T>&);                                        \
  template void add<Space, T>(const Space&, const std::string&, const Vector<Space, const T>&,  \
                              const Vector<Space, const T>&, const Vector<Space, T>&);          \
  template void activate<Space, T>(const Space&, const std::string&, Activation,                \
                                   const Vector<Space, const T>&, const Vector<Space, T>&);     \
  template void add_and_activate<Space, T>(                                                     \
      const Space&, const std::string&, Activation, const Vector<Space, const T>&,              \
      const Vector<Space, const T>&, const Vector<Space, T>&, const Vector<Space, T>&);         \
  template void multiply_by_derivative<Space, T>(                                               \
      const Space&, const std::string&, Activation, const Vector<Space, const T>&,              \
      const Vector<Space, const T>&, const Vector<Space, T>&);
RIDGELINE_FOR_SPACES(RIDGELINE_ELEMENTWISE)

}  // namespace ridgeline::kernels
