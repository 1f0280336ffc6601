#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace ridgeline::io {

/// A file's bytes in their order, unpacked if it is gzip (by its first two bytes, whatever its
/// name). Takes memory for one block, whatever the file unpacks to. Everything throws RequestError
/// naming the file: it is missing, its stream ends early, or checksum, length or contents are
/// damaged.
class MaybeGzipInput {
 public:
  explicit MaybeGzipInput(const std::string& path);
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

}  // namespace ridgeline::io
