#include "machine/work_probes.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "core/spaces.hpp"
#include "machine/host_dot_products.hpp"
#include "support/runtime.hpp"

namespace ridgeline::machine {
namespace {

class WorkProbesOnSpaces : public testing::Computing {};
class ForkJoin : public testing::Computing {};

MeasureOptions shortest() {
  MeasureOptions options;
  options.min_repeats = 2;
  options.min_seconds = 0;
  options.warm_up_seconds = 0;
  options.batch_seconds = options.batch_below = 0;
  return options;
}

// Tests the kernels that this processor supports, which may be none.
TEST(DotProblem, EverySupportedKernelComputesWhatAPlainLoopComputes) {
  for (const host::DotKernel kernel : host::supported_dot_kernels()) {
    SCOPED_TRACE(host::to_string(kernel));
    const host::DotProblem problem(kernel);
    std::vector<std::int32_t> sums(problem.sums());
    for (const long steps : {0L, 1L, 2L, 77L, problem.most_steps()}) {
      problem.run(sums.data(), steps);
      EXPECT_TRUE(problem.verify(sums.data(), steps)) << steps;
      EXPECT_FALSE(problem.verify(sums.data(), steps + 1)) << steps;
    }
    EXPECT_GT(problem.most_steps(), 5000);
    sums.back() ^= 1;
    EXPECT_FALSE(problem.verify(sums.data(), problem.most_steps()));
  }
}

TEST(DotProblem, CountsTwoOperationsPerProduct) {
  using host::DotKernel;
  const auto operations = [](DotKernel kernel) {
    return host::DotProblem(kernel).operations_per_step();
  };
  EXPECT_EQ(operations(DotKernel::avx512_bf16), 24 * 16 * 2 * 2);
  EXPECT_EQ(operations(DotKernel::avx512_vnni), 24 * 16 * 4 * 2);
  EXPECT_EQ(operations(DotKernel::avx_vnni), 10 * 8 * 4 * 2);
  EXPECT_EQ(operations(DotKernel::amx_bf16), 4 * 16 * 16 * 32 * 2);
  EXPECT_EQ(operations(DotKernel::amx_int8), 4 * 16 * 16 * 64 * 2);
}

TEST(ThreadLadder, HasOneAllAndThePowersOfTwoBetween) {
  EXPECT_EQ(thread_ladder(1), (std::vector<int>{1}));
  EXPECT_EQ(thread_ladder(2), (std::vector<int>{1, 2}));
  EXPECT_EQ(thread_ladder(4), (std::vector<int>{1, 2, 4}));
  EXPECT_EQ(thread_ladder(6), (std::vector<int>{1, 2, 4, 6}));
  EXPECT_EQ(thread_ladder(8), (std::vector<int>{1, 2, 4, 8}));
  EXPECT_EQ(thread_ladder(12), (std::vector<int>{1, 2, 4, 8, 12}));
}

TEST(ForkJoinWork, IsThatOfAPlainLoop) {
  std::uint64_t x = 3;
  for (int step = 0; step < 5; ++step) x = x * 6364136223846793005u + 1442695040888963407u;
  EXPECT_EQ(fork_join_work(3, 5), x);
  EXPECT_EQ(fork_join_work(3, 0), 3u);
  const ForkJoinWork work = work_of(1e-5);
  EXPECT_EQ(work.seconds, 1e-5);
  // A step is a dependent multiplication and addition: about 4 cycles.
  EXPECT_GT(work.steps, 100);
  EXPECT_LT(work.steps, 200000);
}

TEST_F(ForkJoin, HasAPointForEachWork) {
  const std::vector<ForkJoinWork> works = {{1e-6, 500}, {2e-6, 1000}};
  for (const SpaceKind kind : built_spaces()) {
    SCOPED_TRACE(to_string(kind));
    const auto points = measure_fork_join(kind, 1, works, shortest());
    if (kind == SpaceKind::cuda) {
      EXPECT_TRUE(points.empty());
      continue;
    }
    ASSERT_EQ(points.size(), 2u);
    EXPECT_EQ(points[1].work.steps, 1000);
    EXPECT_EQ(points[1].threads, 1);
    EXPECT_EQ(points[1].team, kind == SpaceKind::serial ? 1 : Runtime::host_threads().count);
    EXPECT_GT(points[1].seconds.min, 0);
  }
}

WorkOptions smallest() {
  WorkOptions options;
  options.peaks = options.fork_join = shortest();
  options.fork_join_seconds = {1e-6};
  options.kernels.cases = {{KernelClass::product_nn, ProductShape{3, 5, 7}}};
  options.kernels.min_repeats = 2;
  options.kernels.min_seconds = 0;
  return options;
}

TEST_F(WorkProbesOnSpaces, OneThreadIsMeasuredOnceAndPartOfEveryHostSpace) {
  WorkProbes probes(smallest());
  Peak peak;
  peak.flops = 2;
  peak.seconds.min = 1;
  const std::size_t dots = host::supported_dot_kernels().size();
  std::vector<KernelPoint> one;
  for (const SpaceKind kind : built_spaces()) {
    SCOPED_TRACE(to_string(kind));
    peak.threads = ridgeline::with_space(kind, [](const auto& s) { return int(s.concurrency()); });
    const WorkMeasurement work = probes.measure(kind, peak, peak, {}, nullptr);
    io::Json json;
    add_to_json(work, json);
    if (kind == SpaceKind::cuda) {
      EXPECT_EQ(work.peaks.size(), 2u);
      EXPECT_FALSE(json.contains("fork_join"));
      continue;
    }
    const std::vector<int> counts = thread_ladder(peak.threads);
    EXPECT_EQ(work.peaks.size(), counts.size() * (2 + dots));
    EXPECT_EQ(work.fork_join.size(), counts.size());
    EXPECT_EQ(work.kernels.size(), peak.threads == 1 ? 2u : 4u);
    for (const int threads : counts) {
      std::set<std::string> found;
      for (const io::Json& entry : json["peaks"]) {
        if (entry["threads"] != threads) continue;
        EXPECT_GT(entry["gflops"], 0);
        EXPECT_EQ(entry.contains("unit"), entry["precision"] == "int8");
        found.insert(entry["kernel"].get<std::string>() + entry["precision"].get<std::string>());
      }
      EXPECT_EQ(found.size(), 2 + dots) << threads;
    }
    // With all threads it is the given peak.
    EXPECT_EQ(work.peaks[(counts.size() - 1) * (2 + dots)].peak.flops, 2);
    EXPECT_EQ(json["kernels"][0]["class"], "product_nn");
    EXPECT_EQ(json["kernels"][0]["shape"], (io::Json{{"m", 3}, {"n", 5}, {"k", 7}}));
    EXPECT_EQ(json["kernels"][0]["threads"], 1);
    EXPECT_LE(json["kernels"][0]["seconds"]["samples"].size(), 8u);
    EXPECT_GE(json["kernels"][0]["seconds"]["samples"].size(), 2u);
    if (kind == SpaceKind::serial) {
      one = work.kernels;
    } else if (!one.empty()) {
      EXPECT_EQ(work.kernels[0].seconds.samples, one[0].seconds.samples) << "measured again";
    }
  }
}

}  // namespace
}  // namespace ridgeline::machine
