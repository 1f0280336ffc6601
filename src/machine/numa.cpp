#include "machine/numa.hpp"

#include <algorithm>
#include <map>

#if defined(_OPENMP)
#include <omp.h>
#endif

#include "core/runtime.hpp"
#include "core/timing.hpp"
#include "core/topology.hpp"
#include "machine/pages.hpp"

namespace ridgeline::machine {
namespace {

/// Returns the threads of each domain, by their number in OpenMP's pool.
std::map<int, std::vector<int>> threads_by_domain() {
  std::map<int, std::vector<int>> domains;
  const HostThreads& threads = Runtime::host_threads();
  if (!threads.bound) return domains;
  const Topology topology = Topology::read();
  for (std::size_t thread = 0; thread < threads.placed.size(); ++thread) {
    const std::vector<int> own = parse_processor_list(threads.placed[thread]);
    if (own.empty() || topology.numa_domains_of(own) != 1) return {};
    domains[topology.select(own).front().numa].push_back(static_cast<int>(thread));
  }
  return domains;
}

/// Runs `body(begin, end)` on each of these threads of the pool, over its share of [0, size).
template <class Body>
void share(const std::vector<int>& threads, std::size_t size, const Body& body) {
  const auto run = [&](std::size_t index) {
    body(size * index / threads.size(), size * (index + 1) / threads.size());
  };
#if defined(_OPENMP)
#pragma omp parallel num_threads(Runtime::host_threads().count)
  {
    const auto found = std::find(threads.begin(), threads.end(), omp_get_thread_num());
    if (found != threads.end()) run(static_cast<std::size_t>(found - threads.begin()));
  }
#else
  for (std::size_t i = 0; i < threads.size(); ++i) run(i);
#endif
}

}  // namespace

std::vector<NumaPoint> numa_bandwidth(std::size_t bytes, const MeasureOptions& options) {
  std::vector<NumaPoint> points;
  const auto domains = threads_by_domain();
  if (domains.size() < 2) return points;
  for (const auto& [memory, owners] : domains) {
    for (const StreamKernel kernel : {StreamKernel::read, StreamKernel::triad}) {
      const std::size_t arrays = kernel == StreamKernel::read ? 1 : 3;
      const std::size_t n = bytes / sizeof(double) / arrays;
      const PageBuffer buffer(arrays * n * sizeof(double), Pages::huge);
      auto* const values = static_cast<double*>(buffer.data());
      share(owners, arrays * n, [&](std::size_t begin, std::size_t end) {
        std::fill(values + begin, values + end, 1.0);
      });
      for (const auto& [domain, workers] : domains) {
        NumaPoint point;
        point.threads_domain = domain;
        point.memory_domain = memory;
        point.threads = static_cast<int>(workers.size());
        point.kernel = kernel;
        point.working_set_bytes = arrays * n * sizeof(double);
        const auto pass = [&, &workers = workers] {
          share(workers, n, [&](std::size_t begin, std::size_t end) {
            const double* const a = values + begin;
            const volatile double sum =
                host::stream(kernel, Stores::ordinary, values + (arrays - 1) * n + begin, a,
                             arrays > 1 ? a + n : a, 0.0, end - begin, 1);
            (void)sum;
          });
        };
        point.seconds = measure(Kokkos::Serial(), options, pass);
        points.push_back(point);
      }
    }
  }
  return points;
}

}  // namespace ridgeline::machine
