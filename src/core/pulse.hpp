#pragma once

#include <cstddef>
#include <memory>
#include <vector>

namespace ridgeline {

/// A short piece of work that is the same each time, so that its duration says how fast the host's
/// threads run at that moment: fused multiply-adds in registers, then a sum over memory that a
/// core's second cache holds, because it was read just before.
class Pulse {
 public:
  /// Seconds of the slowest thread.
  struct Seconds {
    double arithmetic = 0, stream = 0;
  };

  /// For so many threads of OpenMP's pool (the calling thread alone without OpenMP).
  explicit Pulse(int threads);

  /// Runs the work on all threads at once and waits for them; about 50 µs.
  Seconds run();

  /// Each thread writes 128 KiB, which the next one then reads: returns the seconds of the slowest
  /// reader, the median of several such rounds; about 50 µs in all. It tells how near the threads'
  /// processors are to each other, which a hypervisor may change at any time: a shared cache hands
  /// data on several times as fast as memory does. Returns 0 with one thread.
  double exchange();

 private:
  void run_on_thread(std::size_t thread, bool measured);

  // A thread's own lines, so that no two threads write to one.
  struct alignas(128) Thread {
    std::unique_ptr<double[]> memory;
    Seconds seconds;
    double read_seconds = 0;  ///< of what another thread wrote
    double sum = 0;
  };
  std::vector<Thread> threads_;
};

}  // namespace ridgeline
