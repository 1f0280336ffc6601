#include "model/ceilings.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "core/error.hpp"
#include "io/units.hpp"
#include "machine/probe.hpp"

namespace ridgeline::model {
namespace {

using io::Json;

// Returns a place in the file, such as "machine.json: spaces.openmp.dispatch".
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
  // Values beyond any machine are damage, and would be printed with hundreds of digits.
  constexpr double kLeast = 1e-12, kMost = 1e18;
  const double value = node.json.is_number() ? node.json.get<double>() : 0;
  if (!(value > 0)) {
    throw RequestError(node.path + " is " + node.json.dump() + "; must be a number above 0");
  }
  if (!(value >= kLeast && value <= kMost)) {
    throw RequestError(node.path + " is " + node.json.dump() + "; must be from 1e-12 to 1e18");
  }
  return value;
}

// A number of threads.
int count_of(const Node& node) {
  constexpr double kMost = 1e9;
  const double count = node.json.is_number() ? node.json.get<double>() : 0;
  if (!(count >= 1 && count <= kMost) || count != std::floor(count)) {
    throw RequestError(node.path + " is " + node.json.dump() + "; must be a whole number above 0");
  }
  return static_cast<int>(count);
}

// Returns the best repetition of a timing, which may be 0 (a barrier of one thread).
double best_seconds(const Node& node) {
  const Node best = child(node, "min");
  constexpr double kMost = 1e6;
  const double seconds = best.json.is_number() ? best.json.get<double>() : -1;
  if (!(seconds >= 0 && seconds <= kMost)) {
    throw RequestError(best.path + " is " + best.json.dump() +
                       "; must be a number of seconds, at most a million");
  }
  return seconds;
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

// Returns one curve per kernel and number of threads, of the points with at most `threads`: fewer
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
  read_dispatch(here.json, here.path, from_sheet, host);
  read_chains(here.json, here.path);
  read_transfers(here.json, here.path);
  if (host && threads > 0 && !from_sheet) note_threads(name, threads);
}

void Ceilings::note_threads(const std::string& name, int threads) {
  if (all_.threads != threads) {
    notes_.push_back(fmt::format("{} has ceilings of {} and none of {}, as this run has", name,
                                 io::show_count(all_.threads, "thread"), threads));
    return;
  }
  if (!most_) return;
  std::vector<std::string> bounded;
  if (!peak_is_measured_) bounded.push_back("peak arithmetic");
  if (std::isinf(measured_from_)) {
    bounded.push_back("bandwidth");
  } else if (measured_from_ > 0) {
    bounded.push_back("bandwidth below " + machine::readable_bytes(measured_from_));
  }
  if (!has_own_chains_) bounded.push_back("chains");
  if (bounded.empty() && threads == 1) return;
  std::string note =
      fmt::format("{} was measured with up to {}, and not all of it with the {} of this run", name,
                  io::show_count(most_->threads, "thread"), threads);
  const std::string all = fmt::format("all {} threads'", most_->threads);
  if (!bounded.empty()) {
    note += fmt::format(": for {} stands {}", fmt::join(bounded, ", "),
                        one_ ? fmt::format("the smaller of {} times one thread's and {}, an upper "
                                           "bound",
                                           threads, all)
                             : all + ", an upper bound");
  }
  if (threads > 1) note += (bounded.empty() ? ": for" : "; for") + (" dispatch " + all + " cost");
  notes_.push_back(note);
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
    point.threads = count_of(child(node, "threads"));
    point.kernel = text_of(child(node, "kernel"));
    // A program can choose pages and stores: the faster one is the ceiling.
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
  if (counts.empty()) {
    const auto concurrency = space.find("concurrency");
    const bool known = concurrency != space.end() && !concurrency->is_null();
    all_.threads = known ? count_of({*concurrency, path + ".concurrency"}) : 1;
    return;
  }
  has_bandwidth_ = true;
  const int most = *counts.rbegin();
  all_.threads = threads > 0 && !from_sheet ? std::min(threads, most) : most;
  all_.curves = curves_of<Curve>(points, all_.threads);
  if (from_sheet && points.size() == 1) least_known_set_ = points.front().bytes;
  if (all_.threads < most) {
    most_ = Set();  // Clang 14 cannot emplace a nested class with initial values
    most_->threads = most;
    most_->curves = curves_of<Curve>(points, most);
    const auto smallest_of = [&](int count) {
      double smallest = std::numeric_limits<double>::infinity();
      for (const Point& point : points) {
        if (point.threads == count) smallest = std::min(smallest, point.bytes);
      }
      return smallest;
    };
    measured_from_ = smallest_of(all_.threads);
    if (measured_from_ < 2 * smallest_of(most)) measured_from_ = 0;
  }
  if (counts.count(1) == 0) return;
  one_ = Set();
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
  const int most = concurrency != here.json.end() && !concurrency->is_null()
                       ? count_of({*concurrency, here.path + ".concurrency"})
                       : std::max(all_.threads, most_ ? most_->threads : 0);
  const auto measured_peak = [&](int threads) -> std::optional<double> {
    if (threads == most) return whole;
    const auto list = here.json.find("peaks");
    if (list != here.json.end() && list->is_array()) {
      for (std::size_t i = 0; i < list->size(); ++i) {
        const Node node{(*list)[i], here.path + ".peaks[" + std::to_string(i) + "]"};
        if (text_of(child(node, "precision")) != precision_ ||
            count_of(child(node, "threads")) != threads) {
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
    return std::nullopt;
  };
  all_.peak_flops = whole;
  if (!host || from_sheet) return;
  // Cores do not share arithmetic units.
  const double one = measured_peak(1).value_or(whole / most);
  if (one_) one_->peak_flops = one;
  const std::optional<double> measured = measured_peak(all_.threads);
  peak_is_measured_ = measured.has_value() || all_.threads == 1;
  all_.peak_flops = measured.value_or(std::min(whole, one * all_.threads));
}

void Ceilings::read_dispatch(const Json& space, const std::string& path, bool from_sheet,
                             bool host) {
  const Node dispatch = child({space, path}, "dispatch");
  has_dispatch_ = !from_sheet || dispatch.json.contains("empty_kernel");
  if (!has_dispatch_) return;
  all_.dispatch_seconds = best_seconds(child(dispatch, "empty_kernel"));
  // A device has no kernels on the calling thread; a host's data sheet does not mention them, and
  // they start no threads; and not every team can have a barrier.
  all_.single_dispatch_seconds = dispatch.json.contains("single_thread_kernel")
                                     ? best_seconds(child(dispatch, "single_thread_kernel"))
                                 : from_sheet && host ? 0
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
  std::map<std::pair<double, bool>, std::vector<Point>> by_arena;
  std::set<int> counts;
  for (std::size_t i = 0; i < chain->size(); ++i) {
    const Node node{(*chain)[i], path + ".chain[" + std::to_string(i) + "]"};
    Point point;
    point.threads = count_of(child(node, "threads"));
    point.kernel = text_of(child(node, "kernel"));
    const bool from_other = text_of(child(node, "handoff")) == "other";
    point.bytes = positive(child(node, "bytes"));
    point.rate = 1e9 * positive(child(node, "gbytes_per_second"));
    by_arena[{positive(child(node, "arena_bytes")), from_other}].push_back(point);
    counts.insert(point.threads);
  }
  has_own_chains_ = counts.empty() || counts.count(all_.threads) > 0;
  for (const auto& [arena, points] : by_arena) {
    for (Set* const set : {&all_, one_ ? &*one_ : nullptr, most_ ? &*most_ : nullptr}) {
      if (set == nullptr) continue;
      std::vector<Point> of_set = points;
      // The exchange among fewer threads differs from that among these.
      if (arena.second) {
        const auto other_count = [&](const Point& p) { return p.threads != set->threads; };
        of_set.erase(std::remove_if(of_set.begin(), of_set.end(), other_count), of_set.end());
      }
      for (Curve& curve : curves_of<Curve>(of_set, set->threads)) {
        set->chains.push_back({arena.first, arena.second, std::move(curve)});
      }
    }
  }
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

}  // namespace ridgeline::model
