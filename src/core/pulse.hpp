#pragma once

#include <cstddef>
#include <memory>
#include <vector>

namespace ridgeline {

/// A short, fixed amount of work whose duration measures the current speed of the host threads:
/// fused multiply-adds in registers, then a sum over memory that was just loaded into a core's
/// second-level cache.
class Pulse {
 public:
  /// Seconds of the slowest thread.
  struct Seconds {
    double arithmetic = 0, stream = 0;
  };

  /// Constructs a pulse for `threads` threads of OpenMP's pool (without OpenMP, the calling
  /// thread).
  explicit Pulse(int threads);

  /// Runs the work on all threads concurrently and waits for them; takes about 50 µs.
  Seconds run();

  /// Lets each thread write 128 KiB, which the next thread then reads. Returns the seconds of the
  /// slowest reader, the median of several rounds; takes about 50 µs. The time depends on the
  /// distance between the threads' processors, which a hypervisor may change at any time: a shared
  /// cache transfers data several times as fast as memory. Returns 0 with one thread.
  double exchange();

 private:
  void run_on_thread(std::size_t thread, bool measured);

  // Aligned to avoid false sharing.
  struct alignas(128) Thread {
    std::unique_ptr<double[]> memory;
    Seconds seconds;
    double read_seconds = 0;  ///< for the data of another thread
    double sum = 0;
  };
  std::vector<Thread> threads_;
};

}  // namespace ridgeline
