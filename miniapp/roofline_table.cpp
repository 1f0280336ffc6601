#include "roofline_table.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/runtime.hpp"
#include "session.hpp"

namespace ridgeline::miniapp {
namespace {

/// Bytes, more than any cache holds.
constexpr double kBeyondCaches = 1e15;

// Returns an absent value: null for programs.
io::Cell none() { return io::Cell::shown_as(std::nan(""), "-"); }

bool is_view(const layers::Counts& counts) { return counts.flops == 0 && counts.bytes == 0; }

// A view takes less than the timer's resolution, so that its spread has no meaning.
io::Cell record_time(const Timing& seconds, bool is_view) {
  return is_view ? io::Cell::shown_as(seconds.median, show_seconds(seconds.median))
                 : time_cell(seconds);
}

// There is no rate for a time below the timer's resolution.
io::Cell rate(double value) { return value > 0 ? io::Cell(value, "{:.1f}") : none(); }

// Returns "~" before a bound that may differ in another run.
io::Cell bound_cell(const model::Placement& placement) {
  if (placement.ceiling_seconds == 0) return none();
  const std::string bound = model::to_string(placement.bound);
  return io::Cell::shown_as(bound, placement.is_near_half ? "~" + bound : bound);
}

// Returns the ceiling's share of the time, marked if it is more than the time.
io::Cell ceiling_cell(const model::Placement& placement) {
  if (placement.ceiling_seconds == 0) return none();
  return io::Cell::shown_as(placement.fraction_of_ceiling,
                            fmt::format("{:.0f} %{}", 100 * placement.fraction_of_ceiling,
                                        placement.above_roof ? " (!)" : ""));
}

// Returns the explained share of the time, at most all of it; marked if it is above the roof.
io::Cell explained_cell(const model::Placement& placement, const Timing& time) {
  if (placement.ceiling_seconds == 0 || time.median == 0) return none();
  const double part = model::explained_fraction(placement.explained_seconds, time.median);
  return io::Cell::shown_as(
      part, fmt::format("{:.0f} %{}", 100 * part, placement.above_roof ? " (!)" : ""));
}

void add_row(io::Table& table, const std::string& layer, const std::string& phase,
             const layers::Counts& counts, const Timing& seconds,
             const model::Placement& placement) {
  table.add_row(
      {io::Cell(layer), io::Cell(phase), io::Cell::shown_as(counts.flops, show_flops(counts.flops)),
       io::Cell::shown_as(counts.bytes, show_bytes(counts.bytes)),
       counts.bytes > 0 ? io::Cell(placement.intensity, "{:.2f}") : none(),
       record_time(seconds, is_view(counts)), rate(placement.gflops),
       rate(placement.gbytes_per_second), bound_cell(placement), explained_cell(placement, seconds),
       ceiling_cell(placement),
       placement.ceiling_seconds > 0 ? io::Cell(model::to_string(placement.ceiling)) : none()});
}

// One row per layer and phase, four columns per batch, or three if the table must be narrow.
void print_some_batches(const std::vector<model::BatchRoofline>& batches, io::TableFormat format,
                        bool narrow) {
  std::vector<io::Column> columns = {{"layer", "layer", io::Align::left},
                                     {"phase", "phase", io::Align::left, 0}};
  for (const model::BatchRoofline& at : batches) {
    const std::string key = fmt::format("batch_{}_", at.batch);
    columns.push_back({fmt::format("batch {}", at.batch), key + "seconds", io::Align::right, 0});
    columns.push_back({"bound", key + "bound", io::Align::left, 0});
    columns.push_back({"of it", key + "explained_fraction", io::Align::right, 0});
    if (!narrow) columns.push_back({"of ceiling", key + "fraction_of_ceiling"});
  }
  io::Table table(columns);
  const auto add = [narrow](const layers::Counts& counts, const Timing& seconds,
                            const model::Placement& placement, std::vector<io::Cell>& row) {
    row.push_back(record_time(seconds, is_view(counts)));
    row.push_back(bound_cell(placement));
    row.push_back(explained_cell(placement, seconds));
    if (!narrow) row.push_back(ceiling_cell(placement));
  };
  for (std::size_t i = 0; i < batches.front().roofline.records.size(); ++i) {
    const network::StepPart& part = batches.front().roofline.records[i].part;
    std::vector<io::Cell> row = {part.layer, layers::to_string(part.phase)};
    for (const model::BatchRoofline& at : batches) {
      const model::LayerRecord& record = at.roofline.records[i];
      add(record.counts, record.seconds, record.placement, row);
    }
    table.add_row(row);
  }
  std::vector<io::Cell> total = {"total", "end to end"};
  for (const model::BatchRoofline& at : batches) {
    add(at.roofline.counts, at.roofline.total, at.roofline.placement, total);
  }
  table.add_row(total);
  print(table, format);
}

// Lists times that stayed uncertain after all repeats.
std::vector<std::string> wide_records(const std::vector<model::BatchRoofline>& batches) {
  std::vector<std::string> names;
  for (const model::BatchRoofline& at : batches) {
    for (const model::LayerRecord& record : at.roofline.records) {
      if (!record.seconds.is_wide() || is_view(record.counts)) continue;
      names.push_back(fmt::format(
          "{} {} at batch {} ({} to {})", record.part.layer, layers::to_string(record.part.phase),
          at.batch, show_seconds(record.seconds.low), show_seconds(record.seconds.high)));
    }
    const Timing& total = at.roofline.total;
    if (total.is_wide()) {
      names.push_back(fmt::format("total at batch {} ({} to {})", at.batch, show_seconds(total.low),
                                  show_seconds(total.high)));
    }
  }
  return names;
}

// Explains "~" before a bound, if a record has one.
std::string note_on_bounds(const std::vector<model::BatchRoofline>& batches) {
  for (const model::BatchRoofline& at : batches) {
    for (const model::LayerRecord& record : at.roofline.records) {
      if (!record.placement.is_near_half) continue;
      return fmt::format(
          "marked ~, a bound whose ceiling explains about half of the time ({:.0f} to {:.0f} %): "
          "another run may classify it as overhead if this one does not, or the reverse",
          100 * model::kLeastExplained / model::kRunToRun,
          100 * model::kLeastExplained * model::kRunToRun);
    }
  }
  return "";
}

// A rate that a data sheet may lack.
std::string shown_roof(const std::optional<double>& value, int digits, const char* unit) {
  return value ? fmt::format("{:.{}f} {}", *value, digits, unit) : "unknown";
}

}  // namespace

CeilingSummary::CeilingSummary(const model::Ceilings& ceilings, const std::string& file,
                               model::LevelCeilings by_level)
    : machine_file(file), threads(ceilings.threads()), by_level(std::move(by_level)) {
  const double peak = ceilings.peak_flops(), memory = ceilings.bandwidth(kBeyondCaches);
  if (peak > 0) peak_gflops = 1e-9 * peak;
  if (memory > 0) memory_gbytes_per_second = 1e-9 * memory;
  if (peak > 0 && memory > 0) ridge_flops_per_byte = peak / memory;
}

io::Json to_json(const CeilingSummary& ceilings) {
  const auto known = [](const std::optional<double>& value) {
    return value ? io::Json(*value) : io::Json();
  };
  io::Json levels = io::Json::array(), peaks = io::Json::object();
  for (const model::LevelCeiling& level : ceilings.by_level.levels) {
    levels.push_back({{"level", level.level}, {"gbytes_per_second", level.gbytes_per_second}});
  }
  for (const auto& [precision, gflops] : ceilings.by_level.peaks) peaks[precision] = gflops;
  return {{"machine_file", ceilings.machine_file},
          {"threads", ceilings.threads},
          {"peak_gflops", known(ceilings.peak_gflops)},
          {"memory_gbytes_per_second", known(ceilings.memory_gbytes_per_second)},
          {"ridge_flops_per_byte", known(ceilings.ridge_flops_per_byte)},
          {"levels", levels},
          {"peaks", peaks}};
}

void print_head(const std::string& title, const CeilingSummary& ceilings, SpaceKind space) {
  const HostThreads& threads = Runtime::host_threads();
  std::string placed;
  if (space == SpaceKind::openmp) {
    placed = fmt::format(", {} ({})", io::show_count(threads.count, "thread"), threads.bind);
  }
  print_wrapped(fmt::format("{} on {}{}\n", title, to_string(space), placed));
  print_wrapped(fmt::format(
      "Ceilings of {}{}: peak {}, main memory {}; ridge {}\n\n", ceilings.machine_file,
      space == SpaceKind::openmp ? ", " + io::show_count(ceilings.threads, "thread") : "",
      shown_roof(ceilings.peak_gflops, 0, "GFLOP/s"),
      shown_roof(ceilings.memory_gbytes_per_second, 1, "GB/s"),
      shown_roof(ceilings.ridge_flops_per_byte, 1, "FLOP/B")));
}

void print_roofline(const model::Roofline& roofline, io::TableFormat format) {
  io::Table table({{"layer", "layer", io::Align::left},
                   {"phase", "phase", io::Align::left, 0},
                   {"FLOPs", "flops", io::Align::right, 3},
                   {"bytes", "bytes", io::Align::right, 4},
                   {"FLOP/B", "flops_per_byte", io::Align::right, 2},
                   {"time", "seconds", io::Align::right, 0},
                   {"GFLOP/s", "gflops_per_second", io::Align::right, 2},
                   {"GB/s", "gbytes_per_second", io::Align::right, 5},
                   {"bound", "bound", io::Align::left, 0},
                   {"explains", "explained_fraction", io::Align::right, 0},
                   {"of ceiling", "fraction_of_ceiling", io::Align::right, 3},
                   {"ceiling", "largest_ceiling", io::Align::left, 6}});
  for (const model::LayerRecord& record : roofline.records) {
    add_row(table, record.part.layer, layers::to_string(record.part.phase), record.counts,
            record.seconds, record.placement);
  }
  add_row(table, "total", "end to end", roofline.counts, roofline.total, roofline.placement);
  print(table, format);
}

void print_batches(const std::vector<model::BatchRoofline>& batches, io::TableFormat format) {
  const bool narrow = format == io::TableFormat::table && !prints_wide();
  const std::size_t most = narrow ? 2 : batches.size();
  for (std::size_t first = 0; first < batches.size(); first += most) {
    const std::size_t last = std::min(batches.size(), first + most);
    if (first > 0) print("\n");
    print_some_batches({batches.begin() + static_cast<std::ptrdiff_t>(first),
                        batches.begin() + static_cast<std::ptrdiff_t>(last)},
                       format, narrow);
  }
}

std::vector<std::string> notes_on_marks(const std::vector<model::BatchRoofline>& batches) {
  std::vector<std::string> notes;
  const std::vector<std::string> wide = wide_records(batches);
  if (!wide.empty()) {
    notes.push_back("marked ~, a time whose median's 95 % interval is wider than a tenth of it: " +
                    fmt::format("{}", fmt::join(wide, ", ")));
  }
  const std::string bounds = note_on_bounds(batches);
  if (!bounds.empty()) notes.push_back(bounds);
  return notes;
}

}  // namespace ridgeline::miniapp
