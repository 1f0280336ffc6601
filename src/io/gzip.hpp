#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace ridgeline::io {

/// A file's bytes in their order, unpacked if it is gzip (by its first two bytes, whatever its
/// name). Takes memory for one block, whatever the file unpacks to. Everything throws RequestError
/// naming the file: it is missing, its stream ends early, or checksum, length or contents are
/// damaged.
class MaybeGzipInput {
 public:
  explicit MaybeGzipInput(const std::string& path);
  /// The same of bytes that were read from `path` and outlive this.
  MaybeGzipInput(const std::string& path, std::string_view bytes);
  ~MaybeGzipInput();
  MaybeGzipInput(const MaybeGzipInput&) = delete;
  MaybeGzipInput& operator=(const MaybeGzipInput&) = delete;

  /// Reads up to `count` bytes and returns how many: fewer only at the end.
  std::size_t read(std::uint8_t* to, std::size_t count);

  /// Returns the most bytes that the file can unpack to: deflate packs at most 1032 to one.
  double most_bytes() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Returns whether these bytes begin as those of a gzip file.
bool is_gzip(std::string_view bytes);

/// Returns what a gzip file that was read from `path` packs. Throws RequestError naming `path`: it
/// is damaged, ends early, or unpacks to more than `most` bytes.
std::string unpacked(std::string_view gzip, std::size_t most, const std::string& path);

}  // namespace ridgeline::io
