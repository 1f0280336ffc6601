#include "io/table.hpp"

#include <limits>
#include <sstream>

#include "io/scratch.hpp"

namespace ridgeline {
namespace {

using io::Align;
using io::Cell;
using io::Table;
using io::TableFormat;

std::string printed(const Table& table, TableFormat format,
                    std::size_t width = io::kUnlimitedWidth) {
  std::ostringstream out;
  table.print(out, format, width);
  return out.str();
}

Table example() {
  Table table({{"Layer", "layer", Align::left}, {"Time [µs]", "seconds"}, {"Count", "count"}});
  table.add_row({"fc1", Cell(0.1, "{:.2f}"), 12345});
  table.add_row({"a, \"b\"", Cell::shown_as(2.5e-6, "2.5"), std::size_t{7}});
  table.add_row({"total"});
  return table;
}

TEST(Table, AlignsColumnsByWhatIsSeen) {
  EXPECT_EQ(printed(example(), TableFormat::table),
            "Layer   Time [µs]  Count\n"
            "------  ---------  -----\n"
            "fc1          0.10  12345\n"
            "a, \"b\"        2.5      7\n"
            "total\n");
}

TEST(Table, CsvQuotesAndKeepsNumbersWhole) {
  EXPECT_EQ(printed(example(), TableFormat::csv),
            "layer,seconds,count\r\n"
            "fc1,0.1,12345\r\n"
            "\"a, \"\"b\"\"\",2.5e-06,7\r\n"
            "total,,\r\n");
}

TEST(Table, JsonHasRawNumbersUnderKeys) {
  EXPECT_EQ(
      printed(example(), TableFormat::json),
      "[\n"
      "  {\n    \"layer\": \"fc1\",\n    \"seconds\": 0.1,\n    \"count\": 12345\n  },\n"
      "  {\n    \"layer\": \"a, \\\"b\\\"\",\n    \"seconds\": 2.5e-06,\n    \"count\": 7\n  },\n"
      "  {\n    \"layer\": \"total\",\n    \"seconds\": null,\n    \"count\": null\n  }\n"
      "]\n");
}

TEST(Table, WithoutRowsIsStillValid) {
  const Table table(std::vector<io::Column>{{"A", "a"}});
  EXPECT_EQ(printed(table, TableFormat::table), "A\n-\n");
  EXPECT_EQ(printed(table, TableFormat::csv), "a\r\n");
  EXPECT_EQ(printed(table, TableFormat::json), "[]\n");
}

TEST(Table, NumbersThatAreNotFiniteAreEmptyForPrograms) {
  Table table(std::vector<io::Column>{{"A", "a"}});
  table.add_row({Cell(std::numeric_limits<double>::infinity(), "{:.1f}")});
  EXPECT_EQ(printed(table, TableFormat::csv), "a\r\n\r\n");
  EXPECT_EQ(printed(table, TableFormat::json), "[\n  {\n    \"a\": null\n  }\n]\n");
}

TEST(Table, RefusesARowThatIsTooLong) {
  Table table(std::vector<io::Column>{{"A", "a"}});
  EXPECT_THROW(table.add_row({1, 2}), std::logic_error);
}

// 5 + 2 + 5 + 2 + 1 + 2 + 6 + 2 + 5 = 30 columns.
Table ranked() {
  Table table({{"µkey", "a", Align::left, 0},
               {"first", "b", Align::right, 3},
               {"k", "c", Align::left, 0},
               {"second", "d", Align::right, 2},
               {"third", "e", Align::right, 2}});
  table.add_row({"≥four", 1, "x", 22, 333});
  return table;
}

TEST(Table, LeavesOutTheColumnsOfTheHighestRankAndSaysWhich) {
  const std::string all =
      "µkey   first  k  second  third\n"
      "-----  -----  -  ------  -----\n"
      "≥four      1  x      22    333\n";
  EXPECT_EQ(printed(ranked(), TableFormat::table), all);
  EXPECT_EQ(printed(ranked(), TableFormat::table, 30), all);
  EXPECT_EQ(printed(ranked(), TableFormat::table, 29),
            "µkey   k  second  third\n"
            "-----  -  ------  -----\n"
            "≥four  x      22    333\n"
            "not shown: first; --wide or\n"
            "--format csv show them\n");
  EXPECT_EQ(printed(ranked(), TableFormat::table, 22),
            "µkey   k  second\n"
            "-----  -  ------\n"
            "≥four  x      22\n"
            "not shown: first,\n"
            "third; --wide or\n"
            "--format csv show them\n");
}

TEST(Table, NeverLeavesOutKeysOrTheFirstColumn) {
  Table table({{"name", "a", Align::left}, {"n", "b"}, {"key", "c", Align::right, 0}});
  table.add_row({"abcdefgh", 1, 7});
  EXPECT_EQ(printed(table, TableFormat::table, 1).substr(0, 28),
            "name      key\n"
            "--------  ---\n");
}

TEST(Table, AbbreviatesTextsWhereKeysAloneAreTooWide) {
  Table table({{"layer", "layer", Align::left, 0}, {"n", "n", Align::right, 0}});
  table.add_row({"encoder/µblock/attention", 12});
  table.add_row({"fc", 3});
  EXPECT_EQ(printed(table, TableFormat::table, 20),
            "layer              n\n"
            "----------------  --\n"
            "encoder/…tention  12\n"
            "fc                 3\n"
            "texts are abbreviated; --wide or --format csv show them in full\n");
  EXPECT_EQ(printed(table, TableFormat::csv, 20),
            "layer,n\r\nencoder/µblock/attention,12\r\nfc,3\r\n");
}

TEST(Table, LeavesOutIntervalsBeforeColumns) {
  Table table({{"name", "a", Align::left}, {"cost", "b"}, {"more", "c"}});
  table.add_row({"x", Cell::shown_as(1.5, "1.5 (1.2 to 1.9)", "1.5"), 7});
  table.add_row({"y", Cell::shown_as(2, "2.0", "2.0"), 8});
  EXPECT_EQ(printed(table, TableFormat::table, 28),
            "name              cost  more\n"
            "----  ----------------  ----\n"
            "x     1.5 (1.2 to 1.9)     7\n"
            "y                  2.0     8\n");
  EXPECT_EQ(printed(table, TableFormat::table, 27),
            "name  cost  more\n"
            "----  ----  ----\n"
            "x      1.5     7\n"
            "y      2.0     8\n"
            "not shown: intervals;\n"
            "--wide shows them\n");
  EXPECT_EQ(printed(table, TableFormat::table, 10),
            "name  cost\n"
            "----  ----\n"
            "x      1.5\n"
            "y      2.0\n"
            "not shown:\n"
            "intervals,\n"
            "more;\n"
            "--wide\n"
            "shows them\n");
  EXPECT_EQ(printed(table, TableFormat::csv, 10), "a,b,c\r\nx,1.5,7\r\ny,2,8\r\n");
}

TEST(Table, IsCompleteForProgramsWhateverTheWidth) {
  EXPECT_EQ(printed(ranked(), TableFormat::csv, 10), printed(ranked(), TableFormat::csv));
  EXPECT_EQ(printed(ranked(), TableFormat::json, 10), printed(ranked(), TableFormat::json));
}

TEST(TableFormat, IsParsedOrRefused) {
  EXPECT_EQ(io::parse_table_format("table"), TableFormat::table);
  EXPECT_EQ(io::parse_table_format("csv"), TableFormat::csv);
  EXPECT_EQ(io::parse_table_format("json"), TableFormat::json);
  EXPECT_EQ(testing::error_of([] { io::parse_table_format("xml"); }),
            "unknown --format \"xml\"; it is table, csv or json");
}

}  // namespace
}  // namespace ridgeline
