#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

#include "miniapp/ridgeline.hpp"
#include "report/drawing.hpp"

// The verb `report`, and what it shows of files that this build writes; `roofline --trace`.

namespace ridgeline::testing {
namespace {

namespace fs = std::filesystem;

std::string text_in(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

// Whole results of this build: training, roofline of two batches, comparison.
class Reports : public CommandLineThatComputes {
 protected:
  void SetUp() override {
    CommandLineThatComputes::SetUp();
    results = folder / "results";
    page = folder / "report.html";
    fs::create_directory(results);
    expect_done({"train", deck, "--output", results, "--quiet", "--space", host_space()});
    expect_done({"roofline", deck, "--machine", machine, "--repeats", "2", "--space", host_space(),
                 "--batch", "4,64", "--output", results + "/before.json"});
    // The same times, so that nothing differs on any machine.
    fs::copy_file(results + "/before.json", results + "/after.json");
    expect_done({"compare", results + "/before.json", results + "/after.json", "--output",
                 results + "/comparison.json"});
  }
  static void expect_done(const Lines& line) {
    const CommandResult result = ridgeline(line);
    ASSERT_EQ(result.status, 0) << result.err;
  }
  // Runs `report`, which must fail as an invalid request and leave this file as it is.
  static void expect_refusal(const Lines& line, const std::string& part, const std::string& file) {
    const std::string before = text_in(file);
    const CommandResult result = ridgeline(Lines{"report"} + line);
    EXPECT_EQ(result.status, 2);
    ASSERT_EQ(result.errors().size(), 1u) << result.err;
    EXPECT_TRUE(contains(result.errors()[0], part)) << result.err;
    EXPECT_EQ(text_in(file), before);
  }

  const std::string machine = source_folder() + "/docs/results/h200-16-cores/machine.json";
  std::string results, page;
};

TEST_F(Reports, ShowEveryKindOfResult) {
  const CommandResult result = ridgeline({"report", results, machine, "--output", page});
  ASSERT_EQ(result.status, 0) << result.err;
  const std::string html = text_in(page);
  for (const char* part :
       {"id=\"rooflines\"", "id=\"machines\"", "id=\"training\"", "id=\"comparisons\"",
        "Time per sample by batch: A small deck", "Memory per layer, batch 64",
        "Roofline: A small deck, training, float32", "batch 4", "Training history: A small deck",
        "reached a test accuracy of", "fc1", "ridge point of ", "not known to differ"}) {
    EXPECT_TRUE(contains(html, part)) << part;
  }
  // The table of the rooflines.
  EXPECT_TRUE(contains(result.out, "A small deck")) << result.out;
  EXPECT_EQ(ridgeline({"report", results, "--output", page, "--format", "csv"}).status, 0)
      << "an older page is replaced";
}

TEST_F(Reports, WriteEveryPictureAsSvgAndPng) {
  if (!report::can_draw()) GTEST_SKIP() << "this build cannot draw";
  const std::string figures = folder / "new/figures";
  const Lines line = {"report", results, "--output", page, "--figures", figures};
  ASSERT_EQ(ridgeline(line).status, 0);
  std::size_t svg = 0, png = 0;
  for (const auto& entry : fs::directory_iterator(figures)) {
    svg += entry.path().extension() == ".svg";
    png += entry.path().extension() == ".png";
  }
  EXPECT_GE(svg, 8u);
  EXPECT_EQ(svg, png);
  EXPECT_EQ(ridgeline(line).status, 0) << "older pictures are replaced";
}

TEST_F(Reports, ReplaceNoFileOfTheUser) {
  const std::string own = folder / "own.html";
  std::ofstream(own) << "<!DOCTYPE html><html><p>ridgeline report of mine</p></html>";
  expect_refusal({results, "--output", own}, "ridgeline did not write it", own);
  expect_refusal({results, "--output", results + "/before.json"}, "would overwrite",
                 results + "/before.json");
  if (!report::can_draw()) return;
  fs::create_directory(folder / "figures");
  const std::string mine = folder / "figures/history-deck-" + host_space() + ".svg";
  std::ofstream(mine) << "<svg/>";
  expect_refusal({results, "--output", page, "--figures", folder / "figures"},
                 "ridgeline did not write it", mine);
  EXPECT_FALSE(fs::exists(page)) << "nothing is written before all is checked";
}

TEST_F(Reports, RefuseWhatIsNoResult) {
  const std::string empty = folder / "empty";
  fs::create_directory(empty);
  expect_refusal({empty, "--output", page}, "holds no result file", deck);
  expect_refusal({deck, "--output", page}, deck, deck);
  expect_refusal({folder / "absent.json", "--output", page}, "absent.json", deck);
  expect_refusal({results, "--output", folder / "absent/report.html"}, "does not exist", deck);
  io::Json damaged = io::read_json(results + "/before.json", "ridgeline-roofline");
  damaged["batches"][0].erase("total");
  io::write_json(results + "/damaged.json", damaged);
  expect_refusal({results + "/damaged.json", "--output", page}, "key 'total' not found", deck);
  // In a folder it is left out, and the page says so.
  const CommandResult result = ridgeline({"report", results, "--output", page});
  EXPECT_EQ(result.status, 0);
  EXPECT_TRUE(contains(result.err, "note: left out: ")) << result.err;
  EXPECT_TRUE(contains(text_in(page), "Left out: ")) << "in the page too";
}

TEST_F(Reports, LeaveNothingIfTheDiskIsFull) {
  const CommandResult result =
      shell("ulimit -f 8; exec $R report " + results + " --output " + page, {});
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(result.errors().size(), 1u) << result.err;
  for (const auto& entry : fs::directory_iterator(fs::path(page).parent_path())) {
    EXPECT_FALSE(contains(entry.path().string(), ".partial")) << entry.path();
    EXPECT_NE(entry.path().filename(), "report.html");
  }
}

TEST_F(Reports, HoldTheMemoryOfEachLayer) {
  const io::Json json = io::read_json(results + "/before.json", "ridgeline-roofline");
  const io::Json& memory = json.at("memory");
  EXPECT_EQ(memory.at("batch"), 64);
  std::size_t parameters = 0;
  for (const io::Json& layer : memory.at("layers")) {
    parameters += layer.at("parameters_bytes").get<std::size_t>();
    if (layer.at("layer") != "fc1") continue;
    EXPECT_EQ(layer.at("parameters_bytes"), 4 * (20 * 96 + 96));
    EXPECT_EQ(layer.at("gradients_bytes"), 4 * (20 * 96 + 96));
    EXPECT_EQ(layer.at("optimizer_bytes"), 4 * (20 * 96 + 96)) << "momentum";
    EXPECT_EQ(layer.at("activations_bytes"), 4 * 64 * 96);
  }
  // The buffer has gaps for alignment.
  EXPECT_GE(memory.at("total").at("parameters_bytes").get<std::size_t>(), parameters);
  EXPECT_LE(memory.at("total").at("parameters_bytes").get<std::size_t>(), parameters + 1024);
}

TEST_F(Reports, HaveTheLevelsOfTheMachineInARoofline) {
  const io::Json json = io::read_json(results + "/before.json", "ridgeline-roofline");
  const io::Json& ceilings = json.at("ceilings");
  ASSERT_FALSE(ceilings.at("levels").empty());
  EXPECT_EQ(ceilings.at("levels").back().at("level"), "DRAM");
  EXPECT_NEAR(ceilings.at("levels").back().at("gbytes_per_second").get<double>(),
              ceilings.at("memory_gbytes_per_second").get<double>(), 1e-6);
  EXPECT_NEAR(ceilings.at("peaks").at("float32").get<double>(),
              ceilings.at("peak_gflops").get<double>(), 1e-6);
}

TEST_F(Reports, ATraceHasEveryPartOfAStepAndItsKernels) {
  const std::string trace = folder / "trace.json";
  expect_done({"roofline", deck, "--machine", machine, "--repeats", "2", "--space", host_space(),
               "--trace", trace});
  const io::Json events = io::Json::parse(text_in(trace)).at("traceEvents");
  std::vector<std::string> parts;
  std::size_t kernels = 0;
  double part_begin = 0, part_end = 0;
  for (const io::Json& event : events) {
    EXPECT_EQ(event.at("ph"), "X");
    const double begin = event.at("ts"), duration = event.at("dur");
    EXPECT_GE(duration, 0);
    if (event.at("cat") == "part") {
      parts.push_back(event.at("name"));
      EXPECT_GE(begin, part_end) << "parts follow each other";
      part_begin = begin;
      part_end = begin + duration;
      EXPECT_GT(event.at("args").at("median_us").get<double>(), 0);
    } else {
      ++kernels;
      EXPECT_GE(begin, part_begin) << "a kernel is inside its part";
      EXPECT_LE(begin + duration, part_end + 1e-3);
    }
  }
  EXPECT_EQ(parts, (std::vector<std::string>{"fc1 forward", "fc2 forward", "loss forward",
                                             "fc2 backward", "fc1 backward", "optimizer update"}));
  EXPECT_GE(kernels, parts.size());
}

}  // namespace
}  // namespace ridgeline::testing
