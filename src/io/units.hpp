#pragma once

#include <cstdint>
#include <string>

namespace ridgeline::io {

// Numbers as people read them: three significant digits with the unit that leaves 1 to 999 before
// it, powers of 1000.

/// "1.44 ms", "84.1 µs", "1.20 ns".
std::string show_seconds(double seconds);
/// "12.3 MB", "2.00 GB".
std::string show_bytes(double bytes);
/// "1 step", "12 steps", "3 classes".
std::string show_count(std::int64_t count, const std::string& noun);
/// "3.29 GFLOP".
std::string show_flops(double flops);

}  // namespace ridgeline::io
