#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

// All files are opened and written here.

namespace ridgeline::io {

/// Bytes that reading any input may allocate regardless of its content; more must be justified by
/// the content.
inline constexpr std::size_t kAlwaysAllowedBytes = std::size_t{256} << 20;

/// Returns the bytes that reading an input of `size` bytes may allocate in addition to its content.
constexpr double allowed_bytes(double size) { return 4 * size + double{kAlwaysAllowedBytes}; }

/// Maximum compression ratio of deflate.
inline constexpr double kMostCompression = 1032;

/// A regular file, open for reading. Opening does not block.
class InputFile {
 public:
  /// Opens a file; follows symbolic links. Throws RequestError "PATH: cannot read: …" for a file
  /// that is missing, unreadable, a folder, a FIFO, a socket or a device, and for a path with
  /// control characters.
  explicit InputFile(const std::string& path);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  const std::string& path() const { return path_; }
  std::size_t size() const { return size_; }
  /// Returns the stored bytes, which must account for the content: the file's size, without holes
  /// if it is larger than kAlwaysAllowedBytes.
  std::size_t stored_bytes() const;

  /// Reads up to `count` bytes and returns their number: 0 at the end. Throws RequestError.
  std::size_t read(char* to, std::size_t count);

  [[noreturn]] void fail(const std::string& reason) const;

 private:
  std::string path_;
  int descriptor_;
  std::size_t size_;
};

/// Returns the content of a file. Throws RequestError as InputFile does, for a file of more than
/// `most` bytes, and, before allocating, for one that does not fit into memory, or that has holes
/// and is larger than kAlwaysAllowedBytes.
std::string read_text(const std::string& path, std::size_t most = static_cast<std::size_t>(-1));

/// Throws RequestError "WHO: WHAT takes 13.0 GB of memory, and 2.1 GB are free" if `bytes` exceed
/// the free memory.
void require_memory(double bytes, const std::string& who, const std::string& what);

/// Throws RequestError if `path` is empty or contains control characters.
void check_path(const std::string& path);

/// Returns the folder of a path: "a" for "a/b.h5", "." for "b.h5".
std::string folder_of(const std::string& path);

/// Writes to an open file or pipe. Returns false and sets errno unless all bytes were written.
bool write_all(int descriptor, std::string_view bytes);

/// Resolves symbolic links and returns the target of `path`, which need not exist. Throws
/// RequestError for a dangling link, and for a FIFO, a socket, a device or a folder.
std::string output_target(const std::string& path);

/// Treatment of a replaced file.
enum class Replaced {
  lost,
  kept,      ///< as previous_name(), replacing a file of that name
  set_aside  ///< by set_aside()
};

/// Returns the name under which a replaced file is kept: FILE.previous.
std::string previous_name(const std::string& file);
/// Returns whether `name` is a name of previous_name().
bool is_previous(const std::string& name);

/// Writes `bytes` to a temporary file beside the target of `path`, TARGET.PID-RANDOM.partial,
/// created exclusively; flushes it to the disk, renames it, and flushes the folder: readers see the
/// old file or the whole new one. Keeps an existing file's mode. On failure removes the temporary
/// file, leaves an existing file and that of previous_name() unchanged, and throws RunError "PATH:
/// cannot write: No space left on device".
void write_file_atomically(const std::string& path, std::string_view bytes,
                           Replaced replaced = Replaced::lost);

/// Creates a hard link `alias` to the file at `path`, replacing an existing `alias` atomically;
/// copies the file if the file system has no hard links. Throws RunError.
void replace_by_link(const std::string& path, const std::string& alias,
                     Replaced replaced = Replaced::lost);

/// Renames `path`, if it exists, to PATH.set-aside, or PATH.set-aside-2 and so on if that exists.
/// Throws RunError.
void set_aside(const std::string& path);

/// Returns whether `name` is a name of set_aside().
bool is_set_aside(const std::string& name);

/// Returns the target NAME of a temporary file of write_file_atomically(), given its name
/// NAME.PID-RANDOM.partial; empty for any other name.
std::string target_of_partial(const std::string& name);

/// Throws RequestError unless `path` can be written, which it tests by creating and removing a
/// temporary file beside it. To be called before any work. Neither creates nor alters `path`.
void check_writable(const std::string& path);

/// Returns whether `path` exists, following symbolic links. Throws RequestError for a path with
/// control characters.
bool exists(const std::string& path);
bool is_folder(const std::string& path);
/// Returns whether both exist and are the same file, following links.
bool is_same_file(const std::string& a, const std::string& b);

}  // namespace ridgeline::io
