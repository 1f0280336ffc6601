#include "kernels/elementwise.hpp"

namespace ridgeline::kernels {
namespace {

template <Activation F, class Space, class T>
void run_add_and_activate(const Space& instance, const std::string& label, std::size_t size,
                          const T* x, const T* s, T* y) {
  for_elements(
      instance, label, size, {20.0 * size, 3.0 * sizeof(T) * size},
      KOKKOS_LAMBDA(std::size_t i) { y[i] = activate<F>(x[i] + s[i]); });
}

template <Activation F, class Space, class T>
void run_add_keep_and_activate(const Space& instance, const std::string& label, std::size_t size,
                               const T* x, const T* s, T* y, T* sum) {
  for_elements(
      instance, label, size, {20.0 * size, 4.0 * sizeof(T) * size}, KOKKOS_LAMBDA(std::size_t i) {
        const T z = x[i] + s[i];
        sum[i] = z;
        y[i] = activate<F>(z);
      });
}

template <Activation F, class Space, class T>
void run_derivative(const Space& instance, const std::string& label, std::size_t size,
                    const T* kept, const T* dy, T* dx) {
  for_elements(
      instance, label, size, {20.0 * size, 3.0 * sizeof(T) * size},
      KOKKOS_LAMBDA(std::size_t i) { dx[i] = dy[i] * derivative<F>(kept[i]); });
}

}  // namespace

template <class Space, class T>
void add(const Space& instance, const std::string& label, const Vector<Space, const T>& a,
         const Vector<Space, T>& b) {
  const std::size_t size = a.size();
  const T* from = a.data();
  T* to = b.data();
  for_elements(
      instance, label, size, {double(size), 3.0 * sizeof(T) * size},
      KOKKOS_LAMBDA(std::size_t i) { to[i] += from[i]; });
}

template <class Space, class T>
void add_and_activate(const Space& instance, const std::string& label, Activation f,
                      const Vector<Space, const T>& x, const Vector<Space, const T>& s,
                      const Vector<Space, T>& y, const Vector<Space, T>& sum) {
  with_activation(f, [&](auto function) {
    if (sum.size() > 0) {
      run_add_keep_and_activate<function()>(instance, label, x.size(), x.data(), s.data(), y.data(),
                                            sum.data());
    } else {
      run_add_and_activate<function()>(instance, label, x.size(), x.data(), s.data(), y.data());
    }
  });
}

template <class Space, class T>
void apply_derivative(const Space& instance, const std::string& label, Activation f,
                      const Vector<Space, const T>& kept, const Vector<Space, const T>& dy,
                      const Vector<Space, T>& dx) {
  with_activation(f, [&](auto function) {
    run_derivative<function()>(instance, label, dy.size(), kept.data(), dy.data(), dx.data());
  });
}

#define RIDGELINE_ADD(Space, T)                                                                \
  template void add<Space, T>(const Space&, const std::string&, const Vector<Space, const T>&, \
                              const Vector<Space, T>&);                                        \
  template void add_and_activate<Space, T>(                                                    \
      const Space&, const std::string&, Activation, const Vector<Space, const T>&,             \
      const Vector<Space, const T>&, const Vector<Space, T>&, const Vector<Space, T>&);        \
  template void apply_derivative<Space, T>(                                                    \
      const Space&, const std::string&, Activation, const Vector<Space, const T>&,             \
      const Vector<Space, const T>&, const Vector<Space, T>&);
RIDGELINE_FOR_SPACES(RIDGELINE_ADD)

}  // namespace ridgeline::kernels
