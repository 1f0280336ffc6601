#include "kernels/embedding/embedding.hpp"

#include <gtest/gtest.h>

#include "kernels/embedding/device/embedding.hpp"
#include "support/matrices.hpp"
#include "support/runtime.hpp"

namespace ridgeline::kernels {
namespace {

using ridgeline::testing::on_host;
using ridgeline::testing::on_space;
using ridgeline::testing::poisoned;
using ridgeline::testing::random_values;

#if defined(KOKKOS_ENABLE_OPENMP)

using Space = Kokkos::OpenMP;

class EmbeddingKernel : public ridgeline::testing::Computing {};

template <class T, int Team>
void check_embedding() {
  const Space instance;
  for (const std::size_t positions : {1, 7, 16}) {
    const std::size_t vocabulary = 5, n = 3;
    std::vector<T> tokens, expected(vocabulary * n, T(0));
    for (std::size_t i = 0; i < positions; ++i) tokens.push_back(T(i * i % 4));
    const std::vector<T> dy = random_values<T>(positions * n, 2);
    for (std::size_t i = 0; i < positions * n; ++i) {
      expected[std::size_t(tokens[i / n]) * n + i % n] += dy[i];
    }
    const auto token_view = on_space(instance, tokens), output_gradient = on_space(instance, dy);
    const auto gradient = poisoned<T>(instance, vocabulary * n);
    DeviceEmbeddingGradient<Space, T, Team>{token_view, as_matrix(output_gradient, positions, n),
                                            as_matrix(gradient, vocabulary, n)}
        .launch(instance, "test/embedding");
    instance.fence();
    EXPECT_EQ(on_host(instance, gradient), expected) << positions;  // the same order of sums
  }
}

TEST_F(EmbeddingKernel, OnOpenMPTeamsSumsTheGradientsOfTokensInOrder) {
  check_embedding<float, 1>();
  check_embedding<double, 2>();
  check_embedding<float, 4>();
}

#endif

}  // namespace
}  // namespace ridgeline::kernels
