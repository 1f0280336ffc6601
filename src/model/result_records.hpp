#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "io/json.hpp"
#include "model/comparison.hpp"

namespace ridgeline::model {

/// One measured quantity of a result file: the time of a layer's phase, of a probe, of a study's
/// point; or a rate.
struct ResultRecord {
  /// Distinguishes it from the others of its run, with the file's keys: `{"layer": "fc1",
  /// "phase": "forward"}`.
  io::Json key;
  RunTime time;              ///< of a rate: its inverse
  std::string unit = "s";    ///< of the quantity in the file: "s", "GFLOP/s"
  bool is_rate = false;      ///< more is faster
  bool best_counts = false;  ///< a ceiling, of which the minimum is used elsewhere
};

/// One run of one measurement: a result file, or one batch of a roofline of several.
struct ResultRun {
  std::string file;
  std::string created;  ///< ISO 8601
  /// Identifies the measurement: format, network, batch, space and so on.
  io::Json thing;
  /// Values that distinguish measurements only if one side has several of them: threads, `gemm`,
  /// the deck's name, overrides, CPU and GPU.
  io::Json variant;
  /// Further differences between two sides, by name: version, machine, deck, command, job.
  io::Json origin;
  std::vector<ResultRecord> records;
  std::size_t unusable = 0;                   ///< records whose time is not above 0
  std::vector<std::string> disturbance = {};  ///< reasons of its alarm; empty if there was none
  bool disturbed = false;
  bool complete = true;
  /// Seconds that one thread took to read what another had written (`exchange_pulse`), if known.
  std::optional<double> exchange = {};
};

/// Returns the formats that read_result() accepts.
const std::vector<std::string>& comparable_formats();

/// Reads a result file of version 1 or 2. Throws RequestError "FILE: …" for a file that is not a
/// result, and for one that was not measured.
std::vector<ResultRun> read_result(const std::string& path);

/// Reads a result file, or every one in a folder and the folders in it (`*.json`), in the order of
/// their paths. Other files in a folder are left out, and a line with their number is appended to
/// `notes`. Throws RequestError as read_result(), and for a folder without results.
std::vector<ResultRun> read_results(const std::string& path, std::vector<std::string>& notes);

/// Returns the runs in the content of a file.
std::vector<ResultRun> runs_of(const io::Json& result, const std::string& path);

/// Returns a readable text of a key or a thing: "fc1/forward", "A network, batch 64, train, float32
/// on openmp", "openmp, bandwidth, read, working_set_bytes 16384, threads 2".
std::string in_words(const io::Json& key);

}  // namespace ridgeline::model
