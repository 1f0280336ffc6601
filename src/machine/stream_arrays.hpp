#pragma once

#include <cstddef>
#include <memory>

#include "core/views.hpp"
#include "machine/host_stream.hpp"
#include "machine/pages.hpp"

namespace ridgeline::machine {

/// Arrays that a streaming kernel touches: 1 (read, write), 2 (copy, scale) or 3 (triad).
constexpr int stream_array_count(StreamKernel kernel) {
  return kernel == StreamKernel::triad ? 3 : kernel <= StreamKernel::write ? 1 : 2;
}

/// What `write` writes, and what `scale` and `triad` multiply by.
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
  /// `arrays` (1 to 3) of n float64 each. On a host `threads` of the space stream them (0: all),
  /// and `pages` is what they are asked to lie on: ordinary ones, as any program gets them, or
  /// others. Throws RunError where a host has no memory for them.
  StreamArrays(const Space& instance, int arrays, std::size_t n, int threads = 0,
               Pages pages = Pages::ordinary);

  /// Chooses how a host stores from now on.
  void set_stores(Stores stores) { stores_ = stores; }

  /// Puts random numbers into the kernel's inputs and NaN into what it writes.
  void prepare(StreamKernel kernel);

  /// Launches the kernel once, to make `passes` passes over the arrays: on a host a thread makes
  /// all passes over its own part, so that the dispatch is paid once, and nothing else is in
  /// between.
  void run(StreamKernel kernel, long passes);

  /// Whether the last `run` left what its kernel computes: every element that was written, to a
  /// rounding, or the sum to a relative 1e-10.
  bool verify(StreamKernel kernel) const;

  std::size_t size() const { return n_; }
  /// Host threads that stream; of a device what it can run at once.
  int threads() const { return kIsHost<Space> ? parts_ : instance_.concurrency(); }
  /// Bytes that lie on huge pages; 0 on a device.
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
  Buffer<Space, double> tables_;       // the inputs' random numbers, of a and of b
  double* memory_ = nullptr;
};

}  // namespace ridgeline::machine
