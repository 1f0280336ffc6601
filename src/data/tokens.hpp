#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "data/dataset.hpp"

namespace ridgeline::data {

/// Stores tokens in the smallest integer type sufficient for all; widens it when a larger token is
/// added.
class TokenStore {
 public:
  /// Reserves memory for `count` tokens. Throws RequestError "SOURCE: …" if memory is short, here
  /// and when add() widens.
  void reserve(std::size_t count, const std::string& source);
  void add(std::uint32_t token);

  /// Returns one more than the largest token.
  std::size_t limit() const { return limit_; }
  std::size_t size() const;

  /// Moves the tokens into `split.inputs`.
  void move_into(Split& split);

 private:
  template <class Wide, class Narrow>
  void widen(const std::vector<Narrow>& tokens);

  std::variant<std::vector<std::uint8_t>, std::vector<std::uint16_t>, std::vector<std::uint32_t>>
      tokens_;
  std::size_t limit_ = 0;
  std::size_t expected_ = 0;
  std::string source_;
};

/// Throws RequestError if there are more samples than epoch_order() can index.
void require_sample_count(std::size_t samples, const std::string& source);

}  // namespace ridgeline::data
