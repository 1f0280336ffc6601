#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "model/comparison.hpp"
#include "model/result_records.hpp"

namespace ridgeline::model {

/// One quantity of two sides, with the values of every run.
struct MatchedRecord {
  io::Json thing;  ///< the measurement of the runs
  io::Json key;    ///< the quantity
  std::string unit;
  bool is_rate = false;
  Matched times;
};

/// A value that differs between the sides, as readable texts.
struct OriginDifference {
  std::string name, before, after;
};

/// Runs of a measurement in which the exchange between the threads' processors took equally long.
struct MachineState {
  double exchange = 0;                ///< seconds that one thread took to read another's data
  std::size_t before = 0, after = 0;  ///< runs
};

/// Two sides of a comparison, matched by what their runs measured, not by the names of files.
struct ResultMatch {
  std::vector<MatchedRecord> records;
  std::vector<OriginDifference> differences;
  /// Readable names of what only one side has, each thing or quantity once.
  std::vector<std::string> before_only, after_only;
  std::vector<std::string> things_before, things_after;  ///< readable names, each once
  /// The states of things whose runs were in several, by readable name.
  std::vector<std::pair<std::string, std::vector<MachineState>>> states;
};

/// Matches runs of the same thing. `ResultRun::variant` distinguishes if a side has several runs of
/// one thing with different values of it: a folder with one and two threads is matched thread by
/// thread, two files that differ only in threads are compared, and the difference is named. Runs
/// with the same number of threads whose exchange times differ by over a factor of 1.3 have
/// different RunTime::state.
ResultMatch match_results(const std::vector<ResultRun>& before,
                          const std::vector<ResultRun>& after);

}  // namespace ridgeline::model
