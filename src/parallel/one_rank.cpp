#include <algorithm>

#include "parallel/ranks.hpp"

namespace ridgeline::parallel {
namespace {

class Complete : public PendingSum {
 public:
  void progress() override {}
  void wait() override {}
};

class OneRank : public Ranks {
 public:
  int rank() const override { return 0; }
  int size() const override { return 1; }
  int local_rank() const override { return 0; }
  void broadcast(void*, std::size_t, int) const override {}
  std::vector<std::string> gather(const std::string& text) const override { return {text}; }
  void gather(const double* own, std::size_t count, double* all) const override {
    std::copy(own, own + count, all);
  }
  void sum(double*, std::size_t) const override {}
  std::unique_ptr<PendingSum> begin_sum(float*, std::size_t) const override {
    return std::make_unique<Complete>();
  }
  std::unique_ptr<PendingSum> begin_sum(double*, std::size_t) const override {
    return std::make_unique<Complete>();
  }
  std::unique_ptr<PendingSum> begin_sum(std::int64_t*, std::size_t) const override {
    return std::make_unique<Complete>();
  }
  void end_others(int) const override {}
};

}  // namespace

std::shared_ptr<const Ranks> one_rank() { return std::make_shared<const OneRank>(); }

Share share_of(std::size_t count, int rank, int ranks) {
  const auto parts = static_cast<std::size_t>(ranks), part = static_cast<std::size_t>(rank);
  const std::size_t least = count / parts, more = count % parts;
  const std::size_t begin = part * least + std::min(part, more);
  return {begin, begin + least + (part < more ? 1 : 0)};
}

std::size_t largest_share(std::size_t count, int ranks) { return share_of(count, 0, ranks).size(); }

}  // namespace ridgeline::parallel
