#include "core/spaces.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "core/kokkos_bridge.hpp"
#include "core/shape.hpp"
#include "io/scratch.hpp"
#include "support/runtime.hpp"

namespace ridgeline {
namespace {

using testing::contains;
using testing::error_of;

bool is_built(SpaceKind kind) {
  const std::vector<SpaceKind> built = built_spaces();
  return std::find(built.begin(), built.end(), kind) != built.end();
}

TEST(ResolveSpace, GivesEverySpaceOfTheBuildByItsName) {
  ASSERT_FALSE(built_spaces().empty());
  for (const SpaceKind kind : built_spaces()) {
    if (kind == SpaceKind::cuda && device_count() == 0) continue;
    EXPECT_EQ(resolve_space(to_string(kind)), kind);
  }
}

TEST(ResolveSpace, AutoIsTheDeviceAndElseTheMostThreads) {
  if (is_built(SpaceKind::cuda) && device_count() == 0) {
    EXPECT_TRUE(contains(error_of([] { resolve_space("auto"); }), "no CUDA device"));
  } else {
    EXPECT_EQ(resolve_space("auto"), built_spaces().back());
  }
}

TEST(ResolveSpace, RefusesAnUnknownNameAndSaysWhatThereIs) {
  for (const std::string name : {"bogus", "", "OpenMP", "cuda "}) {
    const std::string error = error_of([&] { resolve_space(name); });
    EXPECT_TRUE(contains(error, "--space " + name + ": must be one of auto, serial")) << error;
    for (const SpaceKind kind : built_spaces()) EXPECT_TRUE(contains(error, to_string(kind)));
  }
}

TEST(ResolveSpace, RefusesASpaceThatIsNotInTheBuild) {
  for (const SpaceKind kind : {SpaceKind::openmp, SpaceKind::cuda}) {
    if (is_built(kind)) continue;
    const std::string error = error_of([&] { resolve_space(to_string(kind)); });
    EXPECT_TRUE(contains(error, "--space " + to_string(kind) + ":")) << error;
    EXPECT_TRUE(contains(error, "this build, which has serial")) << error;
    if (kind == SpaceKind::cuda) {
      EXPECT_TRUE(contains(error, "preset cuda"));
    }
  }
}

TEST(ResolveSpace, NamesTheMissingDevice) {
  std::string reason;
  if (!is_built(SpaceKind::cuda) || device_count(&reason) > 0) {
    GTEST_SKIP() << "only a CUDA build without a device can tell";
  }
  EXPECT_FALSE(reason.empty());
  EXPECT_TRUE(contains(error_of([] { resolve_space("cuda"); }), "no CUDA device: " + reason));
  EXPECT_TRUE(contains(error_of([] { Runtime runtime; }), "no CUDA device: " + reason));
}

TEST(CudaDeviceCount, SaysWhyThereIsNone) {
  std::string reason;
  if (device_count(&reason) == 0) {
    EXPECT_FALSE(reason.empty());
  }
}

class WithSpace : public testing::Computing {};

TEST_F(WithSpace, CallsWithAnInstanceOfTheSpaceNamed) {
  EXPECT_TRUE((with_space(SpaceKind::serial, [](const auto& instance) {
    return std::is_same_v<std::decay_t<decltype(instance)>, Kokkos::Serial>;
  })));
#if defined(KOKKOS_ENABLE_OPENMP)
  EXPECT_TRUE((with_space(SpaceKind::openmp, [](const auto& instance) {
    return std::is_same_v<std::decay_t<decltype(instance)>, Kokkos::OpenMP>;
  })));
#else
  EXPECT_TRUE(contains(error_of([] { with_space(SpaceKind::openmp, [](const auto&) {}); }),
                       "this build has no space openmp"));
#endif
}

class HostThreadsOfTheRuntime : public testing::Computing {};

TEST_F(HostThreadsOfTheRuntime, AreAsManyAsRequestedAndDescribed) {
  const HostThreads& threads = Runtime::host_threads();
#if defined(KOKKOS_ENABLE_OPENMP)
  EXPECT_EQ(threads.count, 4);  // as main.cpp asks
  EXPECT_EQ(threads.count, Kokkos::OpenMP().concurrency());
#else
  EXPECT_EQ(threads.count, 1);
#endif
  EXPECT_FALSE(threads.binding.empty());
  EXPECT_FALSE(threads.cpus.empty());
  const std::set<int> different(threads.cpus.begin(), threads.cpus.end());
  EXPECT_EQ(different.size(), threads.cpus.size());
  if (threads.bound) {
    EXPECT_GE(int(threads.cpus.size()), threads.count);
  }
}

TEST(KokkosFlags, AreSpelledAsKokkosDoesNotCallDeprecated) {
  for (const std::string spelling : {"--kokkos-device", "--kokkos-device-id"}) {
    EXPECT_EQ(bridge::kokkos_flag(spelling + "=0"), "--kokkos-device-id=0");
  }
  for (const std::string spelling : {"--kokkos-ndevices", "--kokkos-num-devices"}) {
    EXPECT_EQ(bridge::kokkos_flag(spelling + "=1,2"), "--kokkos-num-devices=1,2");
  }
  EXPECT_EQ(bridge::kokkos_flag("--kokkos-numa=1"), "--kokkos-numa=1");
  EXPECT_EQ(bridge::kokkos_flag("--kokkos-tools-libs=a.so"),
            bridge::kokkos_flag("--kokkos-tools-library=a.so"));
  for (const char* flag : {"--kokkos-tools-libs=a.so", "--kokkos-ndevices=1", "--kokkos-threads"}) {
    EXPECT_TRUE(bridge::is_kokkos_flag(flag)) << flag;
  }
  EXPECT_FALSE(bridge::is_kokkos_flag("--kokkos-skip-device=1"));
}

TEST(KokkosFlags, OfThreadsAreCheckedInBothSpellings) {
  for (const std::string flag : {"--kokkos-threads", "--kokkos-num-threads"}) {
    for (const std::string value : {"", "=", "=0", "=513", "=600", "=abc", "=-1", "=2x"}) {
      EXPECT_TRUE(contains(error_of([&] { planned_threads(0, {flag + value}); }),
                           flag + value + ": must be from 1 to 512"));
    }
    EXPECT_EQ(planned_threads(0, {flag + "=3"}), built_spaces().size() > 1 ? 3 : 1);
  }
}

TEST(Shapes, HaveASizeAndAText) {
  EXPECT_EQ(size_of({1, 28, 28}), 784u);
  EXPECT_EQ(size_of({}), 1u);
  EXPECT_EQ(size_of({3, 0}), 0u);
  EXPECT_EQ(to_string(Shape{1, 28, 28}), "[1, 28, 28]");
  EXPECT_EQ(to_string(Shape{}), "[]");
}

}  // namespace
}  // namespace ridgeline
