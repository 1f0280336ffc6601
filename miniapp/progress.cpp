#include "progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

namespace ridgeline::miniapp {

ProgressLine::ProgressLine() : shown_(isatty(STDERR_FILENO) != 0) {}

ProgressLine::~ProgressLine() {
  if (shown_) fmt::print(stderr, "\r\033[K");
}

void ProgressLine::operator()(const std::string& what) const {
  if (shown_) fmt::print(stderr, "\rmeasured {}\033[K", what);
}

}  // namespace ridgeline::miniapp
