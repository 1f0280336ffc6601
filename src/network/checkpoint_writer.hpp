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

/// Writes a run's checkpoints in a separate thread, so that training continues while one is
/// assembled, checked and written; in the caller's thread if there is no memory for a
/// second copy. At most one is written at a time.
template <class T>
class CheckpointWriter {
 public:
  /// Checkpoints go to `path`; with `keep`, to STEM-STEP.EXTENSION, of which that many are kept,
  /// and the newest has the name `path` too. Removes only those and `numbers`, the
  /// numbered_checkpoints() of the run so far. `replaced` says what to do with the file at `path`
  /// that the first one replaces. The thread may use `processors`.
  CheckpointWriter(std::shared_ptr<const NetworkPlan> plan, std::string path,
                   std::optional<std::int64_t> keep, std::set<std::int64_t> numbers,
                   io::Replaced replaced, ProcessorMask processors);
  /// Waits for the current write.
  ~CheckpointWriter();
  CheckpointWriter(const CheckpointWriter&) = delete;
  CheckpointWriter& operator=(const CheckpointWriter&) = delete;

  /// Waits for the write before, rethrows its error, and begins to write; writes in the caller's
  /// thread if there is not enough memory or no further thread.
  void write(Checkpoint<T> checkpoint);
  /// Throws the error since the last call, if any; costs one load.
  void check();
  /// Waits for the current write, and throws its error.
  void finish();

  /// Returns the step of the newest checkpoint on the disk; nullopt if there is none yet.
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
  std::exception_ptr error_;  ///< of the thread; read after it was joined
  std::atomic<std::int64_t> newest_{-1};
};

}  // namespace ridgeline::network
