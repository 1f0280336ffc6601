#pragma once

#include <memory>
#include <string>
#include <vector>

#include "parallel/ranks.hpp"

namespace ridgeline::testing {

/// The first of several ranks, of which the others do nothing; a test overrides what it needs.
class FirstRank : public parallel::Ranks {
 public:
  explicit FirstRank(int size) : size_(size) {}

  int rank() const override { return 0; }
  int size() const override { return size_; }
  int local_rank() const override { return 0; }
  void broadcast(void*, std::size_t, int) const override {}
  std::vector<std::string> gather(const std::string& text) const override { return {text}; }
  void gather(const double*, std::size_t, double*) const override {}
  void sum(double*, std::size_t) const override {}
  std::unique_ptr<parallel::PendingSum> begin_sum(float*, std::size_t) const override {
    return nullptr;
  }
  std::unique_ptr<parallel::PendingSum> begin_sum(double*, std::size_t) const override {
    return nullptr;
  }
  std::unique_ptr<parallel::PendingSum> begin_sum(std::int64_t*, std::size_t) const override {
    return nullptr;
  }
  void end_others(int) const override {}

 private:
  const int size_;
};

}  // namespace ridgeline::testing
