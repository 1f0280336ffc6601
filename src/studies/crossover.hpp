#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "studies/layer_families.hpp"
#include "studies/study.hpp"

namespace ridgeline::studies {

/// What `study crossover` sweeps.
struct CrossoverBounds {
  SpaceKind first = SpaceKind::serial, second = SpaceKind::serial;  ///< does the second win?
  std::vector<std::string> kinds;                                   ///< of layers; empty: all
  bool no_layers = false;                                           ///< decks alone
  std::vector<std::size_t> widths;                                  ///< empty: each family's own
  std::vector<std::size_t> batches;  ///< empty: 1 to 512 for layers, to 256 for decks
  std::vector<DeckCase> decks;
  /// A `ridgeline-machine` file that stands for the second space: nothing is measured there. Its
  /// times are what its ceilings allow at best, and with what such layers took beyond the ceilings
  /// of such devices (model/measured_fractions.hpp).
  std::optional<io::Json> machine_file;
  std::string machine_path, machine_space;
};

/// "For smaller tasks CPUs can be quicker; the more memory an operation needs, the greater the
/// GPU's advantage": every kind of layer against width and batch, and every deck against batch, on
/// two spaces in turn in one process; the size from which on the second wins at every larger one,
/// with and without the transfers of inputs and outputs, launched one by one and, on a device,
/// replayed as a graph; and how the ratio grows with the bytes that an operation touches.
Study study_crossover(const CrossoverBounds& bounds, const Control& control);

}  // namespace ridgeline::studies
