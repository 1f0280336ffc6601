#include "data/dataset.hpp"

#include <gtest/gtest.h>

#include <numeric>

namespace ridgeline {
namespace {

/// One sample of every byte, and a remainder that is not a multiple of eight.
data::Dataset bytes_dataset() {
  data::Dataset dataset;
  dataset.sample_shape = {259};
  dataset.classes = 1;
  std::vector<std::uint8_t> bytes(259);
  std::iota(bytes.begin(), bytes.end(), std::uint8_t{0});
  dataset.train.samples = 1;
  dataset.train.inputs = std::move(bytes);
  dataset.train.labels = {0};
  return dataset;
}

template <class T>
std::vector<T> gathered(const data::Dataset& dataset) {
  std::vector<T> inputs(259);
  const std::uint32_t index = 0;
  std::int32_t label = -1;
  dataset.gather(dataset.train, &index, 1, inputs.data(), &label, static_cast<T*>(nullptr));
  return inputs;
}

TEST(Gather, ScalesBytesToOneCorrectlyRounded) {
  const auto single = gathered<float>(bytes_dataset());
  const auto twice = gathered<double>(bytes_dataset());
  for (int i = 0; i < 259; ++i) {
    const auto at = static_cast<std::size_t>(i);
    EXPECT_EQ(single[at], static_cast<float>(i % 256) / 255.0f) << i;
    EXPECT_EQ(twice[at], i % 256 / 255.0) << i;
  }
}

TEST(Gather, NormalizesBytesAfterScaling) {
  data::Dataset dataset = bytes_dataset();
  dataset.normalize(config::Normalization{0.2860, 0.3530});
  const auto single = gathered<float>(dataset);
  const auto twice = gathered<double>(dataset);
  for (int i = 0; i < 259; ++i) {
    const long double exact = (i % 256 / 255.0L - 0.2860) / static_cast<long double>(0.3530);
    const auto at = static_cast<std::size_t>(i);
    EXPECT_EQ(single[at], static_cast<float>(exact)) << i;
    EXPECT_EQ(twice[at], static_cast<double>(exact)) << i;
  }
}

TEST(Gather, FollowsTheIndices) {
  data::Dataset dataset;
  dataset.sample_shape = {2};
  dataset.classes = 5;
  dataset.train.samples = 3;
  dataset.train.inputs = std::vector<double>{0, 1, 10, 11, 20, 21};
  dataset.train.labels = {4, 3, 2};
  const std::uint32_t order[] = {2, 0, 2};
  std::vector<float> inputs(6);
  std::vector<std::int32_t> labels(3);
  dataset.gather<float>(dataset.train, order, 3, inputs.data(), labels.data(), nullptr);
  EXPECT_EQ(inputs, (std::vector<float>{20, 21, 0, 1, 20, 21}));
  EXPECT_EQ(labels, (std::vector<std::int32_t>{2, 4, 2}));
}

TEST(Gather, AnAutoencodersTargetsAreItsNormalizedInputs) {
  data::Dataset dataset;
  dataset.sample_shape = dataset.target_shape = {1};
  dataset.target_is_input = true;
  dataset.train.samples = 2;
  dataset.train.inputs = std::vector<float>{3, 5};
  dataset.normalize(config::Normalization{1.0, 2.0});
  const std::uint32_t order[] = {1, 0};
  std::vector<float> inputs(2), targets(2);
  dataset.gather<float>(dataset.train, order, 2, inputs.data(), nullptr, targets.data());
  EXPECT_EQ(inputs, (std::vector<float>{2, 1}));
  EXPECT_EQ(targets, inputs);
}

TEST(Gather, AnIndexBeyondTheSplitIsAnError) {
  const data::Dataset dataset = bytes_dataset();
  std::vector<float> inputs(259);
  const std::uint32_t index = 1;
  std::int32_t label;
  EXPECT_THROW(dataset.gather<float>(dataset.train, &index, 1, inputs.data(), &label, nullptr),
               std::out_of_range);
}

}  // namespace
}  // namespace ridgeline
