#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <variant>
#include <vector>

#include "core/seconds.hpp"
#include "io/layout.hpp"

namespace ridgeline::io {

/// Output format of tables, `--format`.
enum class TableFormat { table, csv, json };

/// Parses a format. Throws RequestError unless it is table, csv or json.
TableFormat parse_table_format(const std::string& name);

enum class Align { left, right };

/// A column: a title for the aligned format, and a key, which contains the unit, for csv and json.
struct Column {
  std::string title;
  std::string key;
  Align align = Align::right;
  /// If a table is too wide, the column of the highest rank is omitted first, of equal ranks the
  /// last one. Columns of rank 0, which identify the rows, and the first column are never omitted.
  int rank = 1;
};

/// A table cell: text, a number, or empty.
class Cell {
 public:
  Cell() = default;
  Cell(std::string text) : shown_(text), value_(std::move(text)) {}  // NOLINT: cells are values
  Cell(const char* text) : Cell(std::string(text)) {}                // NOLINT
  /// A number shown with an fmt format ("{:.3f}", "{:.1f} %"); csv and json contain it in full
  /// precision.
  Cell(double value, const std::string& format);
  /// An integer shown in full.
  Cell(int value) : Cell(static_cast<std::int64_t>(value)) {}          // NOLINT
  Cell(std::int64_t value);                                            // NOLINT
  Cell(std::size_t value) : Cell(static_cast<std::int64_t>(value)) {}  // NOLINT

  /// Returns a number shown as `text` ("1.4 ms"). A table that is too wide shows `brief` instead,
  /// the text without its interval.
  static Cell shown_as(double value, std::string text, std::string brief = "");
  /// Returns a text shown with a mark; csv and json contain it without.
  static Cell shown_as(std::string value, std::string text);

  const std::string& shown() const { return shown_; }
  /// Returns the brief text; empty if there is none.
  const std::string& brief() const { return brief_; }
  const std::variant<std::monostate, std::string, double, std::int64_t>& value() const {
    return value_;
  }

 private:
  std::string shown_, brief_;
  std::variant<std::monostate, std::string, double, std::int64_t> value_;
};

/// Returns a cell with the median, prefixed with "~" if its interval is wide (Timing::is_wide()).
Cell time_cell(const Timing& timing);

/// Rows of named columns, printed aligned, as csv or as json.
class Table {
 public:
  explicit Table(std::vector<Column> columns = {});

  /// Appends a row; missing cells at the end are empty. Throws std::logic_error if there are more
  /// cells than columns.
  void add_row(std::vector<Cell> cells);
  bool empty() const { return rows_.empty(); }
  const std::vector<Column>& columns() const { return columns_; }
  const std::vector<std::vector<Cell>>& rows() const { return rows_; }

  /// Prints the table. Lines of format `table` have at most `width` columns if omitting intervals,
  /// then columns, and abbreviating texts suffices; a line below names the omitted parts. csv and
  /// json are always complete.
  void print(std::ostream& out, TableFormat format, std::size_t width = kUnlimitedWidth) const;

 private:
  void print_aligned(std::ostream& out, std::size_t width) const;
  void print_csv(std::ostream& out) const;
  void print_json(std::ostream& out) const;

  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
};

}  // namespace ridgeline::io
