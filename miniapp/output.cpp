#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <iostream>
#include <string_view>

#include "io/layout.hpp"
#include "verbs.hpp"

namespace ridgeline::miniapp {

std::size_t terminal_columns(int descriptor) {
  winsize size = {};
  if (isatty(descriptor) == 0 || ioctl(descriptor, TIOCGWINSZ, &size) != 0) return 0;
  return size.ws_col;
}

namespace {

// Every table fits this many columns, and is never made narrower.
constexpr std::size_t kLeastWidth = 80;

// Properties of the process's standard output, like its width.
bool wide = false, errors_alone = false;

std::size_t columns_variable() {
  const char* value = std::getenv("COLUMNS");
  const std::string_view text = value == nullptr ? "" : value;
  std::size_t columns = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), columns);
  return error == std::errc() && end == text.data() + text.size() ? columns : 0;
}

std::size_t output_width() {
  if (wide) return io::kUnlimitedWidth;
  const std::size_t columns = columns_variable();
  return std::max(kLeastWidth, columns > 0 ? columns : terminal_columns(STDOUT_FILENO));
}

}  // namespace

void print_wide() { wide = true; }

bool prints_wide() { return wide; }

void print_errors_alone() { errors_alone = true; }

bool prints_errors_alone() { return errors_alone; }

void print(const std::string& text) {
  if (!errors_alone) std::cout << text;
}

void print_wrapped(const std::string& text, std::size_t indent) {
  print(io::wrapped(text, output_width(), indent));
}

void print(const io::Table& table, io::TableFormat format) {
  if (errors_alone) return;
  table.print(std::cout, format, output_width());
}

bool flush_output() { return static_cast<bool>(std::cout.flush()); }

}  // namespace ridgeline::miniapp
