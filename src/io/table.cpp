#include "io/table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <ostream>
#include <stdexcept>
#include <tuple>

#include "core/error.hpp"
#include "io/json.hpp"
#include "io/units.hpp"

namespace ridgeline::io {
namespace {

constexpr std::size_t kGap = 2;           // between two columns
constexpr std::size_t kShortestText = 8;  // of abbreviated texts

std::string padded(const std::string& text, std::size_t width, Align align) {
  const std::string space(width - std::min(width, display_width(text)), ' ');
  return align == Align::left ? text + space : space + text;
}

// The shown columns of a table and their widths.
struct Layout {
  bool brief = false;
  std::vector<std::size_t> shown, widths;

  Layout(const std::vector<Column>& columns, const std::vector<std::vector<Cell>>& rows, bool brief)
      : brief(brief) {
    for (std::size_t c = 0; c < columns.size(); ++c) {
      std::size_t width = display_width(columns[c].title);
      for (const auto& row : rows) width = std::max(width, display_width(text(row[c])));
      shown.push_back(c);
      widths.push_back(width);
    }
  }
  const std::string& text(const Cell& cell) const {
    return brief && !cell.brief().empty() ? cell.brief() : cell.shown();
  }
  std::size_t width() const {
    std::size_t sum = kGap * (shown.size() - 1);
    for (const std::size_t c : shown) sum += widths[c];
    return sum;
  }
};

// Omits columns until the table fits; `layout` initially contains all.
void leave_out_columns(Layout& layout, const std::vector<Column>& columns, std::size_t width) {
  while (layout.width() > width) {
    // The first column is never omitted, so the search starts after it.
    const auto highest = std::max_element(
        layout.shown.begin() + 1, layout.shown.end(), [&](std::size_t a, std::size_t b) {
          return std::tie(columns[a].rank, a) < std::tie(columns[b].rank, b);
        });
    if (highest == layout.shown.end() || columns[*highest].rank == 0) return;
    layout.shown.erase(highest);
  }
}

// Narrows the widest column of texts until the table fits. Returns whether any was narrowed.
bool narrow_texts(Layout& layout, const std::vector<Column>& columns, std::size_t width) {
  bool narrowed = false;
  while (layout.width() > width) {
    std::size_t* widest = nullptr;
    for (const std::size_t c : layout.shown) {
      std::size_t& candidate = layout.widths[c];
      if (columns[c].align == Align::left && candidate > kShortestText &&
          (widest == nullptr || candidate > *widest)) {
        widest = &candidate;
      }
    }
    if (widest == nullptr) break;
    --*widest;
    narrowed = true;
  }
  return narrowed;
}

/// Returns a field as in RFC 4180: quoted if it contains a comma, a quote or a line break.
std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + "\"";
}

std::string csv_value(const Cell& cell) {
  if (const auto* text = std::get_if<std::string>(&cell.value())) return csv_field(*text);
  if (const auto* integer = std::get_if<std::int64_t>(&cell.value()))
    return fmt::format("{}", *integer);
  if (const auto* real = std::get_if<double>(&cell.value())) {
    return std::isfinite(*real) ? fmt::format("{}", *real) : "";
  }
  return "";
}

Json json_value(const Cell& cell) {
  if (const auto* text = std::get_if<std::string>(&cell.value())) return *text;
  if (const auto* integer = std::get_if<std::int64_t>(&cell.value())) return *integer;
  if (const auto* real = std::get_if<double>(&cell.value())) return *real;
  return nullptr;
}

}  // namespace

TableFormat parse_table_format(const std::string& name) {
  if (name == "table") return TableFormat::table;
  if (name == "csv") return TableFormat::csv;
  if (name == "json") return TableFormat::json;
  throw RequestError("unknown --format \"" + name + "\"; it is table, csv or json");
}

Cell::Cell(double value, const std::string& format)
    : shown_(fmt::format(fmt::runtime(format), value)), value_(value) {}

Cell::Cell(std::int64_t value) : shown_(std::to_string(value)), value_(value) {}

Cell Cell::shown_as(double value, std::string text, std::string brief) {
  Cell cell;
  cell.shown_ = std::move(text);
  if (brief != cell.shown_) cell.brief_ = std::move(brief);
  cell.value_ = value;
  return cell;
}

Cell Cell::shown_as(std::string value, std::string text) {
  Cell cell(std::move(value));
  cell.shown_ = std::move(text);
  return cell;
}

Cell time_cell(const Timing& timing) {
  return Cell::shown_as(timing.median, (timing.is_wide() ? "~" : "") + show_seconds(timing.median));
}

Table::Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

void Table::add_row(std::vector<Cell> cells) {
  if (cells.size() > columns_.size()) throw std::logic_error("a table row has too many cells");
  cells.resize(columns_.size());
  rows_.push_back(std::move(cells));
}

void Table::print(std::ostream& out, TableFormat format, std::size_t width) const {
  switch (format) {
    case TableFormat::table:
      return print_aligned(out, width);
    case TableFormat::csv:
      return print_csv(out);
    case TableFormat::json:
      return print_json(out);
  }
}

void Table::print_aligned(std::ostream& out, std::size_t width) const {
  if (columns_.empty()) return;
  Layout layout(columns_, rows_, false);
  if (layout.width() > width) layout = Layout(columns_, rows_, true);
  leave_out_columns(layout, columns_, width);
  const bool narrowed = narrow_texts(layout, columns_, width);

  const auto print_line = [&](const auto& text_of) {
    std::string line;
    for (const std::size_t c : layout.shown) {
      const std::string text = abbreviated(text_of(c), layout.widths[c]);
      if (c != layout.shown.front()) line += std::string(kGap, ' ');
      line += padded(text, layout.widths[c], columns_[c].align);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out << line << '\n';
  };
  print_line([&](std::size_t c) { return columns_[c].title; });
  print_line([&](std::size_t c) { return std::string(layout.widths[c], '-'); });
  for (const auto& row : rows_) {
    print_line([&](std::size_t c) { return layout.text(row[c]); });
  }

  std::string hidden, intervals;
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    if (std::find(layout.shown.begin(), layout.shown.end(), c) == layout.shown.end()) {
      const std::string name = ", " + columns_[c].title;
      if ((hidden + ",").find(name + ",") == std::string::npos) hidden += name;
    } else if (layout.brief && std::any_of(rows_.begin(), rows_.end(), [c](const auto& row) {
                 return !row[c].brief().empty();
               })) {
      intervals = ", intervals";
    }
  }
  if (const std::string all = intervals + hidden; !all.empty()) {
    const char* how =
        intervals.empty() ? "; --wide or --format csv show them" : "; --wide shows them";
    out << wrapped("not shown: " + all.substr(2) + how, width) << '\n';
  }
  if (narrowed) out << "texts are abbreviated; --wide or --format csv show them in full\n";
}

void Table::print_csv(std::ostream& out) const {
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    out << (c == 0 ? "" : ",") << csv_field(columns_[c].key);
  }
  out << "\r\n";
  for (const auto& row : rows_) {
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      out << (c == 0 ? "" : ",") << csv_value(row[c]);
    }
    out << "\r\n";
  }
}

void Table::print_json(std::ostream& out) const {
  Json rows = Json::array();
  for (const auto& row : rows_) {
    Json object = Json::object();
    for (std::size_t c = 0; c < columns_.size(); ++c) object[columns_[c].key] = json_value(row[c]);
    rows.push_back(std::move(object));
  }
  out << to_text(rows);
}

}  // namespace ridgeline::io
