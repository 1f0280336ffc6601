#include "kernels/add.hpp"

namespace ridgeline::kernels {

template <class Space, class T>
void add(const Space& instance, const std::string& label, const Matrix<Space, const T>& a,
         const Matrix<Space, const T>& b, const Matrix<Space, T>& sum) {
  const std::size_t size = sum.size();
  const T* first = a.data();
  const T* second = b.data();
  T* to = sum.data();
  for_elements(
      instance, label, size, {double(size), 3.0 * sizeof(T) * size},
      KOKKOS_LAMBDA(std::size_t i) { to[i] = first[i] + second[i]; });
}

#define RIDGELINE_ADD(Space, T)                                                                \
  template void add<Space, T>(const Space&, const std::string&, const Matrix<Space, const T>&, \
                              const Matrix<Space, const T>&, const Matrix<Space, T>&);
RIDGELINE_FOR_SPACES(RIDGELINE_ADD)

}  // namespace ridgeline::kernels
