#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ridgeline::data {

/// Returns a character for a one-line message: `"é" (U+00E9)`, or `U+000A` if it is not printable.
std::string show_character(char32_t character);

/// The characters of a text network; a character's token is its index.
class Vocabulary {
 public:
  Vocabulary() = default;

  /// Returns the vocabulary of all characters in `texts`, which must be valid UTF-8, sorted by code
  /// point.
  static Vocabulary of(const std::vector<std::string>& texts);

  /// Returns the vocabulary of these characters, in this order. Throws RequestError "SOURCE: …" if
  /// they are not valid UTF-8 or a character occurs twice.
  static Vocabulary from_joined(const std::string& characters, const std::string& source);

  std::size_t size() const { return characters_.size(); }
  bool empty() const { return characters_.empty(); }

  /// Returns the characters as UTF-8, in the order of their tokens.
  const std::vector<std::string>& characters() const { return characters_; }

  /// Returns the character's token; nullopt if it has none.
  std::optional<std::int32_t> token(char32_t character) const;

  /// Returns the tokens of a text. Throws RequestError "SOURCE: …" naming the first character that
  /// has no token, or is not UTF-8, and its position.
  std::vector<std::int32_t> encode(std::string_view text, const std::string& source) const;

  /// Returns a token's character as UTF-8. Throws std::out_of_range for an unknown token.
  const std::string& decode(std::int32_t token) const;

 private:
  explicit Vocabulary(const std::vector<char32_t>& characters);

  std::vector<std::string> characters_;
  std::vector<std::int32_t> tokens_;  ///< by code point; -1 if a character has none
};

}  // namespace ridgeline::data
