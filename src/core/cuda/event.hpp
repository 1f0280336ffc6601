#pragma once

#include <Kokkos_Core.hpp>

#include <string>

#if defined(KOKKOS_ENABLE_CUDA)
#include <cuda_runtime.h>
#endif

#include "core/error.hpp"

namespace ridgeline {

/// A point in the queue of an instance, recorded without waiting. On a host, launches return when
/// their work is complete, so a host's events do nothing.
template <class Space>
class Event {
 public:
  enum class Kind { timed, untimed };
  explicit Event(Kind /*kind*/ = Kind::untimed) {}
  void record(const Space& /*instance*/) {}
  /// Waits until the queue has reached the event; returns at once if it was never recorded.
  void wait() const {}
  /// Returns the seconds from `begin` to this event, both timed; waits for this one.
  double seconds_since(const Event& /*begin*/) const { return 0; }
};

#if defined(KOKKOS_ENABLE_CUDA)

template <>
class Event<Kokkos::Cuda> {
 public:
  enum class Kind { timed, untimed };
  explicit Event(Kind kind = Kind::untimed) {
    const unsigned flags = kind == Kind::timed ? cudaEventDefault : cudaEventDisableTiming;
    check(cudaEventCreateWithFlags(&event_, flags));
  }
  ~Event() { cudaEventDestroy(event_); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  void record(const Kokkos::Cuda& instance) {
    check(cudaEventRecord(event_, instance.cuda_stream()));
  }
  void wait() const { check(cudaEventSynchronize(event_)); }
  double seconds_since(const Event& begin) const {
    float milliseconds = 0;
    wait();
    check(cudaEventElapsedTime(&milliseconds, begin.event_, event_));
    return 1e-3 * static_cast<double>(milliseconds);
  }

 private:
  static void check(cudaError_t error) {
    if (error == cudaSuccess) return;
    throw RunError(std::string("an event on the device failed: ") + cudaGetErrorString(error));
  }
  cudaEvent_t event_ = nullptr;
};

#endif

}  // namespace ridgeline
