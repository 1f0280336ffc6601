#include "machine.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "io/file.hpp"
#include "io/json.hpp"
#include "io/table.hpp"
#include "machine/datasheet.hpp"
#include "machine/pages.hpp"
#include "progress.hpp"
#include "session.hpp"
#include "signals.hpp"
#include "verbs.hpp"

namespace ridgeline::miniapp {
namespace {

using machine::BandwidthPoint;
using machine::kStreamKernels;
using machine::LatencyPlateau;
using machine::Level;
using machine::MachineMeasurement;
using machine::SpaceMeasurement;
using machine::StreamKernel;

// Returns the thread counts that the space's bandwidth was measured with, in decreasing order.
std::vector<int> thread_counts(const SpaceMeasurement& space) {
  std::vector<int> counts;
  for (const BandwidthPoint& point : space.bandwidth) {
    if (std::find(counts.begin(), counts.end(), point.threads) == counts.end()) {
      counts.push_back(point.threads);
    }
  }
  std::sort(counts.rbegin(), counts.rend());
  return counts;
}

std::vector<BandwidthPoint> with_threads(const SpaceMeasurement& space, int threads) {
  std::vector<BandwidthPoint> points;
  for (const BandwidthPoint& point : space.bandwidth) {
    if (point.threads == threads) points.push_back(point);
  }
  return points;
}

std::string capacity(const Level& level) {
  return level.capacity_bytes == 0
             ? ""
             : machine::readable_bytes(static_cast<double>(level.capacity_bytes));
}

// Returns the costs of a space, by name.
std::vector<std::pair<std::string, Timing>> costs_of(const SpaceMeasurement& space) {
  std::vector<std::pair<std::string, Timing>> costs = {
      {"empty kernel", space.dispatch.empty_kernel},
      {"empty kernel and fence", space.dispatch.empty_kernel_fenced},
      {"reduction", space.dispatch.reduction}};
  if (space.dispatch.single_thread_kernel) {
    costs.push_back({"single-thread kernel", *space.dispatch.single_thread_kernel});
  }
  if (space.dispatch.team_barrier) costs.push_back({"team barrier", *space.dispatch.team_barrier});
  return costs;
}

io::Cell seconds_cell(double seconds) {
  return seconds > 0 ? io::Cell::shown_as(seconds, show_seconds(seconds)) : io::Cell();
}

io::Cell rate_cell(double rate) { return rate > 0 ? io::Cell(rate, "{:.1f}") : io::Cell(); }

/// Returns the label of pages and stores of a bandwidth.
struct Variant {
  bool huge;
  machine::Stores stores;

