#include "core/pulse.hpp"

#include <algorithm>

#if defined(_OPENMP)
#include <omp.h>
#endif

#include "core/seconds.hpp"

namespace ridgeline {
namespace {

using Vector = double __attribute__((vector_size(64)));
constexpr std::size_t kLanes = sizeof(Vector) / sizeof(double);

constexpr std::size_t kValues = (std::size_t{128} << 10) / sizeof(double);

// Runs eight chains of dependent fused multiply-adds in registers.
double multiply_add(double start) {
  constexpr int kChains = 8, kSteps = 8000;
  Vector x[kChains];
  const Vector factor = Vector{} + 0.999, addend = Vector{} + 0.001;
  for (int chain = 0; chain < kChains; ++chain) x[chain] = Vector{} + (start + chain);
  for (int step = 0; step < kSteps; ++step) {
    for (Vector& each : x) each = each * factor + addend;
  }
  double sum = 0;
  for (const Vector& each : x) sum += each[0] + each[kLanes - 1];
  return sum;
}

double sum_of(const double* values) {
  Vector sums[4] = {};
  for (std::size_t i = 0; i < kValues; i += 4 * kLanes) {
    for (std::size_t k = 0; k < 4; ++k) {
      Vector next;
      __builtin_memcpy(&next, values + i + k * kLanes, sizeof(next));
      sums[k] += next;
    }
  }
  double total = 0;
  for (const Vector& each : sums) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) total += each[lane];
  }
  return total;
}

}  // namespace

Pulse::Pulse(int threads) : threads_(static_cast<std::size_t>(std::max(1, threads))) {
#if defined(_OPENMP)
#pragma omp parallel num_threads(static_cast <int>(threads_.size()))
  run_on_thread(static_cast<std::size_t>(omp_get_thread_num()), false);
#else
  run_on_thread(0, false);
#endif
}

Pulse::Seconds Pulse::run() {
#if defined(_OPENMP)
#pragma omp parallel num_threads(static_cast <int>(threads_.size()))
  run_on_thread(static_cast<std::size_t>(omp_get_thread_num()), true);
#else
  run_on_thread(0, true);
#endif
  Seconds slowest;
  for (const Thread& thread : threads_) {
    slowest.arithmetic = std::max(slowest.arithmetic, thread.seconds.arithmetic);
    slowest.stream = std::max(slowest.stream, thread.seconds.stream);
  }
  return slowest;
}

double Pulse::exchange() {
  if (threads_.size() == 1) return 0;
  constexpr int kRounds = 7;
  std::vector<double> slowest(kRounds, 0);
#if defined(_OPENMP)
  const std::size_t count = threads_.size();
  for (double& round : slowest) {
#pragma omp parallel num_threads(static_cast <int>(count))
    {
      const std::size_t index = static_cast<std::size_t>(omp_get_thread_num());
      Thread& thread = threads_[index];
      std::fill_n(thread.memory.get(), kValues, 1.0);
#pragma omp barrier
      const double begin = host_seconds();
      thread.sum += sum_of(threads_[(index + 1) % count].memory.get());
      thread.read_seconds = host_seconds() - begin;
    }
    for (const Thread& thread : threads_) round = std::max(round, thread.read_seconds);
  }
#endif
  return median_of(slowest);
}

void Pulse::run_on_thread(std::size_t index, bool measured) {
  Thread& thread = threads_[index];
  if (!measured) {  // allocated on the thread's NUMA domain
    thread.memory = std::make_unique<double[]>(kValues);
    return;
  }
  const double begin = host_seconds();
  thread.sum += multiply_add(begin);
  const double end = host_seconds();
  thread.sum += sum_of(thread.memory.get());  // loads it into the cache
  const double second = host_seconds();
  for (int pass = 0; pass < 4; ++pass) thread.sum += sum_of(thread.memory.get());
  thread.seconds = {end - begin, host_seconds() - second};
}

}  // namespace ridgeline
