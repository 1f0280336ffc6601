#include "io/json.hpp"

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <system_error>
#include <vector>

#include "core/error.hpp"
#include "core/text.hpp"
#include "io/file.hpp"
#include "io/gzip.hpp"
#include "io/units.hpp"

namespace ridgeline::io {
namespace {

constexpr std::size_t kMostBytes = std::size_t{64} << 20;
// Values of at most 64 bytes each take at most kAlwaysAllowedBytes.
constexpr std::size_t kMostValues = kAlwaysAllowedBytes / 64;
constexpr std::size_t kDeepest = 64;

/// Validates JSON without storing it. Throws RequestError for invalid text, deep nesting (whose
/// values would be destroyed recursively), numbers out of the range of a double, and too many
/// values.
class Check : public nlohmann::json_sax<Json> {
 public:
  Check(const std::string& path, const std::string& text, const std::string& expected)
      : path_(path), text_(text), expected_(expected) {}

  bool null() override { return value(); }
  bool boolean(bool) override { return value(); }
  bool number_integer(number_integer_t) override { return value(); }
  bool number_unsigned(number_unsigned_t) override { return value(); }
  bool number_float(number_float_t, const string_t&) override { return value(); }
  bool string(string_t&) override { return value(); }
  bool binary(binary_t&) override { return value(); }
  bool start_object(std::size_t) override { return open(); }
  bool start_array(std::size_t) override { return open(); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(string_t& name) override {
    keys_.back() = name;
    return true;
  }
  bool parse_error(std::size_t position, const std::string& token,
                   const nlohmann::detail::exception& error) override {
    constexpr int kOutOfRange = 406;
    if (error.id == kOutOfRange) fail(position, where() + token + " is too large for a number");
    fail(position, "not valid JSON; a " + expected_ + " file is expected");
  }

 private:
  [[noreturn]] void fail(std::size_t position, const std::string& message) const {
    throw RequestError(path_ + ":" + std::to_string(line_of(text_, position)) + ": " + message);
  }
  /// Returns "spaces.openmp.bandwidth: "; empty at the top level.
  std::string where() const {
    std::string path;
    for (const std::string& name : keys_)
      path += name.empty() ? "" : (path.empty() ? "" : ".") + name;
    return path.empty() ? path : path + ": ";
  }
  bool value() {
    if (++values_ > kMostValues) {
      throw RequestError(path_ + ": holds more than " + std::to_string(kMostValues) +
                         " values, which no " + expected_ + " file needs");
    }
    return true;
  }
  bool open() {
    if (keys_.size() == kDeepest) {
      throw RequestError(path_ + ": is nested deeper than " + std::to_string(kDeepest) +
                         " levels, which no " + expected_ + " file is");
    }
    keys_.emplace_back();
    return value();
  }
  bool close() {
    keys_.pop_back();
    return true;
  }

  const std::string &path_, &text_, &expected_;
  std::vector<std::string> keys_;  ///< of the enclosing objects; empty for lists
  std::size_t values_ = 0;
};

std::string compact(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// Appends a value that begins on a line with this indentation.
void append(const Json& json, const std::string& indentation, std::string& text) {
  const auto is_single = [](const Json& value) { return !value.is_structured(); };
  if (json.empty() || is_single(json)) {
    text += compact(json);
  } else if (json.is_array() && std::all_of(json.begin(), json.end(), is_single)) {
    text += "[";
    for (const Json& value : json) text += (text.back() == '[' ? "" : ", ") + compact(value);
    text += "]";
  } else {
    const std::string inner = indentation + "  ";
    text += json.is_array() ? "[" : "{";
    bool first = true;
    for (const auto& [key, value] : json.items()) {
      text += (first ? "\n" : ",\n") + inner;
      first = false;
      if (json.is_object()) text += compact(Json(key)) + ": ";
      append(value, inner, text);
    }
    text += "\n" + indentation + (json.is_array() ? "]" : "}");
  }
}

// Returns "a, b or c".
std::string joined_by_or(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    text += (i == 0 ? "" : i + 1 < names.size() ? ", " : " or ") + names[i];
  }
  return text;
}

/// What is left out of a folder: how many, and why the first.
struct LeftOut {
  std::size_t count = 0;
  std::string reason;

  void add(const std::string& why) {
    if (count++ == 0) reason = why;
  }
};

/// The `*.json` and `*.json.gz` in a folder and the folders in it, sorted by path.
struct JsonFiles {
  std::vector<std::string> files;
  LeftOut unreadable;  ///< folders in it

