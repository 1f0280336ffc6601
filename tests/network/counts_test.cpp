#include <gtest/gtest.h>

#include "network/networks.hpp"
#include "support/tally.hpp"

// Counts of losses and optimizers, compared with plain loops that count, and of whole steps.

namespace ridgeline::network {
namespace {

using layers::Counts;
using layers::Phase;
using testing::Array;
using testing::counted;
using testing::deck_of;
using testing::Number;
using testing::plan_of;
using testing::Tally;

const StepPart& part_of(const std::vector<StepPart>& parts, const std::string& layer) {
  return *std::find_if(parts.begin(), parts.end(),
                       [&](const StepPart& part) { return part.layer == layer; });
}

Counts counts_of(const NetworkPlan& plan, const std::string& layer, std::size_t batch,
                 std::size_t scalar_bytes) {
  const std::vector<StepPart> parts = plan.parts(true);
  return plan.counts(part_of(parts, layer), batch, scalar_bytes);
}

// Loss and gradient of one row of logits.
void cross_entropy_row(Array& z, Array& gradient, std::size_t row, std::size_t classes,
                       bool smoothed) {
  const std::size_t first = row * classes;
  Number largest{-1e300}, sum, total;
  for (std::size_t c = 0; c < classes; ++c) {
    const Number logit = z.read(first + c);
    if (logit > largest) largest = logit;
  }
  Number expected = z.read(first) - largest;
  std::vector<Number> e;
  for (std::size_t c = 0; c < classes; ++c) {
    const Number difference = z.read(first + c) - largest;
    if (smoothed) total = total + difference;
    e.push_back(exp(difference));
    sum = sum + e.back();
  }
  if (smoothed) expected = Number{0.9} * expected + Number{0.1} * total / Number{double(classes)};
  const Number loss = log(sum) - expected;
  EXPECT_FALSE(std::isnan(loss.value));
  const Number factor =
      Number{0.25} / sum;  // one over the batch, divided by the sum of the exponentials
  const Number q{0.01};    // of the smoothed label, over the batch
  for (std::size_t c = 0; c < classes; ++c) gradient.write(first + c, e[c] * factor - q);
}

TEST(LossCounts, OfCrossEntropyEqualAPlainLoop) {
  for (const std::string smoothing : {"0.0", "0.1"}) {
    const auto plan =
        plan_of(deck_of(testing::kPerceptron, {"train.label_smoothing=" + smoothing}));
    const std::size_t batch = 7, classes = 5;
    Array z(batch * classes), gradient(batch * classes);
    Tally::reset();
    for (std::size_t row = 0; row < batch; ++row) {
      cross_entropy_row(z, gradient, row, classes, smoothing != "0.0");
    }
    for (const std::size_t scalar : {4, 8}) {
      const Counts counts = counts_of(*plan, "loss", batch, scalar);
      EXPECT_EQ(counts.flops, Tally::flops) << smoothing;
      EXPECT_EQ(counts.matrix_flops, 0);
      const double bytes = testing::traffic({&z, &gradient}) * double(scalar) + 4.0 * batch;
      EXPECT_EQ(counts.bytes, bytes);
      EXPECT_EQ(counts.working_set_bytes, bytes);
    }
  }
}

TEST(LossCounts, OfMseEqualAPlainLoop) {
  std::vector<std::string> sets = testing::kAutoencoder;
  sets.emplace_back("network.layer.3.units=12");
  const auto plan = plan_of(deck_of(testing::kPerceptron, sets));
  const std::size_t batch = 7, columns = 12;
  Array y(batch * columns), t(batch * columns), gradient(batch * columns);
  Tally::reset();
  for (std::size_t row = 0; row < batch; ++row) {
    Number sum;
    for (std::size_t i = row * columns; i < (row + 1) * columns; ++i) {
      const Number difference = y.read(i) - t.read(i);
      sum = sum + difference * difference;
      gradient.write(i, Number{0.1} * difference);
    }
    const Number mean = sum / Number{double(columns)};
    EXPECT_FALSE(std::isnan(mean.value));
  }
  const Counts counts = counts_of(*plan, "loss", batch, 4);
  EXPECT_EQ(counts.flops, Tally::flops);
  EXPECT_EQ(counts.bytes, testing::traffic({&y, &t, &gradient}) * 4);
  EXPECT_EQ(counts.working_set_bytes, testing::touched({&y, &t, &gradient}) * 4);
}

TEST(OptimizerCounts, OfSgdEqualAPlainLoopInEveryOption) {
  for (const double momentum : {0.0, 0.9}) {
    for (const double decay : {0.0, 0.01}) {
      for (const bool nesterov : {false, true}) {
        if (nesterov && momentum == 0) continue;
        const std::string sgd = "train.optimizer.";
        const auto plan =
            plan_of(deck_of(testing::kMixed, {sgd + "momentum=" + std::to_string(momentum),
                                              sgd + "weight_decay=" + std::to_string(decay),
                                              sgd + "nesterov=" + (nesterov ? "true" : "false")}));
        const std::size_t size = plan->parameter_count();
        Array p(size), g(size), v(size);
        Tally::reset();
        for (std::size_t i = 0; i < size; ++i) {
          Number step = g.read(i);
          if (decay != 0) step = step + Number{decay} * p.read(i);
          if (momentum != 0) {
            const Number now = Number{momentum} * v.read(i) + step;
            v.write(i, now);
            step = nesterov ? step + Number{momentum} * now : now;
          }
          p.write(i, p.read(i) - Number{0.1} * step);
        }
        const Counts counts = counts_of(*plan, "optimizer", 16, 8);
        EXPECT_EQ(counts.flops, Tally::flops);
        EXPECT_EQ(counts.matrix_flops, 0);
        EXPECT_EQ(counts.bytes, testing::traffic({&p, &g, &v}) * 8);
        EXPECT_EQ(counts.working_set_bytes, testing::touched({&p, &g, &v}) * 8);
      }
    }
  }
}

// One parameter's update by Adam, AdamW or RMSprop, by their documentation.
void adaptive_update(const std::string& kind, bool decay, bool momentum, bool clipped, Array& p,
                     Array& g, Array& first, Array& second, std::size_t i) {
  Number gradient = g.read(i), parameter = p.read(i);
  if (clipped) gradient = gradient * Number{0.5};
  if (decay && kind != "adamw") gradient = gradient + Number{0.01} * parameter;
  if (decay && kind == "adamw") parameter = parameter - Number{0.001} * parameter;
  if (kind == "rmsprop") {
    const Number v = Number{0.99} * first.read(i) + Number{0.01} * (gradient * gradient);
    first.write(i, v);
    Number move = gradient / (sqrt(v) + Number{1e-8});
    if (momentum) {
      move = move + Number{0.9} * second.read(i);
      second.write(i, move);
    }
    p.write(i, parameter - Number{0.1} * move);
    return;
  }
  const Number m = Number{0.9} * first.read(i) + Number{0.1} * gradient;
  const Number v = Number{0.999} * second.read(i) + Number{0.001} * (gradient * gradient);
  first.write(i, m);
  second.write(i, v);
  const Number root = sqrt(v) * Number{1.5} + Number{1e-8};
  p.write(i, parameter - Number{0.1} * (m / root));
}

TEST(OptimizerCounts, OfTheAdaptiveOnesEqualAPlainLoop) {
  for (const std::string kind : {"adam", "adamw", "rmsprop"}) {
    for (const bool decay : {false, true}) {
      for (const bool momentum : {false, true}) {
        if (momentum && kind != "rmsprop") continue;
        for (const bool clipped : {false, true}) {
          std::vector<std::string> sets = {
              "train.optimizer={ kind = \"" + kind + "\", learning_rate = 0.1, weight_decay = " +
              (decay ? "0.01" : "0.0") + (momentum ? ", momentum = 0.9 }" : " }")};
          if (clipped) sets.emplace_back("train.clip_norm=1.0");
          const auto plan = plan_of(deck_of(testing::kMixed, sets));
          const std::size_t size = plan->parameter_count();
          Array p(size), g(size), first(size), second(size), read_for_the_norm(size);
          Tally::reset();
          Number squares;
          for (std::size_t i = 0; clipped && i < size; ++i) {
            const Number value = read_for_the_norm.read(i);
            squares = squares + value * value;
          }
          for (std::size_t i = 0; i < size; ++i) {
            adaptive_update(kind, decay, momentum, clipped, p, g, first, second, i);
          }
          const Counts counts = counts_of(*plan, "optimizer", 16, 4);
          EXPECT_EQ(counts.flops, Tally::flops) << kind << decay << momentum << clipped;
          EXPECT_EQ(counts.bytes,
                    testing::traffic({&p, &g, &first, &second, &read_for_the_norm}) * 4)
              << kind;
          EXPECT_EQ(counts.working_set_bytes, testing::touched({&p, &g, &first, &second}) * 4);
        }
      }
    }
  }
}

TEST(LossCounts, OfBinaryCrossEntropyEqualAPlainLoop) {
  config::Deck deck = deck_of(testing::kPerceptron, {"network.layer.3.units=12"});
  SampleShape sample;
  sample.input = {3, 4};
  sample.target = {12};
  deck.train.loss = config::Loss::binary_cross_entropy;
  const NetworkPlan plan(deck, sample);
  const std::size_t batch = 7, columns = 12;
  Array z(batch * columns), t(batch * columns), gradient(batch * columns);
  Tally::reset();
  for (std::size_t row = 0; row < batch; ++row) {
    Number sum;
    for (std::size_t i = row * columns; i < (row + 1) * columns; ++i) {
      const Number logit = z.read(i), target_value = t.read(i);
      const Number positive = logit > Number{0} ? logit : Number{0};
      const Number magnitude = counted(std::abs(logit.value));
      const Number e = exp(-magnitude), one_more = Number{1} + e;
      sum = sum + (positive - logit * target_value + log(one_more));
      // σ(z) is 1 or e over 1 + e, depending on the sign, which is known.
      gradient.write(i, (e / one_more - target_value) * Number{0.1});
    }
    const Number mean = sum / Number{double(columns)};
    EXPECT_FALSE(std::isnan(mean.value));
  }
  const Counts counts = counts_of(plan, "loss", batch, 4);
  EXPECT_EQ(counts.flops, Tally::flops);
  EXPECT_EQ(counts.bytes, testing::traffic({&z, &t, &gradient}) * 4);
}

TEST(LossCounts, AreThoseOfAsManyRowsAsThereAreLabels) {
  const config::Deck deck = deck_of("[[network.layer]]\nkind = \"dense\"\nunits = 5\n");
  SampleShape sample;
  sample.input = {3, 4};
  sample.classes = 5;
  sample.target = {3};
  const NetworkPlan tokens(deck, sample);
  sample.input = {1, 4};
  sample.target = {1};
  const NetworkPlan one(deck, sample);
  EXPECT_EQ(tokens.loss_rows(), 3u);
  EXPECT_EQ(counts_of(tokens, "loss", 7, 4).flops, counts_of(one, "loss", 21, 4).flops);
  EXPECT_EQ(counts_of(tokens, "loss", 7, 4).bytes, counts_of(one, "loss", 21, 4).bytes);
}

TEST(StepCounts, AreTheSumsOfTheirParts) {
  const auto plan = plan_of(deck_of(testing::kMixed));
  for (const bool training : {true, false}) {
    double flops = 0, matrix_flops = 0, bytes = 0;
    for (const StepPart& part : plan->parts(training)) {
      const Counts counts = plan->counts(part, 16, 4);
      flops += counts.flops;
      matrix_flops += counts.matrix_flops;
      bytes += counts.bytes;
    }
    const Counts total = plan->step_counts(training, 16, 4);
    EXPECT_EQ(total.flops, flops);
    EXPECT_EQ(total.matrix_flops, matrix_flops);
    EXPECT_EQ(total.bytes, bytes);
  }
  // Products of the first layer leave out the input's gradient.
  const double first = 16 * 3.0 * 4 * 6, narrow = 16 * 18.0 * 9, last = 16 * 9.0 * 5;
  EXPECT_EQ(plan->step_counts(false, 16, 4).matrix_flops, 2 * (first + narrow + last));
  EXPECT_EQ(plan->step_counts(true, 16, 4).matrix_flops, 4 * first + 6 * (narrow + last));
}

TEST(StepCounts, WorkingSetIsEveryParameterAndActivationOnce) {
  const auto plan = plan_of(deck_of(testing::kMixed));
  // Input, the layers' outputs except the view, and parameters with gradients.
  const double activations = 16 * (12 + 18 + 18 + 9 + 9 + 5);
  const double parameters = double(plan->parameter_count());
  EXPECT_EQ(plan->step_counts(true, 16, 4).working_set_bytes, 4 * (activations + 2 * parameters));
  EXPECT_EQ(plan->step_counts(false, 16, 4).working_set_bytes, 4 * (activations + parameters));
}

}  // namespace
}  // namespace ridgeline::network
