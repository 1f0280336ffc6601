#include "machine/peaks.hpp"

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "core/timing.hpp"
#include "core/views.hpp"
#include "machine/host_dot_products.hpp"

namespace ridgeline::machine {
namespace {

// Steps that take at most a millisecond in each kernel.
constexpr long kDotSteps = 20000;

struct DotThread {
  const host::DotProblem* problem;
  std::int32_t* sums;
  std::size_t stride;
  long steps;
  void operator()(int thread) const {
    problem->run(sums + static_cast<std::size_t>(thread) * stride, steps);
  }
};

template <class Space>
KernelPeak measure_dot_products(const Space& instance, host::DotKernel kernel, int threads,
                                const MeasureOptions& options) {
  using Policy = Kokkos::RangePolicy<Space, Kokkos::Schedule<Kokkos::Static>, int>;
  const host::DotProblem problem(kernel);
  const long steps = std::min(kDotSteps, problem.most_steps());
  const std::size_t stride = aligned_size<std::int32_t>(problem.sums()) + kAlignment;
  std::vector<std::int32_t> sums(stride * static_cast<std::size_t>(threads));
  const DotThread body{&problem, sums.data(), stride, steps};
  KernelPeak result;
  result.precision = host::precision_of(kernel);
  result.kernel = host::to_string(kernel);
  result.peak.threads = threads;
  result.peak.flops = problem.operations_per_step() * static_cast<double>(steps) * threads;
  result.peak.seconds = measure(instance, options, [&] {
    Kokkos::parallel_for("peak/" + result.kernel,
                         Policy(instance, 0, threads, Kokkos::ChunkSize(1)), body);
  });
  for (int thread = 0; thread < threads; ++thread) {
    if (!problem.verify(sums.data() + static_cast<std::size_t>(thread) * stride, steps)) {
      throw RunError("the peak probe " + result.kernel +
                     " computed a wrong result: this machine cannot be trusted");
    }
  }
  return result;
}

}  // namespace

const char* unit_of(const KernelPeak& peak) {
  return peak.precision == "int8" ? "GOP/s" : "GFLOP/s";
}

std::vector<KernelPeak> measure_dot_peaks(SpaceKind space, int threads,
                                          const MeasureOptions& options) {
  std::vector<KernelPeak> peaks;
  with_space(space, [&](const auto& instance) {
    if constexpr (kIsHost<std::decay_t<decltype(instance)>>) {
      for (const host::DotKernel kernel : host::supported_dot_kernels()) {
        if (options.should_stop()) break;
        peaks.push_back(measure_dot_products(instance, kernel, threads, options));
      }
    }
  });
  return peaks;
}

}  // namespace ridgeline::machine
