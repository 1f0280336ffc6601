#include "studies/crossover_report.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

// Synthetic curves, whose table and sentences are known.

namespace ridgeline::studies {
namespace {

constexpr int kTurns = 9;

CrossoverBounds against_a_file() {
  CrossoverBounds bounds;
  bounds.first = SpaceKind::openmp;
  bounds.machine_file = io::Json{{"machine", {{"gpu_model", "GPU 9"}}}};
  bounds.machine_path = "somewhere/gpu9.json";
  bounds.machine_space = "cuda";
  return bounds;
}

// A curve over widths on which the second is `at_best` and `expected` times as fast.
SizeCurve curve(const std::string& what, const std::vector<double>& at_best,
                const std::vector<double>& expected) {
  SizeCurve curve{what, "forward", "width", {}};
  double size = 1;
  for (std::size_t i = 0; i < expected.size(); ++i, size *= 4) {
    SizeMeasurement point;
    point.size = size;
    point.bytes = 1000 * size;
    const Timing first = {1e-3, 1e-3, 1e-3, kTurns, 1e-3, 1e-3};
    const auto ratios = [](double ratio) { return std::vector<double>(kTurns, ratio); };
    point.modes[kEager] = {first, 1e-3 / at_best[i], {}, ratios(at_best[i])};
    point.modes[kExpected] = {first, 1e-3 / expected[i], {}, ratios(expected[i])};
    curve.points.push_back(point);
  }
  return curve;
}

Study study_of(const std::vector<SizeCurve>& curves, const CrossoverBounds& bounds) {
  const Comparison comparison = comparison_of(bounds);
  Study study;
  study.table = io::Table(columns_of(comparison));
  const std::vector<FittedRow> rows = fit_rows(curves, comparison);
  study.fit = to_json(rows, comparison);
  add_rows(rows, comparison, study.table);
  tell_answers(rows, comparison, study);
  return study;
}

std::string printed(const Study& study) {
  std::ostringstream out;
  study.table.print(out, io::TableFormat::table, io::kUnlimitedWidth);
  return out.str();
}

TEST(CrossoverReport, SaysWhereTheOtherMachineIsFasterAndWhatGrows) {
  const std::vector<SizeCurve> curves = {
      curve("dense", {4, 5, 6, 7}, {0.5, 1, 2, 4}),
      curve("lstm", {4, 5, 6, 7}, {0.1, 0.2, 0.3, 0.4}),
  };
  const Study study = study_of(curves, against_a_file());
  EXPECT_EQ(
      study.answers,
      (std::vector<std::string>{
          "at best (not measured): of 2 curves, the GPU 9 is faster at every size in 2",
          "expected (not measured): of 2 curves, the GPU 9 is faster from some size on in 1 "
          "and not at the largest size in 1; at the smallest size it is slower in 2",
          "expected (not measured): the GPU 9's advantage over this machine grows with the "
          "bytes that an operation touches in 2 of 2 rows whose bytes grow fourfold or more"}));
  // It is that of the expected times: the ceilings' advantage grows by less.
  for (const io::Json& fit : study.fit.at("advantage")) {
    EXPECT_EQ(fit.at("way"), "expected");
    EXPECT_GT(fit.at("per_doubling_of_bytes").at("value"), 1.2);
  }
}

TEST(CrossoverReport, MarksUncertainTimesAndKindsWithoutARecord) {
  std::vector<SizeCurve> curves = {curve("gru", {4, 5, 6}, {0.5, 1, 2})};
  EXPECT_EQ(printed(study_of(curves, against_a_file())).find_first_of("~?"), std::string::npos);
  SizeMeasurement& last = curves[0].points.back();
  last.modes[kEager].first.high = 1.2e-3;
  last.without_record = {"gru forward"};
  const std::string table = printed(study_of(curves, against_a_file()));
  EXPECT_NE(table.find("~1.00 ms"), std::string::npos) << table;
  EXPECT_NE(table.find("?500 µs"), std::string::npos) << table;
  EXPECT_NE(table.find("?16"), std::string::npos) << table;  // from which it is faster
  EXPECT_NE(study_of(curves, against_a_file()).answers[1].find("of 1 curve (1 of them ?)"),
            std::string::npos);
}

TEST(CrossoverReport, TellsApartWhatIsUncertainAndWhatNeverIs) {
  SizeCurve uncertain = curve("dense", {4, 4, 4}, {0.9, 1.1, 2});
  // Alternately faster and slower at every size except the last.
  for (std::size_t i : {0u, 1u}) {
    for (int turn = 0; turn < kTurns; ++turn) {
      uncertain.points[i].modes[kExpected].ratios[std::size_t(turn)] = turn % 2 ? 0.5 : 2;
    }
  }
  const Study study =
      study_of({uncertain, curve("lstm", {4, 4, 4}, {0.1, 0.1, 0.1})}, against_a_file());
  EXPECT_NE(study.answers[1].find("is faster not at the largest size in 1 and from a size that is "
                                  "too uncertain to state in 1"),
            std::string::npos)
      << study.answers[1];
  EXPECT_NE(printed(study).find("not reached (> 16)"), std::string::npos) << printed(study);
  EXPECT_NE(printed(study).find("unclear"), std::string::npos) << printed(study);
}

TEST(CrossoverReport, SaysNothingOfAStudyThatWasStoppedAtOnce) {
  const Study study = study_of({SizeCurve{"dense", "forward", "width", {}}}, against_a_file());
  EXPECT_TRUE(study.answers.empty());
  EXPECT_TRUE(study.table.empty());
}

TEST(CrossoverReport, NotesWhatWasNotMeasuredAndWhatIsMissing) {
  CrossoverBounds bounds = against_a_file();
  (*bounds.machine_file)["measured"] = false;
  (*bounds.machine_file)["source"] = "its sheet";
  const Comparison comparison = comparison_of(bounds);
  Study study;
  note_sources(bounds, comparison, study);
  note_missing({"gru backward"}, {"dispatch", "cache bandwidth"}, bounds, comparison, study);
  ASSERT_EQ(study.notes.size(), 4u);
  EXPECT_NE(
      study.notes[0].find("nothing ran on the GPU 9: \"at best\" is the sum of what the figures "
                          "of its data sheet allow"),
      std::string::npos)
      << study.notes[0];
  EXPECT_NE(study.notes[1].find("marked ?"), std::string::npos);
  EXPECT_NE(study.notes[1].find("gru backward"), std::string::npos);
  EXPECT_NE(study.notes[2].find("has no cost of a launch"), std::string::npos);
  EXPECT_NE(study.notes[3].find("has no bandwidth of caches"), std::string::npos);
  EXPECT_EQ(study.settings.at("second_file"), "somewhere/gpu9.json");
  EXPECT_EQ(study.settings.at("second_source"), "its sheet");
}

TEST(CrossoverReport, HasARowForEveryBatchOfASingleDeck) {
  SizeCurve deck = curve("net", {4, 5, 6}, {0.5, 1, 2});
  deck.pass = "inference";
  deck.grows = "batch";
  CrossoverBounds bounds = against_a_file();
  const auto rows = [&] {
    const std::string table = printed(study_of({deck}, bounds));
    return std::count(table.begin(), table.end(), '\n') - 2;
  };
  EXPECT_EQ(rows(), 1);
  bounds.decks.resize(1);
  EXPECT_EQ(rows(), 3);
}

TEST(CrossoverReport, NamesAMachineWithoutAModelByItsFile) {
  CrossoverBounds bounds = against_a_file();
  bounds.machine_file = io::Json{{"machine", {{"gpu_model", nullptr}}}};
  EXPECT_EQ(comparison_of(bounds).second, "cuda of gpu9.json");
  bounds.machine_file = io::Json{{"machine", {{"gpu_model", ""}}}};
  EXPECT_EQ(comparison_of(bounds).second, "cuda of gpu9.json");
  bounds.machine_file = io::Json::object();
  EXPECT_EQ(comparison_of(bounds).second, "cuda of gpu9.json");
}

}  // namespace
}  // namespace ridgeline::studies
