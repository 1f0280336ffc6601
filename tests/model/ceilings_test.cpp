#include "model/ceilings.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/error.hpp"

namespace {

using ridgeline::RequestError;
using ridgeline::io::Json;
using ridgeline::model::Bound;
using ridgeline::model::Ceilings;
using ridgeline::model::Placement;
using ridgeline::model::Work;

Json timing(double best) {
  return {{"min", best}, {"median", 2 * best}, {"max", 3 * best}, {"repeats", 7}};
}

Json point(const char* kernel, double bytes, int threads, double gbytes_per_second) {
  return {{"kernel", kernel},
          {"working_set_bytes", bytes},
          {"threads", threads},
          {"gbytes_per_second", gbytes_per_second}};
}

// Peak 100 GFLOP/s; bandwidth 80 GB/s at 1 KiB and 20 GB/s at 16 KiB (read), copy 50 GB/s
// throughout.
Json machine_file() {
  Json space;
  space["concurrency"] = 2;
  space["peak_gflops"] = {{"float32", 100.0}, {"float64", 50.0}};
  space["bandwidth"] = Json::array({point("read", 16384, 2, 20), point("copy", 1024, 2, 50),
                                    point("read", 1024, 2, 80), point("copy", 16384, 2, 50),
                                    point("read", 1024, 1, 40), point("read", 16384, 1, 10)});
  space["peaks"] = Json::array({{{"precision", "float32"}, {"threads", 1}, {"gflops", 60.0}}});
  space["dispatch"] = {{"empty_kernel", timing(1e-6)},
                       {"empty_kernel_fenced", timing(2e-6)},
                       {"reduction", timing(3e-6)},
                       {"single_thread_kernel", timing(1e-7)},
                       {"team_barrier", timing(1e-8)}};
  Json file;
  file["format"] = "ridgeline-machine";
  file["version"] = 1;
  file["spaces"]["openmp"] = space;
  return file;
}

Ceilings ceilings(const Json& file = machine_file()) {
  return Ceilings(file, "machine.json", "openmp", "float32");
}

std::string message_of(const Json& file, const char* space = "openmp",
                       const char* precision = "float32") {
  try {
    Ceilings(file, "machine.json", space, precision);
  } catch (const RequestError& error) {
    return error.what();
  }
  return "";
}

TEST(Ceilings, FiguresThatNoMachineHasAreRefusedByTheirPlace) {
  for (const double figure : {1e308, 1e19, 5e-324, -1.0, 0.0}) {
    Json file = machine_file();
    file["spaces"]["openmp"]["bandwidth"][1]["gbytes_per_second"] = figure;
    EXPECT_NE(message_of(file).find("bandwidth[1].gbytes_per_second"), std::string::npos) << figure;
    file = machine_file();
    file["spaces"]["openmp"]["peak_gflops"]["float32"] = figure;
    EXPECT_NE(message_of(file).find("peak_gflops.float32"), std::string::npos) << figure;
  }
  Json file = machine_file();
  file["spaces"]["openmp"]["dispatch"]["empty_kernel"] = timing(1e7);
  EXPECT_NE(message_of(file).find("empty_kernel.min"), std::string::npos);
}

TEST(Ceilings, BandwidthIsTheFastestKernelsWithAllThreads) {
  const Ceilings c = ceilings();
  EXPECT_DOUBLE_EQ(c.bandwidth(1024), 80e9);
  EXPECT_DOUBLE_EQ(c.bandwidth(16384), 50e9);
}

TEST(Ceilings, BandwidthIsInterpolatedInTheLogarithmAndClamped) {
  const Ceilings c = ceilings();
  EXPECT_NEAR(c.bandwidth(2048), 65e9, 1);  // a quarter of the way from 80 down to 20
  EXPECT_NEAR(c.bandwidth(8192), 50e9, 1);  // read would be 35; copy is faster there
  EXPECT_DOUBLE_EQ(c.bandwidth(1), 80e9);
  EXPECT_DOUBLE_EQ(c.bandwidth(0), 80e9);
  EXPECT_DOUBLE_EQ(c.bandwidth(1e12), 50e9);
}

TEST(Ceilings, FewerThreadsThatAreFasterAreTheCeilingToo) {
  Json file = machine_file();
  file["spaces"]["openmp"]["bandwidth"].push_back(point("triad", 16384, 1, 70));
  EXPECT_DOUBLE_EQ(ceilings(file).bandwidth(16384), 70e9);
}

TEST(Ceilings, PagesAndStoresAreAChoice) {
  Json file = machine_file();
  Json huge = point("read", 16384, 2, 90);
  huge["pages"] = "huge";
  huge["stores"] = "ordinary";
  file["spaces"]["openmp"]["bandwidth"].push_back(huge);
  EXPECT_DOUBLE_EQ(ceilings(file).bandwidth(16384), 90e9);
}

Ceilings with_threads(int threads, const Json& file = machine_file()) {
  return Ceilings(file, "machine.json", "openmp", "float32", threads);
}

TEST(Ceilings, AreThoseOfTheThreadsOfTheRun) {
  EXPECT_EQ(with_threads(2).threads(), 2);
  EXPECT_TRUE(with_threads(2).notes().empty());
  const Ceilings one = with_threads(1);
  EXPECT_EQ(one.threads(), 1);
  EXPECT_DOUBLE_EQ(one.peak_flops(), 60e9);
  EXPECT_DOUBLE_EQ(one.bandwidth(1024), 40e9);
  EXPECT_TRUE(one.notes().empty());
  const Ceilings four = with_threads(4);
  EXPECT_EQ(four.threads(), 2);
  ASSERT_EQ(four.notes().size(), 1u);
  EXPECT_EQ(four.notes()[0],
            "machine.json has ceilings of 2 threads and none of 4, as this run has");
}

Json link(const char* kernel, const char* handoff, double bytes, double arena, double rate,
          int threads = 2) {
  return {{"kernel", kernel}, {"threads", threads},   {"handoff", handoff},
          {"bytes", bytes},   {"arena_bytes", arena}, {"gbytes_per_second", rate}};
}

// All quantities of 1 and of 16 threads; of 4 the peak and the bandwidth of 1 MiB alone.
Json file_of_16() {
  Json file = machine_file();
  Json& space = file["spaces"]["openmp"];
  space["concurrency"] = 16;
  space["peak_gflops"]["float32"] = 800.0;
  space["peaks"].push_back({{"precision", "float32"}, {"threads", 4}, {"gflops", 230.0}});
  space["bandwidth"] = Json::array({point("read", 1024, 1, 40), point("read", 1048576, 1, 10),
                                    point("read", 1024, 16, 500), point("read", 1048576, 16, 30),
                                    point("read", 1048576, 4, 28)});
  space["chain"] = Json::array(
      {link("scale", "own", 1024, 65536, 20, 1), link("scale", "own", 1024, 1048576, 8, 1),
       link("scale", "own", 1024, 65536, 300, 16), link("scale", "own", 1024, 1048576, 25, 16),
       link("scale", "other", 1024, 65536, 48, 16), link("scale", "other", 16384, 65536, 80, 16)});
  return file;
}

TEST(Ceilings, OfACountBetweenAreBoundedByThoseOfOneThreadAndOfAll) {
  const Ceilings four = with_threads(4, file_of_16());
  EXPECT_EQ(four.threads(), 4);
  EXPECT_DOUBLE_EQ(four.bandwidth(4096), 160e9);    // 4 × 40, each thread with 1 KiB
  EXPECT_DOUBLE_EQ(four.bandwidth(1048576), 28e9);  // measured
  EXPECT_DOUBLE_EQ(four.peak_flops(), 230e9);       // measured
  EXPECT_DOUBLE_EQ(four.dispatch_seconds(), 1e-6);
  Work work;
  work.bytes = work.working_set_bytes = 1024;
  work.mostly_reads = false;
  work.reuse_bytes = 65536;
  EXPECT_DOUBLE_EQ(four.place(work).bandwidth_seconds, 1024 / 80e9);  // 4 × 20
  work.reuse_bytes = 1048576;
  EXPECT_DOUBLE_EQ(four.place(work).bandwidth_seconds, 1024 / 25e9);  // all threads'
  EXPECT_EQ(four.place(work).threads, 4);
  ASSERT_EQ(four.notes().size(), 1u);
  EXPECT_EQ(four.notes()[0],
            "machine.json was measured with up to 16 threads, and not all of it with the 4 of this "
            "run: for bandwidth below 1 MiB, chains stands the smaller of 4 times one thread's and "
            "all 16 threads', an upper bound; for dispatch all 16 threads' cost");
  const Ceilings three = with_threads(3, file_of_16());
  EXPECT_DOUBLE_EQ(three.peak_flops(), 180e9);  // 3 × 60
  EXPECT_DOUBLE_EQ(three.bandwidth(1048576 * 3), 30e9);
  EXPECT_NE(three.notes().at(0).find("for peak arithmetic, bandwidth, chains stands"),
            std::string::npos);
  EXPECT_TRUE(with_threads(16, file_of_16()).notes().empty());
  EXPECT_TRUE(with_threads(1, file_of_16()).notes().empty());
}

TEST(Ceilings, OfACountBetweenAreThoseOfAllIfOneThreadWasNotMeasured) {
  Json file = machine_file();
  file["spaces"]["openmp"]["concurrency"] = 4;
  file["spaces"]["openmp"]["bandwidth"] = Json::array({point("read", 1024, 4, 50)});
  const Ceilings two = with_threads(2, file);
  EXPECT_EQ(two.threads(), 2);
  EXPECT_DOUBLE_EQ(two.bandwidth(1024), 50e9);
  EXPECT_NE(two.notes().at(0).find("stands all 4 threads', an upper bound"), std::string::npos);
}

TEST(Ceilings, OneThreadsPeakIsThatOfSerialOrAShareIfTheFileHasNone) {
  Json file = machine_file();
  file["spaces"]["openmp"].erase("peaks");
  EXPECT_DOUBLE_EQ(with_threads(1, file).peak_flops(), 50e9);
  file["spaces"]["serial"] = file["spaces"]["openmp"];
  file["spaces"]["serial"]["peak_gflops"]["float32"] = 55.0;
  EXPECT_DOUBLE_EQ(with_threads(1, file).peak_flops(), 55e9);
}

TEST(Ceilings, AKernelOfOneThreadIsPlacedUnderOneThreadsCeilings) {
  Work work;
  work.flops = 60e3;  // 1 µs of one thread, 0.6 of two
  work.bytes = 100;
  work.working_set_bytes = 1024;
  work.single_dispatches = 1;
  work.seconds = 2e-6;
  Placement placement = ceilings().place(work);
  EXPECT_EQ(placement.threads, 1);
  EXPECT_DOUBLE_EQ(placement.compute_seconds, 1e-6);
  EXPECT_EQ(placement.bound, Bound::compute);
  work.parallel_dispatches = 1;
  placement = ceilings().place(work);
  EXPECT_EQ(placement.threads, 2);
  EXPECT_DOUBLE_EQ(placement.compute_seconds, 0.6e-6);
}

TEST(Ceilings, WhatNoCeilingExplainsHalfOfIsOverhead) {
  Work work;
  work.flops = 1e6;  // 10 µs
  work.seconds = 20e-6;
  EXPECT_EQ(ceilings().place(work).bound, Bound::compute);
  work.seconds = 20.1e-6;
  EXPECT_EQ(ceilings().place(work).bound, Bound::overhead);
  EXPECT_EQ(ceilings().place(work).ceiling, Bound::compute);
  EXPECT_EQ(to_string(Bound::overhead), "overhead");
}

TEST(Ceilings, ABoundThatExplainsAboutHalfMayBeAnotherInTheNextRun) {
  Work work;
  work.flops = 1e6;  // 10 µs
  for (const auto& [microseconds, near_half] :
       {std::pair(18.0, false), {18.3, true}, {20.0, true}, {21.9, true}, {22.2, false}}) {
    work.seconds = 1e-6 * microseconds;
    EXPECT_EQ(ceilings().place(work).is_near_half, near_half) << microseconds;
  }
}

// Through 64 KiB, and through 1 MiB.
Json file_with_chains() {
  Json file = machine_file();
  file["spaces"]["openmp"]["chain"] = Json::array(
      {link("read", "own", 1024, 65536, 70), link("scale", "own", 1024, 65536, 60),
       link("scale", "other", 1024, 65536, 20), link("read", "own", 1024, 1048576, 35),
       link("scale", "own", 1024, 1048576, 30), link("scale", "other", 1024, 1048576, 10)});
  return file;
}

TEST(Ceilings, WorkInAStepIsUnderAChainOfItsReuse) {
  const Ceilings c = ceilings(file_with_chains());
  Work work;
  work.bytes = work.working_set_bytes = 1024;
  EXPECT_DOUBLE_EQ(c.place(work).bandwidth_seconds, 1024 / 80e9);  // alone: the ladder's
  work.reuse_bytes = 70000;
  EXPECT_DOUBLE_EQ(c.place(work).bandwidth_seconds, 1024 / 70e9);
  work.reuse_bytes = 1048576;
  EXPECT_DOUBLE_EQ(c.place(work).bandwidth_seconds, 1024 / 35e9);
  work.mostly_reads = false;
  EXPECT_DOUBLE_EQ(c.place(work).bandwidth_seconds, 1024 / 30e9);
  work.reuse_bytes = 1;  // less than any arena measured
  EXPECT_DOUBLE_EQ(c.place(work).bandwidth_seconds, 1024 / 60e9);
}

TEST(Ceilings, BeyondTheLargestArenaTheLadderBoundsTheChain) {
  Json file = file_with_chains();
  Work work;
  work.bytes = work.working_set_bytes = 1024;
  work.reuse_bytes = 4e6;
  EXPECT_DOUBLE_EQ(ceilings(file).place(work).bandwidth_seconds, 1024 / 35e9);  // ladder: 50
  file["spaces"]["openmp"]["bandwidth"] =
      Json::array({point("read", 1024, 2, 80), point("read", 4e6, 2, 12)});
  EXPECT_DOUBLE_EQ(ceilings(file).place(work).bandwidth_seconds, 1024 / 12e9);
  work.reuse_bytes = 1048576;
  EXPECT_DOUBLE_EQ(ceilings(file).place(work).bandwidth_seconds, 1024 / 35e9);
}

TEST(Ceilings, InputOfAnotherThreadExplainsTimeAndIsNoRoof) {
  Json file = file_with_chains();
  // A third of the bytes of triad's chain are a thread's own: it is not the rate of data from
  // others.
  file["spaces"]["openmp"]["chain"].push_back(link("triad", "other", 1024, 65536, 40));
  const Ceilings c = ceilings(file);
  Work work;
  work.bytes = work.working_set_bytes = 1024;
  work.reuse_bytes = 65536;
  work.mostly_reads = false;
  work.seconds = 1024 / 16e9;
  Placement placement = c.place(work);
  // Each of two threads has written half: 60 GB/s for one half and 20 for the other.
  const double expected = 512 / 60e9 + 512 / 20e9;
  EXPECT_DOUBLE_EQ(placement.explained_seconds, expected);
  EXPECT_EQ(placement.bound, Bound::bandwidth);
  EXPECT_DOUBLE_EQ(placement.ceiling_seconds, 1024 / 60e9);
  work.seconds = 1024 / 40e9;  // its own thread's
  placement = c.place(work);
  EXPECT_EQ(placement.bound, Bound::bandwidth);
  EXPECT_FALSE(placement.above_roof);
  work.seconds = 2.01 * expected;
  EXPECT_EQ(c.place(work).bound, Bound::overhead);
  work.mostly_reads = true;
  EXPECT_DOUBLE_EQ(c.place(work).explained_seconds, c.place(work).ceiling_seconds);
}

TEST(Ceilings, TheLargestCeilingIsTheOneOfTheFractionWhateverExplainsMore) {
  Work work;
  work.bytes = work.working_set_bytes = 1024;
  work.reuse_bytes = 65536;
  work.mostly_reads = false;
  work.flops = 2e3;  // 20 ns, and 17 ns of bandwidth, 34 ns with data from the other thread
  work.seconds = 40e-9;
  const Placement placement = ceilings(file_with_chains()).place(work);
  EXPECT_EQ(placement.ceiling, Bound::compute);
  EXPECT_DOUBLE_EQ(placement.fraction_of_ceiling, 0.5);
  EXPECT_EQ(placement.bound, Bound::bandwidth);
  EXPECT_GT(placement.explained_seconds, placement.ceiling_seconds);
}

TEST(Ceilings, AKernelOfOneThreadFindsWhatTheOtherThreadsOfTheStepWrote) {
  Json file = file_of_16();
  Work work;
  work.bytes = work.working_set_bytes = 1024;
  work.reuse_bytes = 65536;
  work.mostly_reads = false;
  work.single_dispatches = 1;
  // 1 of 16 at 20 GB/s, and 15 of 16 at a sixteenth of the rate of 16 threads with as much data
  // each.
  Placement placement = with_threads(16, file).place(work);
  EXPECT_EQ(placement.threads, 1);
  EXPECT_NEAR(placement.explained_seconds, 64 / 20e9 + 960 / (80e9 / 16), 1e-15);
  // Of 4 threads in the run, 1 of 4; the rate was measured with 16.
  placement = with_threads(4, file).place(work);
  EXPECT_NEAR(placement.explained_seconds, 256 / 20e9 + 768 / (80e9 / 16), 1e-15);
  work.single_dispatches = 0;
  work.bytes = 4096;
  placement = with_threads(4, file).place(work);
  EXPECT_EQ(placement.threads, 4);
  EXPECT_NEAR(placement.explained_seconds, 1024 / 80e9 + 3072 / (4 * 80e9 / 16), 1e-15);
}

TEST(Ceilings, WithoutAChainOfTheRightKindAreThoseOfTheLadder) {
  Work work;
  work.bytes = work.working_set_bytes = 1024;
  work.reuse_bytes = 65536;
  work.mostly_reads = false;
  for (const Json& chain :
       {link("read", "own", 1024, 65536, 70), link("scale", "other", 1024, 65536, 20)}) {
    Json file = machine_file();
    file["spaces"]["openmp"]["chain"] = Json::array({chain});
    EXPECT_DOUBLE_EQ(ceilings(file).place(work).bandwidth_seconds, 1024 / 80e9);
  }
  // An arena without this kind of chain is ignored.
  Json file = file_with_chains();
  file["spaces"]["openmp"]["chain"].push_back(link("read", "own", 1024, 4e6, 5));
  work.reuse_bytes = 4e6;
  EXPECT_DOUBLE_EQ(ceilings(file).place(work).bandwidth_seconds, 1024 / 30e9);
}

TEST(Ceilings, PrecisionChoosesThePeak) {
  EXPECT_DOUBLE_EQ(ceilings().peak_flops(), 100e9);
  EXPECT_DOUBLE_EQ(Ceilings(machine_file(), "m", "openmp", "float64").peak_flops(), 50e9);
}

TEST(Ceilings, EachBoundIsFoundWhereItIsTheLargest) {
  const Ceilings c = ceilings();
  Work work;
  work.flops = 1e9;   // 10 ms
  work.bytes = 50e6;  // 1 ms
  work.working_set_bytes = 1e9;
  work.parallel_dispatches = 10;  // 10 µs
  work.single_dispatches = 10;    // 1 µs
  work.barriers = 100;            // 1 µs
  Placement placement = c.place(work);
  EXPECT_EQ(placement.bound, Bound::compute);
  EXPECT_DOUBLE_EQ(placement.ceiling_seconds, 10e-3);
  EXPECT_DOUBLE_EQ(placement.bandwidth_seconds, 1e-3);
  EXPECT_NEAR(placement.latency_seconds, 12e-6, 1e-15);

  work.flops = 1e6;
  placement = c.place(work);
  EXPECT_EQ(placement.bound, Bound::bandwidth);
  EXPECT_DOUBLE_EQ(placement.ceiling_seconds, 1e-3);

  work.bytes = 5e3;
  work.flops = 1e3;
  placement = c.place(work);
  EXPECT_EQ(placement.bound, Bound::latency);
  EXPECT_NEAR(placement.ceiling_seconds, 12e-6, 1e-15);
}

TEST(Ceilings, MeasuredWorkGetsRatesAndItsFraction) {
  Work work;
  work.flops = 1e9;
  work.bytes = 1e7;
  work.working_set_bytes = 1e9;
  work.seconds = 20e-3;
  const Placement placement = ceilings().place(work);
  EXPECT_DOUBLE_EQ(placement.fraction_of_ceiling, 0.5);
  EXPECT_DOUBLE_EQ(placement.gflops, 50);
  EXPECT_DOUBLE_EQ(placement.gbytes_per_second, 0.5);
  EXPECT_DOUBLE_EQ(placement.intensity, 100);
  EXPECT_FALSE(placement.above_roof);
}

TEST(Ceilings, WorkFasterThanItsRoofIsFlagged) {
  Work work;
  work.flops = 1e9;
  work.seconds = 9e-3;
  const Placement placement = ceilings().place(work);
  EXPECT_TRUE(placement.above_roof);
  EXPECT_GT(placement.fraction_of_ceiling, 1.0);
}

TEST(Ceilings, WorkWithoutATimeHasACeilingAlone) {
  Work work;
  work.bytes = 50e9;
  work.working_set_bytes = 1e9;
  const Placement placement = ceilings().place(work);
  EXPECT_DOUBLE_EQ(placement.ceiling_seconds, 1.0);
  EXPECT_EQ(placement.fraction_of_ceiling, 0);
  EXPECT_FALSE(placement.above_roof);
}

TEST(Ceilings, ADeviceWithoutSingleThreadKernelsCountsThemAsDispatches) {
  Json file = machine_file();
  file["spaces"]["openmp"]["dispatch"].erase("single_thread_kernel");
  EXPECT_DOUBLE_EQ(ceilings(file).single_dispatch_seconds(), 1e-6);
}

TEST(Ceilings, WhatTheFileLacksIsNamed) {
  const std::string no_space = message_of(machine_file(), "cuda");
  EXPECT_EQ(no_space,
            "machine.json: spaces has no \"cuda\" but openmp; measure it with "
            "`ridgeline machine --space cuda`");
  EXPECT_NE(message_of(machine_file(), "openmp", "float16").find("peak_gflops"), std::string::npos);
  for (const char* key : {"peak_gflops", "bandwidth", "dispatch"}) {
    Json file = machine_file();
    file["spaces"]["openmp"].erase(key);
    EXPECT_NE(message_of(file).find(key), std::string::npos) << key;
  }
  EXPECT_NE(message_of(Json::object()).find("spaces"), std::string::npos);
}

TEST(Ceilings, OfADataSheetMayLackQuantitiesAndThenNothingIsTheBound) {
  Json file = machine_file();
  file["measured"] = false;
  Work work;
  work.flops = 1e9;
  work.bytes = 50e6;
  work.working_set_bytes = 1e9;
  work.parallel_dispatches = 10;
  EXPECT_TRUE(ceilings(file).absent().empty());
  EXPECT_EQ(ceilings(file).place(work).bound, Bound::compute);

  Json& space = file["spaces"]["openmp"];
  space["dispatch"] = Json::object();
  EXPECT_EQ(ceilings(file).absent(), std::vector<std::string>{"dispatch"});
  EXPECT_EQ(ceilings(file).place(work).bound, Bound::unknown);
  EXPECT_DOUBLE_EQ(ceilings(file).place(work).ceiling_seconds, 10e-3);
  EXPECT_EQ(ceilings(file).with_dispatch({2e-3, 0, 0}).place(work).bound, Bound::latency);
  EXPECT_DOUBLE_EQ(ceilings(file).with_dispatch({2e-3, 0, 0}).place(work).ceiling_seconds, 20e-3);
  work.parallel_dispatches = 0;
  EXPECT_EQ(ceilings(file).place(work).bound, Bound::compute);

  space["peak_gflops"].erase("float32");
  EXPECT_EQ(ceilings(file).absent(), (std::vector<std::string>{"peak_gflops.float32", "dispatch"}));
  EXPECT_EQ(ceilings(file).place(work).bound, Bound::unknown);
  EXPECT_DOUBLE_EQ(ceilings(file).place(work).ceiling_seconds, 1e-3);
  space["bandwidth"] = Json::array();
  EXPECT_DOUBLE_EQ(ceilings(file).place(work).ceiling_seconds, 0);
  EXPECT_EQ(ceilings(file).threads(), 2);
  EXPECT_EQ(to_string(Bound::unknown), "unknown");
  // A measured file must still have all quantities.
  file["measured"] = true;
  EXPECT_NE(message_of(file), "");
}

TEST(Ceilings, OfAHostsDataSheetDoNotChargeALaunchToKernelsOfOneThread) {
  Json file = machine_file();
  file["measured"] = false;
  file["spaces"]["openmp"]["dispatch"] = {{"empty_kernel", timing(1e-6)}};
  EXPECT_EQ(ceilings(file).single_dispatch_seconds(), 0);
  EXPECT_DOUBLE_EQ(ceilings(file).dispatch_seconds(), 1e-6);
  file["spaces"]["cuda"] = file["spaces"]["openmp"];
  EXPECT_DOUBLE_EQ(Ceilings(file, "m", "cuda", "float32").single_dispatch_seconds(), 1e-6);
}

TEST(Ceilings, OfADataSheetDoNotBoundWhatFitsIntoACacheOfUnknownBandwidth) {
  Json file = machine_file();
  file["measured"] = false;
  file["spaces"]["openmp"]["bandwidth"] = Json::array({point("data sheet", 1e6, 2, 20)});
  EXPECT_EQ(ceilings(file).absent(), std::vector<std::string>{"cache bandwidth"});
  Work work;
  work.bytes = 1e6;
  work.working_set_bytes = 1e6;
  EXPECT_EQ(ceilings(file).place(work).bound, Bound::bandwidth);
  work.working_set_bytes = 5e5;
  EXPECT_EQ(ceilings(file).place(work).bound, Bound::unknown);
  EXPECT_DOUBLE_EQ(ceilings(file).place(work).ceiling_seconds, 1e6 / 20e9);
}

TEST(Ceilings, OfADataSheetTransferAtTheRateOfTheLink) {
  Json file = machine_file();
  file["measured"] = false;
  EXPECT_EQ(ceilings(file).transfer_seconds(1e9, 1e9), 0);
  file["spaces"]["openmp"]["link_gbytes_per_second"] = 50;
  EXPECT_DOUBLE_EQ(ceilings(file).transfer_seconds(1e9, 2e9), 60e-3);
}

TEST(Ceilings, NonsenseInTheFileIsRefused) {
  Json file = machine_file();
  file["spaces"]["openmp"]["peak_gflops"]["float32"] = 0;
  EXPECT_NE(message_of(file), "");
  file = machine_file();
  file["spaces"]["openmp"]["bandwidth"] = Json::array();
  EXPECT_NE(message_of(file), "");
  file = machine_file();
  file["spaces"]["openmp"]["bandwidth"][1]["gbytes_per_second"] = "fast";
  EXPECT_NE(message_of(file).find("bandwidth[1].gbytes_per_second"), std::string::npos);
  file = machine_file();
  file["spaces"]["openmp"]["dispatch"]["empty_kernel"] = 1e-6;
  EXPECT_NE(message_of(file).find("empty_kernel"), std::string::npos);
}

TEST(Ceilings, CountsOfThreadsAreWholeNumbersInRange) {
  const Json wrong[] = {0.5, 0, -2, 1e300, 5000000000, "2", nullptr};
  for (const Json& threads : wrong) {
    SCOPED_TRACE(threads.dump());
    for (const char* list : {"bandwidth", "peaks", "chain"}) {
      Json file = file_of_16();
      file["spaces"]["openmp"][list][0]["threads"] = threads;
      EXPECT_NE(message_of(file).find("spaces.openmp." + std::string(list) + "[0].threads is "),
                std::string::npos)
          << message_of(file);
    }
    if (threads.is_null()) continue;  // a data sheet without them
    Json file = file_of_16();
    file["spaces"]["openmp"]["concurrency"] = threads;
    EXPECT_NE(message_of(file).find("spaces.openmp.concurrency is "), std::string::npos);
  }
}

}  // namespace
