#include <fmt/format.h>

#include <iostream>

#include "io/table.hpp"
#include "network/trainer.hpp"
#include "session.hpp"

namespace ridgeline::miniapp {

// What `train --dry-run` prints: layers, shapes, parameters, memory, FLOPs and bytes a step.
void print_dry_run(const Session& session, SpaceKind space, int host_threads,
                   io::TableFormat format) {
  const config::Deck& deck = session.deck;
  const network::NetworkPlan& plan = *session.plan;
  const std::size_t batch = static_cast<std::size_t>(deck.train.batch);
  const std::size_t scalar = deck.network.precision == config::Precision::float32 ? 4 : 8;
  io::Table table({{"layer", "layer", io::Align::left},
                   {"kind", "kind", io::Align::left},
                   {"phase", "phase", io::Align::left},
                   {"output", "output_shape", io::Align::left},
                   {"parameters", "parameters"},
                   {"FLOPs a step", "flops"},
                   {"bytes a step", "bytes"}});
  const std::vector<network::StepPart> parts = plan.parts(true);
  const std::vector<std::size_t> record_of = network::record_numbers(parts);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const network::StepPart& part = parts[i];
    if (part.join) continue;
    layers::Counts counts;
    for (std::size_t j = 0; j < parts.size(); ++j) {
      if (record_of[j] == record_of[i]) counts += plan.counts(parts[j], batch, scalar);
    }
    io::Cell shape, parameters;
    if (part.index < plan.layers.size() && part.phase == layers::Phase::forward) {
      shape = io::Cell(to_string(plan.layers[part.index]->output));
      std::size_t count = 0;
      for (const network::ParameterSlot& slot : plan.parameters) {
        if (slot.layer == part.layer && slot.plan.trained) count += slot.size;
      }
      parameters = io::Cell(count);
    }
    table.add_row({io::Cell(part.layer), io::Cell(part.kind),
                   io::Cell(layers::to_string(part.phase)), shape, parameters,
                   io::Cell::shown_as(counts.flops, show_flops(counts.flops)),
                   io::Cell::shown_as(counts.bytes, show_bytes(counts.bytes))});
  }
  table.print(std::cout, format);
  if (format != io::TableFormat::table) return;
  std::cout.flush();
  const layers::Target target{space == SpaceKind::cuda, network::gemm_backend(deck), scalar,
                              space == SpaceKind::openmp ? host_threads : 1};
  const network::Memory memory = plan.memory(target, batch, true);
  const layers::Counts total = plan.step_counts(true, batch, scalar);
  const data::Dataset& data = session.dataset;
  const network::Schedule schedule = network::make_schedule(deck, data.train.samples);
  fmt::print("\n{}: {} training and {} test samples of {}, {} on the host\n", deck.title,
             data.train.samples, data.test.samples, to_string(data.sample_shape),
             show_bytes(double(data.memory_bytes())));
  fmt::print("{} parameters in {}, {} epochs of {} steps with {} samples, on {}\n",
             plan.trained_count(), config::to_string(deck.network.precision), deck.train.epochs,
             schedule.total_steps / std::max<std::int64_t>(1, deck.train.epochs), batch,
             to_string(space));
  fmt::print("a step: {}, {} of compulsory traffic, {:.1f} FLOPs a byte\n", show_flops(total.flops),
             show_bytes(total.bytes), total.flops / total.bytes);
  fmt::print(
      "memory: {} (parameters {}, gradients {}, optimizer {}, activations {}, workspace {})\n",
      show_bytes(double(memory.total())), show_bytes(double(memory.parameters)),
      show_bytes(double(memory.gradients)), show_bytes(double(memory.optimizer)),
      show_bytes(double(memory.activations)), show_bytes(double(memory.workspace)));
}

}  // namespace ridgeline::miniapp
