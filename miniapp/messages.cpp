#include <unistd.h>

#include <algorithm>
#include <iostream>

#include "core/text.hpp"
#include "io/layout.hpp"
#include "verbs.hpp"

namespace ridgeline::miniapp {
namespace {

// A message that cannot be written (a full disk, a closed terminal) must not end a run.
void write_line(const std::string& line) {
  std::cerr.clear();
  std::cerr << line << std::endl;
}

// Notes and warnings, wrapped for a terminal; in a log each is one searchable line.
void write_sentence(const std::string& text) {
  if (prints_errors_alone()) return;
  const std::size_t columns = terminal_columns(STDERR_FILENO);
  write_line(columns > 0 ? io::wrapped(text, std::max<std::size_t>(columns, 40), 2) : text);
}

}  // namespace

void report_error(const std::string& message) { write_line("ridgeline: " + printable(message)); }
void warn(const std::string& message) { write_sentence("warning: " + printable(message)); }
void warn_of(const Disturbance& disturbance) {
  if (!disturbance.alarm()) return;
  std::string text;
  for (const std::string& reason : disturbance.reasons) text += (text.empty() ? "" : "; ") + reason;
  warn("measured while disturbed: " + text);
}

Status stopped_incomplete() {
  warn("stopped before its end: what was measured is marked incomplete");
  return Status::stopped;
}

void note(const std::string& message) { write_sentence(printable(message)); }

std::string written_to(const std::vector<std::string>& files) {
  std::string names;
  for (const std::string& file : files) names += (names.empty() ? "" : ", ") + shell_quoted(file);
  return "written to " + names;
}

void show_progress(const std::string& text) {
  if (prints_errors_alone()) return;
  std::cerr.clear();
  std::cerr << '\r' << printable(text) << "\033[K" << std::flush;
}

}  // namespace ridgeline::miniapp
