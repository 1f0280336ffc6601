#include "data/idx.hpp"

#include <cstdio>
#include <limits>

#include "core/error.hpp"
#include "io/gzip.hpp"

namespace ridgeline::data {
namespace {

constexpr std::uint32_t kImagesMagic = 0x00000803;
constexpr std::uint32_t kLabelsMagic = 0x00000801;

/// The big-endian integer at `at`.
std::uint32_t integer_at(const std::string& bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  }
  return value;
}

std::string hexadecimal(std::uint32_t value) {
  char text[16];
  std::snprintf(text, sizeof text, "0x%08x", static_cast<unsigned>(value));
  return text;
}

/// The dimensions in the header, after its magic number and the file's size were checked.
std::vector<std::size_t> checked_header(const std::string& path, const std::string& bytes,
                                        std::uint32_t magic) {
  const std::size_t rank = magic & 0xFF;
  const std::size_t header = 4 * (1 + rank);
  if (bytes.size() >= 4 && integer_at(bytes, 0) != magic) {
    throw RequestError(path + ": not an IDX file of " +
                       (magic == kImagesMagic ? "images" : "labels") + ": its magic number is " +
                       hexadecimal(integer_at(bytes, 0)) + ", not " + hexadecimal(magic));
  }
  if (bytes.size() < header) {
    throw RequestError(path + ": too short for an IDX file: " + std::to_string(bytes.size()) +
                       " bytes, and the header alone has " + std::to_string(header));
  }
  std::vector<std::size_t> dimensions;
  std::string product;
  std::size_t expected = 1;
  bool fits = true;
  for (std::size_t i = 0; i < rank; ++i) {
    const std::size_t n = integer_at(bytes, 4 + 4 * i);
    dimensions.push_back(n);
    product += (i == 0 ? "" : " x ") + std::to_string(n);
    if (n != 0 && expected > std::numeric_limits<std::size_t>::max() / n) fits = false;
    expected *= n;
  }
  const std::size_t found = bytes.size() - header;
  if (!fits || found != expected) {
    const char* relation = fits && found > expected ? "more" : "fewer";
    throw RequestError(path + ": " + relation + " bytes than its header says: " +
                       std::to_string(found) + " instead of " + product);
  }
  if (expected == 0) throw RequestError(path + ": holds nothing: its header says " + product);
  return dimensions;
}

}  // namespace

IdxImages read_idx_images(const std::string& path) {
  const std::string bytes = io::read_maybe_gzip(path);
  const auto dimensions = checked_header(path, bytes, kImagesMagic);
  return {dimensions[0], dimensions[1], dimensions[2], {bytes.begin() + 16, bytes.end()}};
}

std::vector<std::uint8_t> read_idx_labels(const std::string& path) {
  const std::string bytes = io::read_maybe_gzip(path);
  checked_header(path, bytes, kLabelsMagic);
  return {bytes.begin() + 8, bytes.end()};
}

}  // namespace ridgeline::data
