#include "studies/dispatch.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "core/timing.hpp"
#include "io/units.hpp"
#include "machine/dispatch.hpp"
#include "machine/peak.hpp"
#include "machine/small_kernel.hpp"
#include "machine/space_memory.hpp"
#include "machine/transfer.hpp"
#include "model/launch_cost.hpp"

namespace ridgeline::studies {
namespace {

using machine::readable_bytes;
using machine::SmallKernel;
using machine::TransferPoint;
using model::LaunchCost;

// What the study measures, after all checks.
struct DispatchPlan {
  std::size_t smallest;
  int per_octave;
  std::vector<std::pair<SpaceKind, std::size_t>> spaces;  // with the bytes of the largest kernel
};

DispatchPlan plan_of(const DispatchBounds& bounds, bool quick) {
  DispatchPlan plan;
  plan.smallest = bounds.smallest > 0 ? bounds.smallest : 256;
  plan.per_octave = bounds.per_octave > 0 ? bounds.per_octave : quick ? 2 : 4;
  for (const SpaceKind space : bounds.spaces) {
    const std::size_t largest =
        bounds.largest > 0 ? bounds.largest
                           : std::min(std::size_t{machine::is_host(space) ? 64u : 256u} << 20,
                                      machine::memory_share(space));
    require_order("--from and --to", static_cast<double>(plan.smallest),
                  static_cast<double>(largest));
    require_memory(space, static_cast<double>(largest));
    plan.spaces.emplace_back(space, largest);
  }
  return plan;
}

// Kernels of one size.
struct KernelPoint {
  std::size_t bytes;
  Timing back_to_back, fenced;
};

// One size in 1, 2, 4 … kernels.
struct BrokenUp {
  struct Point {
    std::size_t kernels;
    Timing seconds;
  };
  std::size_t bytes;
  std::vector<Point> points;
  bool complete = false;  // false if it was stopped before its end
};

// T = a + V/b of kernels, up to the size where the curve bends.
struct KernelFit {
  LaunchCost cost;
  double straight_bytes;
  double half_rate_bytes;  // as measured
  bool has_both() const { return cost.seconds.reached() && cost.bytes_per_second.reached(); }
  // Returns the expected seconds of `bytes` in several kernels, k·a + V/b.
  double broken_up(double bytes, std::size_t kernels) const {
    return static_cast<double>(kernels) * cost.seconds.value + bytes / cost.bytes_per_second.value;
  }
};

// The measurements on one space.
struct DispatchMeasurement {
  SpaceKind kind;
  machine::DispatchCosts costs;
  std::vector<KernelPoint> kernels;
  std::optional<KernelFit> back_to_back;  // decides which size is broken up
  std::optional<BrokenUp> broken_up;      // at the largest size of the fit, if there is a fit
  std::vector<TransferPoint> transfers;
  std::vector<std::string> notes;  // on transfers that were left out
};

// Returns nullopt if T = a + V/b fits no part of the curve.
std::optional<KernelFit> fit_kernels(const std::vector<KernelPoint>& points,
                                     Timing KernelPoint::*timing) {
  std::vector<double> bytes, seconds;
  for (const KernelPoint& point : points) {
    bytes.push_back(static_cast<double>(point.bytes));
    seconds.push_back((point.*timing).median);
  }
  const std::size_t count = model::straight_points(bytes, seconds);
  bytes.resize(count), seconds.resize(count);
  const auto cost = model::fit_launch_cost(bytes, seconds);
  if (!cost) return std::nullopt;
  return KernelFit{*cost, bytes.back(), model::measured_half_rate(bytes, seconds)};
}

template <class Space>
std::vector<KernelPoint> measure_kernels(const Space& instance, const SmallKernel<Space>& kernel,
                                         const std::vector<std::size_t>& sizes,
                                         const std::string& space, const MeasureOptions& options,
                                         const Control& control) {
  std::vector<KernelPoint> points;
  for (const std::size_t bytes : sizes) {
    if (control.should_stop()) break;
    const std::size_t n = bytes / SmallKernel<Space>::kBytesPerElement;
    const Timing back_to_back = measure(instance, options, [&] { kernel.run(0, n); });
    const Timing fenced = measure(instance, options, [&] {
      kernel.run(0, n);
      instance.fence();
    });
    points.push_back({bytes, back_to_back, fenced});
    control.tell(space + ": kernels of " + readable_bytes(static_cast<double>(bytes)));
  }
  return points;
}

template <class Space>
BrokenUp measure_broken_up(const Space& instance, const SmallKernel<Space>& kernel,
                           std::size_t bytes, const MeasureOptions& options,
                           const Control& control) {
  BrokenUp result{bytes, {}};
  const std::size_t n = bytes / SmallKernel<Space>::kBytesPerElement;
  for (std::size_t kernels = 1; kernels <= 256 && kernels * 8 <= n; kernels *= 2) {
    if (control.should_stop()) return result;
    const Timing seconds = measure(instance, options, [&] {
      for (std::size_t k = 0; k < kernels; ++k) {
        kernel.run(n * k / kernels, n * (k + 1) / kernels);
      }
    });
    result.points.push_back({kernels, seconds});
  }
  result.complete = true;
  return result;
}

std::vector<TransferPoint> measure_transfers(SpaceKind kind, const Control& control,
                                             std::vector<std::string>& notes) {
  machine::TransferOptions options;
  options.largest =
      std::min({std::size_t{control.quick ? 64u : 256u} << 20, machine::memory_share(kind),
                machine::memory_share(SpaceKind::serial)});
  options.per_octave = control.quick ? 1 : 2;
  options.budget_seconds = control.quick ? 2 : 8;
  options.stopped = control.stopped;
  return machine::transfer_ladder(kind, options, control.progress, &notes);
}

template <class Space>
DispatchMeasurement measure_space(const Space& instance, SpaceKind kind, std::size_t largest,
                                  const DispatchPlan& plan, const Control& control) {
  const std::string space = to_string(kind);
  machine::warm_up(kind);
  MeasureOptions costs_options;
  costs_options.min_seconds = control.quick ? 0.05 : 0.2;
  DispatchMeasurement measured{kind, machine::measure_dispatch(kind, costs_options), {}, {}, {}, {},
                               {}};
  const auto sizes = machine::working_sets(plan.smallest, largest, plan.per_octave,
                                           8 * SmallKernel<Space>::kBytesPerElement);
  SmallKernel<Space> kernel(instance, sizes.back() / SmallKernel<Space>::kBytesPerElement);
  MeasureOptions options = MeasureOptions::ladder_point();
  options.clock = Clock::host;
  options.stopped = control.stopped;
  measured.kernels = measure_kernels(instance, kernel, sizes, space, options, control);
  if (measured.kernels.size() == sizes.size() && !kernel.verify(kernel.size())) {
    throw RunError("the dispatch study's kernel computed a wrong result on " + space);
  }
  // The fit determines which size is broken up.
  measured.back_to_back = fit_kernels(measured.kernels, &KernelPoint::back_to_back);
  if (measured.back_to_back && measured.back_to_back->has_both()) {
    measured.broken_up = measure_broken_up(
        instance, kernel, static_cast<std::size_t>(measured.back_to_back->straight_bytes), options,
        control);
  }
  if (!machine::is_host(kind) && !control.should_stop()) {
    measured.transfers = measure_transfers(kind, control, measured.notes);
  }
  return measured;
}

// Transfers of one direction and kind of host memory.
struct TransferFit {
  std::string name;  // "host_to_device, pinned"
  std::vector<const TransferPoint*> points;
  std::optional<LaunchCost> cost;
};

struct DispatchFit {
  std::optional<KernelFit> back_to_back, fenced;
  std::vector<TransferFit> transfers;  // none on a host
};

DispatchFit fit(const DispatchMeasurement& measured) {
  DispatchFit fits{measured.back_to_back, fit_kernels(measured.kernels, &KernelPoint::fenced), {}};
  for (const char* direction : {"host_to_device", "device_to_host"}) {
    for (const char* memory : {"pinned", "pageable"}) {
      TransferFit transfer{std::string(direction) + ", " + memory, {}, {}};
      std::vector<double> bytes, seconds;
      for (const TransferPoint& point : measured.transfers) {
        if (point.direction != direction || point.host_memory != memory) continue;
        transfer.points.push_back(&point);
        bytes.push_back(static_cast<double>(point.bytes));
        seconds.push_back(point.seconds.median);
      }
      transfer.cost = model::fit_launch_cost(bytes, seconds);
      if (!transfer.points.empty()) fits.transfers.push_back(std::move(transfer));
    }
  }
  return fits;
}

std::string show_rate(double bytes_per_second) { return io::show_bytes(bytes_per_second) + "/s"; }

io::Json json_of(const LaunchCost& cost) {
  return {{"a_seconds", to_json(cost.seconds)},
          {"b_bytes_per_second", to_json(cost.bytes_per_second)},
          {"half_rate_bytes", to_json(cost.half_rate_bytes)},
          {"relative_deviation", cost.residual_deviation}};
}

std::vector<io::Cell> row_of(const std::string& space, const std::string& quantity,
                             const LaunchCost& cost) {
  return {space, quantity, estimate_cell(cost.seconds, io::show_seconds),
          estimate_cell(cost.bytes_per_second, show_rate),
          estimate_cell(cost.half_rate_bytes, readable_bytes)};
}

Study empty_study(const DispatchPlan& plan) {
  Study study("dispatch", "breaking up and recombining has a price",
              {{"space", "space", io::Align::left},
               {"what", "what", io::Align::left, 0},
               {"per call, or a", "a_seconds"},
               {"rate b", "b_bytes_per_second"},
               {"half the rate at", "half_rate_bytes"},
               {"measured", "half_rate_measured_bytes", io::Align::right, 2},
               {"straight up to", "fitted_up_to_bytes", io::Align::right, 3}});
  study.settings = {{"smallest_bytes", plan.smallest}, {"per_octave", plan.per_octave}};
  note_binding(study.notes);
  return study;
}

void present_costs(const std::string& space, const machine::DispatchCosts& costs, Study& study) {
  const auto add = [&](const std::string& quantity, const Timing& seconds) {
    study.add_point({{"space", space}, {"what", quantity}, {"seconds", seconds}},
                    space + ", " + quantity, {seconds});
    study.table.add_row({space, quantity, io::time_cell(seconds)});
  };
  add("empty kernel", costs.empty_kernel);
  add("empty kernel and fence", costs.empty_kernel_fenced);
  add("reduction to a scalar", costs.reduction);
  if (costs.single_thread_kernel) add("kernel kept on one thread", *costs.single_thread_kernel);
  if (costs.team_barrier) {
    add("barrier of " + io::show_count(costs.team_size, "thread"), *costs.team_barrier);
  }
}

void present_fit(const std::string& space, const std::string& quantity,
                 const std::optional<KernelFit>& fitted, Study& study) {
  if (!fitted) {
    study.notes.push_back(space + ", " + quantity + ": T = a + V/b fits no part of the curve");
    return;
  }
  io::Json json = json_of(fitted->cost);
  json["fitted_up_to_bytes"] = fitted->straight_bytes;
  json["half_rate_measured_bytes"] = fitted->half_rate_bytes;
  study.fit[space][quantity] = json;
  std::vector<io::Cell> row = row_of(space, quantity, fitted->cost);
  row.push_back(bytes_cell(fitted->half_rate_bytes));
  row.push_back(bytes_cell(fitted->straight_bytes));
  study.table.add_row(row);
}

void present_kernels(const std::string& space, const DispatchMeasurement& measured,
                     const DispatchFit& fits, Study& study) {
  for (const KernelPoint& point : measured.kernels) {
    study.add_point({{"space", space},
                     {"what", "kernel"},
                     {"bytes", point.bytes},
                     {"seconds", point.back_to_back},
                     {"seconds_fenced", point.fenced}},
                    fmt::format("{}, kernel, bytes {}", space, point.bytes),
                    {point.back_to_back, point.fenced});
  }
  present_fit(space, "kernels back to back", fits.back_to_back, study);
  present_fit(space, "kernels, each fenced", fits.fenced, study);
  if (!fits.back_to_back) return;
  const KernelFit& fitted = *fits.back_to_back;
  study.answers.push_back(space + ": " + tell_launch_cost(fitted.cost, fitted.straight_bytes));
}

// Compares one size in several kernels with the fit.
void present_broken_up(const std::string& space, const BrokenUp& broken_up, const KernelFit& fitted,
                       Study& study) {
  const double bytes = static_cast<double>(broken_up.bytes);
  double worst = 0;
  for (const auto& [kernels, seconds] : broken_up.points) {
    const double predicted = fitted.broken_up(bytes, kernels);
    worst = std::max(worst, std::abs(std::log2(seconds.median / predicted)));
    study.add_point(
        {{"space", space},
         {"what", "broken up"},
         {"bytes", broken_up.bytes},
         {"kernels", kernels},
         {"seconds", seconds},
         {"predicted_seconds", predicted}},
        fmt::format("{}, broken up, bytes {}, kernels {}", space, broken_up.bytes, kernels),
        {seconds});
  }
  if (!broken_up.complete || broken_up.points.empty()) return;
  const BrokenUp::Point &whole = broken_up.points.front(), &last = broken_up.points.back();
  study.answers.push_back(fmt::format(
      "{}: {} in {} kernels instead of one takes {:.1f} times as long; k·a + V/b says so within a "
      "factor of {:.2f} for every k measured",
      space, readable_bytes(bytes), last.kernels, last.seconds.median / whole.seconds.median,
      std::exp2(worst)));
}

void present_transfer(const std::string& space, const TransferFit& transfer, Study& study) {
  for (const TransferPoint* point : transfer.points) {
    study.add_point({{"space", space},
                     {"what", transfer.name},
                     {"bytes", point->bytes},
                     {"seconds", point->seconds}},
                    fmt::format("{}, {}, bytes {}", space, transfer.name, point->bytes),
                    {point->seconds});
  }
  if (!transfer.cost) return;
  study.fit[space][transfer.name] = json_of(*transfer.cost);
  study.table.add_row(row_of(space, transfer.name, *transfer.cost));
}

void present(const DispatchMeasurement& measured, const DispatchFit& fits, Study& study) {
  const std::string space = to_string(measured.kind);
  present_costs(space, measured.costs, study);
  present_kernels(space, measured, fits, study);
  if (measured.broken_up) {
    present_broken_up(space, *measured.broken_up, *fits.back_to_back, study);
  }
  study.notes.insert(study.notes.end(), measured.notes.begin(), measured.notes.end());
  for (const TransferFit& transfer : fits.transfers) present_transfer(space, transfer, study);
}

}  // namespace

std::string tell_launch_cost(const LaunchCost& cost, double bytes) {
  const std::string a = shown(cost.seconds, io::show_seconds);
  const std::string b = shown(cost.bytes_per_second, show_rate);
  if (!cost.seconds.reached()) {
    return fmt::format(
        "the cost of a launch does not show, even the smallest kernel takes longer: {}; the rate "
        "is "
        "{}",
        a, b);
  }
  if (!cost.bytes_per_second.reached()) {
    return fmt::format(
        "a kernel costs {}, of whatever size up to {}: what then flows is not reached there, more "
        "than {}",
        a, readable_bytes(bytes), show_rate(cost.bytes_per_second.low));
  }
  return fmt::format("a kernel costs {} before anything flows, then {}; half of that rate takes {}",
                     a, b, shown(cost.half_rate_bytes, readable_bytes));
}

Study study_dispatch(const DispatchBounds& bounds, const Control& control) {
  const DispatchPlan plan = plan_of(bounds, control.quick);
  Study study = empty_study(plan);
  for (const auto& [kind, largest] : plan.spaces) {
    if (control.should_stop()) break;
    const DispatchMeasurement measured =
        with_space(kind, [&, kind = kind, largest = largest](const auto& instance) {
          return measure_space(instance, kind, largest, plan, control);
        });
    present(measured, fit(measured), study);
  }
  finish(study, control);
  return study;
}

}  // namespace ridgeline::studies
