#include "model/ceilings.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "core/error.hpp"

namespace ridgeline::model {
namespace {

using io::Json;

// A place in the file, such as "machine.json: spaces.openmp.dispatch".
struct Node {
  const Json& json;
  std::string path;
};

std::string keys_of(const Json& object) {
  std::string keys;
  if (object.is_object()) {
    for (const auto& item : object.items()) keys += (keys.empty() ? "" : ", ") + item.key();
  }
  return keys.empty() ? "nothing" : keys;
}

Node child(const Node& node, const std::string& key, const std::string& advice = "") {
  const auto found = node.json.is_object() ? node.json.find(key) : node.json.end();
  if (!node.json.is_object() || found == node.json.end()) {
    throw RequestError(
        node.path + " has no \"" + key + "\" but " + keys_of(node.json) +
        (advice.empty() ? "; measure the machine anew with `ridgeline machine`" : "; " + advice));
  }
  return {*found, node.path + "." + key};
}

double positive(const Node& node) {
  if (!node.json.is_number() || !(node.json.get<double>() > 0)) {
    throw RequestError(node.path + " is " + node.json.dump() + "; must be a number above 0");
  }
  return node.json.get<double>();
}

// The best repetition of a timing, which may be 0 (a barrier of one thread).
double best_seconds(const Node& node) {
  const Node best = child(node, "min");
  if (!best.json.is_number() || !(best.json.get<double>() >= 0)) {
    throw RequestError(best.path + " is " + best.json.dump() + "; must be a number of seconds");
  }
  return best.json.get<double>();
}

std::string text_of(const Node& node) {
  if (!node.json.is_string()) throw RequestError(node.path + " must be a text");
  return node.json.get<std::string>();
}

// A measured bandwidth.
struct Point {
  std::string kernel;
  int threads = 0;
  double bytes = 0, rate = 0;
};

// One curve for each kernel and number of threads, among the points of at most so many: fewer
// threads may be faster.
template <class Curve>
std::vector<Curve> curves_of(std::vector<Point> points, int threads) {
  std::sort(points.begin(), points.end(),
            [](const Point& a, const Point& b) { return a.bytes < b.bytes; });
  std::map<std::pair<std::string, int>, Curve> curves;
  for (const Point& point : points) {
    if (point.threads > threads) continue;
    Curve& curve = curves[{point.kernel, point.threads}];
    curve.kernel = point.kernel;
    curve.log_bytes.push_back(std::log(point.bytes));
    curve.bytes_per_second.push_back(point.rate);
  }
  std::vector<Curve> list;
  for (auto& [key, curve] : curves) list.push_back(std::move(curve));
  return list;
}

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

Ceilings::Ceilings(const Json& file, const std::string& name, const std::string& space,
                   const std::string& precision, int threads)
    : precision_(precision) {
  const Node root{file, name + ":"};
  const auto measured = file.find("measured");
  const bool from_sheet = measured != file.end() && *measured == false;
  if (file.contains("complete") && file["complete"] == false) {
    throw RequestError(name + ": is incomplete, since measuring was stopped; measure the machine " +
                       "anew with `ridgeline machine`");
  }
  Node spaces = child(root, "spaces");
  spaces.path = name + ": spaces";
  const Node here =
      child(spaces, space, "measure it with `ridgeline machine --space " + space + "`");
  const bool host = space == "serial" || space == "openmp";
  read_bandwidth(here.json, here.path, from_sheet, host ? threads : 0);
  if (!host || all_.threads == 1) one_.reset();
  read_peak(spaces.json, spaces.path, space, from_sheet);
  read_dispatch(here.json, here.path, from_sheet);
  read_chains(here.json, here.path);
  read_transfers(here.json, here.path);
  if (host && threads > 0 && !from_sheet && all_.threads != threads) {
    notes_.push_back(name + " has ceilings of " + std::to_string(all_.threads) +
                     (all_.threads == 1 ? " thread" : " threads") + " and none of " +
                     std::to_string(threads) + ", as this run has");
  }
}

void Ceilings::read_bandwidth(const Json& space, const std::string& path, bool from_sheet,
                              int threads) {
  const Node list = child({space, path}, "bandwidth");
  if (!list.json.is_array() || (list.json.empty() && !from_sheet)) {
    throw RequestError(list.path + " must be a list of measured points");
  }
  std::vector<Point> points;
  std::set<int> counts;
  for (std::size_t i = 0; i < list.json.size(); ++i) {
    const Node node{list.json[i], list.path + "[" + std::to_string(i) + "]"};
    Point point;
    point.threads = static_cast<int>(positive(child(node, "threads")));
    point.kernel = text_of(child(node, "kernel"));
    // Pages and stores are a choice of the program: the faster one is the ceiling.
    for (const char* key : {"pages", "stores"}) {
      const auto variant = node.json.find(key);
      if (variant != node.json.end() && variant->is_string()) {
        point.kernel += "/" + variant->get<std::string>();
      }
    }
    point.bytes = positive(child(node, "working_set_bytes"));
    point.rate = 1e9 * positive(child(node, "gbytes_per_second"));
    counts.insert(point.threads);
    points.push_back(std::move(point));
  }
  if (counts.empty()) return;
  all_.threads = *counts.rbegin();
  if (threads > 0) {
    all_.threads = *counts.begin();
    for (const int count : counts) {
      if (count <= threads) all_.threads = count;
    }
  }
  all_.curves = curves_of<Curve>(points, all_.threads);
  if (from_sheet && points.size() == 1) least_known_set_ = points.front().bytes;
  if (counts.count(1) == 0) return;
  one_.emplace();
  one_->threads = 1;
  one_->curves = curves_of<Curve>(points, 1);
}

void Ceilings::read_peak(const Json& spaces, const std::string& path, const std::string& space,
                         bool from_sheet) {
  const Node here = child({spaces, path}, space);
  const Node peaks = child(here, "peak_gflops");
  if (from_sheet && !peaks.json.contains(precision_)) return;
  const double whole = 1e9 * positive(child(peaks, precision_));
  const bool host = space == "serial" || space == "openmp";
  const auto concurrency = here.json.find("concurrency");
  const int most = concurrency != here.json.end() && concurrency->is_number_integer()
                       ? concurrency->get<int>()
                       : all_.threads;
  const auto peak_of = [&](int threads) {
    const auto list = here.json.find("peaks");
    if (list != here.json.end() && list->is_array()) {
      for (std::size_t i = 0; i < list->size(); ++i) {
        const Node node{(*list)[i], here.path + ".peaks[" + std::to_string(i) + "]"};
        if (text_of(child(node, "precision")) != precision_ ||
            static_cast<int>(positive(child(node, "threads"))) != threads) {
          continue;
        }
        return 1e9 * positive(child(node, "gflops"));
      }
    }
    if (threads == 1 && spaces.contains("serial") && spaces["serial"].contains("peak_gflops") &&
        spaces["serial"]["peak_gflops"].contains(precision_)) {
      const Node serial = child(child({spaces, path}, "serial"), "peak_gflops");
      return 1e9 * positive(child(serial, precision_));
    }
    // Cores do not share what multiplies and adds.
    return whole * threads / std::max(1, most);
  };
  all_.peak_flops = !host || from_sheet || all_.threads == most ? whole : peak_of(all_.threads);
  if (one_) one_->peak_flops = peak_of(1);
}

void Ceilings::read_dispatch(const Json& space, const std::string& path, bool from_sheet) {
  const Node dispatch = child({space, path}, "dispatch");
  has_dispatch_ = !from_sheet || dispatch.json.contains("empty_kernel");
  if (!has_dispatch_) return;
  all_.dispatch_seconds = best_seconds(child(dispatch, "empty_kernel"));
  // A device has no kernels on the calling thread, and not every team can have a barrier.
  all_.single_dispatch_seconds = dispatch.json.contains("single_thread_kernel")
                                     ? best_seconds(child(dispatch, "single_thread_kernel"))
                                     : all_.dispatch_seconds;
  all_.barrier_seconds =
      dispatch.json.contains("team_barrier") ? best_seconds(child(dispatch, "team_barrier")) : 0;
  if (!one_) return;
  one_->dispatch_seconds = one_->single_dispatch_seconds = all_.single_dispatch_seconds;
}

void Ceilings::read_chains(const Json& space, const std::string& path) {
  const auto chain = space.find("chain");
  if (chain == space.end()) return;
  if (!chain->is_array()) throw RequestError(path + ".chain must be a list of measured points");
  std::map<double, std::vector<Point>> by_arena;
  for (std::size_t i = 0; i < chain->size(); ++i) {
    const Node node{(*chain)[i], path + ".chain[" + std::to_string(i) + "]"};
    Point point;
    point.threads = static_cast<int>(positive(child(node, "threads")));
    point.kernel = text_of(child(node, "kernel"));
    if (text_of(child(node, "handoff")) == "other") point.kernel += "/other";
    point.bytes = positive(child(node, "bytes"));
    point.rate = 1e9 * positive(child(node, "gbytes_per_second"));
    by_arena[positive(child(node, "arena_bytes"))].push_back(point);
  }
  for (const auto& [arena, points] : by_arena) {
    for (Set* const set : {&all_, one_ ? &*one_ : nullptr}) {
      if (set == nullptr) continue;
      for (Curve& curve : curves_of<Curve>(points, set->threads)) {
        set->chains.emplace_back(arena, std::move(curve));
      }
    }
  }
}

std::vector<std::string> Ceilings::absent() const {
  std::vector<std::string> names;
  if (all_.peak_flops == 0) names.push_back("peak_gflops." + precision_);
  if (all_.curves.empty()) names.push_back("bandwidth");
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

void Ceilings::read_transfers(const Json& space, const std::string& path) {
  const auto transfer = space.find("transfer");
  const auto link = space.find("link_gbytes_per_second");
  if (link != space.end() && !link->is_null()) {
    link_ = 1e9 * positive({*link, path + ".link_gbytes_per_second"});
  }
  if (transfer == space.end()) return;
  if (!transfer->is_array())
    throw RequestError(path + ".transfer must be a list of measured points");
  for (const bool to_space : {true, false}) {
    std::vector<double> bytes, seconds;
    for (std::size_t i = 0; i < transfer->size(); ++i) {
      const Node point{(*transfer)[i], path + ".transfer[" + std::to_string(i) + "]"};
      if (child(point, "direction").json != (to_space ? "host_to_device" : "device_to_host") ||
          child(point, "host_memory").json != "pinned") {
        continue;
      }
      bytes.push_back(positive(child(point, "bytes")));
      seconds.push_back(positive(child(child(point, "seconds"), "median")));
    }
    (to_space ? to_space_ : to_host_) = fit_launch_cost(bytes, seconds);
  }
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
  // The largest measured arena that is no larger than what is touched in between: its data are
  // found in a level that is at least as near.
  double arena = chains.front().first;
  for (const auto& [size, curve] : chains) {
    if (size <= work.reuse_bytes) arena = size;
  }
  double fastest = 0;
  for (const auto& [size, curve] : chains) {
    const bool is_other = curve.kernel.find("/other") != std::string::npos;
    if (size != arena || is_other != from_other || (curve.kernel == "read" && !work.mostly_reads)) {
      continue;
    }
    fastest = std::max(fastest, curve.at(work.bytes));
  }
  return fastest;
}

Placement Ceilings::place(const Work& work) const {
  const bool on_one_thread =
      one_ && work.parallel_dispatches == 0 && work.single_dispatches > 0 && work.barriers == 0;
  const Set& set = on_one_thread ? *one_ : all_;
  Placement placement;
  placement.threads = set.threads;
  if (set.peak_flops > 0) placement.compute_seconds = work.flops / set.peak_flops;
  if (!set.curves.empty()) {
    const bool in_chain = work.reuse_bytes > 0 && !set.chains.empty();
    placement.bandwidth_seconds = work.bytes / (in_chain ? set.chain_bandwidth(work, false)
                                                         : set.bandwidth(work.working_set_bytes));
  }
  placement.latency_seconds = work.parallel_dispatches * set.dispatch_seconds +
                              work.single_dispatches * set.single_dispatch_seconds +
                              work.barriers * set.barrier_seconds;
  placement.ceiling_seconds = placement.latency_seconds;
  placement.ceiling = Bound::latency;
  if (placement.bandwidth_seconds > placement.ceiling_seconds) {
    placement.ceiling_seconds = placement.bandwidth_seconds;
    placement.ceiling = Bound::bandwidth;
  }
  if (placement.compute_seconds > placement.ceiling_seconds) {
    placement.ceiling_seconds = placement.compute_seconds;
    placement.ceiling = Bound::compute;
  }
  const bool dispatches = work.parallel_dispatches + work.single_dispatches + work.barriers > 0;
  if ((set.peak_flops == 0 && work.flops > 0) || (set.curves.empty() && work.bytes > 0) ||
      (work.bytes > 0 && work.working_set_bytes < 0.999 * least_known_set_) ||
      (!has_dispatch_ && dispatches)) {
    placement.ceiling = Bound::unknown;
  }
  placement.explained_seconds = placement.ceiling_seconds;
  if (work.reuse_bytes > 0 && !work.mostly_reads && !set.chains.empty()) {
    const double handed_on = set.chain_bandwidth(work, true);
    if (handed_on > 0) {
      placement.explained_seconds = std::max(placement.explained_seconds, work.bytes / handed_on);
      if (placement.explained_seconds > placement.ceiling_seconds) {
        placement.ceiling = Bound::bandwidth;
      }
    }
  }
  placement.bound = placement.ceiling;
  if (placement.bound != Bound::unknown &&
      placement.explained_seconds < kLeastExplained * work.seconds) {
    placement.bound = Bound::overhead;
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
