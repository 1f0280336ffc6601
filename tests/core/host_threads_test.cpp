#include "core/host_threads.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>

#include "core/processors.hpp"
#include "io/scratch.hpp"

// Threads from environment variables. OpenMP itself has read them before main; its handling of a
// limit is tested with the command (tests/miniapp).

namespace ridgeline {
namespace {

using testing::contains;
using testing::error_of;

using Values = std::map<std::string, std::string>;

/// Environment variables of one test.
class Environment {
 public:
  explicit Environment(const Values& values) : values_(values) {
    for (const auto& [name, value] : values_) setenv(name.c_str(), value.c_str(), 1);
  }
  ~Environment() {
    for (const auto& [name, value] : values_) unsetenv(name.c_str());
  }

 private:
  const Values values_;
};

std::string refusal(const std::string& name, const std::string& value) {
  const Environment environment(Values{{name, value}});
  return error_of([] { check_thread_environment(); });
}

TEST(ThreadEnvironment, UnusableValuesNameTheVariable) {
  const std::pair<std::string, std::vector<std::string>> wrong[] = {
      {"OMP_NUM_THREADS", {"", "abc", "0", "-1", "2,", "1.5", "2 4"}},
      {"KOKKOS_NUM_THREADS", {"", "abc", "0", "-2"}},
      {"OMP_THREAD_LIMIT", {"abc", "0", "-1", "", "99999999999999999999"}},
      {"OMP_MAX_ACTIVE_LEVELS", {"abc", "-1", ""}},
      {"OMP_DYNAMIC", {"yes", "1", ""}},
      {"OMP_PROC_BIND", {"foo", "true,", ""}},
      {"KOKKOS_DEVICE_ID", {"first"}},
  };
  for (const auto& [name, values] : wrong) {
    for (const std::string& value : values) {
      EXPECT_TRUE(contains(refusal(name, value), name + "=" + value + ": must be "));
    }
  }
}

TEST(ThreadEnvironment, UsableValuesAreTaken) {
  const std::pair<std::string, std::vector<std::string>> right[] = {
      {"OMP_NUM_THREADS", {"2", " 2 ", "4,2"}},
      {"OMP_THREAD_LIMIT", {"1", "512", "4294967295", "9223372036854775807"}},
      {"OMP_MAX_ACTIVE_LEVELS", {"0", "1"}},
      {"OMP_DYNAMIC", {"true", "FALSE"}},
      {"OMP_PROC_BIND", {"true", "spread", "close,spread", "Primary"}},
  };
  for (const auto& [name, values] : right) {
    for (const std::string& value : values) EXPECT_EQ(refusal(name, value), "none") << name;
  }
}

TEST(HostThreads, PlacedProcessorsAreSortedAndEachThereOnce) {
  HostThreads threads;
  threads.placed = {"4-5", "0-1", "4-5", "1"};
  EXPECT_EQ(threads.placed_processors(), (std::vector<int>{0, 1, 4, 5}));
}

TEST(RequestedThreads, ComeFromTheCommandLineThenOpenMpThenKokkos) {
  const int processors = static_cast<int>(ProcessorMask::of_this_thread().processors().size());
  EXPECT_EQ(requested_threads(0), processors);
  EXPECT_EQ(requested_threads(3), 3);
  const Environment kokkos(Values{{"KOKKOS_NUM_THREADS", "5"}});
  EXPECT_EQ(requested_threads(0), 5);
  const Environment openmp(Values{{"OMP_NUM_THREADS", "4,2"}});
  EXPECT_EQ(requested_threads(0), 4);
  EXPECT_EQ(requested_threads(3), 3);
  const Environment too_many(Values{{"OMP_NUM_THREADS", "600"}});
  EXPECT_TRUE(contains(error_of([] { requested_threads(0); }),
                       "the environment's OMP_NUM_THREADS=600: must be from 1 to 512"));
}

}  // namespace
}  // namespace ridgeline
