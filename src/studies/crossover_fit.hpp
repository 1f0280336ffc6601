#pragma once

#include <array>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "model/crossover.hpp"
#include "studies/crossover.hpp"

namespace ridgeline::studies {

/// How the two spaces are compared. Against a machine file, kEager and kWithTransfers are lower
/// bounds from its ceilings, and kExpected and kExpectedWithTransfers expected times.
enum Mode { kEager, kWithTransfers, kGraph, kExpected, kExpectedWithTransfers, kModes };
inline constexpr const char* kModeNames[] = {"eager", "with_transfers", "graph", "expected",
                                             "expected_with_transfers"};

/// One size in one mode.
struct ModeMeasurement {
  Timing first;                         ///< on the first space
  double second = 0;                    ///< seconds on the second space; 0: unknown
  std::optional<Timing> second_timing;  ///< if it was measured there
  std::vector<double> ratios;           ///< first / second of each turn; empty if not compared
};

/// The measurements of one size.
struct SizeMeasurement {
  double size = 0, bytes = 0;
  std::array<ModeMeasurement, kModes> modes;
  std::optional<std::size_t> width = {};  ///< of a layer
  std::size_t batch = 0;
  std::string precision = {};
  double flops = 0;
  /// Kinds and phases whose expected time is from the fit of all layers; nullopt if nothing is
  /// computed from a machine file.
  std::optional<std::set<std::string>> without_record = {};
};

/// One curve: the quantity that grows, and the points.
struct SizeCurve {
  std::string subject, pass, grows;
  std::vector<SizeMeasurement> points;
};

/// The two spaces that are compared, and the modes whose crossovers the table shows.
struct Comparison {
  /// Names in sentences: spaces, or the model of the machine file's device.
  std::string first, second;
  bool from_file = false;   ///< the second is a machine file: nothing is measured there
  bool device = false;      ///< the second is a device, with transfers and graphs
  bool each_batch = false;  ///< a row for every batch of a deck, not only for the largest
  std::vector<Mode> shown;
};

/// Returns the comparison that the bounds request.
Comparison comparison_of(const CrossoverBounds& bounds);

/// The crossovers along a curve, by mode.
struct FittedCurve {
  const SizeCurve* curve = nullptr;
  std::array<std::optional<model::Crossover>, kModes> crossovers;
  /// Whether an expected time of one of its points is from the fit of all layers.
  bool without_record = false;
};

/// The fits of a layer or a deck in one pass.
struct FittedRow {
  std::string subject, pass;
  std::vector<const SizeCurve*> curves;
  std::vector<FittedCurve> fitted;  ///< by width and by batch, if there are several points
  std::vector<double> ratios;       ///< medians of all their points, in the mode of the advantage
  std::optional<model::Advantage> advantage;
};

/// Fits the curves, which must outlive the rows.
std::vector<FittedRow> fit_rows(const std::vector<SizeCurve>& curves, const Comparison& comparison);

/// Returns the study's `fit`.
io::Json to_json(const std::vector<FittedRow>& rows, const Comparison& comparison);

}  // namespace ridgeline::studies
