#pragma once

#include <string>
#include <vector>

#include "report/picture.hpp"

namespace ridgeline::report {

struct Tick {
  double value = 0;
  std::string text;  ///< empty: a tick without a label
};

/// The range of an axis and the mapping of its values to 0 … 1.
class AxisRange {
 public:
  /// Spans `values` (and the axis's own limits), with a margin of 4 % unless a limit is given. An
  /// axis of categories spans all of them.
  AxisRange(const Axis& axis, const std::vector<double>& values);

  /// Returns whether the axis can show a value: finite, and above 0 on a logarithmic one.
  bool shows(double value) const;
  /// Returns 0 at the lower limit, 1 at the upper one.
  double position(double value) const;
  double lower() const;  ///< the lower limit

  /// Returns the ticks, of which at most `most` have labels.
  std::vector<Tick> ticks(std::size_t most) const;

 private:
  double scaled(double value) const;
  std::vector<Tick> logarithmic_ticks(std::size_t most) const;
  std::vector<Tick> ticks_of_digits(const std::vector<double>& digits) const;
  std::vector<Tick> linear_ticks(std::size_t most) const;

  Axis axis_;
  double low_ = 0, high_ = 1;  // scaled
};

/// Returns a value as it stands at a tick.
std::string tick_text(double value, Ticks ticks);

}  // namespace ridgeline::report
