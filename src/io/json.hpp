#pragma once

#include <exception>
#include <functional>
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

/// Calls `read` for a file, or for every `*.json` and `*.json.gz` in a folder and the folders in
/// it, in the order of their paths. Files of a folder for which `read` throws RequestError, and
/// folders in it that cannot be read, are left out, and a line with their number and the first
/// reason is appended to `notes`. Throws RequestError if the folder itself cannot be read or
/// nothing in it was.
void for_json_files(const std::string& path, std::vector<std::string>& notes,
                    const std::function<void(const std::string& file, bool from_folder)>& read);

/// Returns what an exception of the library says, without its number: "key 'total' not found".
std::string reason_of(const std::exception& error);

/// Returns the current time as ISO 8601, "2026-01-31T12:34:56Z".
std::string now_utc();

}  // namespace ridgeline::io
