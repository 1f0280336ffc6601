#include <fmt/format.h>

#include <map>

#include "io/table.hpp"
#include "network/schedule.hpp"
#include "network/trainer.hpp"
#include "session.hpp"

namespace ridgeline::miniapp {
namespace {

void print_memory(const network::NetworkPlan& plan, const layers::Target& target,
                  std::size_t batch) {
  io::Table table({{"layer", "layer", io::Align::left},
                   {"parameters", "parameters_bytes"},
                   {"gradients", "gradients_bytes"},
                   {"optimizer", "optimizer_bytes"},
                   {"saved", "saved_bytes"},
                   {"activations", "activations_bytes"},
                   {"workspace", "workspace_bytes"}});
  const auto cell = [](std::size_t bytes) {
    return io::Cell::shown_as(double(bytes), show_bytes(double(bytes)));
  };
  for (const network::LayerBytes& bytes : plan.memory_by_layer(target, batch, true)) {
    table.add_row({bytes.layer, cell(bytes.parameters), cell(bytes.gradients),
                   cell(bytes.optimizer), cell(bytes.saved), cell(bytes.activations),
                   cell(bytes.workspace)});
  }
  print(table, io::TableFormat::table);
}

}  // namespace

// The output of `train --dry-run`: layers, shapes, parameters, memory, FLOPs and bytes per step.
void print_dry_run(const Session& session, SpaceKind space, int host_threads,
                   io::TableFormat format) {
  const config::Deck& deck = session.deck;
  const network::NetworkPlan& plan = *session.plan;
  const std::size_t batch = static_cast<std::size_t>(deck.train.batch);
  const std::size_t scalar = config::scalar_bytes(deck.network.precision);
  io::Table table({{"layer", "layer", io::Align::left},
                   {"kind", "kind", io::Align::left, 2},
                   {"phase", "phase", io::Align::left, 0},
                   {"output", "output_shape", io::Align::left},
                   {"parameters", "parameters"},
                   {"FLOPs per step", "flops"},
                   {"bytes per step", "bytes"}});
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
    io::Cell shape, parameters;
    if (part.index < plan.layers.size() && part.phase == layers::Phase::forward) {
      shape = io::Cell(to_string(plan.layers[part.index]->output));
      parameters = io::Cell(trained[part.layer]);
    }
    table.add_row({io::Cell(part.layer), io::Cell(part.kind),
                   io::Cell(layers::to_string(part.phase)), shape, parameters,
                   io::Cell::shown_as(counts.flops, show_flops(counts.flops)),
                   io::Cell::shown_as(counts.bytes, show_bytes(counts.bytes))});
  }
  print(table, format);
  if (format != io::TableFormat::table) return;
  const layers::Target target{space == SpaceKind::cuda, network::gemm_backend(deck), scalar,
                              space == SpaceKind::openmp ? host_threads : 1};
  const network::Memory memory = plan.memory(target, batch, true);
  const layers::Counts total = plan.step_counts(true, batch, scalar);
  const data::Dataset& data = session.dataset;
  print("\n");
  print_memory(plan, target, batch);
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
