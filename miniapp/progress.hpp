#pragma once

#include <string>

namespace ridgeline::miniapp {

/// One line on standard error that is overwritten, if stderr is a terminal; erased at the end.
class ProgressLine {
 public:
  ProgressLine();
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  /// Shows "measured " and the line.
  void operator()(const std::string& line) const;

 private:
  bool shown_;
};

}  // namespace ridgeline::miniapp
