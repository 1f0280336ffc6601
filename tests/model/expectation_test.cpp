#include "model/expectation.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "core/seconds.hpp"
#include "support/paths.hpp"

namespace ridgeline::model {
namespace {

using io::Json;
using layers::Phase;

TEST(MeasuredFractions, AreFractionsOfBothKindsOfDevice) {
  for (const DeviceKind device : {DeviceKind::gpu, DeviceKind::cpu}) {
    SCOPED_TRACE(to_string(device));
    int kinds = 0;
    for (const MeasuredFraction& row : measured_fractions()) {
      if (row.device != device) continue;
      ++kinds;
      EXPECT_GT(row.fraction, 0) << row.kind;
      EXPECT_LE(row.fraction, 1) << row.kind;
      EXPECT_GT(row.records, 0) << row.kind;
    }
    EXPECT_GT(kinds, 20);
    EXPECT_TRUE(expected_fraction(device, "dense", Phase::backward).of_kind);
    const ExpectedFraction unknown = expected_fraction(device, "no such layer", Phase::forward);
    EXPECT_FALSE(unknown.of_kind);
    EXPECT_GT(unknown.value, 0);
    EXPECT_LT(unknown.value, 1);
    EXPECT_NE(describe_sources(device).find("docs/results/"), std::string::npos);
    EXPECT_GT(measured_dispatch(device).kernel, 0);
  }
  EXPECT_EQ(device_of("hip"), DeviceKind::gpu);
  EXPECT_EQ(device_of("cuda"), DeviceKind::gpu);
  EXPECT_EQ(device_of("openmp"), DeviceKind::cpu);
}

Json timing(double seconds) { return {{"min", seconds}, {"median", seconds}}; }

// 1 TFLOP/s, 100 GB/s, and launches of 10 µs if any.
Json machine_file(bool with_dispatch) {
  Json space = {{"peak_gflops", {{"float32", 1000.0}}},
                {"bandwidth", Json::array()},
                {"dispatch", Json::object()}};
  for (const double working_set : {1.0, 1e6}) {
    space["bandwidth"].push_back({{"kernel", "data sheet"},
                                  {"working_set_bytes", working_set},
                                  {"threads", 1},
                                  {"gbytes_per_second", 100.0}});
  }
  if (with_dispatch) space["dispatch"]["empty_kernel"] = timing(1e-5);
  return {{"measured", false}, {"spaces", {{"cuda", space}}}};
}

PartWork part(const char* kind, double flops, double bytes, long launches) {
  PartWork work;
  work.kind = kind;
  work.counts.flops = flops;
  work.counts.bytes = work.counts.working_set_bytes = bytes;
  work.launches.parallel = launches;
  return work;
}

TEST(Expectation, IsTheSumOfCeilingsOverTheirFractions) {
  const Ceilings ceilings(machine_file(true), "sheet.json", "cuda", "float32");
  EXPECT_TRUE(ceilings.absent().empty());
  const double dense = expected_fraction(DeviceKind::gpu, "dense", Phase::forward).value;
  const double any = expected_fraction(DeviceKind::gpu, "sorting", Phase::forward).value;
  const Expectation both =
      expect(ceilings, DeviceKind::gpu,
             {{part("dense", 1e9, 1e6, 1), part("sorting", 0, 1e9, 1), part("flatten", 0, 0, 0)}});
  EXPECT_DOUBLE_EQ(both.at_best, 1e-3 + 1e-2);
  ASSERT_TRUE(both.expected);
  EXPECT_DOUBLE_EQ(*both.expected, 1e-3 / dense + 1e-2 / any);
  EXPECT_EQ(both.without_record, (std::set<std::string>{"sorting"}));
}

// As the fractions, which are of layers in steps.
TEST(Expectation, OfAStepHasTheBandwidthOfAChain) {
  Json file = machine_file(true);
  Json& chain = file["spaces"]["cuda"]["chain"];
  for (const char* handoff : {"own", "other"}) {
    chain.push_back({{"kernel", "scale"},
                     {"handoff", handoff},
                     {"threads", 1},
                     {"bytes", 1e6},
                     {"arena_bytes", 1e6},
                     {"gbytes_per_second", 20.0}});
  }
  const Ceilings ceilings(file, "machine.json", "cuda", "float32");
  const std::vector<PartWork> parts = {part("sorting", 0, 1e6, 0)};
  EXPECT_DOUBLE_EQ(expect(ceilings, DeviceKind::gpu, {parts, 0}).at_best, 1e-5);
  EXPECT_DOUBLE_EQ(expect(ceilings, DeviceKind::gpu, {parts, 1e6}).at_best, 5e-5);
}

TEST(Expectation, TakesALaunchsCostFromMeasuredDevicesWhereTheSheetHasNone) {
  const Ceilings ceilings(machine_file(false), "sheet.json", "cuda", "float32");
  EXPECT_EQ(ceilings.absent(), std::vector<std::string>{"dispatch"});
  const Expectation small = expect(ceilings, DeviceKind::gpu, {{part("dense", 1e3, 1e3, 2)}});
  EXPECT_DOUBLE_EQ(small.at_best, 1e-8);
  const double fraction = expected_fraction(DeviceKind::gpu, "dense", Phase::forward).value;
  EXPECT_DOUBLE_EQ(*small.expected, 2 * measured_dispatch(DeviceKind::gpu).kernel / fraction);
}

TEST(Expectation, IsNoneWithoutAPeakOrABandwidth) {
  Json file = machine_file(true);
  file["spaces"]["cuda"]["bandwidth"] = Json::array();
  const Ceilings no_bandwidth(file, "sheet.json", "cuda", "float32");
  const Expectation expectation =
      expect(no_bandwidth, DeviceKind::gpu, {{part("dense", 1e9, 1, 0)}});
  EXPECT_DOUBLE_EQ(expectation.at_best, 1e-3);
  EXPECT_FALSE(expectation.expected);
  const Ceilings no_peak(machine_file(true), "sheet.json", "cuda", "float64");
  EXPECT_EQ(no_peak.absent(), std::vector<std::string>{"peak_gflops.float64"});
  EXPECT_FALSE(expect(no_peak, DeviceKind::gpu, {{part("dense", 1e9, 1, 0)}}).expected);
}

// The rooflines measured on the H200, whose fractions the table holds.
struct Deck {
  std::string name;
  Json roofline;
};

std::vector<Deck> h200() {
  std::vector<Deck> decks;
  const std::string folder = testing::source_folder() + "/docs/results/h200-16-cores/roofline";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string stem = entry.path().stem().string();
    decks.push_back({stem.substr(0, stem.find('-')),
                     io::read_json(entry.path().string(), "ridgeline-roofline")});
  }
  return decks;
}

double measured_seconds(const Deck& deck) {
  return deck.roofline.at("total").at("seconds").at("median").get<double>();
}

double ceiling_sum(const Deck& deck) {
  double sum = 0;
  for (const Json& record : deck.roofline.at("records")) {
    sum += record.at("ceiling_seconds").get<double>();
  }
  return sum;
}

// The error, in logarithms.
double error_of(double predicted, double measured) {
  return std::abs(std::log(predicted / measured));
}

TEST(Expectation, OfStepsOnTheH200IsNearerThanItsCeilings) {
  std::vector<double> expected_errors, ceiling_errors;
  int nearer = 0;
  for (const Deck& deck : h200()) {
    double expected = 0;
    for (const Json& record : deck.roofline.at("records")) {
      const std::string phase = record.at("phase");
      const Phase of = phase == "forward"    ? Phase::forward
                       : phase == "backward" ? Phase::backward
                                             : Phase::update;
      expected += record.at("ceiling_seconds").get<double>() /
                  expected_fraction(DeviceKind::gpu, record.at("kind"), of).value;
    }
    expected_errors.push_back(error_of(expected, measured_seconds(deck)));
    ceiling_errors.push_back(error_of(ceiling_sum(deck), measured_seconds(deck)));
    nearer += expected_errors.back() < ceiling_errors.back();
  }
  ASSERT_EQ(expected_errors.size(), 16u);
  EXPECT_GE(nearer, 15);
  EXPECT_LT(median_of(expected_errors), std::log(1.1));
  EXPECT_GT(median_of(ceiling_errors), std::log(2.5));
}

// With the fractions of the other decks alone; the two perceptrons are one network.
TEST(Expectation, OfADeckThatWasLeftOutIsNearerThanItsCeilings) {
  const std::vector<Deck> decks = h200();
  const auto network = [](const Deck& deck) {
    return deck.name == "synthetic_mlp" ? std::string("fashion_mlp") : deck.name;
  };
  std::vector<double> expected_errors, ceiling_errors;
  for (const Deck& deck : decks) {
    std::map<std::pair<std::string, std::string>, std::vector<double>> fractions;
    std::vector<double> all;
    for (const Deck& other : decks) {
      if (network(other) == network(deck)) continue;
      for (const Json& record : other.roofline.at("records")) {
        if (!(record.at("ceiling_seconds") > 0)) continue;
        all.push_back(std::min(1.0, record.at("fraction_of_ceiling").get<double>()));
        fractions[{record.at("kind"), record.at("phase")}].push_back(all.back());
      }
    }
    double expected = 0;
    for (const Json& record : deck.roofline.at("records")) {
      const auto found = fractions.find({record.at("kind"), record.at("phase")});
      expected += record.at("ceiling_seconds").get<double>() /
                  median_of(found == fractions.end() ? all : found->second);
    }
    expected_errors.push_back(error_of(expected, measured_seconds(deck)));
    ceiling_errors.push_back(error_of(ceiling_sum(deck), measured_seconds(deck)));
  }
  EXPECT_LT(median_of(expected_errors), std::log(1.3));
  EXPECT_LT(median_of(expected_errors), 0.3 * median_of(ceiling_errors));
}

}  // namespace
}  // namespace ridgeline::model
