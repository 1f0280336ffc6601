#include "data/tokens.hpp"

#include <limits>
#include <string>

#include "core/error.hpp"

namespace ridgeline::data {
namespace {

template <class Integer>
bool fits(std::size_t limit) {
  return limit <= std::size_t{std::numeric_limits<Integer>::max()} + 1;
}

template <class Integer>
std::vector<Integer> narrowed(const std::vector<std::uint32_t>& tokens) {
  std::vector<Integer> narrow(tokens.size());
  for (std::size_t i = 0; i < tokens.size(); ++i) narrow[i] = static_cast<Integer>(tokens[i]);
  return narrow;
}

}  // namespace

void store_tokens(std::vector<std::uint32_t> tokens, std::size_t limit, Split& split) {
  if (fits<std::uint8_t>(limit)) {
    split.inputs = narrowed<std::uint8_t>(tokens);
  } else if (fits<std::uint16_t>(limit)) {
    split.inputs = narrowed<std::uint16_t>(tokens);
  } else {
    split.inputs = std::move(tokens);
  }
}

void require_sample_count(std::size_t samples, const std::string& source) {
  constexpr std::size_t kMostSamples = std::numeric_limits<std::uint32_t>::max();
  if (samples <= kMostSamples) return;
  throw RequestError(source + ": has more samples than " + std::to_string(kMostSamples));
}

}  // namespace ridgeline::data
