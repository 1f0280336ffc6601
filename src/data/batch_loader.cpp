#include "data/batch_loader.hpp"

#include <algorithm>
#include <csignal>
#include <stdexcept>
#include <string>
#include <system_error>

#include "core/error.hpp"
#include "data/shuffle.hpp"
#include "parallel/ranks.hpp"

namespace ridgeline::data {

template <class T>
BatchLoader<T>::BatchLoader(const Dataset& dataset, const Split& split,
                            const LoaderOptions& options)
    : dataset_(dataset), split_(split), options_(options) {
  const std::size_t batch =
      parallel::largest_share(std::min(options.batch, split.samples), options.ranks);
  const std::size_t inputs = batch * dataset.sample_size();
  // An autoencoder's targets are its inputs and share their buffer.
  const std::size_t targets = dataset.target_is_input ? 0 : batch * dataset.target_size();
  const std::size_t labels = batch * dataset.labels_per_sample();
  owned_values_.resize(2 * (inputs + targets));
  owned_labels_.resize(2 * labels);
  for (std::size_t i = 0; i < 2; ++i) {
    Staging<T>& staging = staging_[i];
    staging.inputs = owned_values_.data() + i * (inputs + targets);
    if (dataset.has_labels()) staging.labels = owned_labels_.data() + i * labels;
    if (dataset.target_is_input) {
      staging.targets = staging.inputs;
    } else if (targets > 0) {
      staging.targets = staging.inputs + inputs;
    }
  }
  start();
}

template <class T>
BatchLoader<T>::BatchLoader(const Dataset& dataset, const Split& split,
                            const LoaderOptions& options, const std::array<Staging<T>, 2>& staging)
    : dataset_(dataset), split_(split), options_(options), staging_(staging) {
  start();
}

template <class T>
void BatchLoader<T>::start() {
  if (split_.samples == 0) throw RequestError("there are no samples to load");
  if (options_.batch == 0) throw std::logic_error("a batch needs at least one sample");
  if (options_.augment.any() && dataset_.sample_shape.size() != 3) {
    throw std::logic_error("only images are augmented");
  }
  if (options_.sample > split_.samples) throw RequestError("the epoch has fewer samples");
  epoch_ = options_.epoch;
  sample_ = options_.sample;
  if (sample_ == split_.samples) {
    sample_ = 0;
    ++epoch_;
  }
  // The new thread inherits the signal mask, so signals are delivered only to the caller's threads.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    thread_ = std::thread([this] { run(); });
  } catch (const std::system_error& error) {
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    throw RunError(std::string("cannot start a thread that loads batches: ") + error.what());
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

template <class T>
BatchLoader<T>::~BatchLoader() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

template <class T>
void BatchLoader<T>::run() {
  // On failure the thread keeps its creator's binding, which is only slower.
  if (!options_.processors.empty()) options_.processors.bind_this_thread();
  try {
    for (;;) {
      std::unique_lock<std::mutex> lock(mutex_);
      changed_.wait(lock, [this] { return stop_ || produced_ - released_ < staging_.size(); });
      if (stop_) return;
      const std::size_t buffer = produced_ % staging_.size();
      lock.unlock();
      const Batch<T> batch = fill(staging_[buffer]);
      lock.lock();
      filled_[buffer] = batch;
      ++produced_;
      lock.unlock();
      changed_.notify_all();
    }
  } catch (...) {
    const std::lock_guard<std::mutex> lock(mutex_);
    error_ = std::current_exception();
    changed_.notify_all();
  }
}

template <class T>
Batch<T> BatchLoader<T>::fill(const Staging<T>& staging) {
  if (order_.empty()) order_ = epoch_order(split_.samples, options_.seed, epoch_, options_.shuffle);
  Batch<T> batch;
  batch.inputs = staging.inputs;
  batch.labels = staging.labels;
  batch.targets = staging.targets;
  batch.epoch = epoch_;
  batch.first = sample_;
  batch.global_count = std::min(options_.batch, split_.samples - sample_);
  const parallel::Share share =
      parallel::share_of(batch.global_count, options_.rank, options_.ranks);
  batch.global_offset = share.begin;
  batch.count = share.size();
  batch.ends_epoch = sample_ + batch.global_count == split_.samples;
  const Augment augment{options_.augment, options_.seed, epoch_};
  dataset_.gather(split_, order_.data() + sample_ + batch.global_offset, batch.count,
                  staging.inputs, staging.labels, staging.targets,
                  options_.augment.any() ? &augment : nullptr);
  sample_ += batch.global_count;
  if (batch.ends_epoch) {
    sample_ = 0;
    ++epoch_;
    if (options_.shuffle) order_.clear();
  }
  return batch;
}

template <class T>
Batch<T> BatchLoader<T>::next() {
  std::unique_lock<std::mutex> lock(mutex_);
  if (released_ < consumed_) {
    ++released_;
    changed_.notify_all();
  }
  changed_.wait(lock, [this] { return error_ || produced_ > consumed_; });
  if (produced_ > consumed_) return filled_[consumed_++ % filled_.size()];
  std::rethrow_exception(error_);
}

template class BatchLoader<float>;
template class BatchLoader<double>;

}  // namespace ridgeline::data
