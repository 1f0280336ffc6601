#include "machine/identity.hpp"

#include <gtest/gtest.h>

#include "io/scratch.hpp"
#include "support/runtime.hpp"

namespace ridgeline::machine {
namespace {

TEST(MachineId, NamesProcessorCachesVectorsThreadsAndGpu) {
  MachineParts parts;
  parts.processor = "x86-6-143-8";
  parts.caches = {{1, 48 << 10, 1}, {2, 2 << 20, 1}, {3, 300u << 20, 2}};
  parts.vectors = "avx512";
  parts.threads = 2;
  EXPECT_EQ(machine_id(parts), "x86-6-143-8_l1d48K_l2-2M_l3-300M_avx512_2t");
  parts.gpu = "NVIDIA H200";
  EXPECT_EQ(machine_id(parts), "x86-6-143-8_l1d48K_l2-2M_l3-300M_avx512_2t_nvidia-h200");
  // No character that a folder's name should not contain.
  parts.gpu = "../A (100) /x ";
  parts.caches = {{2, 1536 << 10, 1}, {3, 1000, 1}};
  EXPECT_EQ(machine_id(parts), "x86-6-143-8_l2-1536K_l3-1000_avx512_2t_..-a-100-x");
}

TEST(ProcessorId, ComesFromWhatTheKernelSays) {
  const testing::ScratchFolder folder;
  std::filesystem::create_directories(folder / "proc");
  const std::string root = folder.path() + "/";
  folder.write("proc/cpuinfo",
               "processor\t: 0\nvendor_id\t: AuthenticAMD\ncpu family\t: 25\nmodel\t\t: 17\n"
               "model name\t: AMD EPYC\nstepping\t: 1\n"
               "flags\t\t: fpu avx2 fma sse2 avx avx512f amx_tile avx avx512_bf16 mmx smep\n\n"
               "processor\t: 1\ncpu family\t: 99\n");
  EXPECT_EQ(processor_id(root), "x86-25-17-1");
  EXPECT_EQ(processor_features(root),
            (std::vector<std::string>{"amx_tile", "avx", "avx2", "avx512_bf16", "avx512f", "fma",
                                      "sse2"}));
  folder.write("proc/cpuinfo",
               "processor\t: 0\nFeatures\t: fp asimd sve bf16 i8mm crc32\n"
               "CPU implementer\t: 0x41\nCPU architecture: 8\nCPU variant\t: 0x0\n"
               "CPU part\t: 0xd4f\nCPU revision\t: 1\n");
  EXPECT_EQ(processor_id(root), "arm-0x41-0xd4f-0x0-1");
  EXPECT_EQ(processor_features(root), (std::vector<std::string>{"asimd", "bf16", "i8mm", "sve"}));
  folder.write("proc/cpuinfo", "");
  EXPECT_FALSE(processor_id(root).empty());
  EXPECT_TRUE(processor_features(root).empty());
}

TEST(MachineId, OfThisMachineIsStable) {
  EXPECT_EQ(machine_id(""), machine_id(""));
  EXPECT_EQ(machine_id("").rfind(processor_id(), 0), 0u);
}

}  // namespace
}  // namespace ridgeline::machine
