#include "core/launch.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <memory>
#include <thread>
#include <vector>

#include "core/views.hpp"
#include "support/matrices.hpp"
#include "support/runtime.hpp"

namespace ridgeline {
namespace {

using testing::on_host;
using testing::on_space;
using testing::random_values;

// Work that is too small for a parallel region, and work that is not.
constexpr Cost kSmall{};
constexpr Cost kLarge{1e9, 1e9};

class Launch : public testing::Computing {};

#define RIDGELINE_HOST_SPACES(CHECK) CHECK<Kokkos::Serial>();
#if defined(KOKKOS_ENABLE_OPENMP)
#undef RIDGELINE_HOST_SPACES
#define RIDGELINE_HOST_SPACES(CHECK) CHECK<Kokkos::Serial>(), CHECK<Kokkos::OpenMP>();
#endif

template <class Space>
void check_blocks() {
  const Space instance;
  for (const Cost& cost : {kSmall, kLarge}) {
    for (const int blocks : {0, 1, 2, 3, 17, 1000}) {
      const auto visits = std::make_unique<std::atomic<int>[]>(std::size_t(blocks) + 1);
      for (int i = 0; i <= blocks; ++i) visits[std::size_t(i)] = 0;
      for_blocks(instance, "test/blocks", blocks, cost,
                 [&](int block) { ++visits[std::size_t(block)]; });
      instance.fence();
      for (int i = 0; i < blocks; ++i) EXPECT_EQ(visits[std::size_t(i)], 1) << i << "/" << blocks;
      EXPECT_EQ(visits[std::size_t(blocks)], 0);
    }
  }
}

TEST_F(Launch, BlocksAreEachVisitedOnceOnOneThreadAndOnMany) { RIDGELINE_HOST_SPACES(check_blocks) }

template <class Space, class T>
void visit_elements(const Space& instance, const Cost& cost, std::size_t size, std::size_t grain,
                    const Buffer<Space, T>& visits) {
  T* const data = visits.data();
  for_elements(
      instance, "test/elements", size, cost, KOKKOS_LAMBDA(std::size_t i) { data[i] += T(1); },
      grain);
  instance.fence();
}

TEST(SharedElements, AreEachVisitedOnceByWhateverThreads) {
  for (const std::size_t size : {1, 7, 64, 1000}) {
    for (const std::size_t threads : {1, 3, 64, 1000}) {
      std::vector<int> visits(size, 0);
      int sum = 0;
      const auto visit = [&](std::size_t i) { ++visits.at(i); };
      const auto add = [](std::size_t i, int& total) { total += int(i); };
      for (std::size_t thread = 0; thread < threads; ++thread) {
        SharedElements<decltype(visit)>{visit, size, threads}(thread);
        SharedSum<decltype(add), int>{add, size, threads}(thread, sum);
      }
      EXPECT_EQ(visits, std::vector<int>(size, 1)) << size << " by " << threads;
      EXPECT_EQ(sum, int(size * (size - 1) / 2));
    }
  }
}

template <class Space>
void check_elements() {
  const Space instance;
  for (const Cost& cost : {kSmall, kLarge}) {
    for (const std::size_t size : {0, 1, 2, 4095, 4096, 4097, 100003}) {
      for (const std::size_t grain : {0, 1, 3, 4096}) {
        // One element more, which must not change.
        const auto visits = on_space(instance, std::vector<int>(size + 1, 0));
        visit_elements(instance, cost, size, grain, visits);
        std::vector<int> expected(size, 1);
        expected.push_back(0);
        EXPECT_EQ(on_host(instance, visits), expected) << size << " by " << grain;
      }
    }
  }
}

TEST_F(Launch, ElementsAreEachVisitedOnceOnEverySpace) {
#define RIDGELINE_CHECK(Space, T) \
  if (std::is_same_v<T, float>) check_elements<Space>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

template <class Space, class T>
std::vector<T> compute(const Cost& cost, std::size_t size) {
  const Space instance;
  const auto x = on_space(instance, random_values<T>(size, 1));
  const auto y = on_space(instance, std::vector<T>(size));
  const T* const from = x.data();
  T* const to = y.data();
  for_elements(
      instance, "test/compute", size, cost, KOKKOS_LAMBDA(std::size_t i) {
        // A compiler might contract or vectorise this differently in different places.
        to[i] = std::exp(from[i]) * from[i] + from[i] * T(1.0 / 3.0) - std::tanh(from[i]) / T(7);
      });
  instance.fence();
  return on_host(instance, y);
}

template <class Space>
void check_bits() {
  for (const std::size_t size : {5, 4099, 50021}) {
    EXPECT_EQ((compute<Space, float>(kSmall, size)), (compute<Space, float>(kLarge, size)));
    EXPECT_EQ((compute<Space, double>(kSmall, size)), (compute<Space, double>(kLarge, size)));
    EXPECT_EQ((compute<Space, float>(kLarge, size)),
              (compute<Kokkos::Serial, float>(kSmall, size)));
  }
}

TEST_F(Launch, OneThreadAndManyGiveTheSameBits) { RIDGELINE_HOST_SPACES(check_bits) }

template <class Space>
void check_count() {
  const Space instance;
  const bool many = kIsHost<Space> && instance.concurrency() > 1;
  const LaunchCount before = launch_count;
  for_blocks(instance, "test/blocks", 8, kSmall, [](int) {});
  EXPECT_EQ(launch_count.single, before.single + 1);
  EXPECT_EQ(launch_count.parallel, before.parallel);
  for_blocks(instance, "test/blocks", 8, kLarge, [](int) {});
  for_blocks(instance, "test/blocks", 1, kLarge, [](int) {});  // one block is one thread's
  EXPECT_EQ(launch_count.single, before.single + (many ? 2 : 3));
  EXPECT_EQ(launch_count.parallel, before.parallel + (many ? 1 : 0));
}

TEST_F(Launch, CountsLaunchesByHowTheyRan) { RIDGELINE_HOST_SPACES(check_count) }

template <class Space>
void check_nothing_to_do() {
  const Space instance;
  const LaunchCount before = launch_count;
  visit_elements(instance, kLarge, 0, 1, on_space(instance, std::vector<int>(1)));
  EXPECT_EQ(launch_count.single, before.single);
  EXPECT_EQ(launch_count.parallel, before.parallel);
}

TEST_F(Launch, NoElementsAreNoLaunch) {
#define RIDGELINE_CHECK(Space, T) \
  if (std::is_same_v<T, float>) check_nothing_to_do<Space>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

TEST_F(Launch, EveryThreadCountsItsOwnLaunches) {
  const LaunchCount before = launch_count;
  LaunchCount other;
  std::thread([&] {
    for_blocks(Kokkos::Serial(), "test/blocks", 3, kSmall, [](int) {});
    other = launch_count;
  }).join();
  EXPECT_EQ(other.single, 1);
  EXPECT_EQ(launch_count.single, before.single);
}

TEST(RunsOnOneThread, IsDecidedByTheLargerOfArithmeticAndTraffic) {
  EXPECT_TRUE(runs_on_one_thread({}));
  EXPECT_TRUE(runs_on_one_thread({1e3, 1e3}));
  EXPECT_FALSE(runs_on_one_thread({1e6, 0}));
  EXPECT_FALSE(runs_on_one_thread({0, 1e6}));
}

template <class Space, class T>
void check_allocate() {
  const Space instance;
  const auto filled = allocate<T>(instance, "test/filled", 10007, T(3));
  instance.fence();
  EXPECT_EQ(filled.label(), "test/filled");
  EXPECT_EQ(on_host(instance, filled), std::vector<T>(10007, T(3)));
  EXPECT_EQ(on_host(instance, allocate<T>(instance, "test/zero", 3)), std::vector<T>(3, T(0)));
  EXPECT_EQ(allocate<T>(instance, "test/empty", 0).size(), 0u);
}

TEST_F(Launch, AllocateFillsEveryElement) {
#define RIDGELINE_CHECK(Space, T) check_allocate<Space, T>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

TEST(AlignedSize, RoundsUpToWholeAlignments) {
  EXPECT_EQ(aligned_size<float>(0), 0u);
  EXPECT_EQ(aligned_size<float>(1) * sizeof(float), kAlignment);
  EXPECT_EQ(aligned_size<float>(32), 32u);
  EXPECT_EQ(aligned_size<float>(33), 64u);
  EXPECT_EQ(aligned_size<double>(17), 32u);
}

}  // namespace
}  // namespace ridgeline
