#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <variant>
#include <vector>

#include "core/seconds.hpp"
#include "io/layout.hpp"

namespace ridgeline::io {

/// How tables are printed, `--format`.
enum class TableFormat { table, csv, json };

/// Throws RequestError for anything but table, csv and json.
TableFormat parse_table_format(const std::string& name);

enum class Align { left, right };

/// A column: a title for people and a key, which carries the unit, for csv and json.
struct Column {
  std::string title;
  std::string key;
  Align align = Align::right;
  /// Of a table that is too wide, the column of the highest rank is left out first, of equal ranks
  /// the last one. Those of rank 0, which tell the rows apart, and the first column always stay.
  int rank = 1;
};

/// What stands in one place of a table: text, a number, or nothing.
class Cell {
 public:
  Cell() = default;
  Cell(std::string text) : shown_(text), value_(std::move(text)) {}  // NOLINT: cells are values
  Cell(const char* text) : Cell(std::string(text)) {}                // NOLINT
  /// A number shown by an fmt format ("{:.3f}", "{:.1f} %"); csv and json get it in full.
  Cell(double value, const std::string& format);
  /// An integer shown in full.
  Cell(int value) : Cell(static_cast<std::int64_t>(value)) {}          // NOLINT
  Cell(std::int64_t value);                                            // NOLINT
  Cell(std::size_t value) : Cell(static_cast<std::int64_t>(value)) {}  // NOLINT

  /// A number shown as a text of the caller's ("1.4 ms"). A table that is too wide shows `brief`
  /// instead, the text without its interval.
  static Cell shown_as(double value, std::string text, std::string brief = "");
  /// A text shown with a mark; csv and json get it without.
  static Cell shown_as(std::string value, std::string text);

  const std::string& shown() const { return shown_; }
  /// Empty if there is no text but shown().
  const std::string& brief() const { return brief_; }
  const std::variant<std::monostate, std::string, double, std::int64_t>& value() const {
    return value_;
  }

 private:
  std::string shown_, brief_;
  std::variant<std::monostate, std::string, double, std::int64_t> value_;
};

/// A median as people read it, with "~" before one whose interval is wide (Timing::is_wide()).
Cell time_cell(const Timing& timing);

/// Rows under named columns, printed for people (aligned) or for programs (csv, json).
class Table {
 public:
  explicit Table(std::vector<Column> columns = {});

  /// Missing cells at the end are empty; more cells than columns throw std::logic_error.
  void add_row(std::vector<Cell> cells);
  bool empty() const { return rows_.empty(); }

  /// Prints as `table` in lines of at most `width` columns, as far as leaving out intervals, then
  /// columns, and abbreviating texts achieves that; a line below says what is not shown. csv and
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
