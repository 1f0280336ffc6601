#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "io/json.hpp"
#include "report/page.hpp"

namespace ridgeline::report {

/// A result file with its content.
struct ResultFile {
  std::string path;
  io::Json json;
  std::string format;        ///< "ridgeline-machine"
  bool from_folder = false;  ///< found there, not named
};

/// Formats that a report shows.
const std::vector<std::string>& shown_formats();

/// Reads files, and every result in folders and the folders in them (`*.json`, `*.json.gz`), each
/// once. Other files in folders are left out, and a line with their number is appended to `notes`.
/// Throws RequestError "FILE: …" for a file that is not a result, and for a folder without one.
std::vector<ResultFile> read_result_files(const std::vector<std::string>& paths,
                                          std::vector<std::string>& notes);

/// Returns machine and day in a line: "AMD EPYC, 2 threads, NVIDIA H200, 2026-11-30".
std::string source_of(const ResultFile& file);
/// Returns the machine without threads and day: "AMD EPYC (2 cores)", "NVIDIA H200" if the result
/// is of a device.
std::string machine_of(const ResultFile& file);
/// Returns CPU and GPU: "AMD EPYC (2 cores), NVIDIA H200".
std::string whole_machine_of(const ResultFile& file);
/// Returns " (data sheet, not measured)" for such a file.
std::string measured_or_not(const ResultFile& file);
/// Returns file, machine, build, command and method.
Origin origin_of(const ResultFile& file);
/// Returns whether the measurement was disturbed.
bool is_disturbed(const ResultFile& file);
/// Returns a block with what every file has: warnings (stopped before the end, disturbed), notes
/// and origin.
Block block_of(const ResultFile& file);

/// Returns a list of texts, empty if the key is absent.
std::vector<std::string> texts_of(const io::Json& json, const std::string& key);
/// Returns a number, NaN if the key is absent or null.
double number_of(const io::Json& json, const std::string& key);
/// Returns a text, empty if the key is absent or null.
std::string text_of(const io::Json& json, const std::string& key);

/// An estimate of a file: {"value", "low", "high"}; NaN where there is none.
struct EstimateOf {
  double value, low, high;
};
EstimateOf estimate_of(const io::Json& json, const std::string& key);

/// Returns the name of the deck's file without folder and extension; empty if there is no deck.
std::string deck_stem_of(const ResultFile& file);

/// Returns a text that can be part of a file's name and an anchor: letters, digits, '-', '_', '.'.
std::string name_of(const std::string& text);

}  // namespace ridgeline::report
