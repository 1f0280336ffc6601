#pragma once

#include <exception>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace ridgeline::io {

/// JSON whose keys keep their insertion order.
using Json = nlohmann::ordered_json;

/// Version of written result files and newest readable version. Since version 2, timings have
/// samples and a roofline's `bound` may be `overhead`.
inline constexpr int kResultVersion = 2;

/// Writes to_text() atomically (see write_file_atomically). Numbers that are not finite become
/// null. Throws RunError.
void write_json(const std::string& path, const Json& json);

/// Returns the text that write_json writes: indented by two spaces, lists of numbers and texts on
/// one line.
std::string to_text(const Json& json);

/// Reads a file whose "format" must be `expected_format` and whose "version" this build supports.
/// It may be compressed with gzip. Throws RequestError "FILE:LINE: …" for a missing or malformed
/// file, another format or a newer version.
Json read_json(const std::string& path, const std::string& expected_format);

/// Reads a file of any of these formats; otherwise as above.
Json read_json(const std::string& path, const std::vector<std::string>& expected_formats);

/// Returns every `*.json` and `*.json.gz` in a folder and the folders in it, sorted by path. Throws
/// RequestError if the folder cannot be read.
std::vector<std::string> json_files_in(const std::string& folder);

/// Returns what an exception of the library says, without its number: "key 'total' not found".
std::string reason_of(const std::exception& error);

/// Returns the current time as ISO 8601, "2026-01-31T12:34:56Z".
std::string now_utc();

}  // namespace ridgeline::io
