#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "io/json.hpp"
#include "model/launch_cost.hpp"

namespace ridgeline::model {

/// The operations and data of a piece of work.
struct Work {
  double flops = 0;
  double bytes = 0;              ///< compulsory traffic
  double working_set_bytes = 0;  ///< distinct bytes, which determine the level of memory
  /// Bytes accessed between two uses of the same data, which determine the level that they
  /// come from if the work is part of a chain; 0: the same data repeatedly.
  double reuse_bytes = 0;
  bool mostly_reads = true;  ///< such as a product's weights; otherwise it writes what it reads
  double parallel_dispatches = 0;  ///< kernels launched on the space
  double single_dispatches = 0;    ///< kernels that a host space runs on the calling thread alone
  double barriers = 0;             ///< inside kernels
  double seconds = 0;              ///< measured; 0 if it was not
};

/// The lowest ceiling.
enum class Bound {
  latency,
  bandwidth,
  compute,
  overhead,  ///< explained_seconds are less than half of the measured time
  unknown,   ///< a needed quantity is absent from the data sheet: null in files
};
std::string to_string(Bound bound);

/// Work placed under the ceilings.
struct Placement {
  double compute_seconds = 0;    ///< flops / peak
  double bandwidth_seconds = 0;  ///< bytes / bandwidth at that working set
  double latency_seconds = 0;    ///< dispatches and barriers
  double ceiling_seconds = 0;    ///< the largest of the three: the shortest time that the ceilings
                                 ///< allow; quantities absent from a data sheet count as 0
  /// The same for a step on T threads in which another thread than the reader wrote (T - 1) / T of
  /// the bytes, as expected for a step's elementwise kernels. At least ceiling_seconds; of a whole
  /// step at most the sum of its records' times.
  double explained_seconds = 0;
  Bound ceiling = Bound::latency;  ///< which of the three is the largest
  Bound bound = Bound::latency;    ///< explains the time: one of the three, or overhead
  /// Whether explained_seconds are so close to half of the time that another run may be classified
  /// as overhead when this one is not, or the reverse.
  bool is_near_half = false;
  int threads = 0;                 ///< of the ceilings used
  double fraction_of_ceiling = 0;  ///< ceiling_seconds / seconds; 0 if nothing was measured
  double gflops = 0;               ///< reached, GFLOP/s
  double gbytes_per_second = 0;    ///< reached, GB/s
  double intensity = 0;            ///< FLOP/B
  /// Faster than the ceiling: the roof or the count is wrong, which must be shown and never hidden.
  bool above_roof = false;
};

/// Returns which of compute, bandwidth and latency takes longest; the later one of equal terms.
Bound largest_term(const Placement& placement);

/// Returns the part of a time that `explained_seconds` are, at most 1. Data in a faster cache than
/// expected explain no more than the measured time.
double explained_fraction(double explained_seconds, double seconds);

/// Work is bound by overhead if its largest ceiling explains less than this share of its time.
inline constexpr double kLeastExplained = 0.5;
/// Medians of two runs of the same program may differ by this factor (docs/comparing.md).
inline constexpr double kRunToRun = 1.1;
/// Seconds per kernel launched back to back, per kernel that a host space runs on the calling
/// thread alone, and per barrier between the threads of a team.
struct DispatchSeconds {
  double kernel = 0, single = 0, barrier = 0;
};

/// The measured ceilings of one space for one precision, read from a `ridgeline-machine` file.
/// On a host they are those of a number of threads, and also those of one thread: work
/// on the calling thread alone is placed under the latter.
class Ceilings {
 public:
  /// `file` is the whole file, `name` its name in errors. Throws RequestError if the file lacks the
  /// space, the precision or a quantity; the error lists those that it has. A file from a data
  /// sheet (`measured` is false) may lack quantities; see absent().
  ///
  /// A host's ceilings are those of `threads`, or of the largest number in the file if that is 0.
  /// Quantities measured only with fewer and with more threads have an upper bound: the smaller of
  /// `threads` times one thread's (each with its share of the data) and all threads' value; for
  /// dispatch all threads' cost is used. If the file has no results of that many threads, the
  /// ceilings are those of the largest number that it has. notes() says which case applies.
  Ceilings(const io::Json& file, const std::string& name, const std::string& space,
           const std::string& precision, int threads = 0);

