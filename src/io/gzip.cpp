#include "io/gzip.hpp"

#include <zlib.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <utility>
#include <vector>

#include "core/error.hpp"
#include "io/file.hpp"
#include "io/units.hpp"

namespace ridgeline::io {

struct MaybeGzipInput::State {
  static constexpr std::size_t kBlock = std::size_t{1} << 16;

  std::string path;
  /// Fills a buffer and returns the number of bytes: 0 only at the end.
  std::function<std::size_t(char*, std::size_t)> source;
  double stored_bytes;
  std::vector<std::uint8_t> block = std::vector<std::uint8_t>(kBlock);
  std::size_t begin = 0, end = 0;  ///< of the bytes in the block that are not yet read
  bool at_end = false;             ///< of the source
  bool is_gzip = false;
  bool in_member = false;  ///< between a gzip member's beginning and its end
  z_stream stream{};

  State(std::string name, std::function<std::size_t(char*, std::size_t)> from, double stored)
      : path(std::move(name)), source(std::move(from)), stored_bytes(stored) {
    refill(2);
    is_gzip = begins_member();
  }
  ~State() {
    if (in_member) inflateEnd(&stream);
  }

  std::size_t left() const { return end - begin; }

  /// Reads until the block holds `least` bytes or the file ends.
  void refill(std::size_t least) {
    if (left() >= least) return;
    std::copy(block.begin() + static_cast<std::ptrdiff_t>(begin),
              block.begin() + static_cast<std::ptrdiff_t>(end), block.begin());
    end -= begin;
    begin = 0;
    while (!at_end && end < least) {
      const std::size_t count =
          source(reinterpret_cast<char*>(block.data()) + end, block.size() - end);
      at_end = count == 0;
      end += count;
    }
  }

  bool begins_member() const {
    return io::is_gzip({reinterpret_cast<const char*>(block.data()) + begin, left()});
  }

  std::size_t read_plain(std::uint8_t* to, std::size_t count) {
    std::size_t done = 0;
    while (done < count) {
      refill(1);
      if (left() == 0) break;
      const std::size_t part = std::min(count - done, left());
      std::copy_n(block.data() + begin, part, to + done);
      begin += part;
      done += part;
    }
    return done;
  }

  void begin_member() {
    constexpr int kGzipAlone = 16;
    stream = z_stream{};
    if (inflateInit2(&stream, MAX_WBITS + kGzipAlone) != Z_OK) {
      throw RunError(path + ": no memory to unpack it");
    }
    in_member = true;
  }

  std::size_t read_packed(std::uint8_t* to, std::size_t count) {
    std::size_t done = 0;
    while (done < count) {
      if (!in_member) {
        refill(2);
        if (!begins_member()) {
          require_padding();
          break;
        }
        begin_member();
      }
      refill(1);
      stream.next_in = block.data() + begin;
      stream.avail_in = static_cast<uInt>(left());
      stream.next_out = to + done;
      stream.avail_out = static_cast<uInt>(
          std::min<std::size_t>(count - done, std::numeric_limits<uInt>::max() / 2));
      const uInt room = stream.avail_out;
      const int result = inflate(&stream, Z_NO_FLUSH);
      begin = end - stream.avail_in;
      done += room - stream.avail_out;
      if (result == Z_STREAM_END) {
        inflateEnd(&stream);
        in_member = false;
      } else if (result == Z_MEM_ERROR) {
        throw RunError(path + ": no memory to unpack it");
      } else if (result != Z_OK && result != Z_BUF_ERROR) {
        throw RequestError(
            path + ": damaged gzip file: " + (stream.msg != nullptr ? stream.msg : "invalid data"));
      } else if (at_end && left() == 0 && stream.avail_out > 0) {
        throw RequestError(path + ": truncated gzip file: it ends in the middle of its data");
      }
    }
    return done;
  }

  /// Accepts zeros after the last member (padding of tapes). Other data after it are an error.
  void require_padding() {
    for (refill(1); left() > 0; refill(1)) {
      const bool zeros = std::all_of(block.begin() + static_cast<std::ptrdiff_t>(begin),
                                     block.begin() + static_cast<std::ptrdiff_t>(end),
                                     [](std::uint8_t byte) { return byte == 0; });
      if (!zeros) {
        throw RequestError(path + ": damaged gzip file: unknown data after its end");
      }
      begin = end;
    }
  }
};

MaybeGzipInput::MaybeGzipInput(const std::string& path) {
  const auto file = std::make_shared<InputFile>(path);
  state_ = std::make_unique<State>(
      path, [file](char* to, std::size_t count) { return file->read(to, count); },
      static_cast<double>(file->stored_bytes()));
}

MaybeGzipInput::MaybeGzipInput(const std::string& path, std::string_view bytes) {
  const auto read = [bytes](char* to, std::size_t count) mutable {
    const std::size_t part = bytes.copy(to, count);
    bytes.remove_prefix(part);
    return part;
  };
  state_ = std::make_unique<State>(path, read, static_cast<double>(bytes.size()));
}

MaybeGzipInput::~MaybeGzipInput() = default;

std::size_t MaybeGzipInput::read(std::uint8_t* to, std::size_t count) {
  return state_->is_gzip ? state_->read_packed(to, count) : state_->read_plain(to, count);
}

double MaybeGzipInput::most_bytes() const {
  return state_->stored_bytes * (state_->is_gzip ? kMostCompression : 1);
}

bool is_gzip(std::string_view bytes) {
  return bytes.size() >= 2 && bytes[0] == '\x1f' && bytes[1] == '\x8b';
}

std::string unpacked(std::string_view gzip, std::size_t most, const std::string& path) {
  MaybeGzipInput input(path, gzip);
  std::string text;
  for (std::size_t count = 1; count > 0;) {
    const std::size_t used = text.size();
    if (used > most) {
      throw RequestError(path + ": unpacks to more than " + show_bytes(static_cast<double>(most)) +
                         ", which no such file needs");
    }
    text.resize(used + (std::size_t{1} << 20));
    count = input.read(reinterpret_cast<std::uint8_t*>(text.data()) + used, text.size() - used);
    text.resize(used + count);
  }
  return text;
}

}  // namespace ridgeline::io