  bool is_first() const { return !huge && stores == machine::Stores::ordinary; }
  std::string pages() const { return huge ? "huge" : machine::small_page_label(); }
  std::string shown() const {
    return pages() + (stores == machine::Stores::nontemporal ? ", NT" : "");
  }
  std::vector<BandwidthPoint> of(const std::vector<BandwidthPoint>& points) const {
    std::vector<BandwidthPoint> list;
    for (const BandwidthPoint& point : points) {
      if (point.on_huge_pages() == huge && point.stores == stores) list.push_back(point);
    }
    return list;
  }
};
constexpr Variant kVariants[] = {{false, machine::Stores::ordinary},
                                 {true, machine::Stores::ordinary},
                                 {false, machine::Stores::nontemporal},
                                 {true, machine::Stores::nontemporal}};

// One thread of a host is measured once, and shown for one host space.
bool is_repeated(const SpaceMeasurement& space, const MachineMeasurement& measurement) {
  if (space.space != SpaceKind::serial) return false;
  const auto several = [](const SpaceMeasurement& other) {
    return other.space == SpaceKind::openmp;
  };
  return std::any_of(measurement.spaces.begin(), measurement.spaces.end(), several);
}

// One thread's, of each level.
void print_latencies(const MachineMeasurement& measurement) {
  const std::string small = machine::small_page_label();
  io::Table table({{"space", "space", io::Align::left},
                   {"level", "level", io::Align::left},
                   {"size", "capacity_bytes"},
                   {"latency, " + small + " pages", "latency_small_pages_seconds"},
                   {"huge pages", "latency_huge_pages_seconds"}});
  for (const SpaceMeasurement& space : measurement.spaces) {
    if (is_repeated(space, measurement)) continue;
    for (const Level& level : space.levels) {
      std::vector<io::Cell> row = {to_string(space.space), level.name, capacity(level)};
      for (const std::string& pages : {small, std::string("huge")}) {
        row.push_back(seconds_cell(latency_plateau(space.latency, pages, level).seconds));
      }
      table.add_row(row);
    }
  }
  print(table, io::TableFormat::table);
}

// By level and number of threads.
void print_bandwidths(const MachineMeasurement& measurement) {
  io::Table table({{"space", "space", io::Align::left},
                   {"threads", "threads"},
                   {"level", "level", io::Align::left},
                   {"pages", "pages", io::Align::left},
                   {"read GB/s", "read_gbytes_per_second"},
                   {"write", "write_gbytes_per_second"},
                   {"copy", "copy_gbytes_per_second"},
                   {"scale", "scale_gbytes_per_second", io::Align::right, 2},
                   {"triad", "triad_gbytes_per_second"}});
  bool any_nontemporal = false;
  for (const SpaceMeasurement& space : measurement.spaces) {
    if (is_repeated(space, measurement)) continue;
    for (const int threads : thread_counts(space)) {
      for (const Level& level : space.levels) {
        for (const Variant& variant : kVariants) {
          const std::vector<BandwidthPoint> points = variant.of(with_threads(space, threads));
          // Pages and stores matter in memory only.
          if (!variant.is_first() && (points.empty() || level.capacity_bytes > 0)) continue;
          any_nontemporal = any_nontemporal || variant.stores == machine::Stores::nontemporal;
          std::vector<io::Cell> row = {to_string(space.space), threads, level.name,
                                       variant.shown()};
          for (const StreamKernel kernel : kStreamKernels) {
            row.push_back(rate_cell(level_bandwidth(points, kernel, level)));
          }
          table.add_row(row);
        }
      }
    }
  }
  print(table, io::TableFormat::table);
  if (any_nontemporal) print("NT: with non-temporal stores, which go past the caches\n");
}

void print_costs(const MachineMeasurement& measurement) {
  io::Table table({{"space", "space", io::Align::left},
                   {"float32 GFLOP/s", "float32_gflops"},
                   {"float64", "float64_gflops"},
                   {"empty kernel", "empty_kernel_seconds"},
                   {"and fence", "empty_kernel_fenced_seconds"},
                   {"reduction", "reduction_seconds"},
                   {"single-thread kernel", "single_thread_kernel_seconds", io::Align::right, 2},
                   {"barrier", "team_barrier_seconds"}});
  for (const SpaceMeasurement& space : measurement.spaces) {
    const auto& dispatch = space.dispatch;
    const auto optional_cell = [](const std::optional<Timing>& timing) {
      return timing ? seconds_cell(timing->median) : io::Cell();
    };
    table.add_row(
        {to_string(space.space), rate_cell(space.peak_float32.gflops()),
         rate_cell(space.peak_float64.gflops()), seconds_cell(dispatch.empty_kernel.median),
         seconds_cell(dispatch.empty_kernel_fenced.median), seconds_cell(dispatch.reduction.median),
         optional_cell(dispatch.single_thread_kernel), optional_cell(dispatch.team_barrier)});
  }
  print(table, io::TableFormat::table);
}

// Arithmetic by precision and instruction, of the space with the most threads; instructions that no
// layer uses are for comparison.
void print_peaks(const MachineMeasurement& measurement) {
  const SpaceMeasurement* most = nullptr;
  for (const SpaceMeasurement& space : measurement.spaces) {
    if (space.work.fork_join.empty()) continue;  // a device's only kernel is in the table before
    if (!most || space.concurrency > most->concurrency) most = &space;
  }
  if (!most) return;
  const auto rate_of = [&](const machine::KernelPeak& row, int threads) {
    for (const machine::KernelPeak& point : most->work.peaks) {
      if (point.kernel == row.kernel && point.precision == row.precision &&
          point.peak.threads == threads) {
        return rate_cell(point.peak.gflops());
      }
    }
    return io::Cell();
  };
  io::Table table({{"precision", "precision", io::Align::left},
                   {"instructions", "kernel", io::Align::left},
                   {"unit", "unit", io::Align::left},
                   {"1 thread", "one_thread"},
                   {io::show_count(most->concurrency, "thread"), "all_threads"}});
  for (const machine::KernelPeak& row : most->work.peaks) {
    if (row.peak.threads != most->concurrency) continue;
    table.add_row({row.precision, row.kernel, machine::unit_of(row), rate_of(row, 1),
                   rate_of(row, most->concurrency)});
  }
  print("\n");
  print(table, io::TableFormat::table);
}

// One figure per row, for programs.
void print_figures(const MachineMeasurement& measurement, io::TableFormat format) {
  io::Table table({{"space", "space"},
                   {"quantity", "quantity"},
                   {"where", "where"},
                   {"threads", "threads"},
                   {"pages", "pages"},
                   {"stores", "stores"},
                   {"value", "value"},
                   {"unit", "unit"}});
  const auto add = [&](const SpaceMeasurement& space, const std::string& quantity,
                       const std::string& where, int threads, double value, const char* unit,
                       const std::string& pages = {}, const std::string& stores = {}) {
    const auto text = [](const std::string& cell) { return cell.empty() ? io::Cell() : cell; };
    if (value > 0) {
      table.add_row({to_string(space.space),
                     quantity,
                     where,
                     threads,
                     text(pages),
                     text(stores),
                     {value, "{}"},
                     unit});
    }
  };
  for (const SpaceMeasurement& space : measurement.spaces) {
    for (const Level& level : space.levels) {
      add(space, "capacity", level.name, 1, static_cast<double>(level.capacity_bytes), "B");
      for (const std::string& pages : {machine::small_page_label(), std::string("huge")}) {
        add(space, "latency", level.name, 1, latency_plateau(space.latency, pages, level).seconds,
            "s", pages);
      }
      for (const int threads : thread_counts(space)) {
        for (const Variant& variant : kVariants) {
          const std::vector<BandwidthPoint> points = variant.of(with_threads(space, threads));
          for (const StreamKernel kernel : kStreamKernels) {
            add(space, "bandwidth, " + machine::to_string(kernel), level.name, threads,
                level_bandwidth(points, kernel, level), "GB/s", variant.pages(),
                machine::to_string(variant.stores));
          }
        }
      }
    }
    for (const machine::KernelPeak& point : space.work.peaks) {
      add(space, "peak " + point.precision, point.kernel, point.peak.threads, point.peak.gflops(),
          machine::unit_of(point));
    }
    for (const machine::ForkJoinPoint& point : space.work.fork_join) {
      add(space, "equal work", show_seconds(point.work.seconds), point.threads,
          point.seconds.median, "s");
    }
    for (const auto& [name, timing] : costs_of(space)) {
      add(space, name, "", space.concurrency, timing.median, "s");
    }
    for (const auto& point : space.transfer) {
      add(space, "transfer, " + point.direction + ", " + point.host_memory,
          machine::readable_bytes(static_cast<double>(point.bytes)), 1, point.seconds.median, "s");
    }
  }
  print(table, format);
}

// Notes results that neither the tables nor --format csv and json show.
void print_left_out(const MachineMeasurement& measurement) {
  const auto any = [&](const auto& has) {
    return std::any_of(measurement.spaces.begin(), measurement.spaces.end(), has);
  };
  std::vector<std::string> names;
  if (any([](const SpaceMeasurement& space) { return !space.chain.empty(); })) {
    names.push_back("bandwidth of chains");
  }
  if (any([](const SpaceMeasurement& space) { return !space.numa.empty(); })) {
    names.push_back("bandwidth between NUMA domains");
  }
  if (any([](const SpaceMeasurement& space) { return !space.work.kernels.empty(); })) {
    names.push_back("times of kernels");
  }
  if (names.empty()) return;
  print_wrapped(fmt::format("\nin the file of --output alone: {}\n", fmt::join(names, ", ")));
}

void print_summary(const MachineMeasurement& measurement, io::TableFormat format) {
  if (format == io::TableFormat::table) {
    print_latencies(measurement);
    print("\n");
    print_bandwidths(measurement);
    print("\n");
    print_costs(measurement);
    print_peaks(measurement);
    print_left_out(measurement);
  } else {
    print_figures(measurement, format);
  }
}

}  // namespace

MachineMeasurement measure_machine(const std::vector<SpaceKind>& spaces, bool quick) {
  const HostThreads& threads = Runtime::host_threads();
  if (!threads.bound && !threads.share_processors() && threads.count > 1) {
    warn("host threads are not bound to processors (" + threads.binding +
         "): figures with several threads may be low and will vary");
  }
  note(fmt::format("measuring the machine: up to {} s if nothing else runs on it",
                   quick ? 25 : 150));
  machine::MachineOptions options = machine::MachineOptions::standard(quick);
  options.spaces = spaces;
  options.stop_when(stop_requested);
  MachineMeasurement measurement;
  {
    const ProgressLine progress;
    measurement =
        machine::measure_machine(options, [&](const std::string& line) { progress(line); });
  }
  for (const std::string& text : measurement.notes) note("note: " + text);
  warn_of(measurement.disturbance);
  note(fmt::format("measured in {:.0f} s", measurement.seconds));
  return measurement;
}

Status run_machine(const MachineRequest& request) {
  const io::TableFormat format = io::parse_table_format(request.common.format);
  std::vector<SpaceKind> spaces;
  if (request.space != "auto") spaces = {resolve_space(request.space)};
  io::RunFiles files;
  if (!request.output.empty()) {
    add_output("--output", request.output, "choose another --output", files);
  }
  const ComputeRuntime runtime(request.common);
  defer_stop_signals();
  const MachineMeasurement measurement = measure_machine(spaces, request.quick);
  // The summary first: it is printed even if the disk has filled up in the meantime.
  print_summary(measurement, format);
  if (!request.output.empty()) {
    io::write_json(request.output, machine::to_json(measurement));
    note(written_to({request.output}));
  }
  if (measurement.complete) return Status::done;
  return stopped_incomplete();
}

Status run_datasheet(const MachineRequest& request) {
  if (request.common.format == "csv") {
    throw RequestError("--format: csv; --from-datasheet makes a machine file, which is JSON");
  }
  const io::Json file = machine::from_datasheet(request.datasheet);
  if (request.output.empty()) {
    print(io::to_text(file));
    return Status::done;
  }
  io::RunFiles files;
  add_output("--output", request.output, "choose another --output", files);
  io::write_json(request.output, file);
  note("written to " + request.output + "; nothing was measured");
  return Status::done;
}

void add_machine(CLI::App& app, const CommonOptions& common, Action& action) {
  CLI::App* verb = app.add_subcommand(
      "machine", "Measure this machine's ceilings: latency, bandwidth, arithmetic, dispatch");
  auto request = std::make_shared<MachineRequest>();
  verb->add_option("--output", request->output, "Write every figure to this file (JSON)");
  verb->add_option("--space", request->space, "Measure this space alone (auto: all of the build)")
      ->type_name(kSpaceNames)
      ->capture_default_str();
  verb->add_flag("--quick", request->quick,
                 "Within 25 s rather than 150: smaller sets, fewer points");
  CLI::Option* sheet = verb->add_option(
      "--from-datasheet", request->datasheet,
      "Do not measure: describe another machine by its data sheet (repeatable; keys below)");
  sheet->type_name("KEY=VALUE,...")->take_all();
  for (const char* other : {"--space", "--quick"}) sheet->excludes(verb->get_option(other));
  std::string keys;
  for (const machine::DatasheetKey& key : machine::datasheet_keys()) {
    keys += fmt::format("  {:16}{:9}{}\n", key.name, key.unit, key.meaning);
  }
  verb->footer(
      "Keys of --from-datasheet, plain numbers without suffix:\n" + keys +
      "for instance, to convert a data sheet to a file:\n  ridgeline machine --output gpu.json "
      "--from-datasheet "
      "\\\n    name=H100,kind=gpu,peak32=67e3,bandwidth=3350 --from-datasheet \"source=data "
      "sheet\"\n\nExample:\n  ridgeline machine --output machine.json");
  verb->callback([=, &common, &action] {
    action = [=, &common] {
      request->common = common;
      return request->datasheet.empty() ? run_machine(*request) : run_datasheet(*request);
    };
  });
}

}  // namespace ridgeline::miniapp
