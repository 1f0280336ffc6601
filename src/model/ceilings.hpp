#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "io/json.hpp"
#include "model/launch_cost.hpp"

namespace ridgeline::model {

/// What a piece of work asks of a machine.
struct Work {
  double flops = 0;
  double bytes = 0;              ///< compulsory traffic
  double working_set_bytes = 0;  ///< distinct bytes, which decide the level of memory
  /// Bytes that other work touches before these are touched again, which decide the level that they
  /// come from when the work is one of a chain; 0: the same data again and again.
  double reuse_bytes = 0;
  bool mostly_reads = true;        ///< such as a product's weights; else it writes what it reads
  double parallel_dispatches = 0;  ///< kernels launched on the space
  double single_dispatches = 0;    ///< kernels that a host space runs on the calling thread alone
  double barriers = 0;             ///< inside kernels
  double seconds = 0;              ///< measured; 0 where it was not
};

/// Which ceiling is the lowest.
enum class Bound {
  latency,
  bandwidth,
  compute,
  overhead,  ///< explained_seconds are less than half of the measured time
  unknown,   ///< a quantity that the work needs is absent from the data sheet: null in files
};
std::string to_string(Bound bound);

/// Work placed under the ceilings.
struct Placement {
  double compute_seconds = 0;    ///< flops / peak
  double bandwidth_seconds = 0;  ///< bytes / bandwidth at that working set
  double latency_seconds = 0;    ///< dispatches and barriers
  double ceiling_seconds = 0;    ///< the largest of the three: the fastest that the ceilings allow;
                                 ///< what is absent from a data sheet adds nothing
  /// The same, but if T threads ran the step with (T - 1) / T of the bytes written by another
  /// thread than the one that reads them: what a step's elementwise kernels are expected to find.
  /// At least ceiling_seconds; of a whole step at most the sum of its records' times.
  double explained_seconds = 0;
  Bound ceiling = Bound::latency;  ///< which of the three is the largest
  Bound bound = Bound::latency;    ///< what explains the time: one of the three, or overhead
  /// Whether explained_seconds are so near to half of the time that another run may say overhead
  /// where this one does not, or the reverse.
  bool is_near_half = false;
  int threads = 0;                 ///< of the ceilings that it was placed under
  double fraction_of_ceiling = 0;  ///< ceiling_seconds / seconds; 0 where nothing was measured
  double gflops = 0;               ///< reached, GFLOP/s
  double gbytes_per_second = 0;    ///< reached, GB/s
  double intensity = 0;            ///< FLOP/B
  /// Faster than the ceiling: a fault of the roof or of the count, to be shown and never hidden.
  bool above_roof = false;
};

/// Returns which of compute, bandwidth and latency takes longest; of equal ones the latter.
Bound largest_term(const Placement& placement);

/// Work that its largest ceiling explains less of than this share is bound by overhead.
inline constexpr double kLeastExplained = 0.5;
/// Medians of two runs of the same program may differ by this factor (docs/comparing.md).
inline constexpr double kRunToRun = 1.1;
/// Seconds per kernel launched back to back, per kernel that a host space runs on the calling
/// thread alone, and per barrier between the threads of a team.
struct DispatchSeconds {
  double kernel = 0, single = 0, barrier = 0;
};

/// The measured ceilings of one space for one precision, read from a `ridgeline-machine` file.
///
/// On a host they are those of a number of threads, with those of one thread beside them: work that
/// was launched on the calling thread alone is placed under these.
class Ceilings {
 public:
  /// `file` is the whole file, `name` what errors call it. Throws RequestError where the file lacks
  /// the space, the precision or a quantity, and says what it has. A file from a data sheet
  /// (`measured` is false) may lack quantities; see absent().
  ///
  /// A host's ceilings are those of `threads`, or of the most that the file has if that is 0. What
  /// was measured with fewer and with more threads alone has an upper bound: the smaller of
  /// `threads` times one thread's (each with its share of the data) and all threads' value; of
  /// dispatch all threads' cost stands. If the file has nothing of so many threads, the ceilings
  /// are those of the most that it has. notes() says which case applies.
  Ceilings(const io::Json& file, const std::string& name, const std::string& space,
           const std::string& precision, int threads = 0);

  /// Returns the threads that the ceilings are of; of a device what it can run at once.
  int threads() const { return all_.threads; }

  /// Returns, a sentence each, which ceilings were not measured with that number of threads, and
  /// what stands for them.
  const std::vector<std::string>& notes() const { return notes_; }

  /// Returns which of "peak_gflops.PRECISION", "bandwidth", "cache bandwidth" and "dispatch" a data
  /// sheet does not say. Without that of a cache, memory's stands for every working set.
  std::vector<std::string> absent() const;

  /// Returns the same ceilings with a cost of dispatch, where the data sheet has none.
  Ceilings with_dispatch(const DispatchSeconds& seconds) const;

  /// Best rate of fused multiply-adds with the threads of the ceilings, FLOP/s.
  double peak_flops() const { return all_.peak_flops; }

  /// Bytes per second of the fastest streaming kernel with those threads or fewer at this working
  /// set: linear in the logarithm of the working set between measured points, constant beyond the
  /// first and last.
  double bandwidth(double working_set_bytes) const;

  /// Seconds per kernel, launched back to back.
  double dispatch_seconds() const { return all_.dispatch_seconds; }
  /// Seconds per kernel that a host space runs on the calling thread alone.
  double single_dispatch_seconds() const { return all_.single_dispatch_seconds; }
  /// Seconds per barrier between the threads of a team.
  double barrier_seconds() const { return all_.barrier_seconds; }

  /// Seconds that it takes to bring so many bytes to a device from pinned memory, and so many back:
  /// T = a + V/b of the file's transfers each way. 0 for a host, which transfers nothing.
  double transfer_seconds(double bytes_to_space, double bytes_to_host) const;

  Placement place(const Work& work) const;

 private:
  // Bandwidth against bytes, by increasing bytes: linear in their logarithm between points.
  struct Curve {
    std::string kernel;
    std::vector<double> log_bytes, bytes_per_second;
    double at(double bytes) const;
  };

  // Of a chain of kernels through an arena.
  struct Chain {
    double arena_bytes = 0;
    bool from_other = false;  // other threads read what a thread wrote
    Curve curve;
  };

  // Ceilings of a number of threads: what was measured with so many or fewer.
  struct Set {
    int threads = 0;
    double peak_flops = 0;  // 0: absent
    double dispatch_seconds = 0, single_dispatch_seconds = 0, barrier_seconds = 0;
    std::vector<Curve> curves;  // one per streaming kernel and number of threads
    std::vector<Chain> chains;  // by increasing arena
    double bandwidth(double working_set_bytes) const;
    // Of the chains that hand on in this way; 0 if there is none.
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
  // Of more threads than `all_`, if quantities of `all_` have to be bounded by those of more.
  std::optional<Set> most_;
  double measured_from_ = 0;      // bytes: smaller sets were not measured with all_.threads
  bool has_own_chains_ = true;    // measured with all_.threads
  bool peak_is_measured_ = true;  // likewise
  std::vector<std::string> notes_;
  std::optional<LaunchCost> to_space_, to_host_;
};

}  // namespace ridgeline::model
