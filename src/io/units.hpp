#pragma once

#include <cstdint>
#include <string>

namespace ridgeline::io {

// Formatted quantities: three significant digits, with a unit (powers of 1000) such that the number
// is from 1 to 999.

/// Returns "1.44 ms", "84.1 µs", "1.20 ns".
std::string show_seconds(double seconds);
/// Returns "12.3 MB", "2.00 GB".
std::string show_bytes(double bytes);
/// Returns "1 step", "12 steps", "3 classes".
std::string show_count(std::int64_t count, const std::string& noun);
/// Returns "3.29 GFLOP".
std::string show_flops(double flops);

}  // namespace ridgeline::io
