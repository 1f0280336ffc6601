#pragma once

#include <cmath>
#include <cstddef>
#include <vector>

namespace ridgeline::testing {

// Counts a computation by executing it: arithmetic on Number is counted, and an Array records which
// of its elements were read and which written. The loops follow docs/layers.md, so that the counts
// of the library are compared with a loop and not with a formula.

/// Counts since the last reset.
struct Tally {
  static inline double flops = 0;
  static void reset() { flops = 0; }
};

/// A number whose every operation is one FLOP.
struct Number {
  double value = 0;
};
inline Number counted(double value) {
  ++Tally::flops;
  return {value};
}
inline Number operator+(Number a, Number b) { return counted(a.value + b.value); }
inline Number operator-(Number a, Number b) { return counted(a.value - b.value); }
inline Number operator*(Number a, Number b) { return counted(a.value * b.value); }
inline Number operator/(Number a, Number b) { return counted(a.value / b.value); }
inline Number operator-(Number a) { return counted(-a.value); }
inline bool operator>(Number a, Number b) { return counted(a.value - b.value).value > 0; }
inline Number exp(Number a) { return counted(std::exp(a.value)); }
inline Number log(Number a) { return counted(std::log(a.value)); }
inline Number tanh(Number a) { return counted(std::tanh(a.value)); }
inline Number sqrt(Number a) { return counted(std::sqrt(a.value)); }
inline Number erf(Number a) { return counted(std::erf(a.value)); }

/// Values in memory: each element costs a scalar once when read and once when written.
class Array {
 public:
  explicit Array(std::size_t size) : values_(size), read_(size), written_(size) {}

  Number read(std::size_t i) {
    read_[i] = true;
    return values_[i];
  }
  void write(std::size_t i, Number value) {
    written_[i] = true;
    values_[i] = value;
  }
  /// Scalars moved.
  std::size_t traffic() const { return count(read_) + count(written_); }
  /// Different scalars touched.
  std::size_t touched() const {
    std::size_t sum = 0;
    for (std::size_t i = 0; i < read_.size(); ++i) sum += read_[i] || written_[i] ? 1 : 0;
    return sum;
  }

 private:
  static std::size_t count(const std::vector<bool>& flags) {
    std::size_t sum = 0;
    for (const bool flag : flags) sum += flag ? 1 : 0;
    return sum;
  }
  std::vector<Number> values_;
  std::vector<bool> read_, written_;
};

/// Scalars moved and touched in several arrays.
inline double traffic(const std::vector<const Array*>& arrays) {
  double sum = 0;
  for (const Array* array : arrays) sum += double(array->traffic());
  return sum;
}
inline double touched(const std::vector<const Array*>& arrays) {
  double sum = 0;
  for (const Array* array : arrays) sum += double(array->touched());
  return sum;
}

}  // namespace ridgeline::testing
