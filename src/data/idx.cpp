#include "data/idx.hpp"

#include <algorithm>
#include <cstdio>

#include "core/error.hpp"
#include "io/file.hpp"
#include "io/gzip.hpp"

namespace ridgeline::data {
namespace {

constexpr std::uint32_t kImagesMagic = 0x00000803;
constexpr std::uint32_t kLabelsMagic = 0x00000801;

using io::MaybeGzipInput;

std::uint32_t big_endian(const std::uint8_t* bytes) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = value << 8 | bytes[i];
  return value;
}

std::string hexadecimal(std::uint32_t value) {
  char text[16];
  std::snprintf(text, sizeof text, "0x%08x", static_cast<unsigned>(value));
  return text;
}

/// Header of an IDX file.
struct Header {
  std::vector<std::size_t> dimensions;
  std::string product;    ///< "60000 x 28 x 28"
  std::size_t bytes = 0;  ///< after the header

  [[noreturn]] void fail(const std::string& path, const std::string& relation,
                         const std::string& found) const {
    throw RequestError(path + ": " + relation + " bytes than its header says: " + found +
                       " instead of " + product);
  }
};

/// Reads the header. Throws if it declares no bytes, or more than the file can contain.
Header read_header(const std::string& path, MaybeGzipInput& input, std::uint32_t magic) {
  const std::size_t rank = magic & 0xFF;
  const std::size_t size = 4 * (1 + rank);
  std::uint8_t bytes[4 * 256];
  const std::size_t count = input.read(bytes, size);
  if (count >= 4 && big_endian(bytes) != magic) {
    throw RequestError(path + ": not an IDX file of " +
                       (magic == kImagesMagic ? "images" : "labels") + ": its magic number is " +
                       hexadecimal(big_endian(bytes)) + ", not " + hexadecimal(magic));
  }
  if (count < size) {
    throw RequestError(path + ": too short for an IDX file: " + std::to_string(count) +
                       " bytes, and the header alone has " + std::to_string(size));
  }
  Header header;
  double claimed = 1;
  for (std::size_t i = 0; i < rank; ++i) {
    const std::size_t n = big_endian(bytes + 4 + 4 * i);
    header.dimensions.push_back(n);
    header.product += (i == 0 ? "" : " x ") + std::to_string(n);
    claimed *= static_cast<double>(n);
  }
  if (claimed == 0) {
    throw RequestError(path + ": holds nothing: its header says " + header.product);
  }
  const double most = input.most_bytes();
  if (claimed > most) {
    header.fail(path, "fewer", "at most " + std::to_string(static_cast<std::size_t>(most)));
  }
  header.bytes = static_cast<std::size_t>(claimed);
  return header;
}

/// Throws unless the file ends here.
void require_end(const std::string& path, MaybeGzipInput& input, const Header& header) {
  std::uint8_t more;
  if (input.read(&more, 1) > 0) header.fail(path, "more", "over " + std::to_string(header.bytes));
}

}  // namespace

IdxImages read_idx_images(const std::string& path) {
  MaybeGzipInput input(path);
  const Header header = read_header(path, input, kImagesMagic);
  io::require_memory(static_cast<double>(header.bytes), path, "its content");
  IdxImages images = {header.dimensions[0], header.dimensions[1], header.dimensions[2], {}};
  images.pixels.resize(header.bytes);
  const std::size_t found = input.read(images.pixels.data(), header.bytes);
  if (found < header.bytes) header.fail(path, "fewer", std::to_string(found));
  require_end(path, input, header);
  return images;
}

std::vector<std::int32_t> read_idx_labels(const std::string& path) {
  MaybeGzipInput input(path);
  const Header header = read_header(path, input, kLabelsMagic);
  io::require_memory(4.0 * static_cast<double>(header.bytes), path, "its content");
  std::vector<std::int32_t> labels;
  labels.reserve(header.bytes);
  std::uint8_t block[65536];
  while (labels.size() < header.bytes) {
    const std::size_t count =
        input.read(block, std::min(sizeof block, header.bytes - labels.size()));
    if (count == 0) header.fail(path, "fewer", std::to_string(labels.size()));
    labels.insert(labels.end(), block, block + count);
  }
  require_end(path, input, header);
  return labels;
}

}  // namespace ridgeline::data
