#include "network/generate.hpp"

#include <gtest/gtest.h>

#include "network/networks.hpp"

namespace ridgeline::network {
namespace {

TEST(Draw, TakesTheMostLikelyAtTemperatureZero) {
  const std::vector<float> logits = {0.5f, 2.0f, 2.0f, -1.0f};
  for (const double uniform : {0.0, 0.5, 0.999}) {
    EXPECT_EQ(draw(logits.data(), logits.size(), 0.0, uniform), 1);
  }
}

TEST(Draw, FollowsTheSoftmaxAtATemperature) {
  const std::vector<double> logits = {1.0, 3.0, 2.0};
  for (const double temperature : {0.5, 1.0, 2.0}) {
    double sum = 0, below = 0;
    for (const double z : logits) sum += std::exp(z / temperature);
    // The boundaries between tokens, from both sides.
    for (std::size_t i = 0; i < 3; ++i) {
      const double p = std::exp(logits[i] / temperature) / sum;
      EXPECT_EQ(draw(logits.data(), 3, temperature, below + 1e-9), std::int32_t(i));
      EXPECT_EQ(draw(logits.data(), 3, temperature, below + p - 1e-9), std::int32_t(i));
      below += p;
    }
  }
}

// A network with known next tokens: an embedding whose rows are the logits of their
// successors.
template <class Space, class T>
void check_generate() {
  const config::Deck deck =
      testing::deck_of("[[network.layer]]\nkind = \"embedding\"\nvocabulary = 5\nfeatures = 5\n",
                       {"network.precision=float32"});
  SampleShape sample;
  sample.input = {3};
  sample.has_targets = false;
  sample.tokens = true;
  const auto plan = std::make_shared<NetworkPlan>(deck, sample);
  Network<Space, T> network(Space(), plan, {});
  std::vector<T> weights(plan->parameter_buffer_size, T(0));
  for (std::size_t token = 0; token < 5; ++token) weights[token * 5 + (token + 2) % 5] = T(50);
  network.write_parameters(weights);
  for (const std::vector<std::int32_t>& prompt :
       {std::vector<std::int32_t>{1}, {4, 1}, {0, 2, 4, 1}, {3, 3, 3, 3, 3, 3, 1}}) {
    for (const double temperature : {0.0, 1.0}) {
      std::vector<std::int32_t> drawn;
      GenerateOptions options;
      options.length = 7;
      options.temperature = temperature;
      generate<Space, T>(network, prompt, options,
                         [&](std::int32_t token) { drawn.push_back(token); });
      EXPECT_EQ(drawn, (std::vector<std::int32_t>{3, 0, 2, 4, 1, 3, 0}));
    }
  }
  // Equal logits: the seed decides.
  network.write_parameters(std::vector<T>(plan->parameter_buffer_size, T(0)));
  const auto text = [&](std::uint64_t seed) {
    std::vector<std::int32_t> drawn;
    GenerateOptions options;
    options.length = 40;
    options.seed = seed;
    generate<Space, T>(network, {1}, options, [&](std::int32_t token) { drawn.push_back(token); });
    return drawn;
  };
  EXPECT_EQ(text(1), text(1));
  EXPECT_NE(text(1), text(2));
}

class Generation : public testing::Computing {};

TEST_F(Generation, DrawsEachTokenFromWhatTheNetworkSaysAtTheLast) {
#define RIDGELINE_CHECK(Space, T) check_generate<Space, T>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

}  // namespace
}  // namespace ridgeline::network
