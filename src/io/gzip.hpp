#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace ridgeline::io {

/// Reads a file sequentially and unpacks it if it is gzip (by its first two bytes, regardless of
/// its name). Uses memory for one block, regardless of the unpacked size. All functions throw
/// RequestError naming the file if it is missing, its stream ends early, or checksum, length or
/// contents are damaged.
class MaybeGzipInput {
 public:
  explicit MaybeGzipInput(const std::string& path);
  /// Reads `bytes`, which were read from `path` and must outlive this object.
  MaybeGzipInput(const std::string& path, std::string_view bytes);
  ~MaybeGzipInput();
  MaybeGzipInput(const MaybeGzipInput&) = delete;
  MaybeGzipInput& operator=(const MaybeGzipInput&) = delete;

  /// Reads up to `count` bytes and returns their number: fewer only at the end.
  std::size_t read(std::uint8_t* to, std::size_t count);

  /// Returns the maximum unpacked size in bytes: deflate compresses by at most 1032.
  double most_bytes() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Returns whether the bytes begin with the gzip magic number.
bool is_gzip(std::string_view bytes);

/// Unpacks a gzip file that was read from `path`. Throws RequestError naming `path` if it is
/// damaged, ends early, or unpacks to more than `most` bytes.
std::string unpacked(std::string_view gzip, std::size_t most, const std::string& path);

}  // namespace ridgeline::io
