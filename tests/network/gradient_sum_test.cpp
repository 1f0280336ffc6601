#include "network/gradient_sum.hpp"

#include <gtest/gtest.h>

#include "network/networks.hpp"
#include "support/ranks.hpp"

namespace ridgeline::network {
namespace {

using Serial = Kokkos::Serial;

// Two ranks of which both have the same gradients: a sum is complete when it begins.
class TwoEqualRanks : public testing::FirstRank {
 public:
  mutable std::vector<std::size_t> sums;  // the scalars of each sum that began

  TwoEqualRanks() : FirstRank(2) {}
  std::unique_ptr<parallel::PendingSum> begin_sum(double* values,
                                                  std::size_t count) const override {
    for (std::size_t i = 0; i < count; ++i) values[i] *= 2;
    sums.push_back(count);
    return parallel::one_rank()->begin_sum(values, count);
  }
};

class GradientSums : public testing::Computing {};

// With branches too, whose backward passes are in another order than the buffer.
TEST_F(GradientSums, HaveEveryGradientOnceForEverySizeOfABucket) {
  const Serial instance;
  for (const std::string& layers : {testing::kPerceptron, testing::kMixed, testing::kResidual}) {
    const auto plan = testing::plan_of(testing::deck_of(layers));
    for (const std::size_t bucket : {std::size_t{1}, std::size_t{1024}, kBucketBytes}) {
      const auto gradients = allocate<double>(instance, "test/gradients", plan->trained_size + 1);
      const auto ranks = std::make_shared<const TwoEqualRanks>();
      GradientSum<Serial, double> sum(instance, *plan,
                                      vector_at<Serial, double>(gradients.data(), gradients.size()),
                                      ranks, bucket);
      for (int step = 0; step < 2; ++step) {
        ranks->sums.clear();
        Kokkos::deep_copy(gradients, 1);
        sum.begin();
        for (const BackwardStep& backward : plan->graph.backward) sum.layer_done(backward.layer);
        sum.finish();
        for (std::size_t i = 0; i < gradients.size(); ++i) EXPECT_EQ(gradients(i), 2) << i;
      }
      std::size_t all = 0;
      for (std::size_t i = 0; i < ranks->sums.size(); ++i) {
        all += ranks->sums[i];
        if (i + 1 < ranks->sums.size()) {
          EXPECT_GE(ranks->sums[i] * sizeof(double), bucket);
        }
      }
      EXPECT_EQ(all, plan->trained_size + 1);
      if (bucket == 1) {
        EXPECT_GT(ranks->sums.size(), 1u);
      }
      if (bucket == kBucketBytes) {
        EXPECT_EQ(ranks->sums.size(), 1u);
      }
      EXPECT_EQ(sum.times().steps, 2u);
    }
  }
}

// A layer's sum begins only once its gradients are complete.
TEST_F(GradientSums, BeginInTheOrderOfTheBackwardPasses) {
  const Serial instance;
  const auto plan = testing::plan_of(testing::deck_of(testing::kPerceptron));
  const auto gradients = allocate<double>(instance, "test/gradients", plan->trained_size + 1);
  const auto ranks = std::make_shared<const TwoEqualRanks>();
  GradientSum<Serial, double> sum(
      instance, *plan, vector_at<Serial, double>(gradients.data(), gradients.size()), ranks, 1);
  sum.begin();
  EXPECT_TRUE(ranks->sums.empty());
  std::size_t begun = 0;
  for (const BackwardStep& step : plan->graph.backward) {
    sum.layer_done(step.layer);
    const bool trained = !plan->layers[step.layer]->parameters().empty();
    begun += trained ? 1 : 0;
    EXPECT_EQ(ranks->sums.size(), begun);
  }
  sum.finish();
}

}  // namespace
}  // namespace ridgeline::network
