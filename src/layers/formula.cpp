#include "layers/formula.hpp"

#include <fmt/format.h>

namespace ridgeline::layers {

Formula::Formula(double value) : value_(value), text_(fmt::format("{:g}", value)) {
  is_literal_ = true;
}

Formula operator+(const Formula& a, const Formula& b) {
  if (a.is_literal(0)) return b;
  if (b.is_literal(0)) return a;
  return {a.value_ + b.value_, a.text_ + " + " + b.text_, true};
}

Formula operator-(const Formula& a, const Formula& b) {
  if (b.is_literal(0)) return a;
  return {a.value_ - b.value_, a.text_ + " − " + b.factor(), true};
}

Formula operator*(const Formula& a, const Formula& b) {
  if (a.is_literal(0) || b.is_literal(1)) return a;
  if (b.is_literal(0) || a.is_literal(1)) return b;
  return {a.value_ * b.value_, a.factor() + "·" + b.factor(), false};
}

}  // namespace ridgeline::layers
