#pragma once

#include <array>
#include <set>
#include <string>
#include <vector>

#include "studies/crossover.hpp"

namespace ridgeline::studies {

/// How the two spaces are compared. Against a machine file, kEager and kWithTransfers
/// are what its ceilings allow at best, and kExpected and kExpectedWithTransfers what is expected.
enum Mode { kEager, kWithTransfers, kGraph, kExpected, kExpectedWithTransfers, kModes };
inline constexpr const char* kModeNames[] = {"eager", "with_transfers", "graph", "expected",
                                             "expected_with_transfers"};

/// What was measured of one size.
struct SizeMeasurement {
  double size = 0, bytes = 0;
  Timing first;                         ///< on the first space
  std::array<double, kModes> second{};  ///< seconds on the second space; 0: not known
  /// Ratios first / second, turn by turn; empty if a mode was not compared.
  std::array<std::vector<double>, kModes> ratios;
  /// Whether what is expected takes the fit of all layers for one of its kinds.
  bool without_record = false;
};

/// One curve: what grows, and its points.
struct SizeCurve {
  std::string what, pass, grows;
  std::vector<SizeMeasurement> points;
};

/// Which two spaces are compared, and in which modes the table shows crossovers.
struct Comparison {
  /// What the sentences call them: spaces or, where the second is not here, its machine's model.
  std::string first, second;
  bool from_file = false;   ///< the second is a machine file: nothing is measured there
  bool device = false;      ///< the second is a device, with transfers and graphs
  bool each_batch = false;  ///< a row for every batch of a deck, not for the largest alone
  std::vector<Mode> shown;
};

/// Returns the comparison that the bounds ask for.
Comparison comparison_of(const CrossoverBounds& bounds);

/// Returns the columns of its table.
std::vector<io::Column> columns_of(const Comparison& comparison);

/// Adds the rows of the table, a row for each layer or deck in one pass, and what is fitted.
void add_rows(const std::vector<SizeCurve>& curves, const Comparison& comparison, Study& study);

/// Adds the sentences.
void tell_answers(const std::vector<SizeCurve>& curves, const Comparison& comparison, Study& study);

/// Adds to a study's notes and settings what was measured, and, against a machine file, what was
/// computed from that file.
void note_what_is_measured(const CrossoverBounds& bounds, const Comparison& comparison,
                           Study& study);

/// Adds a note for the kinds of layers of which no fraction was measured, and for the quantities
/// that the machine file lacks (Ceilings::absent).
void note_what_is_missing(const std::set<std::string>& kinds_without_record,
                          const std::set<std::string>& absent, const CrossoverBounds& bounds,
                          const Comparison& comparison, Study& study);

}  // namespace ridgeline::studies
