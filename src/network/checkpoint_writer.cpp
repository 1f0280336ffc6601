#include "network/checkpoint_writer.hpp"

#include <csignal>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "core/error.hpp"
#include "core/memory.hpp"
#include "io/file.hpp"
#include "io/run_files.hpp"

namespace ridgeline::network {
namespace {

namespace fs = std::filesystem;

/// The numbers of the checkpoints beside `path`, from the lowest.
std::vector<long> numbers_beside(const std::string& path) {
  std::vector<long> numbers;
  std::error_code error;
  fs::directory_iterator entries(io::folder_of(path), error);
  for (; !error && entries != fs::directory_iterator(); entries.increment(error)) {
    const long number =
        io::number_of(entries->path().filename().string(), fs::path(path).filename().string());
    if (number >= 0) numbers.push_back(number);
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

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
  std::size_t count = checkpoint.parameters.size();
  for (const std::vector<T>& state : checkpoint.optimizer_state) count += state.size();
  return count * sizeof(T);
}

}  // namespace

template <class T>
CheckpointWriter<T>::CheckpointWriter(std::shared_ptr<const NetworkPlan> plan, std::string path,
                                      std::optional<std::int64_t> keep,
                                      std::set<std::int64_t> numbers, ProcessorMask processors)
    : plan_(std::move(plan)),
      path_(std::move(path)),
      keep_(keep),
      processors_(std::move(processors)),
      numbers_(std::move(numbers)) {}

template <class T>
CheckpointWriter<T>::~CheckpointWriter() {
  if (thread_.joinable()) thread_.join();
}

template <class T>
void CheckpointWriter<T>::write(Checkpoint<T> checkpoint) {
  finish();
  // The file is put together in memory.
  if (3 * bytes_of(checkpoint) > free_memory_bytes()) return write_now(checkpoint);
  // Shared, so that it is still there if no thread can be started.
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
    io::replace_by_link(numbered, path_);
    remove_old(step);
  } else {
    save_checkpoint(path_, *plan_, checkpoint);
  }
  newest_ = step;
}

template <class T>
void CheckpointWriter<T>::remove_old(std::int64_t newest) {
  numbers_.insert(newest);
  // What lies ahead of a run that was resumed from an older one will be written again.
  auto kept = numbers_.upper_bound(newest);
  for (std::int64_t i = 0; i < *keep_ && kept != numbers_.begin(); ++i) --kept;
  for (auto number = numbers_.begin(); number != kept; number = numbers_.erase(number)) {
    std::error_code ignored;
    fs::remove(io::numbered_path(path_, *number), ignored);
  }
}

void require_no_numbered_checkpoints(const std::string& path) {
  const std::vector<long> numbers = numbers_beside(path);
  if (numbers.empty()) return;
  throw RequestError(io::numbered_path(path, numbers.back()) +
                     ": there are numbered checkpoints of an earlier run; go on with --resume " +
                     io::folder_of(path) + ", or choose another --output");
}

std::set<std::int64_t> numbered_checkpoints(const std::string& path, const Refusal& refusal) {
  std::set<std::int64_t> numbers;
  for (const long number : numbers_beside(path)) {
    const std::string file = io::numbered_path(path, number);
    std::optional<std::string> fault = "it is a link, or no file";
    std::error_code error;
    if (fs::symlink_status(file, error).type() == fs::file_type::regular) {
      std::unique_ptr<CheckpointFile> checkpoint;
      try {
        checkpoint = std::make_unique<CheckpointFile>(file);
        const std::int64_t step = checkpoint->state().step;
        fault.reset();
        if (step != number) fault = "its step is " + std::to_string(step);
      } catch (const RequestError& damage) {
        if (may_be_damaged_checkpoint(file)) continue;
        fault = damage.what();
      }
      if (!fault) fault = refusal(*checkpoint);
    }
    if (fault) {
      throw RequestError(file + ": checkpoint.keep would replace it, and it is no checkpoint of " +
                         "this run: " + *fault + "; move it, or choose another --checkpoint");
    }
    numbers.insert(number);
  }
  return numbers;
}

template class CheckpointWriter<float>;
template class CheckpointWriter<double>;

}  // namespace ridgeline::network
