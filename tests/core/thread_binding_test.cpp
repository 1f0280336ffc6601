#include "core/thread_binding.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "core/processors.hpp"
#include "io/scratch.hpp"

namespace ridgeline {
namespace {

using testing::contains;
using testing::error_of;
using Kind = Binding::Kind;
using List = std::vector<int>;

/// Two packages of one NUMA domain each, each with two caches of two cores of two siblings; as on
/// many machines the siblings' numbers follow those of all cores: 0 and 8 are one core.
class SyntheticMachine : public ::testing::Test {
 protected:
  SyntheticMachine() {
    setenv("HWLOC_SYNTHETIC",
           "package:2 numa:1 l3:2 core:2 pu:2(indexes=0,8,1,9,2,10,3,11,4,12,5,13,6,14,7,15)", 1);
    topology_ = std::make_unique<Topology>(Topology::read());
  }
  ~SyntheticMachine() override { unsetenv("HWLOC_SYNTHETIC"); }

  List all() const {
    List numbers;
    for (const Processor& processor : topology_->processors()) numbers.push_back(processor.number);
    return numbers;
  }
  List chosen(Kind kind, int count, const List& allowed, const List& held = {}) const {
    return choose_processors(*topology_, allowed, kind, count, held);
  }

  std::unique_ptr<Topology> topology_;
};

TEST_F(SyntheticMachine, IsReadByHwloc) {
  ASSERT_EQ(topology_->processors().size(), 16u);
  EXPECT_EQ(topology_->siblings_of(3), (List{3, 11}));
  EXPECT_EQ(topology_->cores_of({0, 8, 1}), 2);
  EXPECT_EQ(topology_->numa_domains_of({0, 1, 2, 3}), 1);
  EXPECT_EQ(topology_->numa_domains_of({0, 4}), 2);
  const Processor last = topology_->select({15}).front();
  EXPECT_EQ(last.package, 1);
  EXPECT_EQ(last.numa, 1);
  EXPECT_EQ(last.core, 7);
  EXPECT_EQ(last.last_cache, 3);
}

TEST_F(SyntheticMachine, SpreadTakesPackagesThenCachesThenCoresThenSiblings) {
  EXPECT_EQ(chosen(Kind::spread, 1, all()), (List{0}));
  EXPECT_EQ(chosen(Kind::spread, 2, all()), (List{0, 4}));
  EXPECT_EQ(chosen(Kind::spread, 4, all()), (List{0, 2, 4, 6}));
  EXPECT_EQ(chosen(Kind::spread, 8, all()), (List{0, 1, 2, 3, 4, 5, 6, 7}));
  EXPECT_EQ(chosen(Kind::spread, 9, all()), (List{0, 8, 1, 2, 3, 4, 5, 6, 7}));
  EXPECT_EQ(chosen(Kind::spread, 3, {0, 8, 1}), (List{0, 8, 1}));
  EXPECT_EQ(chosen(Kind::spread, 2, {0, 8, 1}), (List{0, 1}));
}

TEST_F(SyntheticMachine, SpreadKeepsAwayFromProcessorsThatAreHeld) {
  const List without_0 = {8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15};
  EXPECT_EQ(chosen(Kind::spread, 1, without_0, {0}), (List{4}));
  EXPECT_EQ(chosen(Kind::spread, 3, without_0, {0}), (List{2, 4, 6}));
  // In one package: the other cache, then the other core of the same cache, then the sibling.
  EXPECT_EQ(chosen(Kind::spread, 1, {8, 1, 2}, {0}), (List{2}));
  EXPECT_EQ(chosen(Kind::spread, 1, {8, 1}, {0}), (List{1}));
  // A processor of another thread is shared last.
  EXPECT_EQ(chosen(Kind::spread, 1, {0, 8}, {0}), (List{8}));
  EXPECT_EQ(chosen(Kind::spread, 2, {0, 8}, {0}), (List{0, 8}));
}

TEST_F(SyntheticMachine, CompactTakesSiblingsFirst) {
  EXPECT_EQ(chosen(Kind::compact, 3, all()), (List{0, 8, 1}));
  EXPECT_EQ(chosen(Kind::compact, 2, {2, 10, 5}), (List{2, 10}));
}

TEST_F(SyntheticMachine, AProcessorThatItLacksIsACoreOfItsOwn) {
  EXPECT_EQ(chosen(Kind::spread, 2, {40, 41}), (List{40, 41}));
  EXPECT_EQ(topology_->cores_of({40, 41}), 2);
  EXPECT_EQ(topology_->siblings_of(40), (List{40}));
}

TEST(Topology, ProcessorsWithoutCoresAreCoresOfTheirOwn) {
  setenv("HWLOC_SYNTHETIC", "pu:4", 1);
  const Topology topology = Topology::read();
  unsetenv("HWLOC_SYNTHETIC");
  ASSERT_EQ(topology.processors().size(), 4u);
  EXPECT_EQ(topology.cores_of({0, 1, 2, 3}), 4);
  EXPECT_EQ(topology.siblings_of(2), (List{2}));
}

TEST(Topology, CachesOfAProcessorAreThoseThatItShares) {
  setenv("HWLOC_SYNTHETIC", "l3:2(size=8388608) l2:2(size=1048576) l1d:1(size=32768) core:1 pu:2",
         1);
  const Topology topology = Topology::read();
  unsetenv("HWLOC_SYNTHETIC");
  const auto caches = topology.caches_of(6);
  ASSERT_EQ(caches.size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(caches[i].level, static_cast<int>(i) + 1);
  EXPECT_EQ(caches[0].bytes, 32768u);
  EXPECT_EQ(caches[1].bytes, 1048576u);
  EXPECT_EQ(caches[2].bytes, 8388608u);
  EXPECT_EQ(caches[1].processors, (List{6, 7}));
  EXPECT_EQ(caches[2].processors, (List{4, 5, 6, 7}));
  EXPECT_TRUE(topology.caches_of(8).empty());
}

TEST(Topology, ErrorsOfHwlocAreHidden) {
  unsetenv("HWLOC_HIDE_ERRORS");
  Topology::read();
  EXPECT_STREQ(std::getenv("HWLOC_HIDE_ERRORS"), "2");
  setenv("HWLOC_HIDE_ERRORS", "0", 1);
  Topology::read();
  EXPECT_STREQ(std::getenv("HWLOC_HIDE_ERRORS"), "0");
  unsetenv("HWLOC_HIDE_ERRORS");
}

/// A /proc with one process of one thread, beside the entry of this process.
class OtherProcess : public SyntheticMachine {
 protected:
  void other(const std::string& name, char state, const std::string& processors,
             unsigned long long start = 5, const std::string& command = "solver") {
    const std::string process = folder_ / "proc/" + name;
    std::filesystem::create_directories(process + "/task/" + name);
    std::ofstream(process + "/cmdline") << command;
    std::ofstream(process + "/stat") << stat(name, start);
    std::ofstream(process + "/task/" + name + "/status")
        << "Name:\tsolver\nState:\t" << state << " (running)\nCpus_allowed_list:\t" << processors
        << "\n";
  }
  void self(unsigned long long start) {
    const std::string name = std::to_string(getpid());
    std::filesystem::create_directories(folder_ / "proc/" + name + "/task/1");
    std::ofstream(folder_ / "proc/" + name + "/stat") << stat(name, start);
    std::ofstream(folder_ / "proc/" + name + "/cmdline") << "ridgeline";
    std::ofstream(folder_ / "proc/" + name + "/task/1/status")
        << "State:\tR (running)\nCpus_allowed_list:\t7\n";
  }
  List held(bool of_earlier = false) const {
    return processors_held_by_others(*topology_, of_earlier, folder_.path() + "/");
  }

 private:
  static std::string stat(const std::string& name, unsigned long long start) {
    std::string text = name + " (a) name (b) R";
    for (int field = 4; field < 22; ++field) text += " 0";
    return text + " " + std::to_string(start) + " 0\n";
  }
  testing::ScratchFolder folder_;
};

TEST_F(OtherProcess, APinnedThreadThatRunsHoldsItsProcessor) {
  other("100", 'R', "3");
  other("101", 'D', "4,12");  // both siblings of a core
  self(9);
  EXPECT_EQ(held(), (List{3, 4, 12}));
}

TEST_F(OtherProcess, OneThatSleepsOrMayRunOnSeveralCoresOrIsTheKernelsHoldsNothing) {
  other("100", 'S', "3");
  other("101", 'R', "0-15");
  other("102", 'R', "4,5");
  other("103", 'R', "6", 5, "");
  self(9);
  EXPECT_EQ(held(), List());
}

TEST_F(OtherProcess, OfTwoThatPinThemselvesAtOnceTheEarlierOneStays) {
  other("100", 'R', "3", 5);
  self(9);
  EXPECT_EQ(held(true), (List{3}));
  self(4);
  EXPECT_EQ(held(true), List());
  EXPECT_EQ(held(), (List{3}));
}

TEST(Binding, IsReadFromTheCommandLine) {
  EXPECT_EQ(Binding::parse("none").kind, Kind::none);
  EXPECT_EQ(Binding::parse("compact").kind, Kind::compact);
  EXPECT_EQ(Binding::parse("spread").kind, Kind::spread);
  const Binding list = Binding::parse("5,0,2-4");
  EXPECT_EQ(list.kind, Kind::list);
  EXPECT_EQ(list.processors, (List{5, 0, 2, 3, 4}));
  for (const char* wrong :
       {"", "all", "1,", ",1", "3-1", "1-", "-1", "1.5", "0 1", "99999999", "1,1", "0-2,1"}) {
    EXPECT_TRUE(contains(error_of([&] { Binding::parse(wrong); }), "--bind")) << wrong;
  }
}

TEST(ProcessorList, IsWrittenInRangesAndReadBack) {
  EXPECT_EQ(processor_list({3, 0, 1, 2, 8, 8}), "0-3,8");
  EXPECT_EQ(processor_list({}), "");
  EXPECT_EQ(parse_processor_list("0-3,8"), (List{0, 1, 2, 3, 8}));
}

}  // namespace
}  // namespace ridgeline
