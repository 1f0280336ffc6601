#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "io/json.hpp"
#include "model/roofline.hpp"
#include "model/step_timing.hpp"

namespace ridgeline::model {

/// What happened in one step: a part of it, or a kernel inside a part.
struct TraceEvent {
  std::string name;  ///< "fc1 forward"; of a kernel its label
  bool is_kernel = false;
  std::size_t part = 0;       ///< of NetworkPlan::parts
  double begin = 0, end = 0;  ///< seconds since the step began
};

/// Records one step after a warm-up, with a fence after every part and every kernel (by the
/// callbacks of Kokkos Tools), so that events do not overlap; the step therefore takes longer than
/// one without a record. Events are in the order in which they began.
template <class Space, class T>
std::vector<TraceEvent> trace_step(const Space& instance,
                                   std::shared_ptr<const network::NetworkPlan> plan,
                                   const StepOptions& options);

/// Returns events in the Trace Event Format of Chrome ("complete" events, in microseconds), which
/// Perfetto and chrome://tracing open. A part has the counts and the bound of its record.
io::Json chrome_trace(const std::vector<TraceEvent>& events, const network::NetworkPlan& plan,
                      const Roofline& roofline, bool training);

}  // namespace ridgeline::model
