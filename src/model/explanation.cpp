#include "model/explanation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "io/units.hpp"

namespace ridgeline::model {
namespace {

/// Layers with a smaller share of a step are not mentioned.
constexpr double kLeastShare = 0.01;

std::string percent(double share) {
  return share > 0 && share < 0.005 ? "under 1 %" : fmt::format("{:.0f} %", 100 * share);
}

std::string name_of(const LayerRecord& record) {
  return record.part.layer == "loss" || record.part.layer == "optimizer"
             ? record.part.layer
             : record.part.layer + " " + layers::to_string(record.part.phase);
}

/// Returns "a, b and c".
std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    text += (i == 0 ? "" : i + 1 == names.size() ? " and " : ", ") + names[i];
  }
  return text;
}

bool counts_for_something(const LayerRecord& record, const Roofline& roofline) {
  return record.placement.ceiling_seconds > 0 &&
         record.seconds.median >= kLeastShare * roofline.sum_of_records;
}

/// Returns the explained share of the pass's time, and of what ceilings alone explain.
std::string explained_sentence(const Roofline& roofline) {
  const double seconds = roofline.total.median;
  const std::string explained =
      percent(explained_fraction(roofline.placement.explained_seconds, seconds));
  const std::string ceilings =
      percent(explained_fraction(roofline.placement.ceiling_seconds, seconds));
  std::string text = fmt::format("what was measured of the machine explains {} of it", explained);
  if (roofline.placement.explained_seconds > roofline.placement.ceiling_seconds &&
      ceilings != explained) {
    text +=
        fmt::format(" ({} without the cost of reading what another thread has written)", ceilings);
  }
  return text;
}

/// Returns the source of the bandwidth of the layers' ceilings, and the ridge for it.
std::string bandwidth_sentence(const Roofline& roofline) {
  double least = 0, most = 0, lowest_ridge = 0, highest_ridge = 0;
  for (const LayerRecord& record : roofline.records) {
    const Placement& placement = record.placement;
    if (!counts_for_something(record, roofline) || placement.bandwidth_seconds <= 0) continue;
    const double rate = record.counts.bytes / placement.bandwidth_seconds;
    least = least == 0 ? rate : std::min(least, rate);
    most = std::max(most, rate);
    if (placement.compute_seconds > 0) {
      const double ridge = record.counts.flops / placement.compute_seconds / rate;
      lowest_ridge = lowest_ridge == 0 ? ridge : std::min(lowest_ridge, ridge);
      highest_ridge = std::max(highest_ridge, ridge);
    }
  }
  if (most == 0) return "";
  const auto range = [](double low, double high) {
    const std::string first = fmt::format("{:.1f}", low), last = fmt::format("{:.1f}", high);
    return first == last ? first : first + " to " + last;
  };
  return fmt::format(
      "a layer's ceiling of bandwidth is that of the caches or the memory that hold what the step "
      "touches: {} GB/s here{}",
      range(1e-9 * least, 1e-9 * most),
      highest_ridge > 0
          ? fmt::format(", so that its ridge is at {} FLOP/B", range(lowest_ridge, highest_ridge))
          : "");
}

/// Returns "the step's time is 72 % overhead, 20 % bandwidth and 8 % compute bound".
std::string shares_sentence(const Roofline& roofline, const std::string& pass) {
  std::vector<std::pair<double, std::string>> parts;
  const std::map<Bound, double> shares = bound_shares(roofline);
  if (const auto unknown = shares.find(Bound::unknown);
      unknown != shares.end() && unknown->second > 0.5) {
    return fmt::format(
        "of {} of the {}'s time no bound can be named: the data sheet lacks what "
        "it would take",
        percent(unknown->second), pass);
  }
  for (const auto& [bound, share] : shares) {
    if (share >= 0.005) parts.push_back({share, percent(share) + " " + to_string(bound)});
  }
  std::sort(parts.rbegin(), parts.rend());
  std::vector<std::string> names;
  for (const auto& [share, text] : parts) names.push_back(text);
  return fmt::format("the {}'s time is {} bound; {}", pass, listed(names),
                     explained_sentence(roofline));
}

