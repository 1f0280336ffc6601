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

std::string printed(const Table& table, TableFormat format) {
  std::ostringstream out;
  table.print(out, format);
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

TEST(TableFormat, IsParsedOrRefused) {
  EXPECT_EQ(io::parse_table_format("table"), TableFormat::table);
  EXPECT_EQ(io::parse_table_format("csv"), TableFormat::csv);
  EXPECT_EQ(io::parse_table_format("json"), TableFormat::json);
  EXPECT_EQ(testing::error_of([] { io::parse_table_format("xml"); }),
            "unknown --format \"xml\"; it is table, csv or json");
}

}  // namespace
}  // namespace ridgeline
