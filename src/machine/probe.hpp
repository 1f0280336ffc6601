#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace ridgeline::machine {

/// Called with a short line that names the measurement; the library itself prints nothing.
using Progress = std::function<void(const std::string&)>;

/// Returns working sets from `smallest` to `largest` bytes, `per_octave` points per octave and
/// `largest` itself, each rounded to a multiple of `unit` and at least one; increasing, without
/// repetition.
std::vector<std::size_t> working_sets(std::size_t smallest, std::size_t largest, int per_octave,
                                      std::size_t unit);

/// The order in which a ladder measures its points, within a time limit: the largest set, whole
/// octaves, the points between them in cache, and finally points that halve the gaps beyond. A
/// ladder that reaches its time limit is coarser and not shorter; it always has whole octaves in
/// cache, which cost little.
class LadderOrder {
 public:
  /// Orders `sets` (increasing, `per_octave` per octave), of which those up to `in_cache` bytes
  /// cost little; the time limit begins now. `stopped`, if given, is called before each set.
  LadderOrder(const std::vector<std::size_t>& sets, int per_octave, std::size_t in_cache,
              double budget_seconds, std::function<bool()> stopped = {});

  /// Returns the index of the next set, or nullopt if all are measured or the ladder was
  /// stopped.
  std::optional<std::size_t> next();

  /// Returns the number of points that were left out because the time was over.
  std::size_t left_out() const { return left_out_; }

 private:
  const std::vector<std::size_t>& sets_;
  std::size_t in_cache_;
  double end_;
  std::function<bool()> stopped_;
  std::vector<std::size_t> order_;
  std::size_t octaves_ = 0;  // leading entries of order_ that are never the refinement
  std::size_t position_ = 0, left_out_ = 0;
};

/// Returns the thread counts of probes: 1, the powers of two below `all`, and `all`.
std::vector<int> thread_ladder(int all);

/// Appends "SUBJECT: 3 of 64 points were left out to stay within the time" to `notes`, if there are
/// any.
void note_left_out(const std::string& subject, std::size_t left_out, std::size_t all,
                   std::vector<std::string>* notes);

/// Returns a readable size: "16 KiB", "1.5 MiB".
std::string readable_bytes(double bytes);

}  // namespace ridgeline::machine
