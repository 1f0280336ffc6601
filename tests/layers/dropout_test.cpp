#include <gtest/gtest.h>

#include <cmath>

#include "core/launch.hpp"
#include "core/random.hpp"
#include "io/scratch.hpp"
#include "kernels/dropout/device/dropout.hpp"
#include "kernels/dropout/dropout.hpp"
#include "layers/harness.hpp"
#include "support/tally.hpp"

namespace ridgeline::layers {
namespace {

using testing::contains;
using testing::LayerHarness;
using testing::plan_of;
using testing::refusal_of;
using testing::relative_error;
using Values = std::vector<double>;

std::string keys(double rate) {
  return "kind = \"dropout\"\nrate = " + std::to_string(rate) + "\n";
}

// Returns the elements that are kept in a step, from the words of Philox at the harness's seed and
// stream.
std::vector<bool> kept(std::size_t size, double rate, std::uint64_t step) {
  std::vector<bool> keeps(size);
  for (std::size_t i = 0; i < size; ++i) {
    const std::size_t call = i / 64 * 16 + i % 16, word = i / 16 % 4;
    keeps[i] = double(Philox(7, 5, step << 32 | call).word[word]) >= std::floor(rate * 0x1.0p32);
  }
  return keeps;
}

template <class Space, class T>
void check_definition() {
  for (const double rate : {0.0, 0.1, 0.5, 0.97}) {
    for (const Shape& shape : {Shape{1}, Shape{3, 7}, Shape{64}, Shape{5, 13, 29}, Shape{20011}}) {
      const auto plan = plan_of(keys(rate), shape);
      LayerHarness<Space, T> layer(*plan, 3);
      const Values x = testing::inputs_for(layer.inputs(), 1);
      for (const std::int64_t step : {0, 1, 700000}) {
        layer.step = step;
        const std::vector<bool> keeps = kept(x.size(), rate, std::uint64_t(step));
        Values expected(x.size());
        for (std::size_t i = 0; i < x.size(); ++i) {
          expected[i] = keeps[i] ? x[i] / (1 - rate) : 0.0;
        }
        const Values y = layer.forward(x);
        EXPECT_LT(relative_error(y, expected), 1e-6) << rate;
        for (std::size_t i = 0; i < x.size(); ++i) ASSERT_EQ(y[i] != 0, keeps[i] && x[i] != 0) << i;
        // Backward drops what forward dropped.
        EXPECT_EQ(layer.backward(x, x).input, y);
      }
    }
  }
}

class DropoutLayer : public testing::Computing {};

TEST_F(DropoutLayer, FollowsPhiloxForwardAndBackwardOnEverySpace) {
#define RIDGELINE_CHECK(Space, T) check_definition<Space, T>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

template <class Space, class T>
void check_share() {
  for (const double rate : {0.1, 0.5, 0.8}) {
    const std::size_t size = 100000;
    const auto plan = plan_of(keys(rate), {size});
    LayerHarness<Space, T> layer(*plan, 1);
    const Values ones(size, 1.0);
    double sum = 0;
    for (const double value : layer.forward(ones)) sum += value;
    // Five standard deviations of the mean.
    EXPECT_NEAR(sum / double(size), 1.0, 5 * std::sqrt(rate / (1 - rate) / double(size)));
    const Values first = layer.forward(ones);
    EXPECT_EQ(layer.forward(ones), first);
    layer.step = 1;
    EXPECT_NE(layer.forward(ones), first);
  }
}

TEST_F(DropoutLayer, KeepsTheMeanAndDiffersByStepAlone) {
#define RIDGELINE_CHECK(Space, T) check_share<Space, T>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

TEST(DropoutMask, DiffersBySeedAndStream) {
  const auto words = [](std::uint64_t seed, std::uint64_t stream) {
    const kernels::DropoutMask mask(seed, stream, 0.5);
    std::vector<std::uint32_t> all;
    for (std::size_t call = 0; call < 16; ++call) {
      all.push_back(Philox(mask.seed, mask.stream, mask.counter(0, call)).word[0]);
    }
    return all;
  };
  EXPECT_NE(words(1, stream::kDropout), words(1, stream::kDropout + 1));
  EXPECT_NE(words(1, stream::kDropout), words(2, stream::kDropout));
  EXPECT_EQ(kernels::DropoutMask(1, 1, 0.0).threshold, 0u);
  EXPECT_EQ(kernels::DropoutMask(1, 1, 0.25).threshold, 1u << 30);
  EXPECT_EQ(kernels::DropoutMask(1, 1, std::nextafter(1.0, 0.0)).threshold, 0xFFFFFFFFu);
}

template <class Space, class T>
void check_inference() {
  const auto plan = plan_of(keys(0.5), {7, 301});
  LayerHarness<Space, T> layer(*plan, 3);
  const Values x = testing::inputs_for(layer.inputs(), 1);
  EXPECT_EQ(layer.forward(x, false), x);
}

TEST_F(DropoutLayer, IsTheIdentityInInference) {
#define RIDGELINE_CHECK(Space, T) check_inference<Space, T>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

// One sample.
template <class Space, class T>
void infer(const Layer& layer, const Space& instance, const Buffer<Space, T>& x,
           const Buffer<Space, T>& y) {
  const LayerMemory<Space, T> memory;
  layer.run(ForwardPass<Space, T>{instance,
                                  memory,
                                  Mode::inference,
                                  {Matrix<Space, const T>(x.data(), 1, x.size())},
                                  Matrix<Space, T>(y.data(), 1, y.size())});
}

// A network that trains evaluates too: its dropout has memory of its own and has to copy.
template <class Space, class T>
void check_evaluation() {
  const auto plan = plan_of(keys(0.5), {1001});
  const Space instance;
  const auto x = testing::on_space(instance, testing::random_values<T>(1001, 1));
  const auto y = testing::poisoned<T>(instance, 1001);
  infer<Space, T>(*plan, instance, x, y);
  instance.fence();
  EXPECT_EQ(testing::on_host(instance, y), testing::on_host(instance, x));
}

TEST_F(DropoutLayer, CopiesWhereATrainingNetworkIsEvaluated) {
#define RIDGELINE_CHECK(Space, T) check_evaluation<Space, T>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

template <class Space, class T>
void check_view() {
  const auto plan = plan_of(keys(0.5), {1001});
  EXPECT_EQ(plan->counts({Phase::forward, 3, true, false}, sizeof(T)).bytes, 0);
  const Space instance;
  const auto x = testing::on_space(instance, testing::random_values<T>(1001, 1));
  const LaunchCount before = launch_count;
  infer<Space, T>(*plan, instance, x, x);
  EXPECT_EQ(launch_count.parallel + launch_count.single, before.parallel + before.single);
}

TEST_F(DropoutLayer, DoesNothingWhereItsOutputIsItsInput) {
#define RIDGELINE_CHECK(Space, T) check_view<Space, T>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

template <class Space, class T>
void check_nan() {
  const auto plan = plan_of(keys(0.5), {130});
  LayerHarness<Space, T> layer(*plan, 1);
  for (const double y : layer.forward(Values(130, std::nan("")))) EXPECT_TRUE(std::isnan(y));
}

TEST_F(DropoutLayer, PropagatesNaN) {
#define RIDGELINE_CHECK(Space, T) check_nan<Space, T>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

TEST_F(DropoutLayer, BackwardMatchesFiniteDifferences) {
#define RIDGELINE_CHECK(Space, T) \
  if (std::is_same_v<T, double>) testing::check_gradients<Space>(*plan_of(keys(0.3), {3, 31}), 2);
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

#if defined(KOKKOS_ENABLE_OPENMP)
template <class T>
void check_device() {
  const Kokkos::OpenMP instance;
  const double rate = 0.4;
  for (const std::size_t size : {1, 63, 64, 1000, 30011}) {
    const auto plan = plan_of(keys(rate), {size});
    LayerHarness<Kokkos::OpenMP, T> layer(*plan, 1);
    layer.step = 12;
    const Values values = testing::inputs_for(size, 1);
    const auto x = testing::on_space(instance, std::vector<T>(values.begin(), values.end()));
    const auto y = testing::poisoned<T>(instance, size);
    const auto step = testing::on_space(instance, std::vector<std::int64_t>{12});
    using Kernel = kernels::DeviceDropout<MemoryOf<Kokkos::OpenMP>, T>;
    const Kernel kernel{kernels::DropoutMask(7, 5, rate), step, x, y, 0};
    launch_elements(instance, "test/dropout", kernel.calls(), kernel);
    instance.fence();
    const std::vector<T> found = testing::on_host(instance, y);
    EXPECT_EQ(Values(found.begin(), found.end()), layer.forward(values));
  }
}

// A rank's part of a batch has the bits of the whole batch's, on a host and by a device's kernel.
template <class T>
void check_parts() {
  const Kokkos::OpenMP instance;
  const kernels::DropoutMask mask(7, 5, 0.4);
  constexpr std::size_t kSize = 1000;
  const Values values = testing::inputs_for(kSize, 1);
  const std::vector<T> x(values.begin(), values.end());
  const auto step = testing::on_space(instance, std::vector<std::int64_t>{12});
  const auto run = [&](std::size_t begin, std::size_t end, bool device) {
    const auto from =
        testing::on_space(instance, std::vector<T>(x.begin() + begin, x.begin() + end));
    const auto to = testing::poisoned<T>(instance, end - begin);
    if (device) {
      const kernels::DeviceDropout<MemoryOf<Kokkos::OpenMP>, T> kernel{mask, step, from, to, begin};
      launch_elements(instance, "test/dropout", kernel.calls(), kernel);
    } else {
      kernels::dropout<Kokkos::OpenMP, T>(instance, "test/dropout", mask, step, from, to, begin);
    }
    instance.fence();
    return testing::on_host(instance, to);
  };
  const std::vector<T> whole = run(0, kSize, false);
  for (const bool device : {false, true}) {
    for (const std::size_t cut : {1, 63, 64, 65, 500, 999}) {
      std::vector<T> parts = run(0, cut, device);
      const std::vector<T> rest = run(cut, kSize, device);
      parts.insert(parts.end(), rest.begin(), rest.end());
      EXPECT_EQ(parts, whole) << cut;
    }
  }
}

TEST_F(DropoutLayer, OfAPartOfABatchIsThatOfTheWhole) {
  check_parts<float>();
  check_parts<double>();
}

TEST_F(DropoutLayer, OfADeviceGivesTheSameBitsAsAHosts) {
  check_device<float>();
  check_device<double>();
}
#endif

TEST(DropoutDescription, IsAViewWhereNothingTrainsAndKeepsNothing) {
  const auto plan = plan_of(keys(0.5), {3, 4});
  EXPECT_TRUE(plan->is_view(false));
  EXPECT_FALSE(plan->is_view(true));
  EXPECT_EQ(plan->output, (Shape{3, 4}));
  EXPECT_EQ(plan->saved(9), 0u);
  EXPECT_EQ(plan->workspace({}, 9, true), 0u);
  EXPECT_TRUE(plan->parameters().empty());
}

TEST(DropoutDescription, RefusesBadOptionsByFileLineAndKey) {
  const std::string kind = "kind = \"dropout\"\n";
  EXPECT_TRUE(contains(refusal_of(kind), "deck.toml:5: network.layer.layer.rate is missing"));
  for (const char* rate : {"1", "1.0", "-0.1", "2", "\"half\"", "nan"}) {
    EXPECT_TRUE(contains(refusal_of(kind + "rate = " + rate),
                         "deck.toml:8: network.layer.layer.rate must be"));
  }
  EXPECT_TRUE(contains(refusal_of(keys(0.5) + "p = 0.5"), "deck.toml:9: unknown key \"p\""));
}

TEST(DropoutCounts, EqualAPlainLoop) {
  using testing::Array;
  using testing::Number;
  using testing::Tally;
  const auto plan = plan_of(keys(0.5), {3, 4});
  const std::size_t batch = 5, size = 60;
  Array from(size), to(size);
  Tally::reset();
  for (std::size_t i = 0; i < size; ++i) {
    const Number random{double(i) / size};
    to.write(i, from.read(i) * (random > Number{0.5} ? Number{2} : Number{0}));
  }
  for (const Phase phase : {Phase::forward, Phase::backward}) {
    const Counts found = plan->counts({phase, batch, true}, 4);
    EXPECT_EQ(found.flops, Tally::flops);
    EXPECT_EQ(found.matrix_flops, 0);
    EXPECT_EQ(found.bytes, testing::traffic({&from, &to}) * 4);
    EXPECT_EQ(found.working_set_bytes, testing::touched({&from, &to}) * 4);
  }
  EXPECT_EQ(plan->counts({Phase::backward, batch, false}, 4).flops, 0);
  EXPECT_EQ(plan->counts({Phase::backward, batch, false}, 4).bytes, 0);
}

}  // namespace
}  // namespace ridgeline::layers
