#include "data/tokens.hpp"

#include <algorithm>
#include <limits>
#include <string>

#include "core/error.hpp"
#include "io/file.hpp"

namespace ridgeline::data {
namespace {

template <class Integer>
constexpr std::uint32_t kLargest = std::numeric_limits<Integer>::max();

}  // namespace

void TokenStore::reserve(std::size_t count, const std::string& source) {
  expected_ = count;
  source_ = source;
  io::require_memory(static_cast<double>(count), source, "its content");
  std::get<0>(tokens_).reserve(count);
}

template <class Wide, class Narrow>
void TokenStore::widen(const std::vector<Narrow>& tokens) {
  const std::size_t count = std::max(expected_, tokens.size());
  io::require_memory(sizeof(Wide) * static_cast<double>(count), source_, "its content");
  std::vector<Wide> wide;
  wide.reserve(count);
  wide.assign(tokens.begin(), tokens.end());
  tokens_ = std::move(wide);
}

void TokenStore::add(std::uint32_t token) {
  limit_ = std::max(limit_, std::size_t{token} + 1);
  if (auto* bytes = std::get_if<0>(&tokens_)) {
    if (token <= kLargest<std::uint8_t>) return bytes->push_back(static_cast<std::uint8_t>(token));
    widen<std::uint16_t>(*bytes);
  }
  if (auto* words = std::get_if<1>(&tokens_)) {
    if (token <= kLargest<std::uint16_t>) {
      return words->push_back(static_cast<std::uint16_t>(token));
    }
    widen<std::uint32_t>(*words);
  }
  std::get<2>(tokens_).push_back(token);
}

std::size_t TokenStore::size() const {
  return std::visit([](const auto& tokens) { return tokens.size(); }, tokens_);
}

void TokenStore::move_into(Split& split) {
  std::visit([&](auto& tokens) { split.inputs = std::move(tokens); }, tokens_);
}

void require_sample_count(std::size_t samples, const std::string& source) {
  constexpr std::size_t kMostSamples = std::numeric_limits<std::uint32_t>::max();
  if (samples <= kMostSamples) return;
  throw RequestError(source + ": has more samples than " + std::to_string(kMostSamples));
}

}  // namespace ridgeline::data
