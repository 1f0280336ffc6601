#pragma once

#include <string>

namespace ridgeline::io {

/// The bytes of a file, unpacked where it is gzip (by its first two bytes, whatever its name).
/// Throws RequestError naming the file where it is missing, its stream ends early, or checksum,
/// length or contents are damaged.
std::string read_maybe_gzip(const std::string& path);

}  // namespace ridgeline::io
