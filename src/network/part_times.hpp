#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/timing.hpp"
#include "network/network.hpp"
#include "network/plan.hpp"
#include "network/trainer.hpp"

namespace ridgeline::network {

/// Times the parts of the steps that it observes.
template <class Space>
class PartTimes : public StepObserver {
 public:
  PartTimes(const Space& instance, std::size_t parts)
      : step_(instance, Clock::host), seconds_(parts) {
    for (std::size_t i = 0; i < parts; ++i) {
      watches_.push_back(std::make_unique<Stopwatch<Space>>(instance));
    }
  }
  void begin(std::size_t part) override { watches_[part]->start(); }
  void end(std::size_t part) override { watches_[part]->stop(); }

  template <class Step>
  void observe(const Step& step) {
    step_.start();
    step();
    step_.stop();
    steps_.push_back(step_.seconds());
    for (std::size_t i = 0; i < watches_.size(); ++i) {
      seconds_[i].push_back(watches_[i]->seconds());
    }
  }

  Timing step_seconds() const { return summarize(steps_); }

  std::vector<LayerShare> shares(const NetworkPlan& plan) const {
    std::vector<LayerShare> list;
    std::map<std::string, std::size_t> places;
    const std::vector<StepPart> parts = plan.parts(true);
    double total = 0;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const double seconds = median_of(seconds_[i]);
      total += seconds;
      const auto [place, is_new] = places.insert({parts[i].layer, list.size()});
      if (is_new) list.push_back({parts[i].layer, 0, 0});
      list[place->second].seconds += seconds;
    }
    for (LayerShare& share : list) share.share = total > 0 ? share.seconds / total : 0;
    return list;
  }

 private:
  Stopwatch<Space> step_;
  std::vector<std::unique_ptr<Stopwatch<Space>>> watches_;
  std::vector<std::vector<double>> seconds_;
  std::vector<double> steps_;
};

}  // namespace ridgeline::network
