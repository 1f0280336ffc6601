#include "io/gzip.hpp"

#include <zlib.h>

#include <algorithm>
#include <limits>

#include "core/error.hpp"
#include "io/file.hpp"

namespace ridgeline::io {
namespace {

bool is_gzip(const std::string& bytes, std::size_t at) {
  return bytes.size() >= at + 2 && bytes[at] == '\x1f' && bytes[at + 1] == '\x8b';
}

/// zlib's state for one member of a gzip file, with its header, checksum and length checked.
struct Inflation {
  z_stream stream{};
  bool ready;

  Inflation() {
    constexpr int kGzipAlone = 16;
    ready = inflateInit2(&stream, MAX_WBITS + kGzipAlone) == Z_OK;
  }
  ~Inflation() {
    if (ready) inflateEnd(&stream);
  }
  Inflation(const Inflation&) = delete;
  Inflation& operator=(const Inflation&) = delete;
};

/// Appends the member of `packed` that begins at `at` to `bytes`, and returns where it ends.
std::size_t inflate_member(const std::string& path, const std::string& packed, std::size_t at,
                           std::string& bytes) {
  Inflation inflation;
  z_stream& stream = inflation.stream;
  if (!inflation.ready) throw RunError(path + ": no memory to unpack it");
  constexpr std::size_t kMost = std::numeric_limits<uInt>::max() / 2;
  std::size_t used = bytes.size();
  for (;;) {
    // Twice as much as before, from about what images of clothes unpack to.
    if (used == bytes.size()) bytes.resize(std::max(2 * bytes.size(), 2 * packed.size() + 4096));
    const std::size_t in = std::min(packed.size() - at, kMost);
    const std::size_t out = std::min(bytes.size() - used, kMost);
    // zlib's interface is older than const; it does not write here.
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data() + at));
    stream.avail_in = static_cast<uInt>(in);
    stream.next_out = reinterpret_cast<Bytef*>(bytes.data() + used);
    stream.avail_out = static_cast<uInt>(out);
    const int result = inflate(&stream, Z_NO_FLUSH);
    at += in - stream.avail_in;
    used += out - stream.avail_out;
    if (result == Z_STREAM_END) {
      bytes.resize(used);
      return at;
    }
    if (result == Z_MEM_ERROR) throw RunError(path + ": no memory to unpack it");
    const bool out_of_input = at == packed.size() && stream.avail_out > 0;
    if (out_of_input && (result == Z_OK || result == Z_BUF_ERROR)) {
      throw RequestError(path + ": truncated gzip file: it ends in the middle of its data");
    }
    if (result != Z_OK && result != Z_BUF_ERROR) {
      throw RequestError(
          path + ": damaged gzip file: " + (stream.msg != nullptr ? stream.msg : "invalid data"));
    }
  }
}

}  // namespace

std::string read_maybe_gzip(const std::string& path) {
  std::string packed = read_text(path);
  if (!is_gzip(packed, 0)) return packed;
  std::string bytes;
  std::size_t at = 0;
  while (is_gzip(packed, at)) at = inflate_member(path, packed, at, bytes);
  // Tapes pad with zeros; anything else is a member whose beginning is lost.
  if (packed.find_first_not_of('\0', at) != std::string::npos) {
    throw RequestError(path + ": damaged gzip file: unknown data after its end");
  }
  return bytes;
}

}  // namespace ridgeline::io
