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
using model::LaunchCost;

io::Json json_of(const LaunchCost& cost) {
  return {{"a_seconds", to_json(cost.seconds)},
          {"b_bytes_per_second", to_json(cost.bytes_per_second)},
          {"half_rate_bytes", to_json(cost.half_rate_bytes)},
          {"relative_deviation", cost.residual_deviation}};
}

std::string show_rate(double bytes_per_second) { return io::show_bytes(bytes_per_second) + "/s"; }

// Measures kernels of growing size on one space.
struct Growth {
  std::vector<double> bytes, back_to_back, fenced;
};

template <class Space>
Growth measure_growth(const Space& instance, const SmallKernel<Space>& kernel,
                      const std::vector<std::size_t>& sizes, const std::string& space,
                      const MeasureOptions& options, const Control& control, Study& study) {
  Growth growth;
  for (const std::size_t bytes : sizes) {
    if (control.should_stop()) break;
    const std::size_t n = bytes / SmallKernel<Space>::kBytesAnElement;
    const Timing row = measure(instance, options, [&] { kernel.run(0, n); });
    const Timing alone = measure(instance, options, [&] {
      kernel.run(0, n);
      instance.fence();
    });
    growth.bytes.push_back(static_cast<double>(bytes));
    growth.back_to_back.push_back(row.median);
    growth.fenced.push_back(alone.median);
    study.add_point({{"space", space},
                     {"what", "kernel"},
                     {"bytes", bytes},
                     {"seconds", row},
                     {"seconds_fenced", alone}},
                    fmt::format("{}, kernel, bytes {}", space, bytes), {row, alone});
    control.tell(space + ": kernels of " + readable_bytes(static_cast<double>(bytes)));
  }
  return growth;
}

// Measures one size in 1, 2, 4 … kernels, against k·a + V/b. `cost` has a and b.
template <class Space>
void break_up(const Space& instance, const SmallKernel<Space>& kernel, double bytes,
              const std::string& space, const LaunchCost& cost, const MeasureOptions& options,
              const Control& control, Study& study) {
  const std::size_t n = static_cast<std::size_t>(bytes) / SmallKernel<Space>::kBytesAnElement;
  double whole = 0, last_ratio = 1, worst = 0;
  std::size_t most = 0;
  for (std::size_t kernels = 1; kernels <= 256 && kernels * 8 <= n; kernels *= 2) {
    if (control.should_stop()) return;
    const Timing seconds = measure(instance, options, [&] {
      for (std::size_t k = 0; k < kernels; ++k) {
        kernel.run(n * k / kernels, n * (k + 1) / kernels);
      }
    });
    const double predicted =
        static_cast<double>(kernels) * cost.seconds.value + bytes / cost.bytes_per_second.value;
    if (kernels == 1) whole = seconds.median;
    last_ratio = seconds.median / whole;
    worst = std::max(worst, std::abs(std::log2(seconds.median / predicted)));
    most = kernels;
    study.add_point({{"space", space},
                     {"what", "broken up"},
                     {"bytes", static_cast<std::size_t>(bytes)},
                     {"kernels", kernels},
                     {"seconds", seconds},
                     {"predicted_seconds", predicted}},
                    fmt::format("{}, broken up, bytes {:.0f}, kernels {}", space, bytes, kernels),
                    {seconds});
  }
  study.answers.push_back(fmt::format(
      "{}: {} in {} kernels instead of one takes {:.1f} times as long; k·a + V/b says so within a "
      "factor of {:.2f} for every k measured",
      space, readable_bytes(bytes), most, last_ratio, std::exp2(worst)));
}

void add_transfers(SpaceKind kind, const Control& control, Study& study) {
  machine::TransferOptions options;
  options.largest =
      std::min({std::size_t{control.quick ? 64u : 256u} << 20, machine::memory_share(kind),
                machine::memory_share(SpaceKind::serial)});
  options.per_octave = control.quick ? 1 : 2;
  options.budget_seconds = control.quick ? 2 : 8;
  options.stopped = control.stopped;
  const auto points = machine::transfer_ladder(kind, options, control.progress, &study.notes);
  for (const char* direction : {"host_to_device", "device_to_host"}) {
    for (const char* memory : {"pinned", "pageable"}) {
      const std::string what = std::string(direction) + ", " + memory;
      std::vector<double> bytes, seconds;
      for (const machine::TransferPoint& point : points) {
        if (point.direction != direction || point.host_memory != memory) continue;
        bytes.push_back(static_cast<double>(point.bytes));
        seconds.push_back(point.seconds.median);
        study.add_point({{"space", to_string(kind)},
                         {"what", what},
                         {"bytes", point.bytes},
                         {"seconds", point.seconds}},
                        fmt::format("{}, {}, bytes {}", to_string(kind), what, point.bytes),
                        {point.seconds});
      }
      const auto cost = model::fit_launch_cost(bytes, seconds);
      if (!cost) continue;
      study.fit[to_string(kind)][what] = json_of(*cost);
      study.table.add_row({to_string(kind), what, estimate_cell(cost->seconds, io::show_seconds),
                           estimate_cell(cost->bytes_per_second, show_rate),
                           estimate_cell(cost->half_rate_bytes, readable_bytes)});
    }
  }
}

// a + V/b, and the bytes up to which it was fitted.
struct Fit {
  LaunchCost cost;
  double straight_bytes;
};

