#include "machine/probe.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/seconds.hpp"

namespace ridgeline::machine {

std::vector<std::size_t> working_sets(std::size_t smallest, std::size_t largest, int per_octave,
                                      std::size_t unit) {
  std::vector<std::size_t> sets;
  const auto add = [&](double bytes) {
    const double units = std::max(1.0, std::round(bytes / static_cast<double>(unit)));
    const std::size_t rounded = static_cast<std::size_t>(units) * unit;
    if (sets.empty() || rounded > sets.back()) sets.push_back(rounded);
  };
  const double last = static_cast<double>(largest);
  for (int i = 0;; ++i) {
    const double bytes =
        static_cast<double>(smallest) * std::exp2(static_cast<double>(i) / per_octave);
    // Avoids a point that nearly equals the largest.
    if (bytes > 0.95 * last) break;
    add(bytes);
  }
  add(last);
  return sets;
}

LadderOrder::LadderOrder(const std::vector<std::size_t>& sets, int per_octave, std::size_t in_cache,
                         double budget_seconds, std::function<bool()> stopped)
    : sets_(sets),
      in_cache_(in_cache),
      end_(host_seconds() + budget_seconds),
      stopped_(std::move(stopped)) {
  std::size_t whole = 1;
  while (2 * whole <= static_cast<std::size_t>(std::max(per_octave, 1))) whole *= 2;
  const std::size_t count = sets.size();
  if (count > 0) order_.push_back(count - 1);
  for (std::size_t i = 0; i + 1 < count; i += whole) order_.push_back(i);
  octaves_ = order_.size();
  for (const bool cached : {true, false}) {
    for (std::size_t stride = whole; stride > 1; stride /= 2) {
      for (std::size_t i = stride / 2; i + 1 < count; i += stride) {
        if ((sets[i] <= in_cache) == cached) order_.push_back(i);
      }
    }
  }
}

std::optional<std::size_t> LadderOrder::next() {
  if (stopped_ && stopped_()) return std::nullopt;
  while (position_ < order_.size()) {
    const std::size_t index = order_[position_++];
    const bool cheap = position_ <= octaves_ && sets_[index] <= in_cache_;
    if (position_ == 1 || cheap || host_seconds() < end_) return index;
    ++left_out_;
  }
  return std::nullopt;
}

std::vector<int> thread_ladder(int all) {
  std::vector<int> counts;
  for (int threads = 1; threads < all; threads *= 2) counts.push_back(threads);
  counts.push_back(all);
  return counts;
}

void note_left_out(const std::string& subject, std::size_t left_out, std::size_t all,
                   std::vector<std::string>* notes) {
  if (!notes || left_out == 0) return;
  notes->push_back(fmt::format("{}: {} of {} points were left out to stay within the time", subject,
                               left_out, all));
}

std::string readable_bytes(double bytes) {
  const char* units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  int unit = 0;
  // 1023.6 KiB would be shown as 1024 KiB.
  while (bytes >= 999.5 && unit < 4) bytes /= 1024, ++unit;
  const int digits = bytes < 9.95 && unit > 0 && bytes != std::floor(bytes) ? 1 : 0;
  return fmt::format("{:.{}f} {}", bytes, digits, units[unit]);
}

}  // namespace ridgeline::machine
