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

/// Samples prepared for a network, in host memory. Valid until the next call of
/// BatchLoader::next().
template <class T>
struct Batch {
  const T* inputs = nullptr;             ///< [count, sample_shape]
  const std::int32_t* labels = nullptr;  ///< [count, label_shape]; null without labels
  const T* targets = nullptr;            ///< [count, target_shape]; null unless targets are values
  std::size_t count = 0;                 ///< samples here: the batch size, or less at the end of an
                                         ///< epoch; of several ranks this one's share of them
  std::size_t global_offset = 0;         ///< samples of the batch on earlier ranks
  std::size_t global_count = 0;          ///< samples of the batch on all ranks
  std::size_t epoch = 0;                 ///< counted from 0
  std::size_t first = 0;                 ///< samples of the epoch before this batch
  bool ends_epoch = false;
};

/// Host buffers of a batch; pinned memory in a CUDA build. Null pointers are not written. For an
/// autoencoder `targets` may be `inputs`.
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
  config::Augmentation augment;  ///< for training only
  std::size_t epoch = 0;         ///< start position: the epoch,
  std::size_t sample = 0;        ///< and the number of its samples already used
  int rank = 0, ranks = 1;       ///< of each batch's samples the share of this rank is loaded
  /// Processors that the loader's thread may use: those of the process at its start. If empty, the
  /// thread inherits its creator's binding and competes with it for one processor.
  ProcessorMask processors;
};

/// Collects batches in a separate thread, one ahead of the caller, for an unlimited number of
/// epochs.
template <class T>
class BatchLoader {
 public:
  /// Allocates its own buffers. `dataset` and its `split` must outlive the loader. Throws
  /// RequestError if the split is empty.
  BatchLoader(const Dataset& dataset, const Split& split, const LoaderOptions& options);

  /// Uses the caller's two buffers, which must outlive the loader.
  BatchLoader(const Dataset& dataset, const Split& split, const LoaderOptions& options,
              const std::array<Staging<T>, 2>& staging);

  /// Stops the thread; waits for at most one batch.
  ~BatchLoader();
  BatchLoader(const BatchLoader&) = delete;
  BatchLoader& operator=(const BatchLoader&) = delete;

  /// Returns the next batch and releases the previous one. Rethrows an exception of the thread.
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

  std::vector<std::uint32_t> order_;  ///< of epoch_; used only in the thread
  std::size_t epoch_ = 0;             ///< of the next batch to fill; used only in the thread
  std::size_t sample_ = 0;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::array<Batch<T>, 2> filled_;
  std::size_t produced_ = 0;  ///< batches filled; batch i lies in buffer i % 2
  std::size_t consumed_ = 0;  ///< batches returned by next()
  std::size_t released_ = 0;  ///< batches released
  bool stop_ = false;
  std::exception_ptr error_;
  std::thread thread_;
};

}  // namespace ridgeline::data
