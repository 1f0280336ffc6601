#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "config/deck.hpp"
#include "core/error.hpp"
#include "network/networks.hpp"
#include "studies/bandwidth.hpp"
#include "studies/concurrency.hpp"
#include "studies/concurrency_report.hpp"
#include "studies/crossover.hpp"
#include "studies/dispatch.hpp"
#include "studies/divergence.hpp"
#include "studies/latency.hpp"
#include "studies/scaling.hpp"
#include "support/runtime.hpp"

// Every study with small bounds: its sweep, its fits, its end. Times are not checked.

namespace ridgeline::studies {
namespace {

class Studies : public testing::Computing {
 protected:
  Control quick() const {
    Control control;
    control.quick = true;
    return control;
  }
  /// Stops after this many points.
  Control stopping(int points) {
    Control control = quick();
    asked_ = 0;
    control.stopped = [this, points] { return asked_++ >= points; };
    return control;
  }

  /// Stops after this many reports of progress.
  Control stopping_when_told(int times) {
    Control control = quick();
    told_ = 0;
    control.progress = [this](const std::string&) { ++told_; };
    control.stopped = [this, times] { return told_ >= times; };
    return control;
  }

 private:
  int asked_ = 0, told_ = 0;
};

constexpr std::size_t kKiB = 1024;

// Different values of a key among the points.
std::set<std::string> values_of(const Study& study, const char* key) {
  std::set<std::string> values;
  for (const io::Json& point : study.points) {
    if (point.contains(key)) values.insert(point.at(key).dump());
  }
  return values;
}

double number(const io::Json& json, const char* key) { return json.at(key).get<double>(); }

DeckCase small_deck() {
  const config::Deck deck = config::Deck::parse(R"([data]
kind = "synthetic"
shape = [20]
classes = 4
samples = 64
[network]
[[network.layer]]
kind = "dense"
units = 32
activation = "relu"
[[network.layer]]
kind = "dense"
units = 4
[train]
epochs = 1
batch = 16
loss = "cross_entropy"
optimizer = { kind = "sgd", learning_rate = 0.02 }
)",
                                                "small.toml");
  return {"small", testing::plan_of(deck), config::Precision::float32, {}, 16};
}

TEST_F(Studies, LatencyHasEveryKindOfPages) {
  const Study study =
      study_latency({{SpaceKind::serial, SpaceKind::openmp}, 4 * kKiB, 64 * kKiB, 2}, quick());
  EXPECT_TRUE(study.complete);
  // One ladder for all spaces of a host.
  EXPECT_EQ(values_of(study, "space"), (std::set<std::string>{"\"host\""}));
  EXPECT_EQ(values_of(study, "working_set_bytes").size(), 9u);
  EXPECT_FALSE(study.fit.at("host").at("levels").empty());
  EXPECT_FALSE(study.table.empty());
  // A level costs what its points cost.
  for (const auto& [pages, levels] : study.fit.at("host").at("levels").items()) {
    double least = 1, most = 0;
    for (const io::Json& point : study.points) {
      if (point.at("pages") != pages) continue;
      least = std::min(least, number(point.at("seconds"), "min"));
      most = std::max(most, number(point.at("seconds"), "min"));
    }
    for (const io::Json& level : levels) {
      const io::Json& cost = level.at("seconds_per_load");
      if (cost.at("reached") == false) continue;
      EXPECT_GE(number(cost, "value"), least * (1 - 1e-9));
      EXPECT_LE(number(cost, "value"), most * (1 + 1e-9));
    }
  }
  EXPECT_THROW(study_latency({{SpaceKind::serial}, 64 * kKiB, 4 * kKiB, 2}, quick()), RequestError);
  EXPECT_THROW(study_latency({{SpaceKind::serial}, 4 * kKiB, std::size_t{1} << 50, 2}, quick()),
               RequestError);
}

TEST_F(Studies, LatencyStopsWithWhatItHas) {
  const Study study = study_latency({{SpaceKind::serial}, 4 * kKiB, 64 * kKiB, 2}, stopping(4));
  EXPECT_FALSE(study.complete);
  EXPECT_GE(study.points.size(), 1u);
  EXPECT_LT(study.points.size(), 9u);
}

TEST_F(Studies, BandwidthHasEveryKernelThreadAndPage) {
  BandwidthBounds bounds{{SpaceKind::openmp}, 16 * kKiB, 64 * kKiB, 2, {1, 2}};
  const Study study = study_bandwidth(bounds, quick());
  EXPECT_TRUE(study.complete);
  EXPECT_EQ(values_of(study, "kernel").size(), 5u);
  EXPECT_EQ(values_of(study, "threads"), (std::set<std::string>{"1", "2"}));
  EXPECT_EQ(values_of(study, "working_set_bytes").size(), 5u);
  for (const io::Json& point : study.points) {
    const double bytes =
        1e9 * number(point, "gbytes_per_second") * number(point.at("seconds"), "min");
    EXPECT_NEAR(bytes / number(point, "working_set_bytes"), 1, 1e-9) << point.dump();
  }
  bounds.threads = {Runtime::host_threads().count + 1};
  EXPECT_THROW(study_bandwidth(bounds, quick()), RequestError);
}

TEST_F(Studies, SaturatingThreadsAreTheFewestThatNearlyReachTheBest) {
  const model::Estimate threads = saturating_threads({1, 2, 4, 8}, {10, 19, 29, 30});
  EXPECT_EQ(threads.value, 4);
  EXPECT_EQ(threads.low, 3);
  EXPECT_EQ(threads.high, 4);
  EXPECT_EQ(saturating_threads({1, 2}, {10, 10.1}).value, 1);
  // Bandwidth that still grows at the last count is not saturated in the measured range.
  const model::Estimate growing = saturating_threads({1, 2, 4}, {10, 20, 39});
  EXPECT_FALSE(growing.reached());
  EXPECT_EQ(growing.low, 2);
}

TEST_F(Studies, SentencesNameNoNumberThatWasNotMeasured) {
  EXPECT_EQ(tell_saturating_threads({1, 2, 4, 8}, {10, 19, 29, 30}),
            "4 of 8 threads saturate memory, at 30.0 GB/s; one reaches 10.0");
  EXPECT_EQ(tell_saturating_threads({1, 2, 4}, {10, 20, 39}),
            "memory is not saturated by fewer than the 4 threads measured: 2 reach 20.0 GB/s, all "
            "of them 39.0");
  EXPECT_EQ(tell_saturating_threads({1, 2}, {10, 10.1}),
            "more threads bring no more from memory: of 2 threads one reaches 10.0 of 10.1 GB/s");

  const std::vector<double> loads = {1, 2, 4, 8, 16, 32, 64};
  const auto told = [&](const std::vector<double>& rates) {
    const auto fit = model::fit_saturation(loads, rates, 64);
    return fit ? tell_saturation(*fit, loads, *std::max_element(rates.begin(), rates.end())) : "";
  };
  EXPECT_EQ(told({1e9, 2e9, 4e9, 8e9, 16e9, 32e9, 64e9}),
            "random reads are not saturated by the 64 loads in flight measured: it takes more than "
            "64.0; the most that was measured are 64.0 GB/s");
  EXPECT_EQ(told({5e9, 5e9, 5e9, 5e9, 5e9, 5e9, 5e9}),
            "random reads do not gain from more loads in flight: 2 have 5.0 (5.0 to 5.0) GB/s "
            "already");
  const std::string saturated = told({1e9, 2e9, 3.96e9, 7.2e9, 9.6e9, 9.97e9, 10e9});
  EXPECT_NE(saturated.find(" to "), std::string::npos) << saturated;
  EXPECT_NE(saturated.find("loads in flight saturate random reads at 10."), std::string::npos)
      << saturated;

  const auto cost = [](const std::vector<double>& seconds) {
    return tell_launch_cost(*model::fit_launch_cost({1024, 4096, 16384, 65536}, seconds), 65536);
  };
  EXPECT_EQ(cost({3e-6, 3e-6, 3e-6, 3e-6}),
            "a kernel costs 3.00 µs (3.00 µs to 3.00 µs), of whatever size up to 64 KiB: what then "
            "flows is not reached there, more than 21.8 GB/s");
  EXPECT_EQ(cost({1e-3, 4e-3, 16e-3, 64e-3}).find("the cost of a launch does not show"), 0u);

  EXPECT_EQ(tell_speedup(4, 3.5, {3.4, 3.6}),
            "4 threads make a step 3.50 times as fast (3.40 to 3.60 turn by turn)");
  EXPECT_EQ(tell_speedup(4, 1.0, {0.9, 1.1}),
            "4 threads make a step no faster, 1.00 times (0.90 to 1.10 turn by turn)");
  EXPECT_EQ(tell_waiting_share({0.5, 0.4, 0.6}),
            "each path adds s = 0.500 (0.400 to 0.600) of one path's time");
  EXPECT_EQ(tell_waiting_share({0.001, -0.01, 0.02}),
            "a path adds nothing that can be told from 0, s = 0.001 (-0.010 to 0.020)");
  EXPECT_EQ(tell_waiting_share({NAN, -1, 2}),
            "the times vary too much to say what a path adds, s is unclear (-1.000 to 2.000)");
}

TEST_F(Studies, ConcurrencyFitsAKneeForEveryNumberOfThreads) {
  const Study study =
      study_concurrency({{SpaceKind::openmp}, std::size_t{1} << 20, {1, 2, 4, 8}, {1, 2}}, quick());
  EXPECT_TRUE(study.complete);
  // The chains, and an independent read, of each number of threads.
  EXPECT_EQ(study.points.size(), 10u);
  for (const io::Json& point : study.points) {
    const double rate = number(point, "loads") * number(point, "bytes_per_load") /
                        number(point.at("seconds"), "median");
    EXPECT_NEAR(1e9 * number(point, "gbytes_per_second") / rate, 1, 1e-9) << point.dump();
    if (point.at("what") != "chains") continue;
    EXPECT_EQ(number(point, "loads_in_flight"),
              number(point, "threads") * number(point, "loads_in_flight_per_thread"));
  }
  ASSERT_EQ(study.fit.at("saturation").size(), 2u);
  for (const io::Json& fit : study.fit.at("saturation")) {
    // Little's law: loads in flight are latency times loads per second.
    const io::Json& little = fit.at("little");
    const double seconds = number(little, "latency_seconds");
    const double bytes = number(study.points[0], "bytes_per_load");
    for (const std::string how : {"independent", "streaming"}) {
      const double rate = number(little, (how + "_bytes_per_second").c_str());
      EXPECT_GT(rate, 0);
      EXPECT_NEAR(number(little, (how + "_loads_in_flight").c_str()) / (seconds * rate / bytes), 1,
                  1e-9);
    }
  }
  EXPECT_THROW(study_concurrency({{SpaceKind::openmp}, 1 << 20, {33}, {1}}, quick()), RequestError);
  // Fewer nodes than loads in flight.
  EXPECT_THROW(study_concurrency({{SpaceKind::openmp}, 1, {1}, {1}}, quick()), RequestError);
  EXPECT_THROW(study_concurrency({{SpaceKind::serial}, 1 << 20, {1}, {2}}, quick()), RequestError);
}

TEST_F(Studies, DispatchFitsEverySpace) {
  const auto measure = [this] {
    return study_dispatch({{SpaceKind::serial, SpaceKind::openmp}, 256, 64 * kKiB, 2}, quick());
  };
  const auto fits_both = [](const Study& study) {
    const auto fits = [&](const char* space) {
      return study.fit.contains(space) && study.fit.at(space).contains("kernels back to back");
    };
    return fits("serial") && fits("openmp");
  };
  Study study = measure();
  // On a disturbed machine the points may fit no law.
  for (int attempt = 1; attempt < 5 && !fits_both(study); ++attempt) study = measure();
  ASSERT_TRUE(fits_both(study)) << study.fit.dump();
  EXPECT_TRUE(study.complete);
  EXPECT_EQ(values_of(study, "space"), (std::set<std::string>{"\"serial\"", "\"openmp\""}));
  bool breaks_up = false;
  for (const char* space : {"serial", "openmp"}) {
    const io::Json& fit = study.fit.at(space).at("kernels back to back");
    // A machine that is disturbed may show one or the other only as a bound.
    const io::Json &a = fit.at("a_seconds"), &b = fit.at("b_bytes_per_second");
    EXPECT_GT(a.at(a.at("reached") == true ? "value" : "high"), 0);
    EXPECT_GT(b.at(b.at("reached") == true ? "value" : "low"), 0);
    breaks_up = breaks_up || (a.at("reached") == true && b.at("reached") == true);
    EXPECT_GE(fit.at("half_rate_measured_bytes"), 256);
  }
  const std::set<std::string> what = values_of(study, "what");
  for (const char* each : {"\"kernel\"", "\"empty kernel\"", "\"reduction to a scalar\""}) {
    EXPECT_TRUE(what.count(each)) << each;
  }
  EXPECT_EQ(what.count("\"broken up\"") > 0, breaks_up);
  for (const io::Json& point : study.points) {
    if (point.at("what") != "broken up") continue;
    // T = k·a + V/b
    const io::Json& fit =
        study.fit.at(point.at("space").get<std::string>()).at("kernels back to back");
    const double predicted = number(point, "kernels") * number(fit.at("a_seconds"), "value") +
                             number(point, "bytes") / number(fit.at("b_bytes_per_second"), "value");
    EXPECT_NEAR(number(point, "predicted_seconds") / predicted, 1, 1e-9);
  }
}

TEST_F(Studies, DivergenceComparesWithOnePath) {
  const Study study = study_divergence({{SpaceKind::serial}, {8, 2}, 1 << 18, 64 * kKiB}, quick());
  EXPECT_TRUE(study.complete);
  EXPECT_EQ(values_of(study, "paths"), (std::set<std::string>{"1", "2", "8"}));
  EXPECT_EQ(values_of(study, "arrangement").size(), 3u);
  EXPECT_EQ(values_of(study, "access").size(), 3u);
  std::map<std::string, double> one_path;  // seconds, by arrangement
  const double flops = number(study.points[0], "flops_per_iteration") * (1 << 18);
  double regular = 0;  // seconds per read
  for (const io::Json& point : study.points) {
    const double seconds = number(point.at("seconds"), "median");
    if (point.at("what") == "access") {
      const double each = seconds / number(point, "reads");
      if (point.at("access") == "regular") regular = each;
      EXPECT_NEAR(number(point, "times_regular") * regular / each, 1, 1e-9);
      continue;
    }
    EXPECT_NEAR(1e9 * number(point, "gflops_per_second") * seconds / flops, 1, 1e-9);
    if (point.at("what") != "paths") continue;
    const std::string how = point.at("arrangement");
    if (point.at("paths") == 1) one_path[how] = seconds;
    EXPECT_NEAR(number(point, "times_one_path") * one_path.at(how) / seconds, 1, 1e-9);
  }
  for (const char* how : {"sorted", "alternating", "random"}) {
    const io::Json& fit = study.fit.at("serial").at(how);
    EXPECT_EQ(fit.at("paths_met"), io::Json({1, 2, 8}));
    const io::Json& share = fit.at("waiting_share");
    // Not reached on a busy machine.
    EXPECT_EQ(share.at("value").is_number(), share.at("reached").get<bool>());
    if (share.at("reached").get<bool>()) {
      EXPECT_LE(share.at("low"), share.at("value"));
    }
  }
  for (const std::size_t bytes : {std::size_t{2}, std::size_t{1} << 35}) {
    EXPECT_THROW(study_divergence({{SpaceKind::serial}, {2}, 4096, bytes}, quick()), RequestError);
  }
  EXPECT_THROW(study_divergence({{SpaceKind::serial}, {33}, 4096, 64 * kKiB}, quick()),
               RequestError);
}

TEST_F(Studies, CrossoverHasLayersAndDecksOnTwoSpaces) {
  CrossoverBounds bounds;
  bounds.first = SpaceKind::serial;
  bounds.second = SpaceKind::openmp;
  bounds.kinds = {"dense", "embedding"};
  bounds.widths = {4, 8, 16};
  bounds.batches = {1, 2, 4};
  bounds.decks = {small_deck()};
  const Study study = study_crossover(bounds, quick());
  EXPECT_TRUE(study.complete);
  // Forward by width and by batch, twice; inference and training.
  EXPECT_EQ(study.points.size(), 2u * 2 * 3 + 2 * 3);
  EXPECT_EQ(study.fit.at("crossovers").size(), 2u * 2 + 2);
  for (const io::Json& point : study.points) {
    const io::Json& eager = point.at("eager");
    const std::vector<double> ratios = eager.at("ratios");
    EXPECT_GE(ratios.size(), 5u);
    EXPECT_EQ(number(eager, "ratio"), median_of(ratios));
    for (const char* which : {"first_seconds", "second_seconds"}) {
      EXPECT_EQ(eager.at(which).at("repeats"), ratios.size());
    }
    const double first = eager.at("first_seconds").at("samples")[0];
    const double second = eager.at("second_seconds").at("samples")[0];
    EXPECT_EQ(ratios[0], first / second);
    EXPECT_GT(point.at("working_set_bytes"), 0);
  }
  for (const std::vector<std::size_t>& widths :
       {std::vector<std::size_t>{8, 4}, {8, 8}, {0, 8}, {8, std::size_t{1} << 20}}) {
    bounds.kinds = {"dense"};  // a million wide: four terabytes
    bounds.widths = widths;
    EXPECT_THROW(study_crossover(bounds, quick()), RequestError);
  }
  bounds.widths = {};
  bounds.kinds = {"dens"};
  EXPECT_THROW(study_crossover(bounds, quick()), RequestError);
}

TEST_F(Studies, CrossoverAgainstAMachineFileUsesItsCeilings) {
  CrossoverBounds bounds;
  bounds.kinds = {"dense"};
  bounds.widths = {4, 1024};
  bounds.batches = {1, 2};
  bounds.machine_path = "other.json";
  bounds.machine_space = "cuda";
  const auto timing = [](double seconds) {
    return io::Json{{"min", seconds}, {"median", seconds}, {"max", seconds}, {"repeats", 7}};
  };
  io::Json space = {{"peak_gflops", {{"float32", 1e6}}},
                    {"bandwidth",
                     {{{"kernel", "triad"},
                       {"working_set_bytes", 1e6},
                       {"threads", 1},
                       {"gbytes_per_second", 1e5}}}},
                    {"dispatch", {{"empty_kernel", timing(1e-5)}}}};
  for (const char* direction : {"host_to_device", "device_to_host"}) {
    for (const double bytes : {1e3, 1e5, 1e7}) {
      space["transfer"].push_back({{"direction", direction},
                                   {"host_memory", "pinned"},
                                   {"bytes", bytes},
                                   {"seconds", timing(1e-3 + bytes / 1e9)}});
    }
  }
  bounds.machine_file = io::Json{{"spaces", {{"cuda", space}}}};
  const Study study = study_crossover(bounds, quick());
  for (const io::Json& point : study.points) {
    // Launches of 10 µs each, and all other times are negligible; with transfers, a millisecond
    // each way.
    const double launches = 1e5 * point.at("eager").at("second_ceiling_seconds").get<double>();
    EXPECT_NEAR(launches, std::round(launches), 1e-6);
    EXPECT_GE(launches, 1);
    EXPECT_GT(point.at("with_transfers").at("second_ceiling_seconds"), 2e-3);
  }
  for (const io::Json& point : study.points) {
    const io::Json& eager = point.at("eager");
    EXPECT_GT(eager.at("second_expected_seconds"), eager.at("second_ceiling_seconds"));
    EXPECT_EQ(point.at("expected").at("second_expected_seconds"),
              eager.at("second_expected_seconds"));
    EXPECT_LT(point.at("expected").at("ratio"), eager.at("ratio"));
    EXPECT_GT(point.at("expected_with_transfers").at("second_expected_seconds"), 2e-3);
  }
  // By width and by batch, in four ways.
  EXPECT_EQ(study.fit.at("crossovers").size(), 8u);
  EXPECT_EQ(study.settings.at("second_is_measured"), false);
}

TEST_F(Studies, ScalingFitsWhatItsWorkersMeasured) {
  ScalingBounds bounds;
  bounds.threads = {1, 2, 4};
  bounds.kinds = {"dense"};
  bounds.decks = {small_deck()};
  bounds.turns = 2;
  int calls = 0;
  const auto worker = [&](int threads) {
    ++calls;
    std::vector<ScalingTime> list;
    const auto add = [&](const char* what, const char* layer, const char* phase, double serial) {
      for (const char* scaling : {"strong", "weak"}) {
        const double seconds = 1e-3 * (serial + (1 - serial) / threads);
        list.push_back({{what, layer, phase, scaling}, 16, scaling[0] == 's' ? seconds : 1e-3});
      }
    };
    add("dense", "", "forward and backward", 0.1);
    add("small", "", "training step", 0.2);
    add("small", "dense1", "forward", 0.05);
    add("small", "dense2", "backward", 0.6);
    return list;
  };
  const Study study = study_scaling(bounds, worker, quick());
  EXPECT_EQ(calls, 6);
  EXPECT_EQ(study.points.size(), 6u * 8);
  ASSERT_EQ(study.fit.at("curves").size(), 4u);
  const io::Json& dense = study.fit.at("curves")[0];
  EXPECT_NEAR(dense.at("serial_fraction").at("value").get<double>(), 0.1, 1e-6);
  EXPECT_NEAR(dense.at("speedup").get<double>(), 1 / (0.1 + 0.9 / 4), 1e-6);
  EXPECT_EQ(dense.at("weak_efficiency"), 1);
  EXPECT_TRUE(dense.contains("contention"));
  ASSERT_EQ(study.fit.at("first_to_stop").size(), 1u);
  // Two threads make dense2 1.25 times as fast: less than half of the ideal.
  EXPECT_EQ(study.fit.at("first_to_stop")[0].at("layer"), "dense2");
  EXPECT_EQ(study.fit.at("first_to_stop")[0].at("threads"), 2);
}

TEST_F(Studies, ScalingStoppedWithinATurnSaysNothingOfWhatIsMissing) {
  ScalingBounds bounds;
  bounds.threads = {1, 2};
  bounds.decks = {small_deck()};
  const auto worker = [](int) {
    std::vector<ScalingTime> list;
    for (const char* layer : {"", "dense1"}) {
      const char* phase = layer[0] ? "forward" : "training step";
      list.push_back({{"small", layer, phase, "strong"}, 16, 1e-3});
    }
    return list;
  };
  const Study study = study_scaling(bounds, worker, stopping(1));
  EXPECT_FALSE(study.complete);
  EXPECT_EQ(study.points.size(), 2u);
  EXPECT_TRUE(study.fit.at("curves").empty());
  EXPECT_TRUE(study.fit.at("first_to_stop").empty());
  EXPECT_TRUE(study.answers.empty());
}

TEST_F(Studies, StopWithinWhateverTheyMeasure) {
  const auto partly = [&](const Study& study) {
    EXPECT_FALSE(study.complete) << study.name;
    EXPECT_GE(study.points.size(), 1u) << study.name;
    return study.points.size();
  };
  EXPECT_LT(partly(study_concurrency({{SpaceKind::openmp}, 1 << 20, {1, 2, 4, 8}, {1, 2}},
                                     stopping_when_told(3))),
            10u);
  EXPECT_LT(partly(study_dispatch({{SpaceKind::serial}, 256, 64 * kKiB, 2}, stopping_when_told(2))),
            20u);
  EXPECT_LT(partly(study_divergence({{SpaceKind::serial}, {1, 2}, 4096, 64 * kKiB},
                                    stopping_when_told(2))),
            10u);
  CrossoverBounds bounds;
  bounds.second = SpaceKind::openmp;
  bounds.kinds = {"dense"};
  EXPECT_LT(partly(study_crossover(bounds, stopping_when_told(2))), 10u);
}

TEST_F(Studies, ScalingsWorkerMeasuresLayersAndDecksStrongAndWeak) {
  ScalingBounds bounds;
  bounds.kinds = {"dense"};
  bounds.decks = {small_deck()};
  std::set<std::string> layers;
  for (const ScalingTime& time : measure_scaling(bounds, 8, true)) {
    EXPECT_GT(time.seconds, 0);
    if (time.of.subject == "small") {
      layers.insert(time.of.layer);
      // Four of eight threads: half of the batch.
      EXPECT_EQ(time.batch, time.of.scaling == "strong" ? 16u : 8u);
    }
  }
  EXPECT_EQ(layers, (std::set<std::string>{"", "dense1", "dense2", "loss", "optimizer"}));
}

TEST_F(Studies, ScalingWithAllThreadsIsStrongAndWeakAtOnce) {
  ScalingBounds bounds;
  bounds.kinds = {"dense"};
  bounds.decks = {small_deck()};
  const std::vector<ScalingTime> list = measure_scaling(bounds, 4, true);
  ASSERT_GT(list.size(), 0u);
  for (std::size_t i = 0; i < list.size(); i += 2) {
    const ScalingTime &strong = list[i], &weak = list[i + 1];
    EXPECT_EQ(strong.of.scaling, "strong");
    EXPECT_EQ(weak.of.scaling, "weak");
    EXPECT_EQ(strong.of.subject, weak.of.subject);
    EXPECT_EQ(strong.of.layer, weak.of.layer);
    EXPECT_EQ(strong.of.phase, weak.of.phase);
    EXPECT_EQ(strong.batch, weak.batch);
    EXPECT_EQ(strong.seconds, weak.seconds);
  }
}

TEST(ScalingTime, IsHandedOnAsJson) {
  const ScalingTime time{{"deck", "fc1", "forward", "weak"}, 8, 0.25};
  const io::Json json = to_json(time);
  EXPECT_EQ(json.dump(), R"({"what":"deck","layer":"fc1","phase":"forward","scaling":"weak",)"
                         R"("batch":8,"seconds":0.25})");
  const ScalingTime read = scaling_time(json);
  EXPECT_FALSE(read.of < time.of || time.of < read.of);
  EXPECT_EQ(read.batch, time.batch);
  EXPECT_EQ(read.seconds, time.seconds);
}

TEST_F(Studies, ScalingQuicklyTakesSmallerBatchesOfLongSteps) {
  DeckCase deck = small_deck();
  EXPECT_EQ(scaling_batch(deck, 2, true), 16u);
  const double flops = deck.plan->step_counts(true, 1 << 20, sizeof(float)).flops;
  ASSERT_GT(flops, 2e9);
  deck.batch = 1 << 20;
  EXPECT_EQ(scaling_batch(deck, 2, false), deck.batch);
  const std::size_t quickly = scaling_batch(deck, 2, true);
  const auto at = [&](std::size_t batch) {
    return deck.plan->step_counts(true, batch, sizeof(float)).flops;
  };
  EXPECT_LE(at(quickly), 1e9);
  EXPECT_GT(at(2 * quickly), 1e9);
  // Four samples per thread.
  EXPECT_EQ(scaling_batch(deck, 1 << 17, true), std::size_t{1} << 19);
}

}  // namespace
}  // namespace ridgeline::studies
