#include "network/gradient_sum.hpp"

#include <algorithm>

#include "network/graph.hpp"

namespace ridgeline::network {
template <class Space, class T>
GradientSum<Space, T>::GradientSum(const Space& instance, const NetworkPlan& plan,
                                   const Vector<Space, T>& gradients,
                                   std::shared_ptr<const parallel::Ranks> ranks,
                                   std::size_t bucket_bytes)
    : instance_(instance),
      gradients_(gradients),
      ranks_(std::move(ranks)),
      bucket_of_(plan.layers.size(), kNone) {
  // Backward passes complete the gradients from the end of the buffer to its beginning.
  Bucket bucket;
  bucket.begin = bucket.end = gradients.size();
  const std::vector<ParameterSlot>& slots = plan.parameters;
  for (std::size_t layer = plan.layers.size(); layer-- > 0;) {
    std::size_t begin = bucket.begin;
    bool trained = false;
    for (const ParameterSlot& slot : slots) {
      if (slot.layer != plan.layers[layer]->name || !slot.parameter.trained) continue;
      begin = std::min(begin, slot.offset);
      trained = true;
    }
    if (!trained) continue;
    bucket_of_[layer] = buckets_.size();
    bucket.begin = begin;
    ++bucket.layers;
    if ((bucket.end - bucket.begin) * sizeof(T) >= bucket_bytes || begin == 0) {
      buckets_.push_back(std::move(bucket));
      bucket = {};
      bucket.begin = bucket.end = begin;
    }
  }
  times_.bytes = double(gradients.size() * sizeof(T));
  if constexpr (!kIsHost<Space>) {
    if (!parallel::transport().takes_device_pointers) {
      host_ = PinnedBuffer<Space, T>(
          Kokkos::view_alloc(Kokkos::WithoutInitializing, "network/gradients/host"),
          gradients.size());
    }
  }
}

template <class Space, class T>
void GradientSum<Space, T>::begin() {
  for (Bucket& bucket : buckets_) bucket.waiting_for = bucket.layers;
}

template <class Space, class T>
void GradientSum<Space, T>::layer_done(std::size_t layer) {
  timed([&] {
    for (Bucket& bucket : buckets_) {
      if (bucket.sum) bucket.sum->progress();
    }
  });
  const std::size_t of = bucket_of_[layer];
  if (of == kNone || --buckets_[of].waiting_for > 0) return;
  Bucket& bucket = buckets_[of];
  T* const values = complete(bucket);
  timed([&] { bucket.sum = ranks_->begin_sum(values, bucket.end - bucket.begin); });
}

// Waits for the gradients of a bucket, which is computation, and returns where MPI may read them.
template <class Space, class T>
T* GradientSum<Space, T>::complete(const Bucket& bucket) {
  T* values = gradients_.data() + bucket.begin;
  if constexpr (!kIsHost<Space>) {
    if (host_.size() > 0) {
      const std::size_t size = bucket.end - bucket.begin;
      const auto on_space = vector_at<Space, const T>(values, size);
      values = host_.data() + bucket.begin;
      Kokkos::deep_copy(instance_, host_view(values, size), on_space);
    }
    instance_.fence();
  }
  return values;
}

template <class Space, class T>
void GradientSum<Space, T>::finish() {
  timed([&] {
    for (Bucket& bucket : buckets_) {
      bucket.sum->wait();
      bucket.sum.reset();
      if constexpr (!kIsHost<Space>) {
        if (host_.size() == 0) continue;
        const std::size_t size = bucket.end - bucket.begin;
        Kokkos::deep_copy(instance_, vector_at<Space, T>(gradients_.data() + bucket.begin, size),
                          host_view(host_.data() + bucket.begin, size));
      }
    }
  });
  ++times_.steps;
}

#define RIDGELINE_GRADIENT_SUM(Space, T) template class GradientSum<Space, T>;
RIDGELINE_FOR_SPACES(RIDGELINE_GRADIENT_SUM)

}  // namespace ridgeline::network
