#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "core/seconds.hpp"
#include "core/views.hpp"
#include "network/plan.hpp"
#include "parallel/ranks.hpp"

namespace ridgeline::network {

/// Time that the ranks spend on the sums of gradients.
struct CommunicationTimes {
  std::size_t steps = 0;
  double exposed_seconds = 0;  ///< of all steps: what the computation did not hide
  double bytes = 0;            ///< summed per step
};

/// Large enough that the latency of a sum is a small part of its time, small enough that the last
/// one, which nothing hides, is short.
inline constexpr std::size_t kBucketBytes = std::size_t{1} << 20;

/// Sums the gradients over all ranks in a few buckets: each begins as soon as the backward passes
/// of its layers are complete, so that it proceeds while earlier layers are computed.
template <class Space, class T>
class GradientSum {
 public:
  /// `gradients` [plan.trained_size + 1]: the last value is summed too, with the first bucket.
  /// A bucket has at least `bucket_bytes`, except the last.
  GradientSum(const Space& instance, const NetworkPlan& plan, const Vector<Space, T>& gradients,
              std::shared_ptr<const parallel::Ranks> ranks,
              std::size_t bucket_bytes = kBucketBytes);

  /// Begins a step.
  void begin();
  /// A layer's gradients are complete (on a device: all that was launched before this call).
  void layer_done(std::size_t layer);
  /// Waits for the sums; `gradients` then holds those of the whole batch.
  void finish();

  const CommunicationTimes& times() const { return times_; }

 private:
  struct Bucket {
    std::size_t begin = 0, end = 0;  ///< scalars of the buffer
    std::size_t layers = 0;          ///< with gradients in it
    std::size_t waiting_for = 0;     ///< layers, in this step
    std::unique_ptr<parallel::PendingSum> sum;
  };

  T* complete(const Bucket& bucket);
  template <class Work>
  void timed(const Work& work) {
    const double begin = host_seconds();
    work();
    times_.exposed_seconds += host_seconds() - begin;
  }

  const Space instance_;
  const Vector<Space, T> gradients_;
  const std::shared_ptr<const parallel::Ranks> ranks_;
  PinnedBuffer<Space, T> host_;         ///< of a device whose memory MPI cannot read
  std::vector<Bucket> buckets_;         ///< in the order in which they begin
  std::vector<std::size_t> bucket_of_;  ///< per layer; kNone without trained parameters
  CommunicationTimes times_;
};

}  // namespace ridgeline::network