  /// Returns the threads of the ceilings; on a device the number that it runs at once.
  int threads() const { return all_.threads; }

  /// Returns one sentence per ceiling that was not measured with that number of threads, with the
  /// value used instead.
  const std::vector<std::string>& notes() const { return notes_; }

  /// Returns which of "peak_gflops.PRECISION", "bandwidth", "cache bandwidth" and "dispatch" a data
  /// sheet lacks. Without the bandwidth of a cache, memory's is used for every working set.
  std::vector<std::string> absent() const;

  /// Returns the same ceilings with a cost of dispatch, for a data sheet that has none.
  Ceilings with_dispatch(const DispatchSeconds& seconds) const;

  /// Returns the best rate of fused multiply-adds with the threads of the ceilings, FLOP/s.
  double peak_flops() const { return all_.peak_flops; }

  /// Returns the bytes per second of the fastest streaming kernel with those threads or fewer at
  /// this working set: linear in the logarithm of the working set between measured points, constant
  /// beyond the first and last.
  double bandwidth(double working_set_bytes) const;

  /// Returns the seconds per kernel, launched back to back.
  double dispatch_seconds() const { return all_.dispatch_seconds; }
  /// Returns the seconds per kernel that a host space runs on the calling thread alone.
  double single_dispatch_seconds() const { return all_.single_dispatch_seconds; }
  /// Returns the seconds per barrier between the threads of a team.
  double barrier_seconds() const { return all_.barrier_seconds; }

  /// Returns the seconds of a transfer of these bytes from pinned memory to a device and back:
  /// T = a + V/b of the file's transfers in each direction. 0 for a host, which needs no transfers.
  double transfer_seconds(double bytes_to_space, double bytes_to_host) const;

  Placement place(const Work& work) const;

 private:
  // Bandwidth as a function of bytes, by increasing bytes: linear in their logarithm between
  // points.
  struct Curve {
    std::string kernel;
    std::vector<double> log_bytes, bytes_per_second;
    double at(double bytes) const;
  };

  // Bandwidth of a chain of kernels through an arena.
  struct Chain {
    double arena_bytes = 0;
    bool from_other = false;  // other threads read what a thread wrote
    Curve curve;
  };

  // Ceilings of a number of threads, measured with this number or fewer.
  struct Set {
    int threads = 0;
    double peak_flops = 0;  // 0: absent
    double dispatch_seconds = 0, single_dispatch_seconds = 0, barrier_seconds = 0;
    std::vector<Curve> curves;  // one per streaming kernel and number of threads
    std::vector<Chain> chains;  // by increasing arena
    double bandwidth(double working_set_bytes) const;
    // Bandwidth of the chains with this from_other; 0 if there is none.
    double chain_bandwidth(const Work& work, bool from_other) const;
  };

  void read_bandwidth(const io::Json& space, const std::string& path, bool from_sheet, int threads);
  void read_peak(const io::Json& spaces, const std::string& path, const std::string& space,
                 bool from_sheet);
  void read_dispatch(const io::Json& space, const std::string& path, bool from_sheet, bool host);
  void read_chains(const io::Json& space, const std::string& path);
  void read_transfers(const io::Json& space, const std::string& path);
  void note_threads(const std::string& name, int threads);

  // Bytes per second of work in the set, and of work whose data other threads wrote (0: unknown).
  double bandwidth_of(const Work& work, const Set& set) const;
  double handed_on_bandwidth(const Work& work, int threads) const;

  std::string precision_;
  bool has_bandwidth_ = false;
  bool has_dispatch_ = true;    // false: absent; the costs are then 0
  double link_ = 0;             // bytes per second each way, from a data sheet; 0: absent
  double least_known_set_ = 0;  // bytes: the bandwidth of smaller sets is absent
  Set all_;
  std::optional<Set> one_;  // a host's one thread, if the file has it and `all_` is of more
  // Of more threads than `all_`, if these bound quantities of `all_`.
  std::optional<Set> most_;
  double measured_from_ = 0;      // bytes: smaller sets were not measured with all_.threads
  bool has_own_chains_ = true;    // measured with all_.threads
  bool peak_is_measured_ = true;  // likewise
  std::vector<std::string> notes_;
  std::optional<LaunchCost> to_space_, to_host_;
};

}  // namespace ridgeline::model
