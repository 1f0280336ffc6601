#include "model/explanation.hpp"

#include <gtest/gtest.h>

#include <algorithm>

// Synthetic rooflines, whose sentences are known.

namespace {

using ridgeline::Timing;
using ridgeline::layers::Phase;
using ridgeline::model::BatchRoofline;
using ridgeline::model::Bound;
using ridgeline::model::explain;
using ridgeline::model::LayerRecord;
using ridgeline::model::Roofline;

Timing seconds(double median) { return {median, median, median, 9, median, median, {}}; }

// Adds a record of `microseconds`, of which its ceiling explains a share.
void add(Roofline& roofline, const char* layer, Phase phase, Bound ceiling, double microseconds,
         double fraction) {
  LayerRecord record;
  record.part.layer = layer;
  record.part.phase = phase;
  record.seconds = seconds(1e-6 * microseconds);
  record.placement.ceiling = ceiling;
  record.placement.ceiling_seconds = 1e-6 * microseconds * fraction;
  record.placement.explained_seconds = record.placement.ceiling_seconds;
  record.placement.fraction_of_ceiling = fraction;
  record.placement.bound = fraction < 0.5 ? Bound::overhead : ceiling;
  roofline.sum_of_records += record.seconds.median;
  roofline.placement.ceiling_seconds += record.placement.ceiling_seconds;
  roofline.placement.explained_seconds += record.placement.explained_seconds;
  roofline.records.push_back(record);
  roofline.total = seconds(roofline.sum_of_records);
  roofline.placement.fraction_of_ceiling =
      roofline.placement.ceiling_seconds / roofline.sum_of_records;
}

BatchRoofline small_batch() {
  BatchRoofline at{1, {}};
  add(at.roofline, "fc1", Phase::forward, Bound::bandwidth, 7, 0.18);
  add(at.roofline, "fc2", Phase::forward, Bound::compute, 3, 0.05);
  at.roofline.empty_seconds = 6e-6;
  return at;
}

BatchRoofline large_batch() {
  BatchRoofline at{64, {}};
  add(at.roofline, "fc1", Phase::forward, Bound::compute, 60, 0.8);
  add(at.roofline, "fc2", Phase::forward, Bound::compute, 40, 0.6);
  at.roofline.empty_seconds = 6e-6;
  return at;
}

TEST(Explanation, SaysThatOverheadBoundsANetworkAndHowCloseItsLayersCome) {
  EXPECT_EQ(
      explain({small_batch()}, true),
      (std::vector<std::string>{
          "the step's time is 100 % overhead bound; what was measured of the machine explains 14 "
          "% of it",
          "no layer that takes 1 % of the time reaches 20 % of any ceiling",
          "with kernels that do nothing the step takes 6.00 µs, 60 % of its time: launching "
          "them is what the overhead is"}));
}

TEST(Explanation, SaysIfTheOverheadIsNotLaunchCost) {
  BatchRoofline at = small_batch();
  at.roofline.empty_seconds = 1e-6;
  EXPECT_EQ(explain({at}, false).back(),
            "with kernels that do nothing the inference takes 1.00 µs, 10 % of its time: most of "
            "the overhead is in the kernels themselves (short loops, padding, packing, and "
            "functions such as exp, which count as one operation), which no ceiling describes");
}

TEST(Explanation, NamesWhatTakesMostWhereCeilingsBind) {
  const auto sentences = explain({large_batch()}, true);
  ASSERT_EQ(sentences.size(), 2u);
  EXPECT_EQ(
      sentences[0],
      "the step's time is 100 % compute bound; what was measured of the machine explains 72 % "
      "of it");
  EXPECT_EQ(sentences[1], "fc1 forward takes most, 60 %, at 80 % of its compute ceiling");
}

TEST(Explanation, OfSeveralBatchesSaysFromWhichOneOnLayersAreBound) {
  BatchRoofline between = large_batch();
  between.batch = 8;
  between.roofline.records[1].placement.bound = Bound::overhead;
  const auto sentences = explain({small_batch(), between, large_batch()}, true);
  const auto has = [&](const std::string& text) {
    return std::find(sentences.begin(), sentences.end(), text) != sentences.end();
  };
  EXPECT_TRUE(has("at batch 1 no layer that takes 1 % of the time reaches 20 % of any ceiling"));
  EXPECT_TRUE(has("from batch 8 on fc1 forward is bound by arithmetic"));
  EXPECT_TRUE(has("from batch 64 on fc2 forward is bound by arithmetic"));
}

TEST(Explanation, BandwidthFarBelowItsCeilingIsWhatOtherThreadsWrote) {
  BatchRoofline at = small_batch();
  LayerRecord& record = at.roofline.records[0];
  record.placement.bound = Bound::bandwidth;
  at.roofline.placement.explained_seconds += 4e-6;
  EXPECT_EQ(explain({at}, true)[1],
            "no layer that takes 1 % of the time reaches 20 % of any ceiling, and those bound by "
            "bandwidth read what other "
            "threads wrote");
}

TEST(Explanation, SaysWhatIsExplainedBeyondTheCeilings) {
  BatchRoofline at = large_batch();
  at.roofline.placement.explained_seconds += 10e-6;
  EXPECT_EQ(
      explain({at}, true)[0],
      "the step's time is 100 % compute bound; what was measured of the machine explains 82 % "
      "of it (72 % without the cost of reading what another thread has written)");
}

TEST(Explanation, ThreadsAreNoReasonIfTheCeilingsExplainMore) {
  BatchRoofline at = large_batch();
  at.roofline.placement.explained_seconds -= 10e-6;  // a layer above its roof
  EXPECT_EQ(
      explain({at}, true)[0],
      "the step's time is 100 % compute bound; what was measured of the machine explains 62 % "
      "of it");
}

TEST(Explanation, NamesTheRatesOfTheBandwidthCeilingsAndTheirRidge) {
  BatchRoofline at = large_batch();
  const auto has = [&](const std::string& rates) {
    const auto sentences = explain({at}, true);
    return std::find(sentences.begin(), sentences.end(),
                     "a layer's ceiling of bandwidth is that of the caches or the memory that hold "
                     "what the step touches: " +
                         rates) != sentences.end();
  };
  LayerRecord& first = at.roofline.records[0];
  first.counts.bytes = 1e6;
  first.placement.bandwidth_seconds = 1e-5;
  EXPECT_TRUE(has("100.0 GB/s here"));
  LayerRecord& second = at.roofline.records[1];
  second.counts.bytes = 1e6;
  second.placement.bandwidth_seconds = 5e-6;
  second.counts.flops = 1e6;
  second.placement.compute_seconds = 5e-6;
  EXPECT_TRUE(has("100.0 to 200.0 GB/s here, so that its ridge is at 1.0 FLOP/B"));
}

TEST(Explanation, ABoundNearHalfIsNoChangeOfBound) {
  BatchRoofline between = large_batch();
  between.batch = 8;
  between.roofline.records[0].placement.is_near_half = true;
  const auto sentences = explain({between, large_batch()}, true);
  EXPECT_NE(std::find(sentences.begin(), sentences.end(),
                      "from batch 64 on fc1 forward is bound by arithmetic"),
            sentences.end());
}

TEST(Explanation, WithoutTheDataSheetsQuantitiesNoBoundIsNamed) {
  BatchRoofline at = small_batch();
  for (LayerRecord& record : at.roofline.records) {
    record.placement.bound = record.placement.ceiling = Bound::unknown;
  }
  const auto sentences = explain({at}, true);
  EXPECT_EQ(sentences[0],
            "of 100 % of the step's time no bound can be named: the data sheet lacks what it would "
            "take");
  for (const std::string& sentence : sentences) {
    EXPECT_EQ(sentence.find("unknown"), std::string::npos) << sentence;
  }
}

TEST(Explanation, LayersOfNegligibleTimeAreLeftOut) {
  BatchRoofline at = large_batch();
  add(at.roofline, "view", Phase::forward, Bound::latency, 0.1, 0.99);
  for (const std::string& sentence : explain({at}, true)) {
    EXPECT_EQ(sentence.find("view"), std::string::npos) << sentence;
  }
}

}  // namespace