std::optional<Fit> fit_growth(const std::vector<double>& bytes, const std::vector<double>& seconds,
                              const std::string& space, const std::string& what, Study& study) {
  const std::size_t count = model::straight_points(bytes, seconds);
  if (count == 0) {
    study.notes.push_back(space + ", " + what + ": T = a + V/b fits no part of the curve");
    return std::nullopt;
  }
  const std::vector<double> x(bytes.begin(), bytes.begin() + std::ptrdiff_t(count));
  const std::vector<double> y(seconds.begin(), seconds.begin() + std::ptrdiff_t(count));
  const auto cost = model::fit_launch_cost(x, y);
  if (!cost) return std::nullopt;
  const double straight_bytes = x.back(), half = model::measured_half_rate(x, y);
  io::Json fit = json_of(*cost);
  fit["fitted_up_to_bytes"] = straight_bytes;
  fit["half_rate_measured_bytes"] = half;
  study.fit[space][what] = fit;
  study.table.add_row({space, what, estimate_cell(cost->seconds, io::show_seconds),
                       estimate_cell(cost->bytes_per_second, show_rate),
                       estimate_cell(cost->half_rate_bytes, readable_bytes), bytes_cell(half),
                       bytes_cell(straight_bytes)});
  return Fit{*cost, straight_bytes};
}

template <class Space>
void measure_space(const Space& instance, SpaceKind kind, const DispatchBounds& bounds,
                   std::size_t largest, const Control& control, Study& study) {
  const std::string space = to_string(kind);
  machine::warm_up(kind);
  MeasureOptions costs_options;
  costs_options.min_seconds = control.quick ? 0.05 : 0.2;
  const machine::DispatchCosts costs = machine::measure_dispatch(kind, costs_options);
  const auto add_cost = [&](const std::string& what, const Timing& seconds) {
    study.add_point({{"space", space}, {"what", what}, {"seconds", seconds}}, space + ", " + what,
                    {seconds});
    study.table.add_row({space, what, io::time_cell(seconds)});
  };
  add_cost("empty kernel", costs.empty_kernel);
  add_cost("empty kernel and fence", costs.empty_kernel_fenced);
  add_cost("reduction to a scalar", costs.reduction);
  if (costs.single_thread_kernel) {
    add_cost("kernel kept on one thread", *costs.single_thread_kernel);
  }
  if (costs.team_barrier) {
    add_cost("barrier of " + io::show_count(costs.team_size, "thread"), *costs.team_barrier);
  }
  const auto sizes = machine::working_sets(bounds.smallest, largest, bounds.per_octave,
                                           8 * SmallKernel<Space>::kBytesAnElement);
  SmallKernel<Space> kernel(instance, sizes.back() / SmallKernel<Space>::kBytesAnElement);
  MeasureOptions options = MeasureOptions::ladder_point();
  options.clock = Clock::host;
  options.stopped = control.stopped;
  const Growth growth = measure_growth(instance, kernel, sizes, space, options, control, study);
  if (growth.bytes.size() == sizes.size() && !kernel.verify(kernel.size())) {
    throw RunError("the dispatch study's kernel computed a wrong result on " + space);
  }
  const auto fit =
      fit_growth(growth.bytes, growth.back_to_back, space, "kernels back to back", study);
  fit_growth(growth.bytes, growth.fenced, space, "kernels, each fenced", study);
  if (fit) {
    const LaunchCost& cost = fit->cost;
    study.answers.push_back(space + ": " + tell_launch_cost(cost, fit->straight_bytes));
    if (cost.seconds.reached() && cost.bytes_per_second.reached()) {
      break_up(instance, kernel, fit->straight_bytes, space, cost, options, control, study);
    }
  }
  if (!machine::is_host(kind) && !control.should_stop()) add_transfers(kind, control, study);
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

Study study_dispatch(const DispatchBounds& requested, const Control& control) {
  DispatchBounds bounds = requested;
  Study study{"dispatch",
              "breaking up and recombining has a price",
              {},
              io::Json::array(),
              io::Json::object(),
              io::Table({{"space", "space", io::Align::left},
                         {"what", "what", io::Align::left, 0},
                         {"per call, or a", "a_seconds"},
                         {"rate b", "b_bytes_per_second"},
                         {"half the rate at", "half_rate_bytes"},
                         {"measured", "half_rate_measured_bytes", io::Align::right, 2},
                         {"straight up to", "fitted_up_to_bytes", io::Align::right, 3}}),
              {},
              {},
              true};
  if (bounds.smallest == 0) bounds.smallest = 256;
  if (bounds.per_octave == 0) bounds.per_octave = control.quick ? 2 : 4;
  std::vector<std::pair<SpaceKind, std::size_t>> largest_on;
  for (const SpaceKind space : bounds.spaces) {
    const std::size_t largest =
        bounds.largest > 0 ? bounds.largest
                           : std::min(std::size_t{machine::is_host(space) ? 64u : 256u} << 20,
                                      machine::memory_share(space));
    require_order("--from and --to", static_cast<double>(bounds.smallest),
                  static_cast<double>(largest));
    require_memory(space, static_cast<double>(largest));
    largest_on.emplace_back(space, largest);
  }
  study.settings = {{"smallest_bytes", bounds.smallest}, {"per_octave", bounds.per_octave}};
  note_binding(study.notes);
  for (const auto& [kind, largest] : largest_on) {
    if (control.should_stop()) break;
    with_space(kind, [&, kind = kind, largest = largest](const auto& instance) {
      measure_space(instance, kind, bounds, largest, control, study);
    });
  }
  finish(study, control);
  return study;
}

}  // namespace ridgeline::studies
