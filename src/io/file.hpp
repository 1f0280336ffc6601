#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

// The one place that opens files and that writes them.

namespace ridgeline::io {

/// Bytes that reading any input may take whatever is in it; beyond, its content must account for
/// them.
inline constexpr std::size_t kAlwaysAllowedBytes = std::size_t{256} << 20;

/// Bytes of memory that reading an input of `size` bytes may take beyond what it holds.
constexpr double allowed_bytes(double size) { return 4 * size + double{kAlwaysAllowedBytes}; }

/// What deflate compresses by at most.
inline constexpr double kMostCompression = 1032;

/// A regular file, open for reading. Opening never waits.
class InputFile {
 public:
  /// Follows symbolic links. Throws RequestError "PATH: cannot read: …" for a file that is missing,
  /// unreadable, a folder, a FIFO, a socket or a device, and for a path with control characters.
  explicit InputFile(const std::string& path);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  const std::string& path() const { return path_; }
  std::size_t size() const { return size_; }
  /// Returns the bytes that the content must fit into: the file's size, without its holes if it is
  /// larger than kAlwaysAllowedBytes.
  std::size_t stored_bytes() const;

  /// Reads up to `count` bytes and returns how many: 0 at the end. Throws RequestError.
  std::size_t read(char* to, std::size_t count);

  [[noreturn]] void fail(const std::string& reason) const;

 private:
  std::string path_;
  int descriptor_;
  std::size_t size_;
};

/// Returns the content of a file. Throws RequestError as InputFile does, for a file of more than
/// `most` bytes, and, before memory is taken, for one that does not fit into memory or whose size
/// is mostly holes.
std::string read_text(const std::string& path, std::size_t most = static_cast<std::size_t>(-1));

/// Throws RequestError "WHO: WHAT takes 13.0 GB of memory, and 2.1 GB are free" if that is so.
void require_memory(double bytes, const std::string& who, const std::string& what);

/// Throws RequestError if `path` is empty or holds control characters.
void check_path(const std::string& path);

/// Returns the folder of a path as a path of its own: "a" for "a/b.h5", "." for "b.h5".
std::string folder_of(const std::string& path);

/// Writes to an open file or pipe; returns false, with errno set, unless every byte was taken.
bool write_all(int descriptor, std::string_view bytes);

/// Returns the file that `path` leads to through symbolic links, whether it exists or not. Throws
/// RequestError for a link that leads nowhere, and for a FIFO, a socket, a device or a folder.
std::string output_target(const std::string& path);

/// What becomes of a file that another one replaces.
enum class Replaced {
  lost,
  kept,      ///< gets previous_name(), in place of what had that
  set_aside  ///< by set_aside()
};

/// Returns the name under which a file stays that was replaced: FILE.previous.
std::string previous_name(const std::string& file);
/// Whether `name` is one that previous_name() gives.
bool is_previous(const std::string& name);

/// Writes `bytes` to a temporary file of this process's own beside the target of `path`,
/// TARGET.PID-RANDOM.partial, created exclusively; flushes it to the disk, renames it, and flushes
/// the folder: readers see the old file or the whole new one. Keeps an existing file's mode. On any
/// failure removes the temporary file, leaves an existing one, and what previous_name() is, as they
/// were and throws RunError "PATH: cannot write: No space left on device".
void write_file_atomically(const std::string& path, std::string_view bytes,
                           Replaced replaced = Replaced::lost);

/// Gives the file at `path` a second name `alias`, in place of what has that name, atomically; or
/// copies it if the file system has no hard links. Throws RunError.
void replace_by_link(const std::string& path, const std::string& alias,
                     Replaced replaced = Replaced::lost);

/// Renames what is at `path`, if anything is, to PATH.set-aside, or PATH.set-aside-2 and so on
/// where that is taken. Throws RunError.
void set_aside(const std::string& path);

/// Whether `name` is one that set_aside() gives.
bool is_set_aside(const std::string& name);

/// Returns the name NAME of the file that a temporary file of write_file_atomically() was to
/// become, given its name NAME.PID-RANDOM.partial; empty for any other name.
std::string target_of_partial(const std::string& name);

/// Throws RequestError unless `path` can be written, by creating and removing a temporary file
/// beside it; for before any work. Neither creates nor alters `path`.
void check_writable(const std::string& path);

/// Whether something exists at `path`, through symbolic links. Throws RequestError for a path with
/// control characters.
bool exists(const std::string& path);
bool is_folder(const std::string& path);
/// Whether both are there and one file, whatever links lead to it.
bool is_same_file(const std::string& a, const std::string& b);

}  // namespace ridgeline::io
