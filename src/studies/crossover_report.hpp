#pragma once

#include <set>
#include <string>
#include <vector>

#include "studies/crossover_fit.hpp"

namespace ridgeline::studies {

/// Returns the columns of a comparison's table.
std::vector<io::Column> columns_of(const Comparison& comparison);

/// Adds a curve's points.
void add_points(const SizeCurve& curve, Study& study);

/// Adds the rows of the table.
void add_rows(const std::vector<FittedRow>& rows, const Comparison& comparison, io::Table& table);

/// Adds the sentences.
void tell_answers(const std::vector<FittedRow>& rows, const Comparison& comparison, Study& study);

/// Adds notes and settings that state what was measured, and, against a machine file, what was
/// computed from that file.
void note_sources(const CrossoverBounds& bounds, const Comparison& comparison, Study& study);

/// Adds notes that name the kinds of layers without measured fractions, and the quantities that the
/// machine file lacks (Ceilings::absent).
void note_missing(const std::set<std::string>& kinds_without_record,
                  const std::set<std::string>& absent, const CrossoverBounds& bounds,
                  const Comparison& comparison, Study& study);

}  // namespace ridgeline::studies
