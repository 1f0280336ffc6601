#include "network/generate.hpp"

#include <algorithm>
#include <cmath>

#include "core/random.hpp"

namespace ridgeline::network {

template <class T>
std::int32_t draw(const T* logits, std::size_t count, double temperature, double uniform) {
  const std::size_t best =
      static_cast<std::size_t>(std::max_element(logits, logits + count) - logits);
  if (!(temperature > 0)) return static_cast<std::int32_t>(best);
  std::vector<double> weights(count);
  double sum = 0;
  for (std::size_t i = 0; i < count; ++i) {
    weights[i] = std::exp((double(logits[i]) - double(logits[best])) / temperature);
    sum += weights[i];
  }
  double remaining = uniform * sum;
  for (std::size_t i = 0; i < count; ++i) {
    remaining -= weights[i];
    if (remaining < 0) return static_cast<std::int32_t>(i);
  }
  return static_cast<std::int32_t>(best);  // reached only because of rounding
}

template <class Space, class T>
void generate(Network<Space, T>& network, const std::vector<std::int32_t>& prompt,
              const GenerateOptions& options, const std::function<void(std::int32_t)>& emit) {
  const Space& instance = network.instance();
  const std::size_t length = network.plan().input_size();
  const std::size_t vocabulary = network.plan().layers.back()->output.back();
  // Logits beyond the vocabulary belong to no character, but a generated token is an input again.
  std::size_t characters = std::min(vocabulary, network.plan().token_limit());
  if (network.plan().sample.vocabulary > 0) {
    characters = std::min(characters, network.plan().sample.vocabulary);
  }
  std::vector<std::int32_t> seen = prompt;
  const auto inputs = allocate<T>(instance, "network/inputs", length);
  const auto tokens = Kokkos::create_mirror_view(inputs);
  std::vector<T> logits(vocabulary);
  const auto host = host_view(logits.data(), vocabulary);
  for (std::size_t drawn = 0; drawn < options.length; ++drawn) {
    // Tokens behind the last one do not affect a causal network, but must be valid.
    const std::size_t used = std::min(seen.size(), length);
    for (std::size_t i = 0; i < length; ++i) {
      tokens(i) = i < used ? static_cast<T>(seen[seen.size() - used + i]) : T(0);
    }
    Kokkos::deep_copy(instance, inputs, tokens);
    const Matrix<Space, const T> y =
        network.forward(matrix_at<Space, const T>(inputs.data(), 1, length));
    const auto last = vector_at<Space, const T>(y.data() + (used - 1) * vocabulary, vocabulary);
    Kokkos::deep_copy(instance, host, last);
    network.wait();
    const Philox random(options.seed, stream::kGenerate, drawn);
    seen.push_back(draw(logits.data(), characters, options.temperature, random.uniform(0)));
    emit(seen.back());
  }
}

template std::int32_t draw<float>(const float*, std::size_t, double, double);
template std::int32_t draw<double>(const double*, std::size_t, double, double);
#define RIDGELINE_GENERATE(Space, T)                                                     \
  template void generate<Space, T>(Network<Space, T>&, const std::vector<std::int32_t>&, \
                                   const GenerateOptions&,                               \
                                   const std::function<void(std::int32_t)>&);
RIDGELINE_FOR_SPACES(RIDGELINE_GENERATE)

}  // namespace ridgeline::network
