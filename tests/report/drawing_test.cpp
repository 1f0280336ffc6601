#include "report/drawing.hpp"

#include <gtest/gtest.h>

#include <pugixml.hpp>
#include <regex>

namespace ridgeline::report {
namespace {

class Drawn : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!can_draw()) GTEST_SKIP() << "this build cannot draw";
  }
};

Picture example() {
  Picture picture;
  picture.name = "example";
  picture.title = "Title <b>&amp; more #1";
  picture.source = "A CPU, 2 threads";
  picture.table = io::Table({{"x", "x"}, {"y", "y"}});
  picture.table.add_row({1, 10});
  picture.table.add_row({100, 1000});
  Panel panel;
  panel.x = {"size (B)", Scale::log10};
  panel.y = {"rate (GB/s)", Scale::log10};
  panel.curves.push_back({"measured <i>", Colour::red, Line::solid, Marker::circle});
  panel.curves.back().points = {{1, 10, 0}, {100, 1000, 1}};
  panel.labels.push_back({1, 10, "label & text"});
  picture.panels.push_back(panel);
  return picture;
}

std::string texts_in(const std::string& svg) {
  pugi::xml_document document;
  EXPECT_TRUE(document.load_string(svg.c_str())) << svg;
  std::string all;
  for (const pugi::xpath_node text : document.select_nodes("//text")) {
    all += std::string(text.node().text().get()) + "\n";
  }
  return all;
}

TEST_F(Drawn, HasEveryTextUnchanged) {
  const std::string texts = texts_in(draw_svg(example(), 860, Purpose::file).svg);
  for (const char* text : {"Title <b>&amp; more #1", "A CPU, 2 threads", "size (B)", "rate (GB/s)",
                           "measured <i>", "label & text"}) {
    EXPECT_NE(texts.find(text), std::string::npos) << text << " is not in\n" << texts;
  }
}

TEST_F(Drawn, OfAPageHasClassesInsteadOfColours) {
  const std::string page = draw_svg(example(), 860, Purpose::page).svg;
  EXPECT_FALSE(std::regex_search(page, std::regex("\"#[0-9A-F]{6}\""))) << page;
  EXPECT_NE(page.find("class=\"s"), std::string::npos);
  EXPECT_EQ(page.find("class=\"ground\""), std::string::npos) << "nothing is erased here";
  const std::string file = draw_svg(example(), 860, Purpose::file).svg;
  EXPECT_NE(file.find("#D55E00"), std::string::npos) << "the curve's colour";
  EXPECT_EQ(file.find("class="), std::string::npos);
}

TEST_F(Drawn, RemembersWherePointsWithRowsAre) {
  const Drawing drawing = draw_svg(example(), 860, Purpose::page);
  ASSERT_EQ(drawing.points.size(), 2u);
  EXPECT_EQ(drawing.points[0].row, 0u);
  EXPECT_EQ(drawing.points[1].row, 1u);
  EXPECT_LT(drawing.points[0].x, drawing.points[1].x);
  EXPECT_GT(drawing.points[0].y, drawing.points[1].y) << "y grows downwards";
  for (const HoverPoint& point : drawing.points) {
    EXPECT_GT(point.x, 0);
    EXPECT_LT(point.x, drawing.width);
    EXPECT_GT(point.y, 0);
    EXPECT_LT(point.y, drawing.height);
  }
}

TEST_F(Drawn, PutsPanelsBelowEachOtherWhereTheyDoNotFit) {
  Picture picture = example();
  picture.columns = 2;
  picture.panels.push_back(picture.panels.front());
  EXPECT_LT(draw_svg(picture, 860, Purpose::page).height,
            draw_svg(picture, 368, Purpose::page).height - 200);
}

TEST_F(Drawn, IsTheSameEveryTime) {
  EXPECT_EQ(draw_svg(example(), 860, Purpose::file).svg,
            draw_svg(example(), 860, Purpose::file).svg);
}

TEST_F(Drawn, LeavesOutWhatAnAxisCannotShow) {
  Picture picture = example();
  picture.panels[0].curves[0].points = {{0, 10, 0}, {1, -1, 1}, {10, std::nan(""), 0}, {5, 5, 1}};
  EXPECT_EQ(draw_svg(picture, 860, Purpose::page).points.size(), 1u);
}

TEST_F(Drawn, DrawsBarsInBothDirectionsFromZero) {
  for (const bool horizontal : {true, false}) {
    Picture picture = example();
    Panel panel;
    panel.horizontal = horizontal;
    (horizontal ? panel.y : panel.x).categories = {"a", "b"};
    (horizontal ? panel.y : panel.x).label = "layer";
    (horizontal ? panel.x : panel.y).label = "time (s)";
    panel.bars.push_back({"forward", Colour::blue});
    panel.bars.back().points = {{0, 1, 0}, {1, 2, 1}};
    picture.panels = {panel};
    const std::vector<HoverPoint> points = draw_svg(picture, 860, Purpose::page).points;
    ASSERT_EQ(points.size(), 2u);
    if (horizontal) {
      EXPECT_LT(points[0].x, points[1].x);
      EXPECT_LT(points[0].y, points[1].y) << "the first category is at the top";
    } else {
      EXPECT_LT(points[0].x, points[1].x);
      EXPECT_GT(points[0].y, points[1].y);
    }
  }
}

TEST_F(Drawn, AsPngHasItsSize) {
  const std::string png = draw_png(example(), 400, 2);
  ASSERT_GT(png.size(), 24u);
  EXPECT_EQ(png.substr(1, 3), "PNG");
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(png[i]); };
  EXPECT_EQ((byte(18) << 8) + byte(19), 800);
}

}  // namespace
}  // namespace ridgeline::report
