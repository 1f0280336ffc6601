#pragma once

#include <string>
#include <vector>

#include "model/level_ceilings.hpp"
#include "report/page.hpp"
#include "report/result_file.hpp"

namespace ridgeline::report {

/// One row of a roofline: a layer in a phase, the loss or the optimizer.
struct LayerTime {
  std::string layer, phase;
  double flops = 0, bytes = 0;
  double seconds = 0, low = 0, high = 0;  ///< median and its interval
  double gflops_per_second = 0, flops_per_byte = 0;
  std::string bound;  ///< empty if unknown
  double ceiling_seconds = 0, explained_seconds = 0;
  bool above_roof = false;
};

struct StepTimes {
  double batch = 0;
  std::vector<LayerTime> layers;
  LayerTime total;
};

/// A file of `ridgeline roofline`.
struct RooflineResult {
  const ResultFile* file = nullptr;
  std::string network, space, phase, precision;
  double threads = 1;
  double peak_gflops = 0;         ///< NaN if unknown
  model::LevelCeilings ceilings;  ///< the last level is main memory
  std::vector<StepTimes> steps;   ///< by increasing batch
};

/// Reads a file. Levels that it lacks (files of older builds) are those of the machine file that it
/// names, if that is among `machines`. Throws io::Json::exception.
RooflineResult read_roofline(const ResultFile& file,
                             const std::vector<const ResultFile*>& machines);

/// Returns its time, after "~" if its interval is wider than a tenth of it.
std::string time_text(const LayerTime& layer);
/// Returns whether a layer computes nothing, such as flatten.
bool is_view(const LayerTime& layer);
/// Returns the network with what the command changed in its deck: "NETWORK, train.batch_size=8".
std::string network_of(const RooflineResult& result);
/// Returns whether Kokkos Kernels multiplied the matrices.
bool uses_kokkos_kernels(const RooflineResult& result);
/// Returns the space, with the library that multiplied matrices: "openmp, Kokkos Kernels".
std::string space_of(const RooflineResult& result);
/// Returns "NETWORK, training, float32 on openmp".
std::string title_of(const RooflineResult& result);
/// Returns the layers in order, without views, each once.
std::vector<std::string> layers_in(const StepTimes& step);

/// Returns time per sample against batch, of one or several results of a network.
Picture batch_picture(const std::vector<const RooflineResult*>& results, const std::string& title,
                      const std::string& name);

/// Returns what one file shows: the roofline with every layer, time per layer, time by batch,
/// memory.
Block roofline_block(const RooflineResult& result);

/// Returns a row for each network, phase, space and batch: time, rate, bound, largest layer.
io::Table overview(const std::vector<RooflineResult>& results);

/// Returns a block for each network, phase and precision that several spaces or machines have run.
std::vector<Block> side_by_side(const std::vector<RooflineResult>& results);

}  // namespace ridgeline::report
