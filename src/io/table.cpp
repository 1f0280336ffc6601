#include "io/table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <ostream>
#include <stdexcept>

#include "core/error.hpp"
#include "io/json.hpp"

namespace ridgeline::io {
namespace {

/// Columns that a UTF-8 text takes on a terminal, as far as tables need: one a code point.
std::size_t width_of(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

std::string padded(const std::string& text, std::size_t width, Align align) {
  const std::string space(width - std::min(width, width_of(text)), ' ');
  return align == Align::left ? text + space : space + text;
}

/// A field of RFC 4180: quoted where it holds a comma, a quote or a line break.
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

Cell Cell::shown_as(double value, std::string text) {
  Cell cell;
  cell.shown_ = std::move(text);
  cell.value_ = value;
  return cell;
}

Table::Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

void Table::add_row(std::vector<Cell> cells) {
  if (cells.size() > columns_.size()) throw std::logic_error("a table row has too many cells");
  cells.resize(columns_.size());
  rows_.push_back(std::move(cells));
}

void Table::print(std::ostream& out, TableFormat format) const {
  switch (format) {
    case TableFormat::table:
      return print_aligned(out);
    case TableFormat::csv:
      return print_csv(out);
    case TableFormat::json:
      return print_json(out);
  }
}

void Table::print_aligned(std::ostream& out) const {
  std::vector<std::size_t> widths;
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    std::size_t width = width_of(columns_[c].title);
    for (const auto& row : rows_) width = std::max(width, width_of(row[c].shown()));
    widths.push_back(width);
  }
  const auto print_line = [&](const auto& text_of) {
    std::string line;
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      line += (c == 0 ? "" : "  ") + padded(text_of(c), widths[c], columns_[c].align);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out << line << '\n';
  };
  print_line([&](std::size_t c) { return columns_[c].title; });
  print_line([&](std::size_t c) { return std::string(widths[c], '-'); });
  for (const auto& row : rows_) {
    print_line([&](std::size_t c) { return row[c].shown(); });
  }
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
