#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

// Instructions that multiply in a reduced precision and accumulate in 32 bits, independent of the
// target of the library: functions with target attributes, called only if the processor and the
// system support them. Only x86 has any; elsewhere none is supported.

namespace ridgeline::machine::host {

enum class DotKernel {
  avx512_bf16,  ///< VDPBF16PS, 512 bits
  avx512_vnni,  ///< VPDPBUSD, 512 bits
  avx_vnni,     ///< VPDPBUSD, 256 bits
  amx_bf16,     ///< TDPBF16PS on tiles
  amx_int8,     ///< TDPBSSD on tiles
};

/// Returns "avx512_bf16", …
std::string to_string(DotKernel kernel);

/// Returns "bfloat16" or "int8".
std::string precision_of(DotKernel kernel);

/// Returns the kernels that this processor, system and compiler support. Requests permission to use
/// tiles from Linux (arch_prctl), which may deny it.
std::vector<DotKernel> supported_dot_kernels();

/// A problem for one thread: independent chains of sums, enough to cover the latency, to each of
/// which every step adds the same dot products of random small integers, none of them zero. All
/// results are exact in 32 bits, so that they are compared with a plain computation bit by bit.
class DotProblem {
 public:
  explicit DotProblem(DotKernel kernel);

  /// Operations of one step; a multiply-add is 2.
  double operations_per_step() const;
  /// Returns the maximum number of steps after which sums are still exact.
  long most_steps() const { return most_steps_; }
  /// Returns the number of 32-bit sums.
  std::size_t sums() const { return expected_.size(); }

  /// Sets the sums to their initial values and makes `steps` steps. Thread-safe.
  void run(std::int32_t* sums, long steps) const;

  /// Returns whether the sums are those after `steps` steps.
  bool verify(const std::int32_t* sums, long steps) const;

 private:
  std::int32_t encode(std::int64_t value) const;

  DotKernel kernel_;
  std::vector<unsigned char> a_, b_;    // packed as the instruction reads them
  std::vector<std::int64_t> expected_;  // the increment of each sum per step
  std::vector<std::int32_t> first_;
  long most_steps_ = 0;
};

}  // namespace ridgeline::machine::host
