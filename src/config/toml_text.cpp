#include "config/toml_text.hpp"

#include <algorithm>
#include <cctype>

namespace ridgeline::config {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

/// Returns the position of the last character of the string that begins at `at`, single-line or, in
/// three quotes, multi-line; the parser reports an unterminated string.
std::size_t last_of_string(std::string_view text, std::size_t at) {
  const char quote = text[at];
  const bool is_long = text.compare(at, 3, std::string(3, quote)) == 0;
  at += is_long ? 3 : 1;
  int own = 0;
  for (; at < text.size(); ++at) {
    if (text[at] == '\\' && quote == '"') {
      ++at;
    } else if (is_long ? text.compare(at, 3, std::string(3, quote)) == 0
                       : text[at] == quote || text[at] == '\n') {
      if (!is_long) return at;
      // A string may end with one or two quotes before the three closing ones.
      for (at += 2; at + 1 < text.size() && text[at + 1] == quote && own < 2; ++at) ++own;
      return at;
    }
  }
  return at;
}

/// Scans TOML text outside strings and comments for input that toml++ must not parse: deep nesting,
/// and non-ASCII characters, some of which cause undefined behaviour in version 3.3.
class Outline {
 public:
  explicit Outline(std::string_view text) : text_(text) {}

  std::optional<Fault> fault() {
    if (text_.substr(0, kByteOrderMark.size()) == kByteOrderMark) at_ = kByteOrderMark.size();
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '#') {
        at_ = std::min(text_.find('\n', at_), text_.size());
        dots_ = 0;
      } else if (c == '"' || c == '\'') {
        at_ = last_of_string(text_, at_);
      } else if (c == '[' || c == '{') {
        dots_ = 0;
        ++brackets_;
      } else if (c == ']' || c == '}') {
        dots_ = 0;
        if (brackets_ > 0) --brackets_;
      } else if (c == ',' || c == '=' || c == '\n') {
        dots_ = 0;
      } else if (c == '.') {
        ++dots_;
      } else if (static_cast<unsigned char>(c) >= 0x80) {
        return Fault{at_, "a non-ASCII character outside texts and comments"};
      }
      if (dots_ > kDeepestToml || brackets_ > kDeepestToml) {
        return Fault{at_, "nested deeper than " + std::to_string(kDeepestToml) +
                              " levels, which no deck is"};
      }
    }
    return {};
  }

 private:
  std::string_view text_;
  std::size_t at_ = 0, dots_ = 0, brackets_ = 0;
};

std::string trimmed(std::string_view text) {
  constexpr const char* kBlank = " \t\r";
  const std::size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(kBlank) - first + 1));
}

/// Returns whether a value has more than what numbers and times are written with.
bool may_be_text(const std::string& value) {
  return value.find_first_not_of("0123456789+-._: ") != std::string::npos;
}

/// Scans TOML text for its values without quotes, line by line.
class PlainValues {
 public:
  explicit PlainValues(std::string_view text) : text_(text) {}

  /// Returns the next value that is neither a string nor a list nor a table; nullopt at the end.
  std::optional<std::string> next() {
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == ' ' || c == '\t' || c == '\r') continue;
      if (c == '#') {
        skip_to("\n");
      } else if (c == '"' || c == '\'') {
        at_ = last_of_string(text_, at_);
        is_value_ = false;
      } else if (c == '\n') {
        is_value_ = is_value_ && !brackets_.empty();
      } else if (c == '=') {
        is_value_ = true;
      } else if (c == '[' && !is_value_) {
        skip_to("\n");  // the header of a table
      } else if (c == '[' || c == '{') {
        brackets_ += c;
        is_value_ = c == '[';
      } else if (c == ']' || c == '}') {
        if (!brackets_.empty()) brackets_.pop_back();
        is_value_ = false;
      } else if (c == ',') {
        is_value_ = !brackets_.empty() && brackets_.back() == '[';
      } else if (is_value_) {
        value_at_ = at_;
        is_value_ = false;
        skip_to(brackets_.empty() ? "#\n" : ",]}#\n");
        ++at_;
        return trimmed(text_.substr(value_at_, at_ - value_at_));
      }
    }
    return {};
  }

  /// Returns the position of the value that next() returned.
  std::size_t position() const { return value_at_; }

 private:
  /// Moves before the next of these characters.
  void skip_to(const char* ends) {
    at_ = std::min(text_.find_first_of(ends, at_), text_.size()) - 1;
  }

  std::string_view text_;
  std::string brackets_;
  std::size_t at_ = 0, value_at_ = 0;
  bool is_value_ = false;
};

}  // namespace

std::optional<Fault> fault_in(std::string_view text) { return Outline(text).fault(); }

std::optional<toml::table> parse_toml_value(const std::string& text) {
  if (fault_in(text)) return {};
  try {
    toml::table parsed = toml::parse("value = " + text);
    // A copy has no line numbers, which would refer to this text and not to the deck.
    if (parsed.size() == 1 && parsed.contains("value")) return toml::table(parsed);
  } catch (const toml::parse_error&) {
  } catch (const TomlAssertion&) {
  }
  return {};
}

std::optional<std::string> unquoted_value(std::string_view text, std::size_t line) {
  constexpr int kMostParsed = 1000;  // of a line of megabytes
  std::size_t begin = 0;
  for (std::size_t i = 1; i < line && begin < text.size(); ++i) {
    begin = std::min(text.find('\n', begin), text.size() - 1) + 1;
  }
  const std::size_t end = std::min(text.find('\n', begin), text.size());
  PlainValues values(text);
  int parsed = 0;
  while (std::optional<std::string> value = values.next()) {
    if (values.position() >= end || parsed == kMostParsed) break;
    if (values.position() < begin || !may_be_text(*value)) continue;
    ++parsed;
    // A missing bracket or line break is another fault.
    if (value->find('=') != std::string::npos) break;
    if (!parse_toml_value(*value)) return value;
  }
  return {};
}

std::string needs_quotes(const std::string& value) {
  constexpr std::size_t kShown = 60;
  std::string word = value;
  std::transform(word.begin(), word.end(), word.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (word == "true" || word == "false") return value + " is no value; write " + word;
  if (value.find_first_not_of("0123456789+-.,_ \t") == std::string::npos) {
    return value + " is not one number; write [" + value + "]";
  }
  const std::string what = value.size() > kShown ? "what follows the = sign" : value;
  const char* const quote = value.find_first_of("\"\\") == std::string::npos ? "\""
                            : value.find('\'') == std::string::npos          ? "'"
                                                                             : nullptr;
  const bool is_shown = quote != nullptr && value.size() <= kShown;
  return what + " is neither a number nor true or false; a text needs quotes" +
         (is_shown ? std::string(": ") + quote + value + quote : "");
}

}  // namespace ridgeline::config
