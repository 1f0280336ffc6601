#pragma once

#include <optional>
#include <string>
#include <vector>

#include "io/json.hpp"
#include "model/launch_cost.hpp"

namespace ridgeline::model {

/// What a piece of work asks of a machine.
struct Work {
  double flops = 0;
  double bytes = 0;                ///< compulsory traffic
  double working_set_bytes = 0;    ///< distinct bytes, which decide the level of memory
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
  unknown,  ///< a quantity that the work needs is absent from the data sheet: null in files
};
std::string to_string(Bound bound);

/// Work placed under the ceilings.
struct Placement {
  double compute_seconds = 0;    ///< flops / peak
  double bandwidth_seconds = 0;  ///< bytes / bandwidth at that working set
  double latency_seconds = 0;    ///< dispatches and barriers
  double ceiling_seconds = 0;    ///< the largest of the three: the fastest that the ceilings allow;
                                 ///< what is absent from a data sheet adds nothing
  Bound bound = Bound::latency;  ///< which of the three that is
  double fraction_of_ceiling = 0;  ///< ceiling_seconds / seconds; 0 where nothing was measured
  double gflops = 0;               ///< reached, GFLOP/s
  double gbytes_per_second = 0;    ///< reached, GB/s
  double intensity = 0;            ///< FLOP/B
  /// Faster than the ceiling: a fault of the roof or of the count, to be shown and never hidden.
  bool above_roof = false;
};

/// Seconds of a kernel launched back to back, of one that a host space runs on the calling thread
/// alone, and of a barrier between the threads of a team.
struct DispatchSeconds {
  double kernel = 0, single = 0, barrier = 0;
};

/// The measured ceilings of one space for one precision, read from a `ridgeline-machine` file.
class Ceilings {
 public:
  /// `file` is the whole file, `name` what errors call it. Throws RequestError where the file lacks
  /// the space, the precision or a quantity, and says what it has. A file from a data sheet
  /// (`measured` is false) may lack quantities; see absent().
  Ceilings(const io::Json& file, const std::string& name, const std::string& space,
           const std::string& precision);

  /// Returns which of "peak_gflops.PRECISION", "bandwidth", "cache bandwidth" and "dispatch" a data
  /// sheet does not say. Without that of a cache, memory's stands for every working set.
  std::vector<std::string> absent() const;

  /// Returns the same ceilings with a cost of dispatch, where the data sheet has none.
  Ceilings with_dispatch(const DispatchSeconds& seconds) const;

  /// Best rate of fused multiply-adds with all threads, FLOP/s.
  double peak_flops() const { return peak_flops_; }

  /// Bytes a second of the fastest streaming kernel with all threads at this working set: linear in
  /// the logarithm of the working set between measured points, constant beyond the first and last.
  double bandwidth(double working_set_bytes) const;

  /// Seconds a kernel, launched back to back.
  double dispatch_seconds() const { return dispatch_seconds_; }
  /// Seconds a kernel that a host space runs on the calling thread alone.
  double single_dispatch_seconds() const { return single_dispatch_seconds_; }
  /// Seconds a barrier between the threads of a team.
  double barrier_seconds() const { return barrier_seconds_; }

  /// Seconds that it takes to bring so many bytes to a device from pinned memory, and so many back:
  /// T = a + V/b of the file's transfers each way. 0 for a host, which transfers nothing.
  double transfer_seconds(double bytes_to_space, double bytes_to_host) const;

  Placement place(const Work& work) const;

 private:
  // One streaming kernel's bandwidth, by increasing working set.
  struct Curve {
    std::string kernel;
    std::vector<double> log_bytes, bytes_per_second;
    double at(double log_working_set) const;
  };

  void read_transfers(const io::Json& space, const std::string& path);

  std::string precision_;
  double peak_flops_ = 0;       ///< 0: absent
  bool has_dispatch_ = true;    ///< false: absent; the costs are then 0
  double least_known_set_ = 0;  ///< bytes: the bandwidth of smaller sets is absent
  double link_ = 0;             ///< bytes a second each way, from a data sheet; 0: absent
  double dispatch_seconds_ = 0, single_dispatch_seconds_ = 0, barrier_seconds_ = 0;
  std::vector<Curve> curves_;
  std::optional<LaunchCost> to_space_, to_host_;
};

}  // namespace ridgeline::model
