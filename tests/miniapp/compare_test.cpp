#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <functional>

#include "miniapp/ridgeline.hpp"

// The verb `compare`: the results that it matches, its output and its errors.

namespace ridgeline::testing {
namespace {

namespace fs = std::filesystem;

io::Json timing(double median, double noise) {
  std::vector<double> samples;
  for (int i = -10; i <= 10; ++i) samples.push_back(median * (1 + noise * i / 10));
  return {{"min", samples.front()},
          {"median", median},
          {"max", samples.back()},
          {"repeats", samples.size()},
          {"median_interval", {0.99 * median, 1.01 * median}},
          {"samples", samples}};
}

io::Json head(const std::string& format) {
  return {
      {"format", format},
      {"version", 2},
      {"created", "2026-01-01T00:00:00Z"},
      {"ridgeline_version", "0.1.0 (aaa)"},
      {"command", {"ridgeline", "roofline", "deck.toml", "--output", "r.json"}},
      {"job", nullptr},
      {"machine",
       {{"cpu_model", "A CPU"}, {"gpu_model", nullptr}, {"threads", 2}, {"compiler", "GNU 12"}}},
      {"disturbed", {{"alarm", false}, {"reasons", io::Json::array()}}}};
}

// Returns run number `run` of a network of two layers, of which a phase is `slower`.
io::Json roofline(int run, double slower = 1) {
  io::Json json = head("ridgeline-roofline");
  json["network"] = "A network";
  json["batch"] = 64;
  json["space"] = "openmp";
  json["phase"] = "train";
  json["precision"] = "float32";
  json["gemm"] = "native";
  json["deck"] = "inputs/deck.toml";
  json["deck_text"] = "title = \"A network\"\nunits = 96\n";
  json["overrides"] = io::Json::array();
  json["complete"] = true;
  double total = 0;
  int number = 0;
  for (const char* layer : {"fc1", "fc2"}) {
    for (const char* phase : {"forward", "backward"}) {
      const double seconds = 1e-3 * (1 + number) * (1 + 0.003 * std::sin(7 * run + 3 * number)) *
                             (number == 0 ? slower : 1);
      ++number;
      total += seconds;
      json["records"].push_back({{"layer", layer},
                                 {"kind", "dense"},
                                 {"phase", phase},
                                 {"dispatches", 2 + run},
                                 {"flops", 1000.0},
                                 {"seconds", timing(seconds, 0.02)},
                                 {"bound", run % 2 == 0 ? "latency" : "compute"}});
    }
  }
  json["total"] = {{"seconds", timing(total, 0.02)}, {"sum_of_records_seconds", total}};
  return json;
}

class Compare : public CommandLine {
 protected:
  using Change = std::function<void(io::Json&)>;

  // A folder of five runs.
  std::string runs(const std::string& name, double slower = 1, const Change& change = {},
                   int first = 0) const {
    fs::create_directory(folder / name);
    for (int run = first; run < first + 5; ++run) {
      io::Json json = roofline(run, slower);
      if (change) change(json);
      io::write_json(folder / (name + "/run" + std::to_string(run) + ".json"), json);
    }
    return folder / name;
  }
  std::string file(const std::string& name, const io::Json& json) const {
    io::write_json(folder / name, json);
    return folder / name;
  }
  CommandResult compare(const std::string& before, const std::string& after,
                        const Lines& more = {}) const {
    return ridgeline(Lines{"compare", before, after} + more);
  }
  // Its output file, by the records' names.
  std::map<std::string, io::Json> records(const std::string& before, const std::string& after) {
    const CommandResult result = compare(before, after, {"--output", folder / "out.json"});
    EXPECT_EQ(result.status, 0) << result.err;
    std::map<std::string, io::Json> records;
    const io::Json json = written();
    for (const io::Json& record : json.at("records")) {
      EXPECT_TRUE(records.emplace(record.at("name").get<std::string>(), record).second);
    }
    return records;
  }
  io::Json written() const { return io::read_json(folder / "out.json", "ridgeline-comparison"); }

