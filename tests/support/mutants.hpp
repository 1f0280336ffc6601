#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <vector>

namespace ridgeline::testing {

/// Damaged copies of files, the same for the same seed: flipped bits, extreme bytes and integers,
/// parts that are missing, repeated, moved or of another file, and, in text, other numbers and
/// brackets.
class Mutants {
 public:
  Mutants(std::vector<std::string> originals, std::uint64_t seed)
      : originals_(std::move(originals)), random_(seed) {}

  std::string next() {
    std::string bytes = originals_[below(originals_.size())];
    const std::size_t changes = 1 + below(4);
    for (std::size_t change = 0; change < changes && !bytes.empty(); ++change) alter(bytes);
    return bytes;
  }

 private:
  std::size_t below(std::size_t limit) { return limit == 0 ? 0 : random_() % limit; }

  void alter(std::string& bytes) {
    const std::size_t at = below(bytes.size());
    const std::size_t count = 1 + below(std::min<std::size_t>(bytes.size() - at, 64));
    switch (below(10)) {
      case 0:
      case 1:
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(8)));
        break;
      case 2:
        bytes[at] = static_cast<char>(below(256));
        break;
      case 3:
        put_integer(bytes, at);
        break;
      case 4:
        bytes.resize(at);
        break;
      case 5:
        bytes.erase(at, count);
        break;
      case 6:
        bytes.insert(at, bytes.substr(at, count));
        break;
      case 7:
        bytes.insert(at, bytes.substr(below(bytes.size()), count));
        break;
      case 8: {
        const std::string& other = originals_[below(originals_.size())];
        if (!other.empty()) bytes.replace(at, count, other.substr(below(other.size()), count));
        break;
      }
      default:
        replace_token(bytes, at);
    }
  }

  // Sizes and addresses at their limits, in both byte orders.
  void put_integer(std::string& bytes, std::size_t at) {
    static const std::uint64_t values[] = {0,
                                           1,
                                           0x7f,
                                           0x80,
                                           0xff,
                                           0xffff,
                                           0x7fffffff,
                                           0x80000000,
                                           0xffffffff,
                                           0x7fffffffffffffff,
                                           0x8000000000000000,
                                           0xffffffffffffffff,
                                           0x100000000};
    const std::uint64_t value = values[below(std::size(values))];
    const std::size_t width = std::size_t{1} << below(4);
    char stored[8];
    std::memcpy(stored, &value, 8);
    if (below(2) == 1) std::reverse(stored, stored + width);
    bytes.replace(at, width, stored, width);
  }

  void replace_token(std::string& bytes, std::size_t at) {
    static const char* tokens[] = {
        "-1",      "0",   "1e999", "nan",    "1e-400", "99999999999999999999",
        "[",       "{",   "\"",    "'",      "]",      "}",
        "\n",      "=",   "#",     "\"\"\"", "\xff",   "\xef\xbb\xbf",
        "\\u0000", "inf", "true",  "[[",     ",",      "9223372036854775807"};
    const std::string token = tokens[below(std::size(tokens))];
    const std::size_t digit = bytes.find_first_of("0123456789", at);
    if (below(2) == 0 || digit == std::string::npos) {
      bytes.insert(at, token);
    } else {
      const std::size_t end = bytes.find_first_not_of("0123456789.", digit);
      bytes.replace(digit, end == std::string::npos ? end : end - digit, token);
    }
  }

  std::vector<std::string> originals_;
  std::mt19937_64 random_;
};

}  // namespace ridgeline::testing
