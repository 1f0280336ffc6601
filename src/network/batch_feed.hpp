#pragma once

#include <Kokkos_Core.hpp>

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "core/cuda/event.hpp"
#include "core/views.hpp"
#include "data/batch_loader.hpp"
#include "network/network.hpp"

namespace ridgeline::network {

/// Transfers batches from the loader's thread to the space. A host space reads the
/// loader's buffers in place; to a device they are copied asynchronously from pinned memory,
/// while the next batch is collected and the step before is computed.
template <class Space, class T>
class BatchFeed {
 public:
  /// A batch on the space, and its place in the epoch.
  struct Item {
    Batch<Space, T> batch;
    std::size_t count;         ///< samples here
    std::size_t global_count;  ///< samples on all ranks
    bool ends_epoch;
  };

  /// `dataset` and `split` must outlive the feed. Throws as BatchLoader does.
  BatchFeed(const Space& instance, const data::Dataset& dataset, const data::Split& split,
            const data::LoaderOptions& options)
      : instance_(instance), dataset_(dataset) {
    if constexpr (kIsHost<Space>) {
      loader_ = std::make_unique<data::BatchLoader<T>>(dataset, split, options);
    } else {
      allocate_staging(parallel::largest_share(options.batch, options.ranks));
      loader_ = std::make_unique<data::BatchLoader<T>>(dataset, split, options, staging_);
    }
  }
  ~BatchFeed() { instance_.fence(); }
  BatchFeed(const BatchFeed&) = delete;
  BatchFeed& operator=(const BatchFeed&) = delete;

  /// Returns the next batch; on a device the one before stays valid while kernels use it.
  Item next() {
    if constexpr (!kIsHost<Space>) copied_.wait();
    const data::Batch<T> host = loader_->next();
    const T* inputs = host.inputs;
    const T* targets = host.targets;
    const std::int32_t* labels = host.labels;
    if constexpr (!kIsHost<Space>) {
      Slot& slot = slots_[turn_++ % 2];
      copy(slot.inputs, host.inputs, host.count * dataset_.sample_size());
      copy(slot.labels, host.labels, host.count * dataset_.labels_per_sample());
      const bool shared = host.targets == host.inputs;
      if (!shared) copy(slot.targets, host.targets, host.count * dataset_.target_size());
      copied_.record(instance_);
      inputs = slot.inputs.data();
      // An empty view's memory is not null.
      labels = host.labels ? slot.labels.data() : nullptr;
      targets = shared ? inputs : host.targets ? slot.targets.data() : nullptr;
    }
    Item item;
    item.batch.inputs = matrix_at<Space, const T>(inputs, host.count, dataset_.sample_size());
    item.batch.labels = vector_at<Space, const std::int32_t>(
        labels, labels ? host.count * dataset_.labels_per_sample() : 0);
    item.batch.targets = matrix_at<Space, const T>(targets, targets ? host.count : 0,
                                                   targets ? dataset_.target_size() : 0);
    item.count = host.count;
    item.global_count = host.global_count;
    item.batch.global_offset = host.global_offset;
    item.batch.global_count = host.global_count;
    item.ends_epoch = host.ends_epoch;
    return item;
  }

 private:
  struct Slot {
    Buffer<Space, T> inputs, targets;
    Buffer<Space, std::int32_t> labels;
  };

  template <class Value>
  Value* pin(PinnedBuffer<Space, Value>& view, const std::string& label, std::size_t size) {
    view = PinnedBuffer<Space, Value>(Kokkos::view_alloc(Kokkos::WithoutInitializing, label), size);
    return size > 0 ? view.data() : nullptr;
  }

  void allocate_staging(std::size_t batch) {
    const std::size_t labels = batch * dataset_.labels_per_sample();
    const std::size_t inputs = batch * dataset_.sample_size();
    const std::size_t targets =
        labels > 0 || dataset_.target_is_input ? 0 : batch * dataset_.target_size();
    for (std::size_t i = 0; i < 2; ++i) {
      staging_[i].inputs = pin(pinned_values_[2 * i], "network/staging/inputs", inputs);
      staging_[i].targets = pin(pinned_values_[2 * i + 1], "network/staging/targets", targets);
      staging_[i].labels = pin(pinned_labels_[i], "network/staging/labels", labels);
      if (dataset_.target_is_input) staging_[i].targets = staging_[i].inputs;
      slots_[i].inputs = allocate<T>(instance_, "network/inputs", inputs);
      slots_[i].targets = allocate<T>(instance_, "network/targets", targets);
      slots_[i].labels = allocate<std::int32_t>(instance_, "network/labels", labels);
    }
  }

  template <class Value>
  void copy(const Buffer<Space, Value>& to, const Value* from, std::size_t size) {
    if (!from || size == 0) return;
    using Pinned =
        Kokkos::View<const Value*, Kokkos::LayoutRight, typename PinnedMemory<Space>::type,
                     Kokkos::MemoryTraits<Kokkos::Unmanaged>>;
    Kokkos::deep_copy(instance_, as_vector(to, size), Pinned(from, size));
  }

  const Space instance_;
  const data::Dataset& dataset_;
  std::array<data::Staging<T>, 2> staging_;
  std::array<PinnedBuffer<Space, T>, 4> pinned_values_;
  std::array<PinnedBuffer<Space, std::int32_t>, 2> pinned_labels_;
  std::array<Slot, 2> slots_;
  // The staging buffer may be filled again once its copy is over, which is long before the step
  // that uses it is.
  Event<Space> copied_;
  std::size_t turn_ = 0;
  std::unique_ptr<data::BatchLoader<T>> loader_;
};

}  // namespace ridgeline::network
