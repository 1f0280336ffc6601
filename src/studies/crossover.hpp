#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "studies/layer_families.hpp"
#include "studies/study.hpp"

namespace ridgeline::studies {

/// Bounds of `study crossover`.
struct CrossoverBounds {
  SpaceKind first = SpaceKind::serial, second = SpaceKind::serial;  ///< compared spaces
  std::vector<std::string> kinds;                                   ///< of layers; empty: all
  bool no_layers = false;                                           ///< decks only
  std::vector<std::size_t> widths;                                  ///< empty: those of each family
  std::vector<std::size_t> batches;  ///< empty: 1 to 512 for layers, to 256 for decks
  std::vector<DeckCase> decks;
  /// A `ridgeline-machine` file that replaces the second space: nothing is measured there. Its
  /// times are lower bounds from its ceilings, and expected times from measured fractions of the
  /// ceilings on similar devices (model/measured_fractions.hpp).
  std::optional<io::Json> machine_file;
  std::string machine_path, machine_space;
};

/// "For smaller tasks CPUs can be quicker; the more memory an operation needs, the greater the
/// GPU's advantage". Measures every kind of layer against width and batch, and every deck against
/// batch, alternately on two spaces in one process. Determines the size from which the second is
/// faster at every larger one, with and without the transfers of inputs and outputs, and with
/// separate launches or, on a device, a replayed graph; and how the ratio grows with the bytes that
/// an operation touches.
Study study_crossover(const CrossoverBounds& bounds, const Control& control);

}  // namespace ridgeline::studies
