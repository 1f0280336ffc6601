#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace ridgeline::io {

/// JSON whose keys keep the order in which they were set.
using Json = nlohmann::ordered_json;

/// The version of every result file that is written, and the newest that can be read. Since 2
/// timings have samples, and a roofline's `bound` may be `overhead`.
inline constexpr int kResultVersion = 2;

/// Writes to_text() atomically (see write_file_atomically). Numbers that are not finite become
/// null. Throws RunError.
void write_json(const std::string& path, const Json& json);

/// Returns what write_json writes: indented by two spaces, lists of numbers and texts in one line.
std::string to_text(const Json& json);

/// Reads a file whose "format" must be `expected_format` and whose "version" this build knows.
/// It may be packed by gzip. Throws RequestError "FILE:LINE: …" for a missing, malformed, different
/// or newer file.
Json read_json(const std::string& path, const std::string& expected_format);

/// The same for a file of any of these formats.
Json read_json(const std::string& path, const std::vector<std::string>& expected_formats);

/// The time now as ISO 8601, "2026-01-31T12:34:56Z".
std::string now_utc();

}  // namespace ridgeline::io
