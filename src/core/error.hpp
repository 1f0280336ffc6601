#pragma once

#include <stdexcept>
#include <string>

#include "core/text.hpp"

namespace ridgeline {

/// Exit statuses of the command, stored in every error.
enum class Status {
  done = 0,
  run_failed = 1,     ///< the run failed: disk full, diverged, device lost
  request_wrong = 2,  ///< the request was wrong: unknown key, missing file, bad shape
  stopped = 75,       ///< stopped by a signal after writing a checkpoint
};

/// Base class of all exceptions that Ridgeline throws. `what()` is one printable line without a
/// trailing stop or newline; unprintable characters in names are escaped. If the error has a
/// location, the line is `FILE:LINE: what is wrong, and what would be right`.
class Error : public std::runtime_error {
 public:
  Error(Status status, const std::string& message)
      : std::runtime_error(printable(shortened(message))), status_(status) {}
  Status status() const { return status_; }

 private:
  Status status_;
};

/// The request was wrong (exit status 2).
class RequestError : public Error {
 public:
  explicit RequestError(const std::string& message) : Error(Status::request_wrong, message) {}
};

/// The run failed (exit status 1).
class RunError : public Error {
 public:
  explicit RunError(const std::string& message) : Error(Status::run_failed, message) {}
};

}  // namespace ridgeline
