#include "io/json.hpp"

#include <algorithm>
#include <ctime>
#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "io/file.hpp"

namespace ridgeline::io {
namespace {

constexpr int kNewestVersion = 1;

/// Line, from 1, of the byte at `position`, from 1.
std::size_t line_of(const std::string& text, std::size_t position) {
  const std::size_t before = std::min(position == 0 ? 0 : position - 1, text.size());
  return 1 + static_cast<std::size_t>(std::count(
                 text.begin(), text.begin() + static_cast<std::ptrdiff_t>(before), '\n'));
}

}  // namespace

std::string to_text(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

void write_json(const std::string& path, const Json& json) {
  write_file_atomically(path, to_text(json));
}

Json read_json(const std::string& path, const std::string& expected_format) {
  const std::string text = read_text(path);
  Json json;
  try {
    json = Json::parse(text);
  } catch (const Json::parse_error& error) {
    throw RequestError(path + ":" + std::to_string(line_of(text, error.byte)) +
                       ": not valid JSON; a " + expected_format + " file is expected");
  }
  const auto format = json.is_object() ? json.find("format") : json.end();
  if (!json.is_object() || format == json.end() || !format->is_string()) {
    throw RequestError(path + ": has no \"format\"; a " + expected_format + " file is expected");
  }
  if (*format != expected_format) {
    throw RequestError(path + ": is a " + format->get<std::string>() + " file; a " +
                       expected_format + " file is expected");
  }
  const auto version = json.find("version");
  if (version == json.end() || !version->is_number_integer() || *version < 1) {
    throw RequestError(path + ": has no valid \"version\"; 1 to " + std::to_string(kNewestVersion) +
                       " can be read");
  }
  if (*version > kNewestVersion) {
    throw RequestError(path + ": is of version " + version->dump() +
                       ", newer than this build, which reads up to " +
                       std::to_string(kNewestVersion));
  }
  return json;
}

std::string now_utc() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

}  // namespace ridgeline::io
