#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/runtime.hpp"
#include "io/json.hpp"
#include "io/table.hpp"
#include "model/ceilings.hpp"
#include "model/level_ceilings.hpp"
#include "model/roofline.hpp"

namespace ridgeline::miniapp {

/// The ceilings that the table's head and the result file contain.
struct CeilingSummary {
  std::string machine_file;
  int threads = 1;
  std::optional<double> peak_gflops, memory_gbytes_per_second, ridge_flops_per_byte;
  model::LevelCeilings by_level;  ///< for pictures

  CeilingSummary(const model::Ceilings& ceilings, const std::string& file,
                 model::LevelCeilings by_level);
};
io::Json to_json(const CeilingSummary& ceilings);

/// Prints the head of the table: `title`, the space and its ceilings.
void print_head(const std::string& title, const CeilingSummary& ceilings, SpaceKind space);

/// Prints one batch: a row per layer and phase, the columns of counts and of times.
void print_roofline(const model::Roofline& roofline, io::TableFormat format);

/// Prints a run of several batches, of which at least one was measured: a row per layer and phase,
/// columns of times for each batch. For people the tables have two batches each, which fit 80
/// columns; for programs, and on wide terminals, there is one table.
void print_batches(const std::vector<model::BatchRoofline>& batches, io::TableFormat format);

/// Returns the notes that explain the table's marks.
std::vector<std::string> notes_on_marks(const std::vector<model::BatchRoofline>& batches);

}  // namespace ridgeline::miniapp
