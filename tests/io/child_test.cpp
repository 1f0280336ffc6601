#include "io/child.hpp"

#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <vector>

#include "io/scratch.hpp"

namespace ridgeline {
namespace {

using io::ChildLimits;
using io::run_in_child;
using testing::error_of;

std::string failure(const std::function<std::string()>& work, const ChildLimits& limits = {}) {
  return error_of([&] { run_in_child("file", "is damaged", limits, work); });
}

TEST(RunInChild, ReturnsWhatTheWorkReturns) {
  const std::string long_text(300000, 'x');
  EXPECT_EQ(run_in_child("file", "", {}, [&] { return long_text; }), long_text);
  EXPECT_EQ(run_in_child("file", "", {}, [] { return std::string(); }), "");
  EXPECT_EQ(run_in_child("file", "", {}, [] { return std::string("a\0b", 3); }),
            std::string("a\0b", 3));
}

TEST(RunInChild, ThrowsWhatTheWorkRefuses) {
  EXPECT_EQ(failure([]() -> std::string { throw RequestError("/x: is missing"); }),
            "/x: is missing");
}

TEST(RunInChild, TurnsACrashAnEndlessLoopAndAnythingElseIntoAnError) {
  EXPECT_EQ(failure([]() -> std::string {
              std::signal(SIGSEGV, SIG_DFL);
              raise(SIGSEGV);
              return "";
            }),
            "file: is damaged");
  EXPECT_EQ(failure([]() -> std::string { _exit(0); }), "file: is damaged");
  EXPECT_EQ(failure([]() -> std::string { throw std::runtime_error("x"); }), "file: is damaged");
  EXPECT_EQ(failure(
                []() -> std::string {
                  for (volatile bool forever = true; forever;) {
                  }
                  return "";
                },
                {1, std::size_t{1} << 30}),
            "file: inspecting it took more than the processor time allowed for its size: "
            "it is damaged, or too large for this machine");
}

#if !defined(RIDGELINE_SANITIZED)
TEST(RunInChild, GivesTheWorkNoMoreMemoryThanItsLimit) {
  ChildLimits limits;
  limits.memory_bytes = std::size_t{64} << 20;
  EXPECT_EQ(failure([] { return std::string(std::size_t{256} << 20, 'x').substr(0, 1); }, limits),
            "file: is damaged");
  EXPECT_EQ(failure([] { return std::string(std::size_t{16} << 20, 'x').substr(0, 1); }, limits),
            "none");
}
#endif

}  // namespace
}  // namespace ridgeline
