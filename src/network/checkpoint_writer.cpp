#include "network/checkpoint_writer.hpp"

#include <csignal>

#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "core/memory.hpp"
#include "io/run_files.hpp"

namespace ridgeline::network {
namespace {

namespace fs = std::filesystem;

/// Blocks all signals of this thread, and so of threads that it starts.
class AllSignalsBlocked {
 public:
  AllSignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~AllSignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  AllSignalsBlocked(const AllSignalsBlocked&) = delete;
  AllSignalsBlocked& operator=(const AllSignalsBlocked&) = delete;

 private:
  sigset_t before_;
};

template <class T>
std::size_t bytes_of(const Checkpoint<T>& checkpoint) {
  std::size_t count =
      checkpoint.parameters.size() + (checkpoint.best ? checkpoint.best->size() : 0);
  for (const std::vector<T>& state : checkpoint.optimizer_state) count += state.size();
  return count * sizeof(T);
}

}  // namespace

template <class T>
CheckpointWriter<T>::CheckpointWriter(std::shared_ptr<const NetworkPlan> plan, std::string path,
                                      std::optional<std::int64_t> keep,
                                      std::set<std::int64_t> numbers, io::Replaced replaced,
                                      ProcessorMask processors)
    : plan_(std::move(plan)),
      path_(std::move(path)),
      keep_(keep),
      processors_(std::move(processors)),
      numbers_(std::move(numbers)),
      replaced_(replaced) {}

template <class T>
CheckpointWriter<T>::~CheckpointWriter() {
  if (thread_.joinable()) thread_.join();
}

template <class T>
void CheckpointWriter<T>::write(Checkpoint<T> checkpoint) {
  finish();
  // The file is assembled in memory.
  if (3 * bytes_of(checkpoint) > free_memory_bytes()) return write_now(checkpoint);
  // Shared, so that it is still available if no thread can be started.
  const auto snapshot = std::make_shared<const Checkpoint<T>>(std::move(checkpoint));
  try {
    const AllSignalsBlocked in_the_thread;
    thread_ = std::thread([this, snapshot] {
      if (!processors_.empty()) processors_.bind_this_thread();
      try {
        write_now(*snapshot);
      } catch (...) {
        error_ = std::current_exception();
        failed_.store(true, std::memory_order_release);
      }
    });
    return;
  } catch (const std::exception&) {  // such as a limit of threads
  }
  write_now(*snapshot);
}

template <class T>
void CheckpointWriter<T>::check() {
  if (failed_.load(std::memory_order_acquire)) finish();
}

template <class T>
void CheckpointWriter<T>::finish() {
  if (thread_.joinable()) thread_.join();
  failed_ = false;
  if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
}

template <class T>
std::optional<std::int64_t> CheckpointWriter<T>::newest_step() const {
  const std::int64_t step = newest_;
  return step < 0 ? std::nullopt : std::optional<std::int64_t>(step);
}

template <class T>
void CheckpointWriter<T>::write_now(const Checkpoint<T>& checkpoint) {
  const std::int64_t step = checkpoint.state.step;
  if (keep_) {
    const std::string numbered = io::numbered_path(path_, step);
    if (numbers_.count(step) == 0) io::set_aside(numbered);
    save_checkpoint(numbered, *plan_, checkpoint);
    io::replace_by_link(numbered, path_, replaced_);
    remove_old(step);
  } else {
    save_checkpoint(path_, *plan_, checkpoint, replaced_);
  }
  replaced_ = io::Replaced::lost;  // later ones replace the run's own
  newest_ = step;
}

template <class T>
void CheckpointWriter<T>::remove_old(std::int64_t newest) {
  numbers_.insert(newest);
  // Later steps of a run that was resumed from an older checkpoint will be written again.
  auto kept = numbers_.upper_bound(newest);
  for (std::int64_t i = 0; i < *keep_ && kept != numbers_.begin(); ++i) --kept;
  for (auto number = numbers_.begin(); number != kept; number = numbers_.erase(number)) {
    std::error_code ignored;
    fs::remove(io::numbered_path(path_, *number), ignored);
  }
}

template class CheckpointWriter<float>;
template class CheckpointWriter<double>;

}  // namespace ridgeline::network
