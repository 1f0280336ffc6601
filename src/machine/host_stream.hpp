#pragma once

#include <cstddef>

namespace ridgeline::machine {

/// The five streaming kernels of the bandwidth ladder, over arrays of float64 with n elements:
///
///     read    sum of a[i]             1 array
///     write   c[i] = s                1 array
///     copy    c[i] = a[i]             2 arrays
///     scale   c[i] = s · a[i]         2 arrays
///     triad   c[i] = a[i] + s · b[i]  3 arrays
///
/// Bytes are counted as the program asks for them, 8 · n · arrays, after BabelStream: what a cache
/// reads of a line before it writes it is not counted.
enum class StreamKernel { read, write, copy, scale, triad };

namespace host {

/// Runs a kernel `passes` times over n elements on the calling thread, with plain (not
/// non-temporal) vector loads and stores; `a`, `b` and `c` do not overlap, and those that the
/// kernel does not name are not touched. Gives the sum of all passes of `read`, else 0.
double stream(StreamKernel kernel, double* c, const double* a, const double* b, double s,
              std::size_t n, long passes);

}  // namespace host
}  // namespace ridgeline::machine
