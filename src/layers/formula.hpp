#pragma once

#include <string>

namespace ridgeline::layers {

/// A count together with the formula that computes it, such as 2·N·in·out; docs/layers.md shows the
/// same formulas. The text omits a literal 0 or 1 that changes nothing.
class Formula {
 public:
  Formula(double value = 0);  // NOLINT(google-explicit-constructor): literals are formulas
  /// A named quantity.
  Formula(std::string symbol, double value) : value_(value), text_(std::move(symbol)) {}

  double value() const { return value_; }
  const std::string& text() const { return text_; }

  friend Formula operator+(const Formula& a, const Formula& b);
  friend Formula operator-(const Formula& a, const Formula& b);
  friend Formula operator*(const Formula& a, const Formula& b);

 private:
  Formula(double value, std::string text, bool is_sum)
      : value_(value), text_(std::move(text)), is_sum_(is_sum) {}
  bool is_literal(double value) const { return is_literal_ && value_ == value; }
  std::string factor() const { return is_sum_ ? "(" + text_ + ")" : text_; }

  double value_;
  std::string text_;
  bool is_literal_ = false, is_sum_ = false;
};

}  // namespace ridgeline::layers
