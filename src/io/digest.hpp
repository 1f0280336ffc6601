#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace ridgeline::io {

/// Incremental 128-bit XXH3 digest with seed 0 (xxHash, BSD licence).
class Digest {
 public:
  Digest();
  ~Digest();
  Digest(const Digest&) = delete;
  Digest& operator=(const Digest&) = delete;

  void add(const void* bytes, std::size_t count);
  void add(std::string_view text) { add(text.data(), text.size()); }

  /// Returns "xxh3-128:" and 32 hexadecimal digits, the most significant first.
  std::string text() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ridgeline::io
