#pragma once

#include <cstddef>
#include <string>
#include <utility>
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

/// Runs of a thing between which the threads' processors were as near to each other.
struct MachineState {
  double exchange = 0;                ///< seconds in which one thread read what another had written
  std::size_t before = 0, after = 0;  ///< runs
};

/// Two sides of a comparison, matched by what their runs are, not by the names of files.
struct ResultMatch {
  std::vector<MatchedRecord> records;
  std::vector<OriginDifference> differences;
  /// In words: what only one side has, each thing or quantity once.
  std::vector<std::string> before_only, after_only;
  std::vector<std::string> things_before, things_after;  ///< in words, each once
  /// Of things whose runs were in several states, by the thing in words.
  std::vector<std::pair<std::string, std::vector<MachineState>>> states;
};

/// Matches runs of the same thing. `ResultRun::variant` counts where a side has several runs of one
/// thing with different values of it: a folder with one and two threads is matched thread by
/// thread, two files that differ only in threads are compared, and the difference is named. Runs
/// of as many threads that exchanged data at speeds a factor of 1.3 apart get different
/// RunTime::state.
ResultMatch match_results(const std::vector<ResultRun>& before,
                          const std::vector<ResultRun>& after);

}  // namespace ridgeline::model
