#include "model/expectation.hpp"

#include <algorithm>

#include "model/roofline.hpp"

namespace ridgeline::model {

Expectation expect(const Ceilings& ceilings, DeviceKind device, const StepWork& step) {
  const std::vector<std::string> absent = ceilings.absent();
  const bool enough = std::all_of(absent.begin(), absent.end(), [](const std::string& name) {
    return name == "dispatch" || name == "cache bandwidth";
  });
  const Ceilings complete = ceilings.with_dispatch(measured_dispatch(device));
  Expectation expectation;
  double expected = 0;
  for (const PartWork& part : step.parts) {
    Work work = work_of(part.counts, part.launches);
    work.reuse_bytes = step.bytes;
    expectation.at_best += ceilings.place(work).ceiling_seconds;
    const Placement placement = complete.place(work);
    if (placement.ceiling_seconds == 0) continue;  // a view
    const MeasuredFraction& measured = measured_fraction(device, part.kind, part.phase);
    if (*measured.kind == '\0')
      expectation.without_record.insert(part.kind + " " + layers::to_string(part.phase));
    expected +=
        std::max(measured.fixed_seconds, placement.latency_seconds) +
        std::max(placement.compute_seconds, placement.bandwidth_seconds) / measured.fraction;
  }
  if (enough) expectation.expected = expected;
  return expectation;
}

}  // namespace ridgeline::model
