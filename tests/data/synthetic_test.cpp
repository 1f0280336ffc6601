#include "data/synthetic.hpp"

#include <algorithm>
#include <cmath>

#include "core/random.hpp"
#include "data/files.hpp"

namespace ridgeline {
namespace {

using testing::data_options;

data::Dataset make(const std::string& lines) {
  return data::make_synthetic(data_options("kind = 'synthetic'\n" + lines, "cross_entropy"));
}

const std::vector<float>& inputs_of(const data::Split& split) {
  return std::get<std::vector<float>>(split.inputs);
}

/// Accuracy on the test set of softmax regression after `epochs` of plain gradient descent, one
/// step per sample. With `hidden` > 0, inputs first pass a fixed random layer of that many relu
/// units.
double softmax_accuracy(const data::Dataset& dataset, std::size_t hidden, int epochs) {
  const std::size_t size = dataset.sample_size(), classes = dataset.classes;
  const std::size_t features = hidden > 0 ? hidden : size;
  std::vector<double> first(size * hidden), last(features * classes, 0.0), x(features), z(classes);
  for (std::size_t i = 0; i < first.size(); ++i) {
    first[i] = Philox(1, stream::kProbe, i).normal() / std::sqrt(static_cast<double>(size));
  }
  const auto predict = [&](const float* sample) {
    for (std::size_t f = 0; f < features; ++f) {
      if (hidden == 0) {
        x[f] = sample[f];
        continue;
      }
      double sum = 0.0;
      for (std::size_t k = 0; k < size; ++k) sum += first[f * size + k] * sample[k];
      x[f] = std::max(sum, 0.0);
    }
    std::fill(z.begin(), z.end(), 0.0);
    for (std::size_t f = 0; f < features; ++f) {
      for (std::size_t c = 0; c < classes; ++c) z[c] += x[f] * last[f * classes + c];
    }
    return std::max_element(z.begin(), z.end()) - z.begin();
  };
  for (std::size_t step = 0; step < static_cast<std::size_t>(epochs) * dataset.train.samples;
       ++step) {
    const std::size_t i = step % dataset.train.samples;
    const double largest =
        z[static_cast<std::size_t>(predict(&inputs_of(dataset.train)[i * size]))];
    double sum = 0.0;
    for (double& value : z) sum += value = std::exp(value - largest);
    for (std::size_t c = 0; c < classes; ++c) {
      const double target = dataset.train.labels[i] == static_cast<std::int32_t>(c) ? 1.0 : 0.0;
      for (std::size_t f = 0; f < features; ++f) {
        last[f * classes + c] += 0.01 * x[f] * (target - z[c] / sum);
      }
    }
  }
  std::size_t right = 0;
  for (std::size_t i = 0; i < dataset.test.samples; ++i) {
    right += predict(&inputs_of(dataset.test)[i * size]) == dataset.test.labels[i] ? 1 : 0;
  }
  return static_cast<double>(right) / static_cast<double>(dataset.test.samples);
}

TEST(Synthetic, HasTheShapeClassesAndSizesThatWereAsked) {
  const data::Dataset dataset = make("shape = [3, 4]\nclasses = 5\nsamples = 103");
  EXPECT_EQ(dataset.sample_shape, (Shape{3, 4}));
  EXPECT_EQ(dataset.classes, 5u);
  EXPECT_EQ(dataset.train.samples, 103u);
  EXPECT_EQ(dataset.test.samples, 20u);
  EXPECT_EQ(inputs_of(dataset.train).size(), 103u * 12);
  EXPECT_EQ(dataset.train.labels.size(), 103u);
  for (std::size_t i = 0; i < 103; ++i) {
    EXPECT_GE(dataset.train.labels[i], 0);
    EXPECT_LT(dataset.train.labels[i], 5);
  }
}

TEST(Synthetic, ByDefaultIsTheContracts) {
  const auto options = data_options("kind = 'synthetic'", "cross_entropy");
  EXPECT_EQ(options.shape, Shape{784});
  EXPECT_EQ(options.classes, 10);
  EXPECT_EQ(options.samples, 10000);
}

TEST(Synthetic, IsTheSameForTheSameSeedAndPinned) {
  const std::string lines = "shape = [7]\nclasses = 3\nsamples = 20\nseed = ";
  const data::Dataset one = make(lines + "5"), same = make(lines + "5"), other = make(lines + "6");
  EXPECT_EQ(inputs_of(one.train), inputs_of(same.train));
  EXPECT_EQ(inputs_of(one.test), inputs_of(same.test));
  EXPECT_NE(inputs_of(one.train), inputs_of(other.train));
  EXPECT_FLOAT_EQ(inputs_of(one.train)[0], -0.448433697f);
  EXPECT_FLOAT_EQ(inputs_of(one.train)[139], -0.334105223f);
  EXPECT_FLOAT_EQ(inputs_of(one.test)[27], -0.431167126f);
}

TEST(Synthetic, TestSamplesAreNotTrainingSamples) {
  const data::Dataset dataset = make("shape = [7]\nclasses = 3\nsamples = 20");
  for (std::size_t k = 0; k < 7; ++k) {
    EXPECT_NE(inputs_of(dataset.train)[k], inputs_of(dataset.test)[k]);
  }
}

TEST(Synthetic, ValuesHaveMeanZeroAndVarianceOne) {
  const data::Dataset dataset = make("samples = 500");
  double sum = 0.0, squares = 0.0;
  for (const float x : inputs_of(dataset.train)) {
    sum += x;
    squares += static_cast<double>(x) * x;
  }
  const auto count = static_cast<double>(inputs_of(dataset.train).size());
  EXPECT_NEAR(sum / count, 0.0, 0.02);
  EXPECT_NEAR(squares / count, 1.0, 0.02);
}

TEST(Synthetic, NeedsAHiddenLayerAndIsLearntWithOne) {
  const data::Dataset dataset = make("shape = [16]\nclasses = 4\nsamples = 3000");
  EXPECT_LT(softmax_accuracy(dataset, 0, 5), 0.65);
  EXPECT_GT(softmax_accuracy(dataset, 200, 5), 0.95);
}

TEST(Synthetic, OfAnAutoencoderHasNoLabels) {
  const data::Dataset dataset =
      data::make_synthetic(data_options("kind = 'synthetic'\ntarget = 'input'\nshape = [2]"));
  EXPECT_FALSE(dataset.has_labels());
  EXPECT_EQ(dataset.target_shape, Shape{2});
}

TEST(Synthetic, WhatDoesNotFitIntoMemoryIsRefusedFirst) {
  EXPECT_TRUE(testing::contains(
      testing::error_of([] { make("shape = [16777216]\nsamples = 2000000000"); }),
      "deck.toml:4: 2000000000 samples and 10 classes of shape [16777216] do not fit"));
}

}  // namespace
}  // namespace ridgeline
