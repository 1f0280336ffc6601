#include "data/dataset.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <numeric>
#include <optional>
#include <type_traits>

#include "core/error.hpp"
#include "core/scalar.hpp"
#include "core/text.hpp"

namespace ridgeline::data {
namespace {

template <class T>
std::size_t bytes_of(const std::vector<T>& values) {
  return values.size() * sizeof(T);
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

std::string place_in(std::size_t at, std::size_t size, const std::string& what) {
  const std::string sample = " of sample " + std::to_string(at / size);
  return size == 1 ? "the " + what + sample : what + " " + std::to_string(at % size) + sample;
}

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
    // In long double, so that only the final rounding matters.
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

namespace {

/// Returns the first i whose value(i) is not finite or exceeds T's range; `count` if there is none.
template <class T, class Value>
std::size_t first_unrepresentable(std::size_t count, const Value& value) {
  for (std::size_t i = 0; i < count; ++i) {
    // Also false for NaN.
    if (!(std::fabs(value(i)) <= static_cast<double>(std::numeric_limits<T>::max()))) return i;
  }
  return count;
}

std::string shown_value(double value) {
  char text[40];
  std::snprintf(text, sizeof text, "%.9g", value);
  return text;
}

/// Throws for the first of `values`, `size` per sample, that is not finite as T.
template <class T, class Stored>
void require_finite_as(const std::vector<Stored>& values, std::size_t size,
                       const config::Normalization* normalization, const std::string& source) {
  const auto given = [&](std::size_t i) { return static_cast<double>(values[i]); };
  const auto used = [&](std::size_t i) {
    return (given(i) - normalization->mean) / normalization->standard_deviation;
  };
  const std::size_t at = normalization != nullptr ? first_unrepresentable<T>(values.size(), used)
                                                  : first_unrepresentable<T>(values.size(), given);
  if (at == values.size()) return;
  const std::string place = source + ": " + place_in(at, size, "value") + " is ";
  if (!std::isfinite(given(at))) {
    throw RequestError(place + shown_value(given(at)) + "; every value must be finite");
  }
  throw RequestError(place + shown_value(given(at)) +
                     (normalization != nullptr ? ", normalised " + shown_value(used(at)) : "") +
                     ", which " + (sizeof(T) == 4 ? "float32" : "float64") + " cannot hold");
}

}  // namespace

void Dataset::require_representable(config::Precision precision) const {
  const config::Normalization* const normalization = is_normalized_ ? &normalization_ : nullptr;
  const auto check = [&](const auto& stored, std::size_t size, const auto* by,
                         const std::string& source) {
    using Stored = typename std::decay_t<decltype(stored)>::value_type;
    if constexpr (std::is_floating_point_v<Stored>) {
      with_scalar(config::scalar_bytes(precision),
                  [&](auto zero) { require_finite_as<decltype(zero)>(stored, size, by, source); });
    }
  };
  const config::Normalization* const none = nullptr;
  for (const Split* split : {&train, &test}) {
    std::visit(
        [&](const auto& inputs) {
          check(inputs, sample_size(), normalization, split->inputs_source);
        },
        split->inputs);
    std::visit(
        [&](const auto& targets) {
          check(targets, std::max<std::size_t>(1, target_size()), none, split->targets_source);
        },
        split->targets);
  }
  // Checks the normalised values of bytes.
  const auto finite = [](const auto& table) {
    return std::all_of(table.begin(), table.end(), [](auto x) { return std::isfinite(x); });
  };
  const bool bytes_fit =
      precision == config::Precision::float32 ? finite(float_table_) : finite(double_table_);
  for (const Split* split : {&train, &test}) {
    if (tokens > 0 || bytes_fit || split->samples == 0 ||
        !std::holds_alternative<std::vector<std::uint8_t>>(split->inputs)) {
      continue;
    }
    throw RequestError(split->inputs_source + ": a byte, normalised by data.normalize, is " +
                       "beyond what the network's precision can hold");
  }
}

std::size_t smallest_label(const std::vector<std::int32_t>& train,
                           const std::vector<std::int32_t>& test) {
  std::optional<std::int32_t> least;
  for (const auto* labels : {&train, &test}) {
    for (const std::int32_t label : *labels) least = std::min(least.value_or(label), label);
  }
  return static_cast<std::size_t>(least.value_or(0));
}

std::size_t count_classes(const std::vector<std::int32_t>& train,
                          const std::vector<std::int32_t>& test) {
  std::int32_t most = -1;
  for (const auto* labels : {&train, &test}) {
    for (const std::int32_t label : *labels) most = std::max(most, label);
  }
  return static_cast<std::size_t>(std::int64_t{most} + 1);
}

}  // namespace ridgeline::data
