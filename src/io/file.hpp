#pragma once

#include <string>
#include <string_view>

namespace ridgeline::io {

/// The text of a file. Throws RequestError where it is missing, a folder or unreadable.
std::string read_text(const std::string& path);

/// Writes `bytes` to PATH.partial, flushes it to the disk and renames it to `path`, so that readers
/// see the old file or the whole new one. Follows a symbolic link; a device (/dev/null) is written
/// in place. On any failure removes PATH.partial, leaves an existing `path` as it was and throws
/// RunError "PATH: cannot write: No space left on device".
void write_file_atomically(const std::string& path, std::string_view bytes);

/// Throws RequestError unless `path` can be written, by probing PATH.partial; for before any work.
/// Neither creates nor alters `path`.
void check_writable(const std::string& path);

}  // namespace ridgeline::io
