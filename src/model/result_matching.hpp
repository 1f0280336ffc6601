#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "model/comparison.hpp"
#include "model/result_records.hpp"

namespace ridgeline::model {

/// One quantity of two sides, with what every run says of it.
struct MatchedRecord {
  io::Json thing;  ///< what the runs are runs of
  io::Json key;    ///< which of its quantities
  std::string unit;
  bool is_rate = false;
  Matched times;
};

/// A value that is not the same on both sides; texts for people.
struct OriginDifference {
  std::string name, before, after;
};

/// Two sides of a comparison, matched by what their runs are, not by the names of files.
struct ResultMatch {
  std::vector<MatchedRecord> records;
  std::vector<OriginDifference> differences;
  /// In words: what only one side has, each thing or quantity once.
  std::vector<std::string> before_only, after_only;
  std::vector<std::string> things_before, things_after;  ///< in words, each once
};

/// Matches runs of the same thing. `ResultRun::variant` counts where a side has several runs of one
/// thing with different values of it: a folder with one and two threads is matched thread by
/// thread, two files that differ only in threads are compared, and the difference is named.
ResultMatch match_results(const std::vector<ResultRun>& before,
                          const std::vector<ResultRun>& after);

}  // namespace ridgeline::model
