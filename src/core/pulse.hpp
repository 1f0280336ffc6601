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

 private:
  void run_on_thread(std::size_t thread, bool measured);

  // A thread's own lines, so that no two threads write to one.
  struct alignas(128) Thread {
    std::unique_ptr<double[]> memory;
    Seconds seconds;
    double sum = 0;
  };
  std::vector<Thread> threads_;
};

}  // namespace ridgeline
