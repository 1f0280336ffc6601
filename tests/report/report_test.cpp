#include "report/report.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <pugixml.hpp>
#include <random>
#include <regex>
#include <set>
#include <sstream>

#include "core/error.hpp"
#include "report/drawing.hpp"
#include "report/studies.hpp"
#include "support/paths.hpp"

namespace ridgeline::report {
namespace {

namespace fs = std::filesystem;

std::vector<ResultFile> results(const std::vector<std::string>& folders) {
  std::vector<std::string> paths, notes;
  for (const std::string& folder : folders) {
    paths.push_back(testing::source_folder() + "/docs/results/" + folder);
  }
  return read_result_files(paths, notes);
}

const std::vector<ResultFile>& all_results() {
  static const std::vector<ResultFile> all = results({"epyc-2-cores", "h200-16-cores"});
  return all;
}

std::string text_in(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// Expects a file to be this picture; RIDGELINE_WRITE_TABLES=1 writes it.
void expect_committed(const fs::path& file, const Picture& picture) {
  const std::string svg = draw_svg(picture, 860, Purpose::file).svg;
  if (std::getenv("RIDGELINE_WRITE_TABLES") != nullptr) {
    fs::create_directories(file.parent_path());
    std::ofstream(file) << svg;
  }
  EXPECT_TRUE(text_in(file) == svg) << file << " is not what the report draws; write it with "
                                    << "RIDGELINE_WRITE_TABLES=1 test_report";
}

// Returns the studies of a folder of docs/results, without further files of the same study.
std::vector<ResultFile> studies_of(const std::string& machine) {
  std::vector<std::string> files;
  for (const std::string& name : study_names()) files.push_back(machine + "/" + name + ".json");
  return results(files);
}

const Section* section(const Page& page, const std::string& name) {
  for (const Section& each : page.sections) {
    if (each.name == name) return &each;
  }
  return nullptr;
}

TEST(Report, HasASectionForEverythingThatItsFilesHold) {
  const Page page = make_page(all_results());
  for (const char* name :
       {"machines", "rooflines", "study-latency", "study-bandwidth", "study-concurrency",
        "study-dispatch", "study-divergence", "study-crossover", "study-scaling"}) {
    const Section* found = section(page, name);
    ASSERT_NE(found, nullptr) << name;
    for (const Block& block : found->blocks) {
      EXPECT_FALSE(block.title.empty()) << name;
      if (block.title == "All networks") continue;  // the overview
      EXPECT_FALSE(block.origin.empty()) << name;
      EXPECT_FALSE(block.pictures.empty()) << name << ": " << block.title;
    }
  }
  EXPECT_FALSE(page.summary.empty());
}

TEST(Report, HasNoPictureWithoutTitleLabelsAndTable) {
  const Page page = make_page(all_results());
  std::set<std::string> names;
  ASSERT_GT(pictures_of(page).size(), 20u);
  for (const Picture* picture : pictures_of(page)) {
    EXPECT_FALSE(picture->title.empty()) << picture->name;
    EXPECT_FALSE(picture->source.empty()) << picture->name;
    EXPECT_TRUE(names.insert(picture->name).second) << picture->name << " is not unique";
    EXPECT_EQ(picture->name, name_of(picture->name)) << "must be a file's name";
    EXPECT_FALSE(picture->table.rows().empty()) << picture->name;
    EXPECT_FALSE(picture->panels.empty()) << picture->name;
    for (const Panel& panel : picture->panels) {
      EXPECT_FALSE(panel.x.label.empty()) << picture->name << ", " << panel.title;
      EXPECT_FALSE(panel.y.label.empty()) << picture->name << ", " << panel.title;
    }
  }
}

TEST(Report, PointsBelongToRowsOfTheirTable) {
  const Page page = make_page(all_results());
  for (const Picture* picture : pictures_of(page)) {
    std::size_t with_rows = 0;
    const auto check = [&](const std::vector<Point>& points) {
      for (const Point& point : points) {
        if (point.row == kNoRow) continue;
        ++with_rows;
        EXPECT_LT(point.row, picture->table.rows().size()) << picture->name;
      }
    };
    for (const Panel& panel : picture->panels) {
      for (const Curve& curve : panel.curves) check(curve.points);
      for (const Bars& bars : panel.bars) check(bars.points);
    }
    EXPECT_GT(with_rows, 0u) << picture->name << ": nothing in it can be hovered";
  }
}

TEST(Report, ShowsEveryLayerOfARooflineThatComputes) {
  const Page page = make_page(results({"h200-16-cores/roofline"}));
  const Section* rooflines = section(page, "rooflines");
  ASSERT_NE(rooflines, nullptr);
  for (const ResultFile& file : results({"h200-16-cores/roofline"})) {
    if (!file.json.contains("records")) continue;
    std::size_t computing = 0;
    for (const io::Json& record : file.json["records"]) {
      computing += record["flops"] > 0 && record["bytes"] > 0 && record["seconds"]["median"] > 0;
    }
    const Picture* found = nullptr;
    for (const Block& block : rooflines->blocks) {
      if (!block.origin.empty() && block.origin.front().second == file.path)
        found = &block.pictures.front();
    }
    ASSERT_NE(found, nullptr) << file.path;
    std::size_t points = 0;
    for (const Curve& curve : found->panels.front().curves) {
      if (curve.line != Line::none || curve.hollow) continue;  // roofs and ridges
      points += curve.points.size();
    }
    EXPECT_EQ(points, computing) << file.path;
    for (const Curve& curve : found->panels.front().curves) {
      if (curve.line != Line::none || curve.hollow) continue;
      for (const Point& point : curve.points) {
        const io::Json& record = file.json["records"][point.row];
        EXPECT_NEAR(point.x * record["bytes"].get<double>(), record["flops"].get<double>(), 1);
        const double seconds = record["seconds"]["median"].get<double>();
        EXPECT_NEAR(1e9 * point.y * seconds, record["flops"].get<double>(), 1);
        EXPECT_EQ(found->table.rows()[point.row][0].shown(), record["layer"].get<std::string>());
        EXPECT_EQ(found->table.rows()[point.row][1].shown(), record["phase"].get<std::string>());
      }
    }
  }
}

TEST(Report, PutsSpacesAndMachinesSideBySide) {
  std::vector<ResultFile> files = results({"h200-16-cores/roofline/fashion_mlp-train.json"});
  EXPECT_EQ(section(make_page(files), "side-by-side"), nullptr) << "there is one place";
  files.push_back(files.front());
  files.back().path = "other.json";
  files.back().json["space"] = "openmp";
  const Page page = make_page(files);
  const Section* const beside = section(page, "side-by-side");
  ASSERT_NE(beside, nullptr);
  ASSERT_EQ(beside->blocks.size(), 1u);
  ASSERT_EQ(beside->blocks[0].pictures.size(), 2u);
  const Panel& layers = beside->blocks[0].pictures[1].panels[0];
  ASSERT_EQ(layers.curves.size(), 2u);
  EXPECT_EQ(layers.curves[0].points.size(), layers.y.categories.size());
  EXPECT_EQ(layers.curves[1].points.size(), layers.y.categories.size());
}

TEST(Report, LeavesOutDamagedFilesOfFolders) {
  std::vector<ResultFile> files =
      results({"epyc-2-cores/latency.json", "epyc-2-cores/bandwidth.json"});
  files[0].json.erase("points");
  EXPECT_THROW(make_page(files), RequestError);
  files[0].from_folder = true;
  const Page page = make_page(files);
  ASSERT_EQ(page.left_out.size(), 1u);
  EXPECT_NE(page.left_out[0].find("latency.json"), std::string::npos);
  EXPECT_EQ(section(page, "study-latency"), nullptr);
  EXPECT_NE(section(page, "study-bandwidth"), nullptr);
}

TEST(Report, RefusesAStudyThatItDoesNotKnow) {
  std::vector<ResultFile> files = results({"epyc-2-cores/latency.json"});
  files[0].json["study"] = "tides";
  EXPECT_THROW(make_page(files), RequestError);
}

TEST(Report, TellsExpectedFromMeasured) {
  std::vector<ResultFile> files = results({"h200-16-cores/machine.json"});
  files.front().json["measured"] = false;
  const Page page = make_page(files);
  EXPECT_NE(page.sections.front().blocks.front().title.find("not measured"), std::string::npos);
}

TEST(Report, CarriesWarningsOfDisturbedAndStoppedMeasurements) {
  std::vector<ResultFile> files = results({"epyc-2-cores/latency.json"});
  files.front().json["complete"] = false;
  files.front().json["disturbed"] = {{"alarm", true}, {"reasons", {"another program ran"}}};
  const Page page = make_page(files);
  const std::vector<std::string>& notes = page.sections.front().blocks.front().warnings;
  ASSERT_GE(notes.size(), 2u);
  EXPECT_NE(notes[0].find("stopped before its end"), std::string::npos);
  EXPECT_NE(notes[1].find("another program ran"), std::string::npos);
}

// The pictures of docs/studies are those that the report draws from the results that the pages are
// about. RIDGELINE_WRITE_TABLES=1 writes them.
TEST(DocumentedPictures, AreThoseOfTheResults) {
  if (!can_draw()) GTEST_SKIP() << "this build cannot draw";
  const std::regex link(R"(\((\.\./results/([\w-]+)/pictures/([\w-]+)\.svg)\))");
  std::map<std::string, Page> pages;
  std::size_t compared = 0;
  const fs::path folder = fs::path(testing::source_folder()) / "docs/studies";
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() != ".md") continue;
    const std::string text = text_in(entry.path());
    for (auto at = std::sregex_iterator(text.begin(), text.end(), link);
         at != std::sregex_iterator(); ++at) {
      const std::string machine = (*at)[2], name = (*at)[3];
      if (pages.find(machine) == pages.end())
        pages.emplace(machine, make_page(studies_of(machine)));
      const Picture* found = nullptr;
      for (const Picture* picture : pictures_of(pages.at(machine))) {
        if (picture->name == name) found = picture;
      }
      ASSERT_NE(found, nullptr) << (*at)[1] << " of " << entry.path();
      expect_committed(folder / (*at)[1].str(), *found);
      ++compared;
    }
  }
  EXPECT_GT(compared, 14u);
}

TEST(DocumentedPictures, OfTheReadmeIsTheRooflineOfAResult) {
  if (!can_draw()) GTEST_SKIP() << "this build cannot draw";
  const std::string folder = "machines/x86-25-17-1_l1d32K_l2-1M_l3-32M_avx512_2t/2026-11-30/";
  const Page page = make_page(
      results({folder + "machine.json.gz", folder + "turn-1/fashion_resnet-train.json.gz"}));
  const Picture* found = nullptr;
  for (const Picture* picture : pictures_of(page)) {
    if (picture->name == "roofline-fashion_resnet-train-float32-openmp-batch-128") found = picture;
  }
  ASSERT_NE(found, nullptr);
  expect_committed(fs::path(testing::source_folder()) / "docs/roofline.svg", *found);
}

TEST(ReportPage, EscapesWhatFilesHold) {
  std::vector<ResultFile> files = results({"h200-16-cores/roofline/fashion_mlp-train.json"});
  const std::string hostile = "</script><script>alert(1)</script>\"'&<img src=x>";
  files.front().json["network"] = hostile;
  files.front().json["answers"] = {hostile};
  files.front().json["machine"]["cpu_model"] = hostile;
  for (io::Json& record : files.front().json["records"]) record["layer"] = hostile;
  const std::string html = to_html(make_page(files));
  EXPECT_EQ(html.find("<script>alert"), std::string::npos);
  EXPECT_EQ(html.find("<img"), std::string::npos);
  EXPECT_NE(html.find("&lt;script&gt;alert(1)"), std::string::npos);
}

// PLplot has a buffer of about 1000 bytes, and draws no control characters.
TEST(ReportPage, DrawsTextsOfAnyLengthAndContent) {
  const std::string texts[] = {std::string(5000, 'm'),
                               std::string(2000, '#'),
                               "a\x01\x1b[0m",
                               std::string("cut\0off", 7),
                               std::string(700, ' ') + "end",
                               "\xc3\xa4\xc3\xb6 " + std::string(3000, 'w')};
  for (const std::string& text : texts) {
    std::vector<ResultFile> files =
        results({"h200-16-cores/roofline/fashion_mlp-train.json", "h200-16-cores/machine.json",
                 "epyc-2-cores/crossover.json"});
    files[0].json["network"] = text;
    for (io::Json& record : files[0].json["records"]) record["layer"] = text;
    for (io::Json& level : files[1].json["spaces"]["cuda"]["levels"]) level["level"] = text;
    for (io::Json& point : files[2].json["points"]) point["what"] = text;
    for (ResultFile& file : files) file.json["machine"]["cpu_model"] = text;
    const Page page = make_page(files);
    const std::string html = to_html(page);
    EXPECT_EQ(html.find_first_of(std::string("\0\x01\x1b", 3)), std::string::npos);
    if (!can_draw()) continue;
    for (const Picture* picture : pictures_of(page)) {
      pugi::xml_document document;
      const std::string svg = draw_svg(*picture, 860, Purpose::file).svg;
      EXPECT_TRUE(document.load_string(svg.c_str())) << picture->name;
    }
  }
}

TEST(ReportPage, NeedsNothingElse) {
  const std::string html = to_html(make_page(results({"epyc-2-cores"})));
  for (const char* reference : {"http://", "https://", "url(", "@import", "src="}) {
    EXPECT_EQ(html.find(reference), std::string::npos) << reference;
  }
  EXPECT_NE(html.find("default-src 'none'"), std::string::npos);
}

TEST(ReportPage, IsSmallerThanFourMegabytes) {
  EXPECT_LT(to_html(make_page(all_results())).size(), std::size_t{4} << 20);
}

// Removes a random value.
void damage(io::Json& json, std::mt19937& random) {
  io::Json* at = &json;
  while (at->is_structured() && !at->empty()) {
    auto child = std::next(at->begin(), static_cast<long>(random() % at->size()));
    if (!child->is_structured() || child->empty() || random() % 6 == 0) {
      if (random() % 2 == 0) {
        at->erase(child);
      } else {
        *child = random() % 2 == 0 ? io::Json(nullptr) : io::Json("text");
      }
      return;
    }
    at = &*child;
  }
}

TEST(Report, RefusesDamagedFilesInOneLine) {
  std::mt19937 random(1);
  const std::vector<ResultFile> files = all_results();
  for (const ResultFile& file : files) {
    // Large files' damage is mostly in their points, which are alike.
    for (int i = 0; i < 6; ++i) {
      std::vector<ResultFile> damaged = {file};
      for (unsigned hits = 0; hits < 1 + random() % 4; ++hits) damage(damaged.front().json, random);
      if (!damaged.front().json.is_object() || !damaged.front().json.contains("machine") ||
          !damaged.front().json["machine"].is_object()) {
        continue;  // refused when read
      }
      try {
        make_page(damaged);
      } catch (const RequestError& error) {
        EXPECT_EQ(std::string(error.what()).rfind(file.path + ": ", 0), 0u) << error.what();
        EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
      }
    }
  }
}

}  // namespace
}  // namespace ridgeline::report
