#include "report/axis.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace ridgeline::report {
namespace {

constexpr double kMargin = 0.04;

double power(Scale scale, double exponent) {
  return scale == Scale::log2 ? std::exp2(exponent) : std::pow(10.0, exponent);
}

// Returns value / unit with its unit, for the largest unit that is not above the value.
template <std::size_t Count>
std::string in_units(double value, const std::array<std::pair<double, const char*>, Count>& units) {
  // A tick of 1e-6 must not be 1000 ns because of rounding.
  const auto unit = std::find_if(units.begin(), units.end(),
                                 [&](const auto& each) { return value >= 0.999 * each.first; });
  const auto& [scale, name] = unit == units.end() ? units.back() : *unit;
  return fmt::format("{:.4g} {}", value / scale, name);
}

}  // namespace

std::string tick_text(double value, Ticks ticks) {
  switch (ticks) {
    case Ticks::bytes:
      return in_units<5>(
          value, {{{0x1p40, "TiB"}, {0x1p30, "GiB"}, {0x1p20, "MiB"}, {0x1p10, "KiB"}, {1, "B"}}});
    case Ticks::seconds:
      return value == 0
                 ? "0"
                 : in_units<5>(
                       value,
                       {{{1, "s"}, {1e-3, "ms"}, {1e-6, "µs"}, {1e-9, "ns"}, {1e-12, "ps"}}});
    case Ticks::ratio:
      if (value > 0 && value < 1) return fmt::format("1/{:.4g}", 1 / value);
      break;
    case Ticks::plain:
      break;
  }
  // 10000000 is easier to read as 1e+07.
  return std::abs(value) >= 1e6 ? fmt::format("{:.3g}", value) : fmt::format("{:.6g}", value);
}

AxisRange::AxisRange(const Axis& axis, const std::vector<double>& values) : axis_(axis) {
  if (!axis.categories.empty()) {
    low_ = -0.6;
    high_ = static_cast<double>(axis.categories.size()) - 0.4;
    return;
  }
  bool first = true;
  for (const double value : values) {
    if (!shows(value)) continue;
    const double place = scaled(value);
    low_ = first ? place : std::min(low_, place);
    high_ = first ? place : std::max(high_, place);
    first = false;
  }
  if (first && axis.scale != Scale::linear) high_ = low_ = 0;
  if (high_ - low_ < 1e-12) {  // one value
    low_ -= 0.5;
    high_ += 0.5;
  }
  const double margin = kMargin * (high_ - low_);
  low_ = axis.from && shows(*axis.from) ? scaled(*axis.from) : low_ - margin;
  high_ = axis.to && shows(*axis.to) ? scaled(*axis.to) : high_ + margin;
  if (!(high_ > low_)) high_ = low_ + 1;
}

bool AxisRange::shows(double value) const {
  return std::isfinite(value) && (axis_.scale == Scale::linear || value > 0);
}

double AxisRange::scaled(double value) const {
  switch (axis_.scale) {
    case Scale::linear:
      break;
    case Scale::log10:
      return std::log10(value);
    case Scale::log2:
      return std::log2(value);
  }
  return value;
}

double AxisRange::position(double value) const { return (scaled(value) - low_) / (high_ - low_); }

double AxisRange::lower() const {
  return axis_.scale == Scale::linear ? low_ : power(axis_.scale, low_);
}

std::vector<Tick> AxisRange::ticks(std::size_t most) const {
  if (!axis_.categories.empty()) {
    std::vector<Tick> ticks;
    for (std::size_t i = 0; i < axis_.categories.size(); ++i) {
      ticks.push_back({static_cast<double>(i), axis_.categories[i]});
    }
    return ticks;
  }
  return axis_.scale == Scale::linear ? linear_ticks(most) : logarithmic_ticks(most);
}

std::vector<Tick> AxisRange::logarithmic_ticks(std::size_t most) const {
  if (axis_.scale == Scale::log10) {
    // Few powers of ten: several digits of each, as many as there is room for.
    constexpr double kFew = 2;
    for (const auto& [digits, decades] :
         {std::pair(std::vector<double>{1, 2, 5}, static_cast<double>(most) / 3),
          std::pair(std::vector<double>{1, 3}, kFew)}) {
      if (high_ - low_ >= decades) continue;
      std::vector<Tick> ticks = ticks_of_digits(digits);
      if (ticks.size() > 1) return ticks;
    }
  }
  std::vector<Tick> ticks;
  const double first = std::ceil(low_ - 1e-9), last = std::floor(high_ + 1e-9);
  const auto fits = [&](double step) {
    return (last - first) / step + 1 <= static_cast<double>(std::max<std::size_t>(2, most));
  };
  double step = 1;
  for (const double wider : {2.0, 3.0, 4.0, 6.0, 8.0, 10.0, 12.0, 20.0, 40.0, 100.0}) {
    if (!fits(step)) step = wider;
  }
  // Multiples of the step, so that 1 is among them.
  for (double exponent = std::ceil(first / step) * step; exponent <= last; exponent += step) {
    const double value = power(axis_.scale, exponent);
    ticks.push_back({value, tick_text(value, axis_.ticks)});
  }
  return ticks.size() > 1 ? ticks : linear_ticks(most);
}

std::vector<Tick> AxisRange::ticks_of_digits(const std::vector<double>& digits) const {
  std::vector<Tick> ticks;
  for (double exponent = std::floor(low_); exponent <= high_; ++exponent) {
    for (const double digit : digits) {
      const double value = digit * power(axis_.scale, exponent);
      const double place = scaled(value);
      if (place >= low_ - 1e-9 && place <= high_ + 1e-9) {
        ticks.push_back({value, tick_text(value, axis_.ticks)});
      }
    }
  }
  return ticks;
}

std::vector<Tick> AxisRange::linear_ticks(std::size_t most) const {
  const bool logarithmic = axis_.scale != Scale::linear;
  const double low = logarithmic ? power(axis_.scale, low_) : low_;
  const double high = logarithmic ? power(axis_.scale, high_) : high_;
  const double least = (high - low) / static_cast<double>(std::max<std::size_t>(most, 2));
  const double magnitude = std::pow(10.0, std::floor(std::log10(least)));
  double step = 10 * magnitude;
  for (const double digit : {1.0, 2.0, 5.0}) {
    if (digit * magnitude >= least) {
      step = digit * magnitude;
      break;
    }
  }
  std::vector<Tick> ticks;
  const double first = std::ceil(low / step - 1e-9);
  // If a step is below the resolution of the values, they are not distinguishable.
  for (int i = 0; i <= static_cast<int>(most) + 1; ++i) {
    const double value = (first + i) * step;
    if (!(value <= high + 1e-9 * step)) break;
    ticks.push_back({value == 0 ? 0 : value, tick_text(value, axis_.ticks)});
  }
  return ticks;
}

}  // namespace ridgeline::report
