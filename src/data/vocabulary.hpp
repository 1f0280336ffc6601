#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ridgeline::data {

/// A character for a message of one line: `"é" (U+00E9)`, or `U+000A` where it does not print.
std::string show_character(char32_t character);

/// The characters that a text network knows; a character's token is its place among them.
class Vocabulary {
 public:
  Vocabulary() = default;

  /// Every character that `texts`, which are valid UTF-8, hold, sorted by code point.
  static Vocabulary of(const std::vector<std::string>& texts);

  /// One of these characters, in this order. Throws RequestError "SOURCE: …" where it is not valid
  /// UTF-8 or a character is there twice.
  static Vocabulary from_joined(const std::string& characters, const std::string& source);

  std::size_t size() const { return characters_.size(); }
  bool empty() const { return characters_.empty(); }

  /// Each as UTF-8, in the order of their tokens.
  const std::vector<std::string>& characters() const { return characters_; }

  /// The character's token; nothing where it has none.
  std::optional<std::int32_t> token(char32_t character) const;

  /// The tokens of a text. Throws RequestError "SOURCE: …" naming the first character that has no
  /// token, or is not UTF-8, and its position.
  std::vector<std::int32_t> encode(std::string_view text, const std::string& source) const;

  /// A token's character as UTF-8. Throws std::out_of_range for a token that there is not.
  const std::string& decode(std::int32_t token) const;

 private:
  explicit Vocabulary(const std::vector<char32_t>& characters);

  std::vector<std::string> characters_;
  std::vector<std::int32_t> tokens_;  ///< by code point; -1 where a character has none
};

}  // namespace ridgeline::data
