#pragma once

#include <cstddef>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/guard.hpp"
#include "core/runtime.hpp"
#include "core/seconds.hpp"
#include "io/json.hpp"
#include "io/table.hpp"
#include "machine/probe.hpp"
#include "model/least_squares.hpp"

namespace ridgeline::studies {

/// How a study is run, whatever its question.
struct Control {
  machine::Progress progress;     ///< told what was measured; may be empty
  std::function<bool()> stopped;  ///< asked before each point; true ends the study; may be empty
  bool quick = false;             ///< within 30 s rather than 3 min: fewer points
  bool should_stop() const { return stopped && stopped(); }
  void tell(const std::string& what) const {
    if (progress) progress(what);
  }
};

/// A timing under the name of its point, "cuda, kernel, bytes 256", by which a note lists it.
struct NamedTiming {
  std::string point;
  Timing seconds;
};

/// What a study found.
struct Study {
  std::string name;                  ///< "latency"
  std::string claim;                 ///< what people say, which the study measures
  io::Json settings;                 ///< what was swept, by whom
  io::Json points;                   ///< a list: every measured point
  io::Json fit;                      ///< what was fitted, each parameter with its 95 % interval
  io::Table table;                   ///< the one table that answers
  std::vector<std::string> answers;  ///< what was found, a sentence each
  std::vector<std::string> notes;    ///< what could not be measured as asked, and what looks odd
  bool complete = true;              ///< false where it was stopped before its end
  Disturbance disturbance = {};      ///< while it was measured
  std::vector<NamedTiming> timings = {};  ///< those of the points

  /// Adds a point: what the file says of it, its name and its timings.
  void add_point(io::Json point, const std::string& point_name, const std::vector<Timing>& seconds);
};

/// The `ridgeline-study` file of a study.
io::Json to_json(const Study& study);

/// Returns `{"value", "low", "high", "reached"}`; what is not known is null, and `reached` is false
/// where the value is not.
io::Json to_json(const model::Estimate& estimate);

/// Returns "12.3 (11.9 to 12.8)", in whatever way `show` writes a number; "at least", "at most"
/// where a bound is not known. An estimate that is not reached() has no number but its bounds:
/// "not reached (> 64)" beyond what was measured, "at most 2" below, "unclear (4 to 64)".
std::string shown(const model::Estimate& estimate, const std::function<std::string(double)>& show);

/// The same as a cell, which is the value alone in csv and json, and in a table that is too wide.
io::Cell estimate_cell(const model::Estimate& estimate,
                       const std::function<std::string(double)>& show);
/// A cell of a size in bytes.
io::Cell bytes_cell(double bytes);
/// A cell that shows a text in place of a number that is not there, `brief` in a table that is too
/// wide.
io::Cell no_number(const std::string& text, const std::string& brief = "");
/// What stands for an estimate that is not reached() in a table that is too wide: "> 64",
/// "unclear".
std::string shown_briefly(const model::Estimate& estimate,
                          const std::function<std::string(double)>& show);
/// Ends a study: sets `complete`, and adds one note that lists the timings of its points whose
/// median stayed uncertain (Timing::is_wide()), the widest first.
void finish(Study& study, const Control& control);

// Checks of bounds: each throws RequestError, and all are made before anything is measured.

/// `from` is positive and not above `to`, which `what` ("--from and --to") names.
void require_order(const std::string& what, double from, double to);

/// `counts` are positive, and none is above the threads that the Runtime has.
void require_threads(const std::vector<int>& counts);

/// `bytes` fit into the memory that is free where the space's data lie.
void require_memory(SpaceKind space, double bytes);

/// The space that stands for the host among these: openmp where it is one of them and the Runtime
/// has several threads, serial otherwise.
SpaceKind host_among(const std::vector<SpaceKind>& spaces);

/// Returns the numbers of host threads that a study takes: those requested, in order and once each,
/// or else machine::thread_ladder up to all that the host's space has. Throws RequestError if one
/// is not possible.
std::vector<int> host_thread_counts(std::vector<int> asked, SpaceKind host);

/// "host" for a host's space, whose threads are what differs, and a device's own name.
std::string name_of(SpaceKind space);

/// Whether working sets up to `largest` bytes get beyond the caches: twice what all of the space's
/// threads hold. A note says so where they do not.
bool reaches_memory(SpaceKind space, double largest, std::vector<std::string>& notes);

/// Adds a note if the threads are not bound to processors.
void note_binding(std::vector<std::string>& notes);

}  // namespace ridgeline::studies
