#include "model/roofline.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/scalar.hpp"
#include "io/file.hpp"
#include "io/json.hpp"
#include "io/table.hpp"
#include "machine.hpp"
#include "machine/description.hpp"
#include "model/explanation.hpp"
#include "network/trainer.hpp"
#include "session.hpp"
#include "signals.hpp"

namespace ridgeline::miniapp {
namespace {

struct RooflineOptions {
  DeckOptions deck;
  std::string machine, output, phase = "train";
  std::vector<std::int64_t> batches;
  int repeats = 10;
};

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
  const double part = std::min(1.0, placement.explained_seconds / time.median);
  return io::Cell::shown_as(
      part, fmt::format("{:.0f} %{}", 100 * part, placement.above_roof ? " (!)" : ""));
}

void add_row(io::Table& table, const std::string& layer, const std::string& phase,
             const layers::Counts& counts, const Timing& seconds,
             const model::Placement& placement) {
  const bool work = placement.ceiling_seconds > 0;
  table.add_row({io::Cell(layer), io::Cell(phase),
                 io::Cell::shown_as(counts.flops, show_flops(counts.flops)),
                 io::Cell::shown_as(counts.bytes, show_bytes(counts.bytes)),
                 counts.bytes > 0 ? io::Cell(placement.intensity, "{:.2f}") : none(),
                 record_time(seconds, is_view(counts)), rate(placement.gflops),
                 rate(placement.gbytes_per_second), work ? bound_cell(placement) : none(),
                 explained_cell(placement, seconds), ceiling_cell(placement),
                 work ? io::Cell(model::to_string(placement.ceiling)) : none()});
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
    const bool work = placement.ceiling_seconds > 0;
    row.push_back(record_time(seconds, is_view(counts)));
    row.push_back(work ? bound_cell(placement) : io::Cell());
    row.push_back(work ? explained_cell(placement, seconds) : io::Cell());
    if (!narrow) row.push_back(work ? ceiling_cell(placement) : io::Cell());
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

// For people tables of two batches, which fit 80 columns; for programs, and if it may be wide, one.
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

// The ceilings in the head of the table and of the file; a rate that a data sheet lacks is 0.
struct Roofs {
  std::string machine_file;
  int threads = 0;
  double peak_gflops = 0, memory_gbytes = 0, ridge = 0;
};

Roofs roofs_of(const model::Ceilings& ceilings, const std::string& file) {
  const double memory = ceilings.bandwidth(1e15);
  return {file, ceilings.threads(), 1e-9 * ceilings.peak_flops(), 1e-9 * memory,
          memory > 0 ? ceilings.peak_flops() / memory : 0};
}

io::Json to_json(const Roofs& roofs) {
  const auto known = [](double value) { return value > 0 ? io::Json(value) : io::Json(); };
  return {{"machine_file", roofs.machine_file},
          {"threads", roofs.threads},
          {"peak_gflops", known(roofs.peak_gflops)},
          {"memory_gbytes_per_second", known(roofs.memory_gbytes)},
          {"ridge_flops_per_byte", known(roofs.ridge)}};
}

void print_head(const std::string& network, const Roofs& roofs, SpaceKind space) {
  const HostThreads& threads = Runtime::host_threads();
  const bool several = space == SpaceKind::openmp;
  const auto shown = [](double value, int digits, const char* unit) {
    return value > 0 ? fmt::format("{:.{}f} {}", value, digits, unit) : "unknown";
  };
  print_wrapped(fmt::format(
      "{} on {}{}\n", network, to_string(space),
      several ? fmt::format(", {} ({})", io::show_count(threads.count, "thread"), threads.bind)
              : ""));
  print_wrapped(
      fmt::format("Ceilings of {}{}: peak {}, main memory {}; ridge {}\n\n", roofs.machine_file,
                  several ? ", " + io::show_count(roofs.threads, "thread") : "",
                  shown(roofs.peak_gflops, 0, "GFLOP/s"), shown(roofs.memory_gbytes, 1, "GB/s"),
                  shown(roofs.ridge, 1, "FLOP/B")));
}

/// The results of a run of the verb.
struct Measured {
  io::Json json;
  std::optional<Roofs> roofs;  // none if a stop was requested first
  std::vector<model::BatchRoofline> batches;
  Disturbance disturbance;
  std::vector<std::string> notes;
};

std::vector<std::size_t> batches_of(const RooflineOptions& options, const config::Deck& deck) {
  std::vector<std::int64_t> batches = options.batches;
  if (batches.empty()) batches = {deck.train.batch};
  std::sort(batches.begin(), batches.end());
  batches.erase(std::unique(batches.begin(), batches.end()), batches.end());
  return {batches.begin(), batches.end()};
}

void write_result(const RooflineOptions& options, const config::Deck& deck, SpaceKind space,
                  const std::vector<std::string>& answers, Measured& measured) {
  io::Json& json = measured.json;
  json["network"] = deck.title;
  json["space"] = to_string(space);
  json["phase"] = options.phase;
  json["precision"] = config::to_string(deck.network.precision);
  json["gemm"] = config::to_string(deck.network.gemm);
  json["threads"] = space == SpaceKind::openmp ? Runtime::host_threads().count : 1;
  json["machine_file"] = measured.roofs ? io::Json(measured.roofs->machine_file) : io::Json();
  json["ceilings"] = measured.roofs ? to_json(*measured.roofs) : io::Json();
  json["complete"] = !stop_requested();
  json["disturbed"] = machine::to_json(measured.disturbance);
  deck_to_json(json, deck, options.deck.sets);
  json["answers"] = answers;
  json["notes"] = measured.notes;
  // As requested, so that a run that was stopped after the first of several batches has the same
  // structure; without any batch there is no total.
  if (batches_of(options, deck).size() == 1 && !measured.batches.empty()) {
    io::Json only;
    model::to_json(only, measured.batches.front().roofline);
    json["batch"] = measured.batches.front().batch;
    json.update(only);
  } else {
    json["batches"] = io::Json::array();
    for (const model::BatchRoofline& at : measured.batches) {
      io::Json entry;
      model::to_json(entry, at.roofline);
      entry["batch"] = at.batch;
      json["batches"].push_back(entry);
    }
  }
  io::write_json(options.output, json);
}

/// Warns if the exchange between threads takes another time than when the machine file was
/// measured, since a hypervisor may have moved the processors.
void warn_of_exchange(const io::Json& machine_file, const std::string& name,
                      const Disturbance& disturbance) {
  constexpr double kOther = 1.5;
  const auto pulse = machine_file.find("pulse");
  if (pulse == machine_file.end() || disturbance.exchange_pulse.repeats == 0) return;
  const auto exchange = pulse->find("exchange");
  if (exchange == pulse->end() || !exchange->is_number()) return;
  const double then = exchange->get<double>(), now = disturbance.exchange_pulse.median;
  if (now < kOther * then && then < kOther * now) return;
  warn(fmt::format(
      "a thread reads what another wrote in {} now, and in {} when {} was measured: the exchange "
      "is {}, as after a hypervisor moved the processors, and {}; measure the machine again, or "
      "run again later",
      show_seconds(now), show_seconds(then), name, now > then ? "slower" : "faster",
      now > then ? "layers may wrongly be classified as overhead"
                 : "layers may be faster than the ceilings of that file"));
}

template <class Space, class T>
Measured measure(const Space& instance, SpaceKind space, const RooflineOptions& options,
                 const Session& session, io::Json machine_file) {
  const config::Deck& deck = session.deck;
  Measured measured;
  measured.json = machine::new_result("ridgeline-roofline");
  model::StepOptions measuring;
  measuring.gemm = network::gemm_backend(deck);
  measuring.training = options.phase == "train";
  measuring.repeats = options.repeats;
  measuring.stopped = stop_requested;
  EnergyMeter energy({"/", kIsHost<Space> ? "" : device_address()});
  measuring.energy = &energy;
  const std::vector<std::size_t> batches = batches_of(options, deck);
  const layers::Target target = layers::target_of<Space, T>(instance, measuring.gemm);
  require_host_memory(space, deck, static_cast<std::int64_t>(batches.back()),
                      session.plan->memory(target, batches.back(), measuring.training));
  defer_stop_signals();
  std::string name = options.machine;
  if (name.empty()) {
    note("no --machine file: measuring this machine first (under 25 s)");
    machine_file = machine::to_json(measure_machine({space}, true));
    name = "this machine";
  }
  if (stop_requested()) return measured;
  const std::string difference =
      machine::machine_difference(machine_file["machine"], measured.json["machine"]);
  if (!difference.empty()) warn(name + " is another machine's file: " + difference);
  const std::string setting =
      machine::setting_difference(machine_file["machine"], measured.json["machine"]);
  if (difference.empty() && !setting.empty()) {
    warn(name + " was measured in another setting than this run's: " + setting);
  }
  const model::Ceilings ceilings(machine_file, name, to_string(space),
                                 config::to_string(deck.network.precision),
                                 space == SpaceKind::openmp ? Runtime::host_threads().count : 1);
  for (const std::string& text : ceilings.notes()) warn(text);
  measured.roofs = roofs_of(ceilings, name);
  Guard guard(space);
  for (const std::size_t batch : batches) {
    if (stop_requested()) break;
    measuring.batch = batch;
    measured.batches.push_back(
        {batch, model::place_under(ceilings,
                                   model::time_step<Space, T>(instance, session.plan, measuring))});
  }
  measured.disturbance = guard.report();
  if (difference.empty() && setting.empty()) {
    warn_of_exchange(machine_file, name, measured.disturbance);
  }
  return measured;
}

Status run(const RooflineOptions& options, const CommonOptions& common) {
  const io::TableFormat format = io::parse_table_format(common.format);
  const config::Deck deck = config::Deck::load(options.deck.deck, options.deck.sets);
  const SpaceKind space = resolve_space(options.deck.space);
  io::RunFiles files;
  add_inputs(deck, files);
  io::Json machine_file;
  if (!options.machine.empty()) {
    files.input("--machine", options.machine);
    machine_file = io::read_json(options.machine, "ridgeline-machine");
  }
  if (!options.output.empty()) {
    add_output("--output", options.output, "choose another --output", files);
  }
  const Session session = open_session(deck);
  const ComputeRuntime runtime(common);
  Measured measured = with_space(space, [&](const auto& instance) {
    using Space = std::decay_t<decltype(instance)>;
    return with_scalar(config::scalar_bytes(deck.network.precision), [&](auto zero) {
      return measure<Space, decltype(zero)>(instance, space, options, session, machine_file);
    });
  });
  const bool several = batches_of(options, deck).size() > 1;
  std::vector<std::string> answers;
  if (!measured.batches.empty()) {
    answers = model::explain(measured.batches, options.phase == "train");
    const std::vector<std::string> wide = wide_records(measured.batches);
    if (!wide.empty()) {
      measured.notes.push_back(
          "marked ~, a time whose median's 95 % interval is wider than a tenth of it: " +
          fmt::format("{}", fmt::join(wide, ", ")));
    }
    const std::string bounds = note_on_bounds(measured.batches);
    if (!bounds.empty()) measured.notes.push_back(bounds);
  }
  const auto show = [&] {
    if (measured.batches.empty()) return;
    if (format == io::TableFormat::table) {
      print_head(
          fmt::format("{}{}, {}", deck.title,
                      several ? "" : fmt::format(", batch {}", measured.batches.front().batch),
                      config::to_string(deck.network.precision)),
          *measured.roofs, space);
    }
    if (!several) {
      print_roofline(measured.batches.front().roofline, format);
    } else {
      print_batches(measured.batches, format);
    }
    if (format == io::TableFormat::table) {
      print("\n");
      for (const std::string& answer : answers) print_wrapped("- " + answer + "\n", 2);
    }
  };
  write_and_show(
      [&] {
        if (!options.output.empty()) write_result(options, deck, space, answers, measured);
      },
      show);
  for (const std::string& text : measured.notes) note("note: " + text);
  warn_of(measured.disturbance);
  for (const model::BatchRoofline& at : measured.batches) {
    for (const model::LayerRecord& record : at.roofline.records) {
      if (!record.placement.above_roof) continue;
      warn(fmt::format(
          "{}/{} at batch {} is above its roof: a fault of the ceilings or of the counts",
          record.part.layer, layers::to_string(record.part.phase), at.batch));
    }
  }
  if (!options.output.empty()) note(written_to({options.output}));
  if (!stop_requested()) return Status::done;
  return stopped_incomplete();
}

}  // namespace

void add_roofline(CLI::App& app, const CommonOptions& common, Action& action) {
  CLI::App* verb =
      app.add_subcommand("roofline", "Time every layer and place it under the machine's ceilings");
  auto options = std::make_shared<RooflineOptions>();
  options->deck.add_to(*verb);
  verb->add_option("--machine", options->machine,
                   "Machine file (default: the machine is measured first)");
  verb->add_option("--batch", options->batches,
                   "Samples per step, or several such as 1,8,128 (default: the deck's batch)")
      ->delimiter(',')
      ->transform(integer(1, 1 << 20));
  verb->add_option("--phase", options->phase, "train or infer")
      ->check(CLI::IsMember({"train", "infer"}))
      ->capture_default_str();
  verb->add_option("--output", options->output, "Result file (JSON)");
  verb->add_option("--repeats", options->repeats, "Steps to time, at least")
      ->transform(integer(1, 1000000))
      ->capture_default_str();
  verb->footer("Example:\n  ridgeline roofline inputs/fashion_mlp.toml --machine machine.json");
  verb->callback(
      [=, &common, &action] { action = [=, &common] { return run(*options, common); }; });
}

}  // namespace ridgeline::miniapp
