#include "options.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstdlib>
#include <limits>

namespace ridgeline::miniapp {
namespace {

bool is_digits(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
}

/// Removes leading zeros, with which CLI11 would read a number as octal.
std::string plain(const std::string& digits) {
  const std::size_t first = digits.find_first_not_of('0');
  return first == std::string::npos ? "0" : digits.substr(first);
}

}  // namespace

CLI::Validator integer(std::int64_t least, std::int64_t most) {
  const std::string right = most == std::numeric_limits<std::int64_t>::max()
                                ? fmt::format("an integer of at least {}", least)
                                : fmt::format("an integer from {} to {}", least, most);
  return CLI::Validator(
      [=](std::string& text) {
        const bool negative = !text.empty() && text[0] == '-';
        const std::string digits =
            text.substr(!text.empty() && (negative || text[0] == '+') ? 1 : 0);
        if (is_digits(digits)) {
          errno = 0;
          const std::int64_t value =
              std::strtoll(((negative ? "-" : "") + plain(digits)).c_str(), nullptr, 10);
          if (errno == 0 && value >= least && value <= most) {
            text = std::to_string(value);
            return std::string();
          }
        }
        return "must be " + right + ", not \"" + text + "\"";
      },
      "INTEGER");
}

CLI::Validator real(double least, double most) {
  return CLI::Validator(
      [=](std::string& text) {
        char* end = nullptr;
        const double value = std::strtod(text.c_str(), &end);
        const bool decimal =
            !text.empty() && text.find_first_not_of("0123456789+-.eE") == std::string::npos;
        if (decimal && *end == '\0' && value >= least && value <= most) return std::string();
        return fmt::format("must be a number from {} to {}, not \"{}\"", least, most, text);
      },
      "NUMBER");
}

CLI::Validator size() {
  const CLI::AsSizeValue with_unit(false);
  return CLI::Validator(
      [=](std::string& text) {
        std::string value = text;
        const std::size_t unit = value.find_first_not_of("0123456789");
        const std::size_t digits = unit == std::string::npos ? value.size() : unit;
        const bool letters =
            unit == std::string::npos ||
            value.find_first_not_of(" abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
                                    unit) == std::string::npos;
        if (digits > 0 && digits <= 18 && letters) {
          value = plain(value.substr(0, digits)) + value.substr(digits);
          if (with_unit(value).empty()) {
            text = value;
            return std::string();
          }
        }
        return "must be a size such as 4096, 64KiB or 1GiB, not \"" + text + "\"";
      },
      "SIZE");
}

}  // namespace ridgeline::miniapp
