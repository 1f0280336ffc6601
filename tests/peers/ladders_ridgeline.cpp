// Ridgeline's probes with the arguments and the output of ladders.c, for ladders.py:
//
//     ladders_ridgeline TRIAD_BYTES CHASE_BYTES...

#include <cstdio>
#include <cstdlib>

#include "core/spaces.hpp"
#include "machine/bandwidth.hpp"
#include "machine/latency.hpp"

int main(int count, char** arguments) {
  using namespace ridgeline;
  if (count < 2) return 2;
  const Runtime runtime;
  const auto bytes_of = [&](int i) { return std::strtoull(arguments[i], nullptr, 10); };
  machine::BandwidthOptions bandwidth;
  bandwidth.smallest = bandwidth.largest = bytes_of(1);
  if (bandwidth.largest > 0) {
    for (const auto& point : machine::bandwidth_ladder(SpaceKind::openmp, bandwidth)) {
      if (point.kernel != machine::StreamKernel::triad) continue;
      std::printf("triad %zu %.6g\n", point.working_set_bytes, point.gbytes_per_second());
    }
  }
  for (int i = 2; i < count; ++i) {
    machine::LatencyOptions latency;
    latency.smallest = latency.largest = bytes_of(i);
    for (const auto& point : machine::latency_ladder(SpaceKind::serial, latency)) {
      if (point.pages == "huge") continue;
      std::printf("chase %zu %.6g\n", point.working_set_bytes, point.seconds.min);
    }
  }
  return 0;
}
