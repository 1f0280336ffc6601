#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace ridgeline::machine {

/// Called with what is being measured, one short line; the library itself prints nothing.
using Progress = std::function<void(const std::string&)>;

/// Working sets from `smallest` to `largest` bytes, `per_octave` points per octave and `largest`
/// itself, each rounded to a multiple of `unit` and at least one; increasing, without repetition.
std::vector<std::size_t> working_sets(std::size_t smallest, std::size_t largest, int per_octave,
                                      std::size_t unit);

/// The order in which a ladder measures its points, within a time: the largest set, whole octaves,
/// what is between them in cache, and at last what halves the gaps beyond. A ladder whose time runs
/// out becomes coarser and not shorter; whole octaves in cache, which cost little, it has in any
/// case.
class LadderOrder {
 public:
  /// For `sets` (increasing, `per_octave` per octave), of which those up to `in_cache` bytes cost
  /// little; the time begins now. `stopped`, if given, is called before each set.
  LadderOrder(const std::vector<std::size_t>& sets, int per_octave, std::size_t in_cache,
              double budget_seconds, std::function<bool()> stopped = {});

  /// Returns the index of the set to be measured next, or nullopt when all is done or it was
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

/// Thread counts that probes are measured with: 1, the powers of two below `all`, and `all`.
std::vector<int> thread_ladder(int all);

/// Adds "WHAT: 3 of 64 points were left out to stay within the time" to `notes`, if there are any.
void note_left_out(const std::string& what, std::size_t left_out, std::size_t all,
                   std::vector<std::string>* notes);

/// "16 KiB", "1.5 MiB": a size as people read it.
std::string readable_bytes(double bytes);

}  // namespace ridgeline::machine
