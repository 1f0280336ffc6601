#pragma once

#include <cstddef>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "core/guard.hpp"
#include "core/runtime.hpp"
#include "core/seconds.hpp"
#include "io/json.hpp"
#include "io/table.hpp"
#include "machine/probe.hpp"
#include "model/least_squares.hpp"

namespace ridgeline::studies {

/// Control of a running study, common to all studies.
struct Control {
  machine::Progress progress;     ///< receives a line on each measurement; may be empty
  std::function<bool()> stopped;  ///< called before each point; true ends the study; may be empty
  bool quick = false;             ///< within 30 s rather than 3 min: fewer points
  bool should_stop() const { return stopped && stopped(); }
  void tell(const std::string& line) const {
    if (progress) progress(line);
  }
};

/// A timing with the name of its point, such as "cuda, kernel, bytes 256", for notes.
struct NamedTiming {
  std::string point;
  Timing seconds;
};

/// The results of a study, as they are printed and written.
struct Study {
  std::string name;                     ///< "latency"
  std::string claim;                    ///< the common claim that the study tests
  io::Json settings = {};               ///< the ranges of the sweep, and the spaces
  io::Json points = io::Json::array();  ///< a list of all measured points
  io::Json fit = io::Json::object();    ///< the fits, each parameter with its 95 % interval
  io::Table table;                      ///< the table of the main results
  std::vector<std::string> answers;     ///< the conclusions, one sentence each
  std::vector<std::string> notes;       ///< deviations from the request, and unexpected results
  bool complete = true;                 ///< false if it was stopped before its end
  Disturbance disturbance;              ///< during the measurements
  std::vector<NamedTiming> timings;     ///< those of the points

  Study() = default;
  /// Constructs a study without points.
  Study(std::string study_name, std::string tested_claim, std::vector<io::Column> columns)
      : name(std::move(study_name)), claim(std::move(tested_claim)), table(std::move(columns)) {}

  /// Adds a point: its JSON object, its name and its timings.
  void add_point(io::Json point, const std::string& point_name, const std::vector<Timing>& seconds);
};

/// Returns the `ridgeline-study` file of a study.
io::Json to_json(const Study& study);

/// Returns `{"value", "low", "high", "reached"}`; unknown values are null, and `reached` is false
/// if `value` is unknown.
io::Json to_json(const model::Estimate& estimate);

/// Returns "12.3 (11.9 to 12.8)", with values formatted by `show`; "at least" or "at most" if a
/// bound is unknown. An estimate that is not reached() is shown by its bounds: "not reached (> 64)"
/// above the measured range, "at most 2" below it, "unclear (4 to 64)".
std::string shown(const model::Estimate& estimate, const std::function<std::string(double)>& show);

/// Returns the same as a cell; csv, json and tables that are too wide contain only the value.
io::Cell estimate_cell(const model::Estimate& estimate,
                       const std::function<std::string(double)>& show);
/// Returns a cell of a size in bytes.
io::Cell bytes_cell(double bytes);
/// Returns a cell that shows a text instead of a missing value, and `brief` in a table that is too
/// wide.
io::Cell no_number(const std::string& text, const std::string& brief = "");
/// Returns the short form of an estimate that is not reached(), for a table that is too wide: ">
/// 64", "unclear".
std::string shown_briefly(const model::Estimate& estimate,
                          const std::function<std::string(double)>& show);
/// Ends a study: sets `complete`, and adds one note that lists the timings of its points whose
/// median is uncertain (Timing::is_wide()), the widest first.
void finish(Study& study, const Control& control);

// Checks of bounds: each throws RequestError, and all are made before anything is measured.

/// Requires that `from` is positive and not above `to`; `options` ("--from and --to") names both.
void require_order(const std::string& options, double from, double to);

/// Requires that `counts` are positive and do not exceed the threads of the Runtime.
void require_threads(const std::vector<int>& counts);

/// Requires that `bytes` fit into the free memory of the space.
void require_memory(SpaceKind space, double bytes);

/// Returns the space that represents the host: openmp if it is one of `spaces` and the Runtime has
/// several threads, otherwise serial.
SpaceKind host_among(const std::vector<SpaceKind>& spaces);

/// Returns the numbers of host threads of a study: those requested, sorted and without duplicates,
/// or else machine::thread_ladder up to all threads of the host's space. Throws RequestError if one
/// is invalid.
std::vector<int> host_thread_counts(std::vector<int> requested, SpaceKind host);

/// Returns "host" for all host spaces, which differ only in their threads, and a device's own name.
std::string name_of(SpaceKind space);

/// Returns whether working sets up to `largest` bytes exceed the caches: twice the caches of all of
/// the space's threads. Adds a note if they do not.
bool reaches_memory(SpaceKind space, double largest, std::vector<std::string>& notes);

/// Adds a note if the threads are not bound to processors.
void note_binding(std::vector<std::string>& notes);

}  // namespace ridgeline::studies
