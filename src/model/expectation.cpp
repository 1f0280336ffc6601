#include "model/expectation.hpp"

#include <algorithm>

namespace ridgeline::model {

Expectation expect(const Ceilings& ceilings, DeviceKind device,
                   const std::vector<PartWork>& parts) {
  const std::vector<std::string> absent = ceilings.absent();
  const bool enough = std::all_of(absent.begin(), absent.end(), [](const std::string& name) {
    return name == "dispatch" || name == "cache bandwidth";
  });
  const Ceilings complete = ceilings.with_dispatch(measured_dispatch(device));
  Expectation expectation;
  double expected = 0;
  for (const PartWork& part : parts) {
    Work work;
    work.flops = part.counts.flops;
    work.bytes = part.counts.bytes;
    work.working_set_bytes = part.counts.working_set_bytes;
    work.parallel_dispatches = double(part.launches.parallel);
    work.single_dispatches = double(part.launches.single);
    work.barriers = double(part.launches.barriers);
    expectation.at_best += ceilings.place(work).ceiling_seconds;
    const double ceiling = complete.place(work).ceiling_seconds;
    if (ceiling == 0) continue;  // a view
    const ExpectedFraction fraction = expected_fraction(device, part.kind, part.phase);
    if (!fraction.of_kind) expectation.without_record.insert(part.kind);
    expected += ceiling / fraction.value;
  }
  if (enough) expectation.expected = expected;
  return expectation;
}

}  // namespace ridgeline::model
