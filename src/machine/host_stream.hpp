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
/// Bytes are counted as the program reads and writes them, 8 · n · arrays, as in BabelStream: the
/// read of a line by a cache before a write is not counted.
enum class StreamKernel { read, write, copy, scale, triad };

/// How results are stored: through the caches, or bypassing them (non-temporal), so that a line is
/// not read before it is written.
enum class Stores { ordinary, nontemporal };

namespace host {

/// Returns whether this instruction set has non-temporal stores of whole vectors.
bool has_nontemporal_stores();

/// Runs a kernel `passes` times over n elements on the calling thread, with vector loads and stores
/// (ordinary ones if there are no others); `a`, `b` and `c` do not overlap, and those that the
/// kernel does not use are not accessed. Returns the sum of all passes of `read`, otherwise 0.
double stream(StreamKernel kernel, Stores stores, double* c, const double* a, const double* b,
              double s, std::size_t n, long passes);

}  // namespace host
}  // namespace ridgeline::machine
