#include "data/dataset.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/error.hpp"

namespace ridgeline::data {
namespace {

template <class T>
std::size_t bytes_of(const std::vector<T>& values) {
  return values.size() * sizeof(T);
}

/// "value 3 of sample 7", or without the first where a sample has one.
std::string place_in(std::size_t at, std::size_t size, const std::string& what) {
  const std::string sample = " of sample " + std::to_string(at / size);
  return size == 1 ? "the " + what + sample : what + " " + std::to_string(at % size) + sample;
}

void require_tokens_below_in(const Split& split, const Dataset& dataset, std::size_t limit) {
  const std::size_t size = dataset.sample_size();
  const auto refuse = [&](std::size_t sample, std::size_t place, std::size_t token) {
    std::string shown = std::to_string(token);
    if (token < dataset.vocabulary.size()) {
      std::size_t start = 0;
      const std::string& character = dataset.vocabulary.decode(static_cast<std::int32_t>(token));
      shown += ", the character " + show_character(*next_character(character, start));
    }
    throw RequestError(split.inputs_source + ": " + place_in(sample * size + place, size, "token") +
                       " is " + shown + "; the network's vocabulary of " + std::to_string(limit) +
                       " has tokens 0 to " + std::to_string(limit - 1));
  };
  std::visit(
      [&](const auto& stored) {
        for (std::size_t i = 0; i < split.samples; ++i) {
          const std::size_t begin = split.windows.empty() ? i * size : split.windows[i];
          for (std::size_t j = 0; j < size; ++j) {
            const auto token = static_cast<std::size_t>(stored[begin + j]);
            if (token >= limit) refuse(i, j, token);
          }
        }
      },
      split.inputs);
}

}  // namespace

Dataset::Dataset() { normalize({}); }

std::size_t Dataset::memory_bytes() const {
  std::size_t bytes = 0;
  for (const Split* split : {&train, &test}) {
    bytes += bytes_of(split->labels) + bytes_of(split->windows);
    bytes += std::visit([](const auto& values) { return bytes_of(values); }, split->inputs);
    bytes += std::visit([](const auto& values) { return bytes_of(values); }, split->targets);
  }
  return bytes;
}

void Dataset::normalize(const std::optional<config::Normalization>& normalization) {
  is_normalized_ = normalization.has_value();
  normalization_ = normalization.value_or(config::Normalization{});
  for (int byte = 0; byte < 256; ++byte) {
    // In long double, so that the one rounding that matters is the last.
    const long double value = (byte / 255.0L - static_cast<long double>(normalization_.mean)) /
                              static_cast<long double>(normalization_.standard_deviation);
    float_table_[static_cast<std::size_t>(byte)] = static_cast<float>(value);
    double_table_[static_cast<std::size_t>(byte)] = static_cast<double>(value);
  }
}

void Dataset::require_tokens_below(std::size_t limit) const {
  if (tokens <= limit) return;
  require_tokens_below_in(train, *this, limit);
  require_tokens_below_in(test, *this, limit);
}

void Dataset::require_probabilities() const {
  if (has_labels() || target_size() == 0) return;
  const std::size_t size = target_size();
  std::vector<double> inputs(sample_size());
  std::vector<double> targets(size);
  for (const Split* split : {&train, &test}) {
    for (std::size_t i = 0; i < split->samples; ++i) {
      const auto index = static_cast<std::uint32_t>(i);
      gather(*split, &index, 1, inputs.data(), nullptr, targets.data());
      const auto found = std::find_if_not(targets.begin(), targets.end(),
                                          [](double x) { return x >= 0.0 && x <= 1.0; });
      if (found == targets.end()) continue;
      const auto at = i * size + static_cast<std::size_t>(found - targets.begin());
      throw RequestError((target_is_input ? split->inputs_source : split->targets_source) + ": " +
                         place_in(at, size, "target") + " is " + std::to_string(*found) +
                         "; binary_cross_entropy needs targets from 0 to 1");
    }
  }
}

template <class T>
void require_finite(const std::vector<T>& values, std::size_t size, const std::string& source) {
  const auto found =
      std::find_if_not(values.begin(), values.end(), [](T x) { return std::isfinite(x); });
  if (found == values.end()) return;
  const auto at = static_cast<std::size_t>(found - values.begin());
  throw RequestError(source + ": value " + std::to_string(at % size) + " of sample " +
                     std::to_string(at / size) + " is " + std::to_string(*found) +
                     "; every value must be finite");
}

std::vector<std::int32_t> checked_labels(const std::vector<std::int64_t>& values, std::size_t size,
                                         const std::string& source) {
  // The number of classes, one more, must fit too.
  constexpr std::int64_t kMostLabel = (std::int64_t{1} << 31) - 2;
  std::vector<std::int32_t> labels;
  labels.reserve(values.size());
  for (const std::int64_t value : values) {
    if (value < 0 || value > kMostLabel) {
      throw RequestError(source + ": " + place_in(labels.size(), size, "label") + " is " +
                         std::to_string(value) + "; labels count the classes from 0");
    }
    labels.push_back(static_cast<std::int32_t>(value));
  }
  return labels;
}

std::size_t count_classes(const std::vector<std::int32_t>& train,
                          const std::vector<std::int32_t>& test) {
  std::int32_t most = -1;
  for (const auto* labels : {&train, &test}) {
    for (const std::int32_t label : *labels) most = std::max(most, label);
  }
  return static_cast<std::size_t>(most + 1);
}

template void require_finite<float>(const std::vector<float>&, std::size_t, const std::string&);
template void require_finite<double>(const std::vector<double>&, std::size_t, const std::string&);

}  // namespace ridgeline::data
