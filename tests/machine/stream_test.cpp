#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>

#include "machine/bandwidth.hpp"
#include "machine/space_memory.hpp"
#include "machine/stream_arrays.hpp"
#include "support/runtime.hpp"

namespace {

using ridgeline::SpaceKind;
using ridgeline::machine::kStreamKernels;
using ridgeline::machine::kStreamScalar;
using ridgeline::machine::Stores;
using ridgeline::machine::StreamArrays;
using ridgeline::machine::StreamKernel;
using ridgeline::machine::to_string;

class StreamArraysOnSpaces : public ridgeline::testing::Computing {};
class BandwidthLadder : public ridgeline::testing::Computing {};

// Lengths around vectors, unrolled blocks, parts and the table of inputs.
const std::size_t kLengths[] = {1, 2, 7, 8, 15, 16, 63, 64, 65, 127, 129, 1000, 4093, 4094, 9001};

TEST(HostStream, ComputesWhatAPlainLoopComputes) {
  for (const std::size_t n : kLengths) {
    std::vector<double> a(n), b(n);
    for (std::size_t i = 0; i < n; ++i) {
      a[i] = std::sin(static_cast<double>(i) + 1);
      b[i] = std::cos(3 * static_cast<double>(i));
    }
    const double s = 0.4;
    for (const StreamKernel kernel : kStreamKernels)
      for (const auto stores : {Stores::ordinary, Stores::nontemporal}) {
        // One more at the end, which no kernel may access.
        std::vector<double> c(n + 1, -7.0);
        const double sum =
            ridgeline::machine::host::stream(kernel, stores, c.data(), a.data(), b.data(), s, n, 3);
        for (std::size_t i = 0; i < n; ++i) {
          double expected = -7;
          if (kernel == StreamKernel::write) expected = s;
          if (kernel == StreamKernel::copy) expected = a[i];
          if (kernel == StreamKernel::scale) expected = s * a[i];
          if (kernel == StreamKernel::triad) expected = a[i] + s * b[i];
          ASSERT_NEAR(c[i], expected, 1e-15) << to_string(kernel) << " " << i << " of " << n;
        }
        EXPECT_EQ(c[n], -7.0) << to_string(kernel) << " wrote past " << n;
        const double all = 3 * std::accumulate(a.begin(), a.end(), 0.0);
        EXPECT_NEAR(sum, kernel == StreamKernel::read ? all : 0.0, 1e-10) << n;
      }
  }
}

template <class Space>
void check_on(const Space& instance) {
  for (const std::size_t n : kLengths) {
    for (const StreamKernel kernel : kStreamKernels) {
      StreamArrays<Space> arrays(instance, stream_array_count(kernel), n);
      arrays.prepare(kernel);
      EXPECT_FALSE(arrays.verify(kernel)) << to_string(kernel) << " verified before it ran, " << n;
      arrays.run(kernel, 1);
      EXPECT_TRUE(arrays.verify(kernel)) << to_string(kernel) << " " << n;
      arrays.prepare(kernel);
      arrays.run(kernel, 5);
      EXPECT_TRUE(arrays.verify(kernel)) << to_string(kernel) << " " << n << ", five passes";
    }
  }
}

TEST_F(StreamArraysOnSpaces, EveryKernelVerifiesOnEverySpaceAndOnlyOnceItRan) {
  for (const SpaceKind kind : ridgeline::built_spaces()) {
    SCOPED_TRACE(ridgeline::to_string(kind));
    ridgeline::with_space(kind, [](const auto& instance) { check_on(instance); });
  }
}

#if defined(KOKKOS_ENABLE_OPENMP)
TEST_F(StreamArraysOnSpaces, FewerThreadsAndOtherPagesComputeTheSame) {
  using ridgeline::machine::Pages;
  for (const int threads : {1, 2, 3}) {
    for (const Pages pages : {Pages::small, Pages::huge}) {
      StreamArrays<Kokkos::OpenMP> arrays(Kokkos::OpenMP(), 3, 9001, threads, pages);
      EXPECT_EQ(arrays.threads(), threads);
      arrays.prepare(StreamKernel::triad);
      arrays.run(StreamKernel::triad, 3);
      EXPECT_TRUE(arrays.verify(StreamKernel::triad)) << threads;
    }
  }
}
#endif

TEST_F(StreamArraysOnSpaces, AKernelsResultIsNotAnothers) {
  StreamArrays<Kokkos::Serial> arrays(Kokkos::Serial(), 2, 1000);
  arrays.prepare(StreamKernel::copy);
  arrays.run(StreamKernel::copy, 1);
  EXPECT_FALSE(arrays.verify(StreamKernel::scale));
}

TEST_F(BandwidthLadder, CountsBytesOfAllArraysAndEveryKernel) {
  ridgeline::machine::BandwidthOptions options;
  options.largest = 32 << 10;
  options.per_octave = 1;
  options.min_seconds = 0;
  for (const SpaceKind kind : ridgeline::built_spaces()) {
    const auto points = ridgeline::machine::bandwidth_ladder(kind, options);
    ASSERT_EQ(points.size(), 10u);
    for (std::size_t i = 0; i < points.size(); ++i) {
      EXPECT_EQ(points[i].kernel, kStreamKernels[i % 5]);
      EXPECT_NEAR(static_cast<double>(points[i].working_set_bytes), i < 5 ? 16384 : 32768, 192);
      EXPECT_DOUBLE_EQ(
          points[i].gbytes_per_second(),
          1e-9 * static_cast<double>(points[i].working_set_bytes) / points[i].seconds.min);
      EXPECT_GE(points[i].seconds.repeats, 7);
    }
  }
}

TEST_F(BandwidthLadder, StoresPastTheCachesOnlyBeyondAllLastCachesOfItsThreads) {
  if (!ridgeline::machine::host::has_nontemporal_stores()) GTEST_SKIP() << "no such stores";
  const SpaceKind space = SpaceKind::serial;
  const std::size_t caches = ridgeline::machine::cache_bytes_of_threads(space, 1);
  if (2 * caches > ridgeline::machine::memory_share(space)) GTEST_SKIP() << "too little memory";
  ridgeline::machine::BandwidthOptions options;
  options.smallest = caches / 2;
  options.largest = 2 * caches;
  options.per_octave = 1;
  options.repeats = 1;
  options.min_seconds = 0;
  options.nontemporal = true;
  std::size_t beyond = 0;
  for (const auto& point : bandwidth_ladder(space, options)) {
    if (point.stores != Stores::nontemporal) continue;
    EXPECT_GT(point.working_set_bytes, caches + caches / 8);
    ++beyond;
  }
  EXPECT_EQ(beyond, 4u);  // of the largest set all kernels that write
}

}  // namespace
