#include "progress.hpp"

#include <unistd.h>

#include "verbs.hpp"

namespace ridgeline::miniapp {

ProgressLine::ProgressLine() : shown_(isatty(STDERR_FILENO) != 0) {}

ProgressLine::~ProgressLine() {
  if (shown_) show_progress("");
}

void ProgressLine::operator()(const std::string& line) const {
  if (shown_) show_progress("measured " + line);
}

}  // namespace ridgeline::miniapp
