#pragma once

#include <array>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "core/processors.hpp"
#include "data/dataset.hpp"

namespace ridgeline::data {

/// Samples ready for a network, in host memory. Valid until the next call of BatchLoader::next().
template <class T>
struct Batch {
  const T* inputs = nullptr;             ///< [count, sample_shape]
  const std::int32_t* labels = nullptr;  ///< [count, label_shape], where there are labels
  const T* targets = nullptr;            ///< [count, target_shape], where targets are values
  std::size_t count = 0;                 ///< the batch size, or less at the end of an epoch
  std::size_t epoch = 0;                 ///< counted from 0
  std::size_t first = 0;                 ///< samples of the epoch before this batch
  bool ends_epoch = false;
};

/// Host memory that a batch is collected in; a CUDA build hands in pinned memory. Null pointers
/// are not written. For an autoencoder `targets` may be `inputs`.
template <class T>
struct Staging {
  T* inputs = nullptr;             ///< batch * sample_size scalars
  std::int32_t* labels = nullptr;  ///< batch * labels_per_sample
  T* targets = nullptr;            ///< batch * target_size scalars
};

struct LoaderOptions {
  std::size_t batch = 1;
  bool shuffle = false;
  std::uint64_t seed = 1;        ///< of the shuffle and of the augmentation
  config::Augmentation augment;  ///< for training alone
  std::size_t epoch = 0;         ///< where to begin: the epoch,
  std::size_t sample = 0;        ///< and the samples of it that are done
  /// Processors that the loader's thread may use: those of the process at its start. If empty, the
  /// thread inherits the one processor that its creator is bound to, and competes with it.
  ProcessorMask processors;
};

/// Collects batches in a thread of its own, one ahead of the caller, epoch after epoch without end.
template <class T>
class BatchLoader {
 public:
  /// With buffers of its own. `dataset` and `split`, which belongs to it, must outlive the loader.
  /// Throws RequestError where the split is empty.
  BatchLoader(const Dataset& dataset, const Split& split, const LoaderOptions& options);

  /// With the caller's two buffers, which must outlive the loader.
  BatchLoader(const Dataset& dataset, const Split& split, const LoaderOptions& options,
              const std::array<Staging<T>, 2>& staging);

  /// Stops the thread; waits for at most one batch.
  ~BatchLoader();
  BatchLoader(const BatchLoader&) = delete;
  BatchLoader& operator=(const BatchLoader&) = delete;

  /// The next batch; gives the one before back to the loader. Rethrows what went wrong in the
  /// thread.
  Batch<T> next();

 private:
  void start();
  void run();
  Batch<T> fill(const Staging<T>& staging);

  const Dataset& dataset_;
  const Split& split_;
  LoaderOptions options_;
  std::vector<T> owned_values_;
  std::vector<std::int32_t> owned_labels_;
  std::array<Staging<T>, 2> staging_;

  std::vector<std::uint32_t> order_;  ///< of epoch_, only in the thread
  std::size_t epoch_ = 0;             ///< of the next batch to fill, only in the thread
  std::size_t sample_ = 0;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::array<Batch<T>, 2> filled_;
  std::size_t produced_ = 0;  ///< batches filled; batch i lies in buffer i % 2
  std::size_t consumed_ = 0;  ///< batches given out
  std::size_t released_ = 0;  ///< batches given back
  bool stop_ = false;
  std::exception_ptr error_;
  std::thread thread_;
};

}  // namespace ridgeline::data