/// Returns how close the layers come to their ceilings.
std::string fraction_sentence(const Roofline& roofline) {
  const LayerRecord* best = nullptr;
  const LayerRecord* longest = nullptr;
  for (const LayerRecord& record : roofline.records) {
    if (!counts_for_something(record, roofline)) continue;
    if (!best || record.placement.fraction_of_ceiling > best->placement.fraction_of_ceiling) {
      best = &record;
    }
    if (!longest || record.seconds.median > longest->seconds.median) longest = &record;
  }
  if (!best || longest->placement.ceiling == Bound::unknown) return "";
  const double most = best->placement.fraction_of_ceiling;
  if (most < kLeastExplained) {
    const bool handed_on = std::any_of(roofline.records.begin(), roofline.records.end(),
                                       [&](const LayerRecord& record) {
                                         return counts_for_something(record, roofline) &&
                                                record.placement.bound == Bound::bandwidth;
                                       });
    return fmt::format(
        "no layer that takes 1 % of the time reaches {:.0f} % of any ceiling{}",
        5 * std::ceil(std::max(most, 1e-9) * 20 + 1e-9),
        handed_on ? ", and those bound by bandwidth read what other threads wrote" : "");
  }
  const double share = longest->seconds.median / roofline.sum_of_records;
  return fmt::format("{} takes most, {}, at {} of its {} ceiling", name_of(*longest),
                     percent(share), percent(longest->placement.fraction_of_ceiling),
                     to_string(longest->placement.ceiling));
}

/// Returns the launch costs, if a part is bound by overhead.
std::string launch_sentence(const Roofline& roofline, const std::string& pass) {
  const auto shares = bound_shares(roofline);
  const auto overhead = shares.find(Bound::overhead);
  if (overhead == shares.end() || overhead->second < 0.05 || !roofline.empty_seconds) return "";
  const double part = *roofline.empty_seconds / std::max(roofline.total.median, 1e-300);
  return fmt::format(
      "with kernels that do nothing the {} takes {}, {} of its time: {}", pass,
      io::show_seconds(*roofline.empty_seconds), percent(part),
      part >= kLeastExplained * overhead->second
          ? "launching them is what the overhead is"
          : "most of the overhead is in the kernels themselves (short loops, padding, packing, and "
            "functions such as exp, which count as one operation), which no ceiling describes");
}

/// Returns the energy of the step, if it can be read.
std::string energy_sentence(const Roofline& roofline, const std::string& pass) {
  if (!roofline.energy) return "";
  return fmt::format("the {} uses {:.3g} J at {:.0f} W (all of {})", pass, roofline.energy->joules,
                     roofline.energy->watts, listed(roofline.energy->sources));
}

/// Returns "from batch 64 on fc1 forward and fc2 forward are bound by arithmetic", for a bound.
std::vector<std::string> turning_points(const std::vector<BatchRoofline>& batches, Bound bound,
                                        const std::string& words) {
  std::map<std::size_t, std::vector<std::string>> from;
  const std::vector<LayerRecord>& last = batches.back().roofline.records;
  for (std::size_t i = 0; i < last.size(); ++i) {
    if (!counts_for_something(last[i], batches.back().roofline)) continue;
    std::size_t first = batches.size();
    while (first > 0 && i < batches[first - 1].roofline.records.size() &&
           batches[first - 1].roofline.records[i].placement.bound == bound &&
           !batches[first - 1].roofline.records[i].placement.is_near_half) {
      --first;
    }
    if (first < batches.size()) from[first].push_back(name_of(last[i]));
  }
  std::vector<std::string> sentences;
  for (const auto& [first, names] : from) {
    sentences.push_back(fmt::format(
        "{} {} {} bound by {}",
        first == 0 ? "at every batch" : fmt::format("from batch {} on", batches[first].batch),
        listed(names), names.size() == 1 ? "is" : "are", words));
  }
  return sentences;
}

}  // namespace

std::vector<std::string> explain(const std::vector<BatchRoofline>& batches, bool training) {
  std::vector<std::string> sentences;
  const std::string pass = training ? "step" : "inference";
  const auto add = [&](const BatchRoofline& at, const std::string& sentence) {
    if (sentence.empty()) return;
    sentences.push_back(
        (batches.size() > 1 ? fmt::format("at batch {} ", at.batch) : std::string()) + sentence);
  };
  std::vector<const BatchRoofline*> told = {&batches.front()};
  if (batches.size() > 1) told.push_back(&batches.back());
  for (const BatchRoofline* const at : told) {
    if (at->roofline.records.empty()) continue;
    add(*at, shares_sentence(at->roofline, pass));
    add(*at, fraction_sentence(at->roofline));
    if (at == told.back()) add(*at, bandwidth_sentence(at->roofline));
    add(*at, launch_sentence(at->roofline, pass));
    add(*at, energy_sentence(at->roofline, pass));
  }
  if (batches.size() > 1) {
    for (const auto& [bound, words] : {std::pair<Bound, std::string>{Bound::compute, "arithmetic"},
                                       {Bound::bandwidth, "bandwidth"},
                                       {Bound::latency, "latency"}}) {
      for (const std::string& sentence : turning_points(batches, bound, words)) {
        sentences.push_back(sentence);
      }
    }
  }
  return sentences;
}

}  // namespace ridgeline::model
