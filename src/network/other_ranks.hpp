#pragma once

#include <memory>
#include <vector>

#include "core/views.hpp"
#include "kernels/normalization/batch_norm.hpp"
#include "parallel/ranks.hpp"

namespace ridgeline::network {

/// The samples of a batch on other ranks. Values are combined on the host, in the order of the
/// ranks, so that every rank has the same bits.
template <class Space, class T>
class OtherRanks : public kernels::OtherSamples<Space, T> {
 public:
  OtherRanks(const Space& instance, std::shared_ptr<const parallel::Ranks> ranks)
      : instance_(instance), ranks_(std::move(ranks)) {}

  void combine(const Vector<Space, T>& means, const Vector<Space, T>& squares,
               double values) const override;
  void sum(const Vector<Space, T>& sums) const override;

 private:
  std::vector<double> read(const Vector<Space, T>& values) const;
  void write(const std::vector<double>& values, const Vector<Space, T>& to) const;
  /// Returns the values of every rank [ranks, own].
  std::vector<double> gathered(const std::vector<double>& own) const;

  const Space instance_;
  const std::shared_ptr<const parallel::Ranks> ranks_;
};

}  // namespace ridgeline::network
