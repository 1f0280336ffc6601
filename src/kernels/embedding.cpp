#include "kernels/embedding.hpp"

#include <algorithm>

#include "kernels/device_embedding.hpp"

namespace ridgeline::kernels {
namespace {

// A host's blocks: parts of the features, whole lines of memory wide, times parts of the
// vocabulary, so that large tables are cleared by several threads.
struct Blocks {
  std::size_t features, parts;

  Blocks(std::size_t vocabulary, std::size_t all_features) {
    constexpr std::size_t kFeatures = 32, kElements = 1 << 16, kMostParts = 16;
    features = std::min(all_features, kFeatures);
    parts = std::clamp<std::size_t>(vocabulary * features / kElements, 1, kMostParts);
  }
};

// Apart from its caller: nvcc takes no device lambda inside `if constexpr`.
template <class Space, class T>
void device_embedding(const Space& instance, const std::string& label, std::size_t positions,
                      std::size_t vocabulary, std::size_t features, const T* token, const T* from,
                      T* to, const Cost& cost) {
  for_elements(
      instance, label, positions * features, cost, KOKKOS_LAMBDA(std::size_t i) {
        to[i] = from[row_of_token(token[i / features], vocabulary) * features + i % features];
      });
}

}  // namespace

template <class Space, class T>
void embedding(const Space& instance, const std::string& label,
               const Vector<Space, const T>& tokens, const Matrix<Space, const T>& weight,
               const Matrix<Space, T>& y) {
  const std::size_t positions = tokens.extent(0), features = weight.extent(1);
  const std::size_t vocabulary = weight.extent(0);
  const T* token = tokens.data();
  const T* from = weight.data();
  T* to = y.data();
  const Cost cost{0, 2.0 * sizeof(T) * positions * features};
  if constexpr (kIsHost<Space>) {
    const std::size_t per_block = std::max<std::size_t>(1, 4096 / features);
    const int blocks = static_cast<int>((positions + per_block - 1) / per_block);
    for_blocks(instance, label, blocks, cost, [=](int block) {
      const std::size_t begin = block * per_block, end = std::min(positions, begin + per_block);
      for (std::size_t i = begin; i < end; ++i) {
        std::copy_n(from + row_of_token(token[i], vocabulary) * features, features,
                    to + i * features);
      }
    });
  } else {
    device_embedding(instance, label, positions, vocabulary, features, token, from, to, cost);
  }
}

template <class Space, class T>
void embedding_gradient(const Space& instance, const std::string& label,
                        const Vector<Space, const T>& tokens, const Matrix<Space, const T>& dy,
                        const Matrix<Space, T>& weight_gradient) {
  const std::size_t positions = tokens.extent(0), features = weight_gradient.extent(1);
  const std::size_t vocabulary = weight_gradient.extent(0);
  const T* token = tokens.data();
  const T* from = dy.data();
  T* to = weight_gradient.data();
  if constexpr (kIsHost<Space>) {
    const Blocks cut(vocabulary, features);
    const std::size_t columns = (features + cut.features - 1) / cut.features;
    const double moved = double(vocabulary) * features + 2.0 * positions * features;
    for_blocks(instance, label, static_cast<int>(columns * cut.parts),
               {double(positions) * features, moved * sizeof(T)}, [=](int block) {
                 const std::size_t part = block / columns;
                 const std::size_t f0 = block % columns * cut.features;
                 const std::size_t width = std::min(features - f0, cut.features);
                 const std::size_t v0 = vocabulary * part / cut.parts;
                 const std::size_t v1 = vocabulary * (part + 1) / cut.parts;
                 for (std::size_t v = v0; v < v1; ++v)
                   std::fill_n(to + v * features + f0, width, T(0));
                 for (std::size_t i = 0; i < positions; ++i) {
                   const std::size_t v = row_of_token(token[i], vocabulary);
                   if (v < v0 || v >= v1) continue;
                   const T* slope = from + i * features + f0;
                   T* sum = to + v * features + f0;
                   for (std::size_t f = 0; f < width; ++f) sum[f] += slope[f];
                 }
               });
  } else {
    DeviceEmbeddingGradient<Space, T, 128>{token, from, to, positions, vocabulary, features}.launch(
        instance, label);
  }
}

#define RIDGELINE_EMBEDDING(Space, T)                                                             \
  template void embedding<Space, T>(const Space&, const std::string&,                             \
                                    const Vector<Space, const T>&, const Matrix<Space, const T>&, \
                                    const Matrix<Space, T>&);                                     \
  template void embedding_gradient<Space, T>(                                                     \
      const Space&, const std::string&, const Vector<Space, const T>&,                            \
      const Matrix<Space, const T>&, const Matrix<Space, T>&);
RIDGELINE_FOR_SPACES(RIDGELINE_EMBEDDING)

}  // namespace ridgeline::kernels
