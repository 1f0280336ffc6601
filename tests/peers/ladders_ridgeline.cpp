// Ridgeline's probes with the arguments and the output of ladders.c, for ladders.py.

#include <cstdio>
#include <cstdlib>
#include <string>

#include "core/spaces.hpp"
#include "machine/bandwidth.hpp"
#include "machine/latency.hpp"

int main(int count, char** arguments) {
  using namespace ridgeline;
  if (count != 3 && count != 5) return 2;
  const Runtime runtime;
  const std::string kernel = arguments[1];
  const std::size_t bytes = std::strtoull(arguments[count - 1], nullptr, 10);
  if (kernel == "chase") {
    machine::LatencyOptions latency;
    latency.smallest = latency.largest = bytes;
    for (const auto& point : machine::latency_ladder(SpaceKind::serial, latency)) {
      if (point.pages == "huge") continue;
      std::printf("chase %zu %.6g\n", point.working_set_bytes, point.seconds.min);
    }
    return 0;
  }
  const bool huge = std::string(arguments[2]) == "huge";
  const std::string stores = arguments[3];
  machine::BandwidthOptions bandwidth;
  bandwidth.smallest = bandwidth.largest = bytes;
  bandwidth.pages = {huge ? machine::Pages::huge : machine::Pages::ordinary};
  bandwidth.nontemporal = stores == "non-temporal";
  for (const auto& point : machine::bandwidth_ladder(SpaceKind::openmp, bandwidth)) {
    if (to_string(point.kernel) != kernel || to_string(point.stores) != stores) continue;
    std::printf("%s %zu %.6g\n", kernel.c_str(), point.working_set_bytes,
                point.gbytes_per_second());
  }
  return 0;
}