  const std::string first = "roofline, A network, batch 64, train, float32 on openmp: fc1/forward";
};

TEST_F(Compare, AFileWithItselfHasRatiosOfOne) {
  const std::string same = file("a.json", roofline(0));
  const CommandResult result = compare(same, same, {"--fail-above", "1.05"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_TRUE(contains(result.out, "None of 5 quantities differs"));
  EXPECT_TRUE(contains(result.err, "note: with one run on either side"));
  for (const auto& [name, record] : records(same, same)) {
    EXPECT_EQ(record.at("ratio"), 1.0) << name;
    EXPECT_EQ(record.at("differs"), false) << name;
    EXPECT_LT(record.at("interval").at(0), 1.0) << name;
    EXPECT_GT(record.at("interval").at(1), 1.0) << name;
  }
}

TEST_F(Compare, FindsWhatIsSlowerAndNothingElse) {
  const std::string before = runs("before"), after = runs("after", 1.1, {}, 5);
  const std::map<std::string, io::Json> found = records(before, after);
  ASSERT_EQ(found.size(), 5u);
  for (const auto& [name, record] : found) {
    const bool is_slow = name == first;
    EXPECT_EQ(record.at("differs"), is_slow) << name;
    EXPECT_NEAR(record.at("ratio").get<double>(), is_slow ? 1.1 : 1, 0.012) << name;
    EXPECT_NEAR(record.at("after").get<double>() / record.at("before").get<double>(),
                record.at("ratio").get<double>(), 1e-9);
    EXPECT_EQ(record.at("runs_before"), 5);
    EXPECT_EQ(record.at("statistic"), "median");
  }
  const io::Json& json = written();
  EXPECT_EQ(json.at("version"), 2);
  EXPECT_EQ(json.at("level"), 0.95);
  EXPECT_EQ(json.at("smallest_effect"), 1.02);
  EXPECT_EQ(json.at("before").at("files").size(), 5u);
  EXPECT_EQ(json.at("differences"), io::Json::array());

  // The difference comes first, in the table and in csv and json.
  const CommandResult table = compare(before, after);
  EXPECT_LT(table.out.find("fc1/forward"), table.out.find("fc1/backward"));
  EXPECT_TRUE(contains(table.out, "Of 5 quantities 1 is slower and 0 are faster"));
  EXPECT_EQ(table.err, "");
  const io::Json rows = io::Json::parse(compare(before, after, {"--format", "json"}).out);
  EXPECT_EQ(rows.at(0).at("what"), "fc1/forward");
  EXPECT_EQ(rows.at(0).at("differs"), "slower");
  EXPECT_GT(rows.at(0).at("ratio_low"), 1.02);
  EXPECT_TRUE(contains(compare(before, after, {"--format", "csv"}).out,
                       "of,what,before,after,unit,ratio,ratio_low,ratio_high,differs"));
  const io::Json swapped = io::Json::parse(compare(after, before, {"--format", "json"}).out);
  EXPECT_EQ(swapped.at(0).at("differs"), "faster");
}

TEST_F(Compare, FailsAboveTheLimitAndOnlyThen) {
  const std::string before = runs("before"), after = runs("after", 1.1, {}, 5);
  const CommandResult failed = compare(before, after, {"--fail-above", "1.05"});
  EXPECT_EQ(failed.status, 1);
  ASSERT_EQ(failed.errors().size(), 1u) << failed.err;
  EXPECT_TRUE(contains(failed.errors()[0], "1 of 5 intervals above --fail-above 1.05; "));
  EXPECT_TRUE(contains(failed.errors()[0], "fc1/forward takes 1."));
  EXPECT_TRUE(contains(failed.out, "fc1/forward"));  // the table is printed
  EXPECT_EQ(compare(before, after, {"--fail-above", "1.2"}).status, 0);
  // The ratio is above, the interval's lower end is not.
  EXPECT_EQ(compare(before, after, {"--fail-above", "1.09"}).status, 0);
  EXPECT_EQ(compare(after, before, {"--fail-above", "1.05"}).status, 0);
}

// The machine becomes 10 % slower from run to run; the files' names are in no order.
TEST_F(Compare, AlternateRunsAreComparedInPairs) {
  const auto measured_at = [&](int second, bool before) {
    return [=, run = 0](io::Json& json) mutable {
      const double speed = std::pow(1.1, run);
      json["created"] = "2026-01-01T00:00:" + std::to_string(10 + 10 * run++ + second) + "Z";
      for (io::Json& record : json["records"]) {
        record["seconds"] = timing(speed * record["seconds"]["median"].get<double>(), 0.001);
      }
      json["total"]["seconds"] = timing(speed * (before ? 0.01 : 0.0101), 0.001);
    };
  };
  const auto outcome = [&](int second) {
    runs("before", 1, measured_at(0, true));
    runs("after", 1.1, measured_at(second, false), 5);
    fs::rename(folder / "before/run0.json", folder / "before/run9.json");
    const auto all = records(folder / "before", folder / "after");
    fs::remove_all(folder / "before");
    fs::remove_all(folder / "after");
    return all.at(first);
  };
  const io::Json in_turn = outcome(3);
  EXPECT_EQ(in_turn.at("paired"), true);
  EXPECT_EQ(in_turn.at("differs"), true);
  const io::Json apart = outcome(43);
  EXPECT_EQ(apart.at("paired"), false);
  EXPECT_EQ(apart.at("differs"), false);
}

TEST_F(Compare, RunsAreComparedWithThoseThatExchangedDataAsFast) {
  // On each side some runs, with different numbers, had a slower exchange between processors.
  const auto apart = [](int first, int last) {
    return [=, run = 0](io::Json& json) mutable {
      const bool slow = run >= first && run < last;
      ++run;
      json["disturbed"]["exchange_pulse"] = timing(slow ? 5e-6 : 2e-6, 0.01);
      if (!slow) return;
      for (io::Json& record : json["records"]) {
        record["seconds"] = timing(1.5 * record["seconds"]["median"].get<double>(), 0.02);
      }
    };
  };
  const std::string before = runs("before", 1, apart(0, 1));
  const auto found = records(before, runs("after", 1.1, apart(1, 5)));
  const io::Json& slowed = found.at(first);
  EXPECT_NEAR(slowed["ratio"].get<double>(), 1.1, 0.01);
  EXPECT_EQ(slowed["differs"], true);
  EXPECT_EQ(slowed["by_state"], true);
  EXPECT_EQ(slowed["runs_left_out"], 0);
  for (const auto& [name, record] : found) {
    if (name != first && name.find("end to end") == std::string::npos) {
      EXPECT_EQ(record["differs"], false) << name;
    }
  }
  EXPECT_TRUE(contains(written()["notes"].dump(),
                       "one thread read what another wrote in 2.00 µs (4 before, 1 after), 5.00 µs "
                       "(1 before, 4 after)"));
  // If no state has runs of both sides, there is no result.
  const auto none = records(before, runs("all", 1, [](io::Json& json) {
                              json["disturbed"]["exchange_pulse"] = timing(9e-6, 0.01);
                            }));
  EXPECT_EQ(none.at(first)["differs"], nullptr);
  EXPECT_EQ(none.at(first)["interval"], nullptr);
}

TEST_F(Compare, RunsAreMatchedByContent) {
  const std::string before = runs("before");
  fs::create_directories(folder / "after/deep");
  for (int run = 0; run < 3; ++run) {
    io::write_json(folder / ("after/deep/x" + std::to_string(run) + ".json"), roofline(run));
  }
  io::Json other = roofline(0);
  other["batch"] = 128;
  file("after/0.json", other);
  file("after/1.json", {{"some", "settings"}});
  folder.write("after/2.txt", "text");
  const CommandResult result = compare(before, folder / "after", {"--output", folder / "out.json"});
  EXPECT_EQ(result.status, 0) << result.err;
  const io::Json json = written();
  ASSERT_EQ(json.at("records").size(), 5u);
  EXPECT_EQ(json.at("records").at(0).at("runs_after"), 3);
  ASSERT_EQ(json.at("after_only").size(), 1u);
  EXPECT_EQ(json.at("after_only").at(0),
            "roofline, A network, batch 128, train, float32 on openmp");
  EXPECT_TRUE(contains(result.err, "after: 1 without a match: roofline, A network, batch 128, "));
  EXPECT_TRUE(contains(result.err, "1 of 5 JSON files are left out; "));
  EXPECT_TRUE(contains(result.err, "1.json: has no \"format\""));
}

TEST_F(Compare, ThreadsCountWhereASideHasSeveral) {
  const auto with_threads = [](int threads) {
    return [=](io::Json& json) { json["machine"]["threads"] = threads; };
  };
  const std::string one = runs("one", 1, with_threads(1)), two = runs("two", 1, with_threads(2));
  const CommandResult result = compare(one, two);
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_TRUE(contains(result.err, "note: machine.threads: 1 before, 2 after\n"));
  fs::rename(folder / "one", folder / "two/one");
  fs::copy(folder / "two", folder / "both", fs::copy_options::recursive);
  const auto records = this->records(folder / "two", folder / "both");
  EXPECT_EQ(records.size(), 10u);
  EXPECT_EQ(records.count("roofline, A network, batch 64, train, float32 on openmp, threads 1: "
                          "fc1/forward"),
            1u);
}

TEST_F(Compare, NamesOtherDifferences) {
  const std::string before = runs("before");
  const std::string after = runs("after", 1, [](io::Json& json) {
    json["ridgeline_version"] = "0.1.0 (bbb)";
    json["machine"]["compiler"] = "GNU 13";
    json["deck_text"] = "title = \"A network\"\nunits = 64\n";
    json["overrides"] = {"network.layer=2"};
    json["command"] = {"ridgeline", "roofline",  "deck.toml", "--output",
                       "s.json",    "--repeats", "9"};
  });
  const std::string err = compare(before, after).err;
  for (const char* line :
       {"note: ridgeline_version: 0.1.0 (aaa) before, 0.1.0 (bbb) after\n",
        "note: machine.compiler: GNU 12 before, GNU 13 after\n",
        "note: the deck, from its line 2 on: \"units = 96\" before, \"units = 64\" after\n",
        "note: overrides: none before, network.layer=2 after\n",
        "note: command: ridgeline roofline deck.toml before, "
        "ridgeline roofline deck.toml --repeats 9 after\n"}) {
    EXPECT_TRUE(contains(err, line));
  }
  EXPECT_FALSE(contains(err, "job"));
}

TEST_F(Compare, WarnsOfDisturbedAndStoppedRuns) {
  int count = 0;
  const std::string before = runs("before", 1, [&](io::Json& json) {
    if (++count == 2) json["disturbed"] = {{"alarm", true}, {"reasons", {"threads waited"}}};
  });
  const std::string after = runs("after", 1, [](io::Json& json) { json["complete"] = false; });
  const CommandResult result = compare(before, after, {"--output", folder / "out.json"});
  EXPECT_EQ(result.status, 0);
  EXPECT_TRUE(contains(result.err, "warning: " + before +
                                       ": 1 of 5 runs measured while disturbed: threads waited\n"));
  EXPECT_TRUE(contains(result.err, "warning: " + after + ": 5 of 5 runs stopped before the end\n"));
  EXPECT_EQ(written().at("before").at("disturbed"), true);
  EXPECT_EQ(written().at("after").at("disturbed"), false);
}

TEST_F(Compare, ARunOfVersion1HasNoInterval) {
  const auto version_1 = [](io::Json json) {
    json["version"] = 1;
    json.erase("disturbed");
    json.erase("command");
    for (io::Json& record : json["records"]) {
      record["seconds"].erase("samples");
      record["seconds"].erase("median_interval");
    }
    json["total"]["seconds"].erase("samples");
    return json;
  };
  const std::string a = file("a.json", version_1(roofline(0)));
  const std::string b = file("b.json", version_1(roofline(1, 1.5)));
  for (const auto& [name, record] : records(a, b)) {
    EXPECT_EQ(record.at("interval"), nullptr) << name;
    EXPECT_EQ(record.at("differs"), nullptr) << name;
  }
  const CommandResult result = compare(a, b, {"--fail-above", "1.05"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_TRUE(contains(result.out, "cannot be judged"));
  EXPECT_TRUE(contains(result.err, "warning: --fail-above cannot be judged"));
  // Several runs have one, by their medians; and a run of version 2 is comparable with them.
  const std::string before = runs("before", 1, [&](io::Json& json) { json = version_1(json); });
  const std::string after = runs("after", 1.2);
  EXPECT_EQ(records(before, after).at(first).at("differs"), true);
}

TEST_F(Compare, MachineFilesByTheirBest) {
  const auto machine = [](int run, double slower) {
    io::Json json = head("ridgeline-machine");
    io::Json& space = json["spaces"]["openmp"];
    const double noise = 1 + 0.002 * std::sin(run);
    space["concurrency"] = 2;
    space["peak_gflops"] = {{"float32", 200 / noise / slower}, {"float64", 100 / noise}};
    for (const int threads : {1, 2}) {
      space["bandwidth"].push_back({{"kernel", "triad"},
                                    {"working_set_bytes", 16384},
                                    {"threads", threads},
                                    {"gbytes_per_second", 3.0},
                                    {"seconds", timing(noise * 2e-6 / threads, 0.1)},
                                    {"passes_per_launch", 100 + run}});
    }
    space["latency"].push_back(
        {{"working_set_bytes", 4096}, {"pages", "huge"}, {"seconds", timing(noise * 1e-9, 0.1)}});
    space["dispatch"] = {{"empty_kernel", timing(noise * 1e-7, 0.1)}, {"team_size", 1 + run % 2}};
    space["transfer"].push_back({{"direction", "host_to_device"},
                                 {"bytes", 8},
                                 {"host_memory", "pinned"},
                                 {"seconds", timing(noise * 1e-5, 0.1)}});
    // In another order in every run, as if some had been left out.
    for (const int i : {0, 1}) {
      const int size = (i + run) % 2 == 0 ? 48 : 640;
      io::Json shape = {{"m", size}, {"n", 10}};
      if (size == 640) shape["in"] = {20, 24};
      space["kernels"].push_back({{"class", "product"},
                                  {"shape", shape},
                                  {"threads", 1},
                                  {"seconds", timing(noise * 1e-6 * size, 0.1)}});
    }
    space["fork_join"].push_back({{"work_seconds", 5e-6},
                                  {"threads", 2},
                                  {"steps", 4000 + run},
                                  {"seconds", timing(noise * 5e-6, 0.1)}});
    return json;
  };
  for (int run = 0; run < 4; ++run) {
    for (const char* side : {"before", "after"}) {
      fs::create_directory(folder / side);
      file(side + ("/" + std::to_string(run) + ".json"),
           machine(run, std::string(side) == "after" ? 1.2 : 1));
    }
  }
  const auto found = records(folder / "before", folder / "after");
  ASSERT_EQ(found.size(), 10u);
  EXPECT_NEAR(found.at("machine: openmp, kernels, product, shape m 640 n 10 in 20x24, threads 1")
                  .at("ratio"),
              1, 0.01);
  EXPECT_EQ(found.count("machine: openmp, kernels, product, shape m 48 n 10, threads 1"), 1u);
  EXPECT_EQ(found.count("machine: openmp, fork_join, work_seconds 5e-06, threads 2"), 1u);
  // A rate: lower is slower.
  const io::Json& peak = found.at("machine: openmp, peak_gflops, float32");
  EXPECT_NEAR(peak.at("before").get<double>(), 200, 1);
  EXPECT_NEAR(peak.at("after").get<double>(), 200 / 1.2, 1);
  EXPECT_NEAR(peak.at("ratio").get<double>(), 1.2, 1e-9);
  EXPECT_EQ(peak.at("unit"), "GFLOP/s");
  EXPECT_EQ(peak.at("differs"), true);
  const io::Json& triad =
      found.at("machine: openmp, bandwidth, triad, working_set_bytes 16384, threads 2");
  EXPECT_EQ(triad.at("statistic"), "min");
  EXPECT_NEAR(triad.at("before").get<double>(), 0.9e-6, 1e-8);
  EXPECT_EQ(triad.at("differs"), false);
  EXPECT_EQ(found.at("machine: openmp, latency, working_set_bytes 4096, huge").at("statistic"),
            "min");
  EXPECT_EQ(found.count("machine: openmp, dispatch, empty_kernel"), 1u);
  EXPECT_EQ(found.at("machine: openmp, transfer, host_to_device, bytes 8, pinned").at("statistic"),
            "median");
}

TEST_F(Compare, StudiesPointByPoint) {
  const auto study = [](int run, double slower) {
    io::Json json = head("ridgeline-study");
    json["study"] = "scaling";
    json["settings"] = {{"turns", 3}};
    for (const int threads : {1, 2}) {
      for (int turn = 0; turn < 3; ++turn) {
        json["points"].push_back({{"what", "dense"},
                                  {"layer", ""},
                                  {"phase", "forward"},
                                  {"batch", 256},
                                  {"seconds", 1e-3 * (1 + 0.001 * turn + 0.002 * std::sin(run)) *
                                                  (threads == 2 ? slower : 1)},
                                  {"threads", threads},
                                  {"turn", turn}});
      }
    }
    io::Json point = {{"width", 8}, {"what", "dense"}, {"flops", 8704.0 + run}};
    point["eager"] = {{"first_seconds", timing(1e-3 * (1 + 0.002 * std::sin(run)), 0.05)},
                      {"ratio", 1.5}};
    json["points"].push_back(point);
    return json;
  };
  for (int run = 0; run < 4; ++run) {
    for (const char* side : {"before", "after"}) {
      fs::create_directory(folder / side);
      file(side + ("/" + std::to_string(run) + ".json"),
           study(run, std::string(side) == "after" ? 1.3 : 1));
    }
  }
  const auto found = records(folder / "before", folder / "after");
  ASSERT_EQ(found.size(), 3u);
  EXPECT_NEAR(found.at("study scaling: dense/forward, batch 256, threads 2").at("ratio"), 1.3,
              1e-9);
  // Turns are samples of one quantity, compared by their median.
  EXPECT_NEAR(found.at("study scaling: dense/forward, batch 256, threads 1").at("before"), 1.001e-3,
              2e-6);
  EXPECT_EQ(found.at("study scaling: width 8, dense, eager first_seconds").at("differs"), false);
}

TEST_F(CommandLineThatComputes, TrainingAndRooflineOfThisBuildAreComparable) {
  const std::string machine = source_folder() + "/docs/results/h200-16-cores/machine.json";
  for (const char* side : {"before", "after"}) {
    fs::create_directory(folder / side);
    ASSERT_EQ(train(side + std::string("/train"), {"--quiet", "--set", "train.epochs=8"}).status,
              0);
    const CommandResult roofline =
        ridgeline({"roofline", deck, "--machine", machine, "--space", host_space(), "--output",
                   folder / (side + std::string("/roofline.json"))});
    ASSERT_EQ(roofline.status, 0) << roofline.err;
  }
  const CommandResult result =
      ridgeline({"compare", folder / "before", folder / "after", "--format", "json"});
  EXPECT_EQ(result.status, 0) << result.err;
  std::set<std::string> whats;
  for (const io::Json& row : io::Json::parse(result.out)) {
    whats.insert(row.at("what").get<std::string>());
    EXPECT_GT(row.at("ratio").get<double>(), 0);
  }
  for (const char* what : {"fc1/forward", "fc2/backward", "optimizer/update", "total/end to end",
                           "fc1", "step", "figure of merit"}) {
    EXPECT_EQ(whats.count(what), 1u) << what;
  }
}

// Checks the tool with which tests slow down a kernel.
TEST_F(CommandLineThatComputes, ASlowedKernelTakesLonger) {
  const std::string machine = source_folder() + "/docs/results/h200-16-cores/machine.json";
  const auto roofline = [&](const std::string& name, const std::string& share) {
    CommandOptions options;
    options.environment = {{"KOKKOS_PROFILE_LIBRARY", kSlowKernel},
                           {"KOKKOS_TOOLS_LIBS", kSlowKernel},
                           {"SLOW_KERNEL", "fc1/backward"},
                           {"SLOW_SHARE", share}};
    const CommandResult result = ridgeline({"roofline", deck, "--machine", machine, "--space",
                                            host_space(), "--output", folder / name},
                                           options);
    EXPECT_EQ(result.status, 0) << result.err;
    return folder / name;
  };
  const std::string before = roofline("before.json", "0"), after = roofline("after.json", "200");
  const io::Json rows =
      io::Json::parse(ridgeline({"compare", before, after, "--format", "json"}).out);
  double slowed = 0;
  for (const io::Json& row : rows) {
    if (row.at("what") == "fc1/backward") slowed = row.at("ratio");
  }
  EXPECT_GT(slowed, 3);
}

TEST_F(Compare, ATimingWithoutAMedianIsRefusedByFile) {
  for (const io::Json& damaged :
       {io::Json::object(), io::Json({{"min", 1}}), io::Json({{"median", "x"}, {"min", 1}}),
        io::Json(7), io::Json()}) {
    io::Json json = roofline(0);
    json["records"][1]["seconds"] = damaged;
    expect_refused(compare(file("damaged.json", json), file("whole.json", roofline(1))),
                   "damaged.json: cannot be read as a result: ");
  }
}

TEST_F(Compare, AFileWithoutMeasurementsIsRefusedAndImpossibleTimesAreLeftOut) {
  io::Json empty = roofline(0);
  for (const char* key : {"records", "total", "batch"}) empty.erase(key);
  empty["batches"] = io::Json::array();
  const std::string whole = file("whole.json", roofline(1));
  expect_refused(compare(file("empty.json", empty), file("other.json", empty)),
                 "empty.json: holds no measurement");
  expect_refused(compare(file("empty.json", empty), whole), "empty.json: holds no measurement");
  expect_refused(compare(whole, file("empty.json", empty)), "empty.json: holds no measurement");
  for (const double time : {1e308, 1e12, 5e-324, -1.0, 0.0}) {
    io::Json json = roofline(0);
    json["records"][0]["seconds"] = timing(time, 0);
    const CommandResult result = compare(file("damaged.json", json), whole);
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_TRUE(contains(result.err, "damaged.json: 1 time left out")) << result.err;
    EXPECT_FALSE(contains(result.out, "fc1/forward")) << result.out;
  }
}

TEST_F(Compare, OneBatchOfSeveralIsTheSameThingAsItAlone) {
  io::Json several = roofline(0);
  io::Json one;
  for (const char* key : {"batch", "records", "total"}) {
    one[key] = several[key];
    several.erase(key);
  }
  several["batches"] = io::Json::array({one});
  EXPECT_EQ(records(file("several.json", several), file("one.json", roofline(1))).size(), 5u);
}

TEST_F(Compare, AMeasurementInSeveralPlacesCountsOnce) {
  const auto study = [](int run, const std::string& place) {
    io::Json json = head("ridgeline-study");
    json["study"] = "crossover";
    json["settings"] = {
        {"first", "openmp"}, {"second", "cuda"}, {"second_file", place + "/h100.json"}};
    const io::Json seconds = timing(1e-3 * (1 + 0.002 * run), 0.05);
    json["points"].push_back({{"width", 8},
                              {"eager", {{"first_seconds", seconds}}},
                              {"expected", {{"first_seconds", seconds}}}});
    return json;
  };
  // The machine file is in another folder.
  const auto found =
      records(file("a.json", study(0, "inputs/machines")), file("b.json", study(1, "/tmp")));
  EXPECT_EQ(found.size(), 1u);
}

TEST_F(Compare, ACrossoverOfTwoSpacesIsTheSameThingAsInEarlierFiles) {
  const std::string measured = source_folder() + "/docs/results/epyc-2-cores/crossover.json";
  io::Json json = io::read_json(measured, "ridgeline-study");
  const std::size_t points = json.at("points").size();
  // The current form of a study of two local spaces.
  if (!has_space("openmp")) GTEST_SKIP() << "a build with one space";
  ASSERT_EQ(ridgeline({"study", "crossover", "--quick", "--kinds", "dense", "--widths", "8,16",
                       "--batches", "1,2", "--no-decks", "--output", folder / "now.json"})
                .status,
            0);
  for (const auto& [key, value] :
       io::read_json(folder / "now.json", "ridgeline-study").at("settings").items()) {
    if (key != "first" && key != "second") json["settings"][key] = value;
  }
  EXPECT_GE(records(measured, file("now.json", json)).size(), points);
}

TEST_F(Compare, ATrainingTooShortForATimingIsCompared) {
  for (const char* side : {"before", "after"}) {
    io::Json json = head("ridgeline-training");
    json["title"] = "A network";
    json["shares"] = io::Json::array();
    json["step_seconds"] = nullptr;
    json["figure_of_merit"] = 1000.0;
    file(side + std::string(".json"), json);
  }
  EXPECT_EQ(records(folder / "before.json", folder / "after.json").size(), 1u);
}

TEST_F(Compare, OtherThreadsAreNoOtherStateOfTheMachine) {
  const auto with = [](int threads, double exchange) {
    return [=](io::Json& json) {
      json["machine"]["threads"] = threads;
      json["disturbed"]["exchange_pulse"] = timing(exchange, 0.01);
    };
  };
  const auto found = records(runs("before", 1, with(2, 2e-6)), runs("after", 1.3, with(16, 9e-6)));
  EXPECT_EQ(found.at(first).at("differs"), true);
  EXPECT_EQ(found.at(first).at("by_state"), false);
}

TEST_F(Compare, RefusesWhatCannotBeCompared) {
  const std::string good = file("good.json", roofline(0));
  fs::create_directory(folder / "empty");
  fs::create_directory(folder / "others");
  file("others/info.json", {{"format", "ridgeline-info"}, {"version", 2}});
  const auto refused = [&](const std::string& other, const std::string& part) {
    expect_refused(compare(good, other), part);
    expect_refused(compare(other, good), part);
  };
  refused(folder / "none.json", "none.json: cannot read: No such file");
  refused(folder / "empty", "empty: holds no result file");
  refused(folder / "others", "others: holds no result file; ");
  refused(folder / "others/info.json",
          "info.json: is a ridgeline-info file; a ridgeline-machine, ridgeline-roofline, "
          "ridgeline-training or ridgeline-study file is expected");
  refused(folder.write("text.json", "no JSON"), "text.json:1: not valid JSON");
  refused(deck, "deck.toml:1: not valid JSON");
  io::Json broken = roofline(0);
  broken["records"][0].erase("phase");
  refused(file("broken.json", broken), "broken.json: cannot be read as a result: key 'phase'");
  broken = roofline(0);
  broken["records"][1]["seconds"]["samples"][2] = "long";
  refused(file("broken.json", broken), "broken.json: cannot be read as a result: ");
  broken = roofline(0);
  broken["machine"] = 3;
  refused(file("broken.json", broken), "broken.json: \"machine\" must be an object");
  refused(file("sheet.json", {{"format", "ridgeline-machine"},
                              {"version", 2},
                              {"measured", false},
                              {"spaces", io::Json::object()}}),
          "sheet.json: is from a data sheet");
  io::Json other = roofline(0);
  other["network"] = "Another";
  expect_refused(compare(good, file("other.json", other)),
                 "matches anything in " + folder.path() +
                     "/other.json: there is roofline, A network, "
                     "batch 64, train, float32 on openmp in one, roofline, Another, ");
  expect_refused(ridgeline({"compare", good}), "AFTER");
  expect_refused(compare(good, good, {"--fail-above", "0"}), "--fail-above");
  expect_refused(compare(good, good, {"--fail-above", "many"}), "--fail-above");
  expect_refused(compare(good, good, {"--output", good}), "would overwrite");
  expect_refused(compare(good, good, {"--output", folder / "none/out.json"}), "none");
  const std::string before = folder.listing();
  expect_refused(compare(folder / "others", good, {"--output", folder / "out.json"}), "others");
  EXPECT_EQ(folder.listing(), before);
}

}  // namespace
}  // namespace ridgeline::testing
