#include "kernels/sgd.hpp"

namespace ridgeline::kernels {

template <class Space, class T>
void sgd(const Space& instance, const std::string& label, const SgdOptions& options,
         const Vector<Space, const double>& rate, const Vector<Space, T>& p,
         const Vector<Space, const T>& g, const Vector<Space, T>& v) {
  const std::size_t size = p.size();
  const T momentum = static_cast<T>(options.momentum);
  const T decay = static_cast<T>(options.weight_decay);
  const bool nesterov = options.nesterov;
  const double* rate_now = rate.data();
  T* parameter = p.data();
  const T* gradient = g.data();
  T* velocity = v.size() > 0 ? v.data() : nullptr;  // a View of no elements may have memory
  const Cost cost{6.0 * size, (velocity ? 5.0 : 3.0) * sizeof(T) * size};
  if (velocity) {
    for_elements(
        instance, label, size, cost, KOKKOS_LAMBDA(std::size_t i) {
          const T step = gradient[i] + decay * parameter[i];
          const T now = momentum * velocity[i] + step;
          velocity[i] = now;
          parameter[i] -= static_cast<T>(*rate_now) * (nesterov ? step + momentum * now : now);
        });
  } else {
    for_elements(
        instance, label, size, cost, KOKKOS_LAMBDA(std::size_t i) {
          parameter[i] -= static_cast<T>(*rate_now) * (gradient[i] + decay * parameter[i]);
        });
  }
}

#define RIDGELINE_SGD(Space, T)                                                            \
  template void sgd<Space, T>(const Space&, const std::string&, const SgdOptions&,         \
                              const Vector<Space, const double>&, const Vector<Space, T>&, \
                              const Vector<Space, const T>&, const Vector<Space, T>&);
RIDGELINE_FOR_SPACES(RIDGELINE_SGD)

}  // namespace ridgeline::kernels
