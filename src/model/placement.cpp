#include <algorithm>
#include <cmath>

#include "model/ceilings.hpp"

// Placing work under ceilings that were read.

namespace ridgeline::model {
namespace {

// Returns the smaller of two rates; 0 is an unknown one.
double smaller_known(double a, double b) { return a > 0 && b > 0 ? std::min(a, b) : a + b; }

}  // namespace

std::string to_string(Bound bound) {
  switch (bound) {
    case Bound::compute:
      return "compute";
    case Bound::bandwidth:
      return "bandwidth";
    case Bound::latency:
      return "latency";
    case Bound::overhead:
      return "overhead";
    default:
      return "unknown";
  }
}

double explained_fraction(double explained_seconds, double seconds) {
  return seconds > 0 ? std::min(1.0, explained_seconds / seconds) : 0;
}

Bound largest_term(const Placement& placement) {
  const double bandwidth = placement.bandwidth_seconds, latency = placement.latency_seconds;
  if (placement.compute_seconds > std::max(bandwidth, latency)) return Bound::compute;
  return bandwidth > latency ? Bound::bandwidth : Bound::latency;
}

std::vector<std::string> Ceilings::absent() const {
  std::vector<std::string> names;
  if (all_.peak_flops == 0) names.push_back("peak_gflops." + precision_);
  if (!has_bandwidth_) names.push_back("bandwidth");
  if (least_known_set_ > 0) names.push_back("cache bandwidth");
  if (!has_dispatch_) names.push_back("dispatch");
  return names;
}

Ceilings Ceilings::with_dispatch(const DispatchSeconds& seconds) const {
  Ceilings ceilings = *this;
  if (has_dispatch_) return ceilings;
  ceilings.has_dispatch_ = true;
  ceilings.all_.dispatch_seconds = seconds.kernel;
  ceilings.all_.single_dispatch_seconds = seconds.single;
  ceilings.all_.barrier_seconds = seconds.barrier;
  return ceilings;
}

double Ceilings::transfer_seconds(double bytes_to_space, double bytes_to_host) const {
  if (link_ > 0) return (bytes_to_space + bytes_to_host) / link_;
  double seconds = 0;
  if (to_space_ && bytes_to_space > 0) seconds += to_space_->at(bytes_to_space);
  if (to_host_ && bytes_to_host > 0) seconds += to_host_->at(bytes_to_host);
  return seconds;
}

double Ceilings::Curve::at(double bytes) const {
  const double log_size = std::log(std::max(bytes, 1.0));
  const auto above = std::lower_bound(log_bytes.begin(), log_bytes.end(), log_size);
  if (above == log_bytes.begin()) return bytes_per_second.front();
  if (above == log_bytes.end()) return bytes_per_second.back();
  const std::size_t i = static_cast<std::size_t>(above - log_bytes.begin());
  const double part = (log_size - log_bytes[i - 1]) / (log_bytes[i] - log_bytes[i - 1]);
  return bytes_per_second[i - 1] + part * (bytes_per_second[i] - bytes_per_second[i - 1]);
}

double Ceilings::Set::bandwidth(double working_set_bytes) const {
  double fastest = 0;
  for (const Curve& curve : curves) fastest = std::max(fastest, curve.at(working_set_bytes));
  return fastest;
}

double Ceilings::Set::chain_bandwidth(const Work& work, bool from_other) const {
  const auto is_of_work = [&](const Chain& chain) {
    if (chain.from_other != from_other) return false;
    // With two threads, the reader itself has written triad's second operand.
    if (from_other) return chain.curve.kernel == "scale";
    return work.mostly_reads || chain.curve.kernel != "read";
  };
  // The largest measured arena that is not larger than the reuse bytes, or the smallest one:
  // its data are in a level that is at least as fast.
  double arena = 0;
  for (const Chain& chain : chains) {
    if (is_of_work(chain) && (arena == 0 || chain.arena_bytes <= work.reuse_bytes)) {
      arena = chain.arena_bytes;
    }
  }
  double fastest = 0;
  for (const Chain& chain : chains) {
    if (!is_of_work(chain) || chain.arena_bytes != arena) continue;
    fastest = std::max(fastest, chain.curve.at(work.bytes));
  }
  return fastest;
}

double Ceilings::bandwidth(double working_set_bytes) const {
  const double measured = all_.bandwidth(working_set_bytes);
  if (!most_ || working_set_bytes >= measured_from_) return measured;
  const double each = one_ ? one_->bandwidth(working_set_bytes / all_.threads) : 0;
  return std::max(measured,
                  smaller_known(all_.threads * each, most_->bandwidth(working_set_bytes)));
}

double Ceilings::bandwidth_of(const Work& work, const Set& set) const {
  const bool is_all = &set == &all_;
  const auto ladder = [&](double bytes) {
    return is_all ? bandwidth(bytes) : set.bandwidth(bytes);
  };
  if (work.reuse_bytes == 0) return ladder(work.working_set_bytes);
  double rate = set.chain_bandwidth(work, false);
  double largest_arena = set.chains.empty() ? 0 : set.chains.back().arena_bytes;
  if (is_all && most_ && !has_own_chains_) {
    Work share = work;
    share.bytes /= all_.threads;
    share.reuse_bytes /= all_.threads;
    const double each = one_ ? one_->chain_bandwidth(share, false) : 0;
    rate = std::max(rate, smaller_known(all_.threads * each, most_->chain_bandwidth(work, false)));
    if (!most_->chains.empty()) largest_arena = most_->chains.back().arena_bytes;
  }
  if (rate == 0) return ladder(work.working_set_bytes);
  // A chain through a smaller arena may have had its data in a cache.
  return work.reuse_bytes > largest_arena ? std::min(rate, ladder(work.reuse_bytes)) : rate;
}

double Ceilings::handed_on_bandwidth(const Work& work, int threads) const {
  const Set& measured = most_ && !has_own_chains_ ? *most_ : all_;
  // Each thread has its share of all threads' rate.
  Work of_all = work;
  of_all.bytes *= double(measured.threads) / threads;
  return measured.chain_bandwidth(of_all, true) * threads / measured.threads;
}

Placement Ceilings::place(const Work& work) const {
  const bool on_one_thread =
      one_ && work.parallel_dispatches == 0 && work.single_dispatches > 0 && work.barriers == 0;
  const Set& set = on_one_thread ? *one_ : all_;
  Placement placement;
  placement.threads = set.threads;
  if (set.peak_flops > 0) placement.compute_seconds = work.flops / set.peak_flops;
  const double bandwidth = has_bandwidth_ ? bandwidth_of(work, set) : 0;
  if (bandwidth > 0) placement.bandwidth_seconds = work.bytes / bandwidth;
  placement.latency_seconds = work.parallel_dispatches * set.dispatch_seconds +
                              work.single_dispatches * set.single_dispatch_seconds +
                              work.barriers * set.barrier_seconds;
  placement.ceiling = largest_term(placement);
  placement.ceiling_seconds =
      std::max({placement.latency_seconds, placement.bandwidth_seconds, placement.compute_seconds});
  const bool dispatches = work.parallel_dispatches + work.single_dispatches + work.barriers > 0;
  if ((set.peak_flops == 0 && work.flops > 0) || (bandwidth == 0 && work.bytes > 0) ||
      (work.bytes > 0 && work.working_set_bytes < 0.999 * least_known_set_) ||
      (!has_dispatch_ && dispatches)) {
    placement.ceiling = Bound::unknown;
  }
  placement.explained_seconds = placement.ceiling_seconds;
  placement.bound = placement.ceiling;
  const double handed_on = work.reuse_bytes > 0 && !work.mostly_reads && all_.threads > 1
                               ? std::min(bandwidth, handed_on_bandwidth(work, set.threads))
                               : 0;
  if (handed_on > 0 && placement.ceiling != Bound::unknown) {
    const double from_other = 1 - 1.0 / all_.threads;
    const double seconds = work.bytes * ((1 - from_other) / bandwidth + from_other / handed_on);
    if (seconds > placement.ceiling_seconds) {
      placement.explained_seconds = seconds;
      placement.bound = Bound::bandwidth;
    }
  }
  if (placement.bound != Bound::unknown) {
    const double least = kLeastExplained * work.seconds;
    placement.is_near_half = placement.explained_seconds < kRunToRun * least &&
                             kRunToRun * placement.explained_seconds > least;
    if (placement.explained_seconds < least) placement.bound = Bound::overhead;
  }
  placement.intensity = work.bytes > 0 ? work.flops / work.bytes : 0;
  if (work.seconds > 0) {
    placement.fraction_of_ceiling = placement.ceiling_seconds / work.seconds;
    placement.gflops = 1e-9 * work.flops / work.seconds;
    placement.gbytes_per_second = 1e-9 * work.bytes / work.seconds;
    placement.above_roof = work.seconds < placement.ceiling_seconds;
  }
  return placement;
}

}  // namespace ridgeline::model
