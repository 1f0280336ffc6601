#pragma once

#include <cstddef>
#include <memory>

#include "core/views.hpp"
#include "machine/host_stream.hpp"
#include "machine/pages.hpp"

namespace ridgeline::machine {

/// Returns the number of arrays of a streaming kernel: 1 (read, write), 2 (copy, scale) or 3
/// (triad).
constexpr int stream_array_count(StreamKernel kernel) {
  return kernel == StreamKernel::triad ? 3 : kernel <= StreamKernel::write ? 1 : 2;
}

/// The value that `write` writes, and the factor of `scale` and `triad`.
inline constexpr double kStreamScalar = 0.4;

namespace detail {
struct StreamPointers {
  double* c = nullptr;  ///< written
  double* a = nullptr;
  double* b = nullptr;
};
}  // namespace detail

/// The arrays of the streaming kernels of one size, first touched, in the same contiguous parts, by
/// the threads that will stream them.
template <class Space>
class StreamArrays {
 public:
  /// Allocates `arrays` (1 to 3) of n float64 each. On a host `threads` of the space stream them
  /// (0: all), and `pages` is the requested kind of pages. Throws RunError if a host's memory is
  /// insufficient.
  StreamArrays(const Space& instance, int arrays, std::size_t n, int threads = 0,
               Pages pages = Pages::ordinary);

  /// Sets how a host stores in the following runs.
  void set_stores(Stores stores) { stores_ = stores; }

  /// Fills the kernel's inputs with random values and its output with NaN.
  void prepare(StreamKernel kernel);

  /// Launches the kernel once, with `passes` passes over the arrays: on a host a thread makes
  /// all passes over its own part, without a dispatch or synchronisation between them.
  void run(StreamKernel kernel, long passes);

  /// Returns whether the result of the last run() is correct: every element written, up to a
  /// rounding, or the sum to a relative 1e-10.
  bool verify(StreamKernel kernel) const;

  std::size_t size() const { return n_; }
  /// Returns the host threads that stream; on a device the threads that it runs at once.
  int threads() const { return kIsHost<Space> ? parts_ : instance_.concurrency(); }
  /// Returns the bytes that lie on huge pages; 0 on a device.
  std::size_t huge_bytes() const { return pages_ ? pages_->huge_bytes() : 0; }

 private:
  detail::StreamPointers pointers(StreamKernel kernel) const;
  void fill(double* array, const double* table, double value) const;

  Space instance_;
  int arrays_, parts_;
  std::size_t n_, stride_;
  Stores stores_ = Stores::ordinary;
  long passes_ = 0;                    // of the last run
  std::unique_ptr<PageBuffer> pages_;  // a host's memory
  Buffer<Space, double> buffer_;       // a device's memory
  Buffer<Space, double> sums_;         // of `read`
  Buffer<Space, double> tables_;       // random values of the inputs a and b
  double* memory_ = nullptr;
};

}  // namespace ridgeline::machine
