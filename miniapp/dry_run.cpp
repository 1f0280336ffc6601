#include <fmt/format.h>

#include <map>

#include "io/table.hpp"
#include "network/schedule.hpp"
#include "network/trainer.hpp"
#include "session.hpp"

namespace ridgeline::miniapp {
namespace {

io::Cell bytes_cell(std::size_t bytes) {
  return io::Cell::shown_as(double(bytes), show_bytes(double(bytes)));
}

void print_memory(const std::vector<network::LayerBytes>& layers) {
  std::vector<io::Column> columns = {{"layer", "layer", io::Align::left}};
  for (const auto& purpose : network::kMemoryPurposes) {
    columns.push_back({purpose.name, purpose.key()});
  }
  io::Table table(columns);
  for (const network::LayerBytes& bytes : layers) {
    std::vector<io::Cell> row = {bytes.layer};
    for (const auto& purpose : network::kMemoryPurposes) {
      row.push_back(bytes_cell(bytes.*purpose.of_layer));
    }
    table.add_row(std::move(row));
  }
  print(table, io::TableFormat::table);
}

}  // namespace

// The output of `train --dry-run`: layers, shapes, parameters, memory, FLOPs and bytes per step of
// `batch` samples.
void print_dry_run(const Session& session, SpaceKind space, int host_threads, std::size_t batch,
                   io::TableFormat format) {
  const config::Deck& deck = session.deck;
  const network::NetworkPlan& plan = *session.plan;
  const std::size_t scalar = config::scalar_bytes(deck.network.precision);
  const bool for_people = format == io::TableFormat::table;
  std::vector<io::Column> columns = {{"layer", "layer", io::Align::left},
                                     {"kind", "kind", io::Align::left, 2},
                                     {"phase", "phase", io::Align::left, 0},
                                     {"output", "output_shape", io::Align::left},
                                     {"parameters", "parameters"},
                                     {"FLOPs per step", "flops"},
                                     {"bytes per step", "bytes"}};
  // csv and json have one table; for people the memory is a second one.
  if (!for_people) {
    for (const auto& purpose : network::kMemoryPurposes) {
      columns.push_back({purpose.name, purpose.key()});
    }
  }
  io::Table table(columns);
  const layers::Target target{space == SpaceKind::cuda, network::gemm_backend(deck), scalar,
                              space == SpaceKind::openmp ? host_threads : 1};
  const std::vector<network::LayerBytes> memory_of = plan.memory_by_layer(target, batch, true);
  const std::vector<network::StepPart> parts = plan.parts(true);
  const std::vector<std::size_t> record_of = network::record_numbers(parts);
  std::vector<layers::Counts> counts_of(parts.size());  // by record
  for (std::size_t i = 0; i < parts.size(); ++i) {
    counts_of[record_of[i]] += plan.counts(parts[i], batch, scalar);
  }
  std::map<std::string, std::size_t> trained;
  for (const network::ParameterSlot& slot : plan.parameters) {
    if (slot.parameter.trained) trained[slot.layer] += slot.size;
  }
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const network::StepPart& part = parts[i];
    if (part.join) continue;
    const layers::Counts& counts = counts_of[record_of[i]];
    // What a layer has once stands on the row of its forward pass.
    const bool is_first = part.index < plan.layers.size() && part.phase == layers::Phase::forward;
    io::Cell shape, parameters;
    if (is_first) {
      shape = io::Cell(to_string(plan.layers[part.index]->output));
      parameters = io::Cell(trained[part.layer]);
    }
    std::vector<io::Cell> row = {io::Cell(part.layer),
                                 io::Cell(part.kind),
                                 io::Cell(layers::to_string(part.phase)),
                                 shape,
                                 parameters,
                                 io::Cell::shown_as(counts.flops, show_flops(counts.flops)),
                                 io::Cell::shown_as(counts.bytes, show_bytes(counts.bytes))};
    if (!for_people && is_first) {
      for (const auto& purpose : network::kMemoryPurposes) {
        row.emplace_back(memory_of[part.index].*purpose.of_layer);
      }
    }
    table.add_row(std::move(row));
  }
  print(table, format);
  if (!for_people) return;
  const network::Memory memory = plan.memory(target, batch, true);
  const layers::Counts total = plan.step_counts(true, batch, scalar);
  const data::Dataset& data = session.dataset;
  print("\n");
  print_memory(memory_of);
  print("\n");
  const auto say = [](const std::string& sentence) { print_wrapped(sentence + "\n", 2); };
  say(fmt::format("{}: {} training and {} of {}, {} on the host", deck.title, data.train.samples,
                  io::show_count(data.test.samples, "test sample"), to_string(data.sample_shape),
                  show_bytes(double(data.memory_bytes()))));
  say(fmt::format(
      "{} in {}, {} of {} with {}, on {}", io::show_count(plan.trained_count(), "parameter"),
      config::to_string(deck.network.precision), io::show_count(deck.train.epochs, "epoch"),
      io::show_count(network::steps_per_epoch(deck, data.train.samples), "step"),
      io::show_count(deck.train.batch, "sample"), to_string(space)));
  say(fmt::format("a step: {}, {} of compulsory traffic, arithmetic intensity {:.1f} FLOP/B",
                  show_flops(total.flops), show_bytes(total.bytes), total.flops / total.bytes));
  say("layers whose saved values, activations and workspace are not needed at the same time share "
      "memory; the step's total also contains the gradients of activations");
  try {
    require_host_memory(space, deck, deck.train.batch, memory);
  } catch (const RequestError& error) {  // another machine may have more
    warn(error.what());
  }
  say(fmt::format(
      "memory: {} (parameters {}, gradients {}, optimizer {}, activations {}, workspace {})",
      show_bytes(double(memory.total())), show_bytes(double(memory.parameters)),
      show_bytes(double(memory.gradients)), show_bytes(double(memory.optimizer)),
      show_bytes(double(memory.activations)), show_bytes(double(memory.workspace))));
}

}  // namespace ridgeline::miniapp
