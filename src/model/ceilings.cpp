#include "model/ceilings.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
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

}  // namespace

std::string to_string(Bound bound) {
  switch (bound) {
    case Bound::compute:
      return "compute";
    case Bound::bandwidth:
      return "bandwidth";
    case Bound::latency:
      return "latency";
    default:
      return "unknown";
  }
}

Ceilings::Ceilings(const Json& file, const std::string& name, const std::string& space,
                   const std::string& precision)
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

  const Node peaks = child(here, "peak_gflops");
  if (!from_sheet || peaks.json.contains(precision)) {
    peak_flops_ = 1e9 * positive(child(peaks, precision));
  }

  const Node bandwidth = child(here, "bandwidth");
  if (!bandwidth.json.is_array() || (bandwidth.json.empty() && !from_sheet)) {
    throw RequestError(bandwidth.path + " must be a list of measured points");
  }
  // With all threads: as many as the point with the most.
  double most_threads = 0;
  const auto point_at = [&](std::size_t i) {
    return Node{bandwidth.json[i], bandwidth.path + "[" + std::to_string(i) + "]"};
  };
  for (std::size_t i = 0; i < bandwidth.json.size(); ++i) {
    most_threads = std::max(most_threads, positive(child(point_at(i), "threads")));
  }
  struct Point {
    double log_bytes, bytes_per_second;
  };
  std::vector<std::pair<std::string, std::vector<Point>>> kernels;
  for (std::size_t i = 0; i < bandwidth.json.size(); ++i) {
    const Node point = point_at(i);
    if (positive(child(point, "threads")) != most_threads) continue;
    const Node kernel = child(point, "kernel");
    if (!kernel.json.is_string()) throw RequestError(kernel.path + " must be a kernel's name");
    const std::string kernel_name = kernel.json.get<std::string>();
    auto found = std::find_if(kernels.begin(), kernels.end(),
                              [&](const auto& other) { return other.first == kernel_name; });
    if (found == kernels.end()) found = kernels.insert(kernels.end(), {kernel_name, {}});
    found->second.push_back({std::log(positive(child(point, "working_set_bytes"))),
                             1e9 * positive(child(point, "gbytes_per_second"))});
  }
  for (auto& [kernel, points] : kernels) {
    std::sort(points.begin(), points.end(),
              [](const Point& a, const Point& b) { return a.log_bytes < b.log_bytes; });
    Curve curve;
    curve.kernel = kernel;
    for (const Point& point : points) {
      curve.log_bytes.push_back(point.log_bytes);
      curve.bytes_per_second.push_back(point.bytes_per_second);
    }
    curves_.push_back(std::move(curve));
  }

  if (from_sheet && bandwidth.json.size() == 1) {
    least_known_set_ = std::exp(curves_.front().log_bytes.front());
  }

  const Node dispatch = child(here, "dispatch");
  read_transfers(here.json, here.path);
  has_dispatch_ = !from_sheet || dispatch.json.contains("empty_kernel");
  if (!has_dispatch_) return;
  dispatch_seconds_ = best_seconds(child(dispatch, "empty_kernel"));
  // A device has no kernels on the calling thread, and not every team can have a barrier.
  single_dispatch_seconds_ = dispatch.json.contains("single_thread_kernel")
                                 ? best_seconds(child(dispatch, "single_thread_kernel"))
                                 : dispatch_seconds_;
  barrier_seconds_ =
      dispatch.json.contains("team_barrier") ? best_seconds(child(dispatch, "team_barrier")) : 0;
}

std::vector<std::string> Ceilings::absent() const {
  std::vector<std::string> names;
  if (peak_flops_ == 0) names.push_back("peak_gflops." + precision_);
  if (curves_.empty()) names.push_back("bandwidth");
  if (least_known_set_ > 0) names.push_back("cache bandwidth");
  if (!has_dispatch_) names.push_back("dispatch");
  return names;
}

Ceilings Ceilings::with_dispatch(const DispatchSeconds& seconds) const {
  Ceilings ceilings = *this;
  if (has_dispatch_) return ceilings;
  ceilings.has_dispatch_ = true;
  ceilings.dispatch_seconds_ = seconds.kernel;
  ceilings.single_dispatch_seconds_ = seconds.single;
  ceilings.barrier_seconds_ = seconds.barrier;
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

double Ceilings::Curve::at(double log_working_set) const {
  const auto above = std::lower_bound(log_bytes.begin(), log_bytes.end(), log_working_set);
  if (above == log_bytes.begin()) return bytes_per_second.front();
  if (above == log_bytes.end()) return bytes_per_second.back();
  const std::size_t i = static_cast<std::size_t>(above - log_bytes.begin());
  const double part = (log_working_set - log_bytes[i - 1]) / (log_bytes[i] - log_bytes[i - 1]);
  return bytes_per_second[i - 1] + part * (bytes_per_second[i] - bytes_per_second[i - 1]);
}

double Ceilings::bandwidth(double working_set_bytes) const {
  const double log_working_set = std::log(std::max(working_set_bytes, 1.0));
  double fastest = 0;
  for (const Curve& curve : curves_) fastest = std::max(fastest, curve.at(log_working_set));
  return fastest;
}

Placement Ceilings::place(const Work& work) const {
  Placement placement;
  if (peak_flops_ > 0) placement.compute_seconds = work.flops / peak_flops_;
  if (!curves_.empty()) {
    placement.bandwidth_seconds = work.bytes / bandwidth(work.working_set_bytes);
  }
  placement.latency_seconds = work.parallel_dispatches * dispatch_seconds_ +
                              work.single_dispatches * single_dispatch_seconds_ +
                              work.barriers * barrier_seconds_;
  placement.ceiling_seconds = placement.latency_seconds;
  placement.bound = Bound::latency;
  if (placement.bandwidth_seconds > placement.ceiling_seconds) {
    placement.ceiling_seconds = placement.bandwidth_seconds;
    placement.bound = Bound::bandwidth;
  }
  if (placement.compute_seconds > placement.ceiling_seconds) {
    placement.ceiling_seconds = placement.compute_seconds;
    placement.bound = Bound::compute;
  }
  const bool dispatches = work.parallel_dispatches + work.single_dispatches + work.barriers > 0;
  if ((peak_flops_ == 0 && work.flops > 0) || (curves_.empty() && work.bytes > 0) ||
      (work.bytes > 0 && work.working_set_bytes < 0.999 * least_known_set_) ||
      (!has_dispatch_ && dispatches)) {
    placement.bound = Bound::unknown;
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