  /// Throws RequestError if the folder itself cannot be read.
  explicit JsonFiles(const std::string& folder) {
    std::vector<std::string> folders = {folder};
    while (!folders.empty()) {
      const std::string next = std::move(folders.back());
      folders.pop_back();
      if (const std::error_code error = add_entries_of(next, folders)) {
        const std::string reason = next + ": cannot read: " + error.message();
        if (next == folder) throw RequestError(reason);
        unreadable.add(reason);
      }
    }
    std::sort(files.begin(), files.end());
  }

 private:
  /// Appends the files of a folder to `files` and the folders in it to `folders`, without those
  /// behind symbolic links, which may lead back.
  std::error_code add_entries_of(const std::string& folder, std::vector<std::string>& folders) {
    std::error_code error;
    std::filesystem::directory_iterator entry(folder, error), end;
    for (; !error && entry != end; entry.increment(error)) {
      std::error_code unknown;  // a loop of links is found when it is opened
      if (entry->is_directory(unknown)) {
        if (!entry->is_symlink(unknown)) folders.push_back(entry->path().string());
        continue;
      }
      std::filesystem::path name = entry->path().filename();
      if (name.extension() == ".gz") name = name.stem();
      if (name.extension() == ".json") files.push_back(entry->path().string());
    }
    return error;
  }
};

std::string text_of(const std::string& path) {
  std::string text = read_text(path, kMostBytes);
  return is_gzip(text) ? unpacked(text, kMostBytes, path) : text;
}

}  // namespace

std::string to_text(const Json& json) {
  std::string text;
  append(json, "", text);
  return text + "\n";
}

void write_json(const std::string& path, const Json& json) {
  write_file_atomically(path, to_text(json));
}

Json read_json(const std::string& path, const std::string& expected_format) {
  return read_json(path, std::vector<std::string>{expected_format});
}

Json read_json(const std::string& path, const std::vector<std::string>& expected_formats) {
  const std::string expected = joined_by_or(expected_formats);
  const std::string text = text_of(path);
  Check check(path, text, expected);
  Json::sax_parse(text, &check);
  Json json = Json::parse(text);
  const auto format = json.is_object() ? json.find("format") : json.end();
  if (!json.is_object() || format == json.end() || !format->is_string()) {
    throw RequestError(path + ": has no \"format\"; a " + expected + " file is expected");
  }
  if (std::find(expected_formats.begin(), expected_formats.end(), *format) ==
      expected_formats.end()) {
    throw RequestError(path + ": is a " + format->get<std::string>() + " file; a " + expected +
                       " file is expected");
  }
  const auto version = json.find("version");
  if (version == json.end() || !version->is_number_integer() || *version < 1) {
    throw RequestError(path + ": has no valid \"version\"; 1 to " + std::to_string(kResultVersion) +
                       " can be read");
  }
  if (*version > kResultVersion) {
    throw RequestError(path + ": is of version " + version->dump() +
                       ", newer than this build, which reads up to " +
                       std::to_string(kResultVersion));
  }
  return json;
}

void for_json_files(const std::string& path, std::vector<std::string>& notes,
                    const std::function<void(const std::string& file, bool from_folder)>& read) {
  check_path(path);
  if (!is_folder(path)) return read(path, false);
  JsonFiles found(path);
  std::size_t count = 0;
  LeftOut damaged;
  for (const std::string& file : found.files) {
    try {
      read(file, true);
      ++count;
    } catch (const RequestError& error) {
      damaged.add(error.what());
    }
  }
  const LeftOut& unreadable = found.unreadable;
  if (count == 0) {
    const std::string& reason = damaged.count > 0 ? damaged.reason : unreadable.reason;
    throw RequestError(path + ": holds no result file" + (reason.empty() ? "" : "; " + reason));
  }
  if (damaged.count > 0) {
    notes.push_back(path + ": " + std::to_string(damaged.count) + " of " +
                    std::to_string(found.files.size()) + " JSON files are left out; " +
                    damaged.reason);
  }
  if (unreadable.count > 0) {
    notes.push_back(path + ": " +
                    show_count(static_cast<std::int64_t>(unreadable.count), "folder") +
                    (unreadable.count == 1 ? " is" : " are") + " left out; " + unreadable.reason);
  }
}

std::string reason_of(const std::exception& error) {
  // "[json.exception.out_of_range.403] key 'total' not found"
  const std::string text = error.what();
  const std::size_t end = text.find("] ");
  return end == std::string::npos ? text : text.substr(end + 2);
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
