#include "network/batch_feed.hpp"

#include <gtest/gtest.h>

#include "data/shuffle.hpp"
#include "support/matrices.hpp"
#include "support/runtime.hpp"

namespace ridgeline::network {
namespace {

/// Samples of two tokens with two labels each: token t has the label t + 50.
data::Dataset tokens() {
  data::Dataset dataset;
  dataset.sample_shape = dataset.label_shape = {2};
  dataset.tokens = 14;
  dataset.classes = 64;
  dataset.train.samples = 7;
  std::vector<std::uint8_t> inputs;
  for (std::uint8_t token = 0; token < 14; ++token) {
    inputs.push_back(token);
    dataset.train.labels.push_back(token + 50);
  }
  dataset.train.inputs = inputs;
  return dataset;
}

template <class Space, class T>
void expect_labels_of_tokens() {
  const Space instance;
  const data::Dataset dataset = tokens();
  data::LoaderOptions options;
  options.batch = 3;
  options.shuffle = true;
  BatchFeed<Space, T> feed(instance, dataset, dataset.train, options);
  for (std::size_t step = 0; step < 6; ++step) {
    const auto item = feed.next();
    const std::size_t count = step % 3 == 2 ? 1 : 3;
    ASSERT_EQ(item.count, count);
    ASSERT_EQ(item.batch.inputs.extent(0), count);
    ASSERT_EQ(item.batch.inputs.extent(1), 2u);
    ASSERT_EQ(item.batch.labels.extent(0), 2 * count);
    ASSERT_EQ(item.batch.targets.extent(0), 0u);
    const auto order = data::epoch_order(7, options.seed, step / 3, true);
    std::vector<T> inputs(2 * count);
    std::vector<std::int32_t> labels(2 * count);
    Kokkos::deep_copy(instance, as_matrix(host_view(inputs.data(), 2 * count), count, 2),
                      item.batch.inputs);
    Kokkos::deep_copy(instance, host_view(labels.data(), 2 * count), item.batch.labels);
    instance.fence();
    for (std::size_t i = 0; i < 2 * count; ++i) {
      const auto token = static_cast<std::int32_t>(2 * order[3 * (step % 3) + i / 2] + i % 2);
      EXPECT_EQ(inputs[i], static_cast<T>(token));
      EXPECT_EQ(labels[i], token + 50);
    }
  }
}

class Feed : public testing::Computing {};

TEST_F(Feed, HasALabelForEveryToken) {
#define RIDGELINE_CHECK(Space, T) expect_labels_of_tokens<Space, T>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

}  // namespace
}  // namespace ridgeline::network
