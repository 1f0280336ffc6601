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
  /// The same, but with input that another thread wrote, if several threads ran: what a step's
  /// elementwise kernels find. At least ceiling_seconds.
  double explained_seconds = 0;
  Bound ceiling = Bound::latency;  ///< which of the three is the largest
  Bound bound = Bound::latency;    ///< the same, or overhead
  int threads = 0;                 ///< of the ceilings that it was placed under
  double fraction_of_ceiling = 0;  ///< ceiling_seconds / seconds; 0 where nothing was measured
  double gflops = 0;               ///< reached, GFLOP/s
  double gbytes_per_second = 0;    ///< reached, GB/s
  double intensity = 0;            ///< FLOP/B
  /// Faster than the ceiling: a fault of the roof or of the count, to be shown and never hidden.
  bool above_roof = false;
};

/// Work that its largest ceiling explains less of than this share is bound by overhead.
inline constexpr double kLeastExplained = 0.5;
/// Seconds of a kernel launched back to back, of one that a host space runs on the calling thread
/// alone, and of a barrier between the threads of a team.
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
  /// A host's ceilings are those of `threads`, or of the most that the file has if that is 0; if
  /// the file has none of so many, those of the next fewer, and notes() says so.
  Ceilings(const io::Json& file, const std::string& name, const std::string& space,
           const std::string& precision, int threads = 0);

  /// Returns the threads that the ceilings are of; of a device what it can run at once.
  int threads() const { return all_.threads; }

  /// Returns, a sentence each, what of the ceilings was not measured with the threads wanted.
  const std::vector<std::string>& notes() const { return notes_; }

  /// Returns which of "peak_gflops.PRECISION", "bandwidth", "cache bandwidth" and "dispatch" a data
  /// sheet does not say. Without that of a cache, memory's stands for every working set.
  std::vector<std::string> absent() const;

  /// Returns the same ceilings with a cost of dispatch, where the data sheet has none.
  Ceilings with_dispatch(const DispatchSeconds& seconds) const;

  /// Best rate of fused multiply-adds with all threads, FLOP/s.
  double peak_flops() const { return all_.peak_flops; }

  /// Bytes a second of the fastest streaming kernel with all or fewer threads at this working set:
  /// linear in
  /// the logarithm of the working set between measured points, constant beyond the first and last.
  double bandwidth(double working_set_bytes) const { return all_.bandwidth(working_set_bytes); }

  /// Seconds per kernel, launched back to back.
  double dispatch_seconds() const { return all_.dispatch_seconds; }
  /// Seconds a kernel that a host space runs on the calling thread alone.
  double single_dispatch_seconds() const { return all_.single_dispatch_seconds; }
  /// Seconds a barrier between the threads of a team.
  double barrier_seconds() const { return all_.barrier_seconds; }

  /// Seconds that it takes to bring so many bytes to a device from pinned memory, and so many back:
  /// T = a + V/b of the file's transfers each way. 0 for a host, which transfers nothing.
  double transfer_seconds(double bytes_to_space, double bytes_to_host) const;

  Placement place(const Work& work) const;

 private:
  // Bandwidth against bytes, by increasing bytes: linear in their logarithm between points.
  struct Curve {
    std::string kernel;  ///< with "/other" for chains that other threads go on with
    std::vector<double> log_bytes, bytes_per_second;
    double at(double bytes) const;
  };

  // A number of threads.
  struct Set {
    int threads = 0;
    double peak_flops = 0;  ///< 0: absent
    double dispatch_seconds = 0, single_dispatch_seconds = 0, barrier_seconds = 0;
    std::vector<Curve> curves;                     ///< one per streaming kernel
    std::vector<std::pair<double, Curve>> chains;  ///< by the arena's bytes, increasing
    double bandwidth(double working_set_bytes) const;
    double chain_bandwidth(const Work& work, bool from_other) const;
  };

  void read_bandwidth(const io::Json& space, const std::string& path, bool from_sheet, int threads);
  void read_peak(const io::Json& spaces, const std::string& path, const std::string& space,
                 bool from_sheet);
  void read_dispatch(const io::Json& space, const std::string& path, bool from_sheet);
  void read_chains(const io::Json& space, const std::string& path);
  void read_transfers(const io::Json& space, const std::string& path);

  std::string precision_;
  bool has_dispatch_ = true;    ///< false: absent; the costs are then 0
  double link_ = 0;             ///< bytes a second each way, from a data sheet; 0: absent
  double least_known_set_ = 0;  ///< bytes: the bandwidth of smaller sets is absent
  Set all_;
  std::optional<Set> one_;  ///< a host's one thread, if the file has it and `all_` is of more
  std::vector<std::string> notes_;
  std::optional<LaunchCost> to_space_, to_host_;
};

}  // namespace ridgeline::model
