#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "core/processors.hpp"
#include "io/file.hpp"
#include "network/checkpoint.hpp"

namespace ridgeline::network {

/// Writes a run's checkpoints in a thread of its own, so that training goes on while one is put
/// together, checked and brought to the disk; in the caller's thread where there is no memory for a
/// second copy. One is under way at a time.
template <class T>
class CheckpointWriter {
 public:
  /// Checkpoints go to `path`; with `keep`, to STEM-STEP.EXTENSION, of which that many stay, and
  /// the newest has the name `path` too. Removes none but those and `numbers`, the
  /// numbered_checkpoints() of the run so far. What the first one replaces at `path` is `replaced`.
  /// The thread may use `processors`.
  CheckpointWriter(std::shared_ptr<const NetworkPlan> plan, std::string path,
                   std::optional<std::int64_t> keep, std::set<std::int64_t> numbers,
                   io::Replaced replaced, ProcessorMask processors);
  /// Waits for the one under way.
  ~CheckpointWriter();
  CheckpointWriter(const CheckpointWriter&) = delete;
  CheckpointWriter& operator=(const CheckpointWriter&) = delete;

  /// Begins to write, after the one before, whose error it throws; writes in the caller's thread if
  /// memory or threads are short.
  void write(Checkpoint<T> checkpoint);
  /// Throws what went wrong since the last call, if anything did; costs a load.
  void check();
  /// Waits for the one under way, and throws what went wrong.
  void finish();

  /// The step of the newest checkpoint that is on the disk; nullopt if there is none yet.
  std::optional<std::int64_t> newest_step() const;

 private:
  void write_now(const Checkpoint<T>& checkpoint);
  void remove_old(std::int64_t newest);

  const std::shared_ptr<const NetworkPlan> plan_;
  const std::string path_;
  const std::optional<std::int64_t> keep_;
  const ProcessorMask processors_;
  std::set<std::int64_t> numbers_;  ///< of the run's numbered checkpoints
  io::Replaced replaced_;
  std::thread thread_;
  std::atomic<bool> failed_{false};
  std::exception_ptr error_;  ///< of the thread; read once it was joined
  std::atomic<std::int64_t> newest_{-1};
};

}  // namespace ridgeline::network
