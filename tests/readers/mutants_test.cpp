#include "support/mutants.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <set>

#include "io/scratch.hpp"
#include "support/paths.hpp"
#include "support/readers.hpp"
#include "support/usage.hpp"

// Damaged files: refused with one line, or read; never a crash, a hang, or memory that the file
// cannot account for. 500 for each reader, 10,000 for each in a soak (tests/run.sh --soak).

namespace ridgeline::testing {
namespace {

constexpr double kMostSeconds = 5;
constexpr long kMostKilobytes = 256 * 1024;  // and four times the file's size

// Reported by the signal handler.
char under_test[200];

extern "C" void report_and_die(int signal_number) {
  const ssize_t ignored = write(STDERR_FILENO, under_test, sizeof(under_test));
  static_cast<void>(ignored);
  signal(signal_number, SIG_DFL);
  raise(signal_number);
}

class MutantsOf : public ::testing::TestWithParam<std::string> {};

std::vector<std::string> names_of_readers() {
  std::vector<std::string> names;
  for (const Reader& reader : readers()) names.emplace_back(reader.name);
  return names;
}

TEST_P(MutantsOf, AFileAreReadOrRefusedInTimeAndMemory) {
  const Reader& reader = reader_of(GetParam());
  const ScratchFolder folder;
  const std::string file = folder / "mutant";
  std::vector<std::string> originals;
  std::set<std::string> accepted;  // the content of valid files
  for (const std::string& seed : reader.seed_files()) {
    originals.push_back(bytes_of_file(seed));
    folder.write("mutant", originals.back());
    const std::string digest = digest_or_refusal(reader, file);
    if (!digest.empty()) accepted.insert(digest);
  }
  ASSERT_FALSE(accepted.empty()) << "no seed is a whole file";

  const char* soak = std::getenv("RIDGELINE_SOAK");
#if defined(RIDGELINE_SANITIZED)
  const int usual = 200;  // each takes four times as long
#else
  const int usual = 500;
#endif
  const int count = soak != nullptr ? 10000 : usual;
  Mutants mutants(originals, 1);
  int refused = 0;
  double slowest = 0;
  std::ofstream("/proc/self/clear_refs") << 5;  // forgets the peak of the readers before
  const Usage at_first = usage();
  std::size_t largest = 0;
  for (const int number : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGALRM}) {
    signal(number, report_and_die);
  }
  for (int i = 0; i < count; ++i) {
    const std::string mutant = mutants.next();
    folder.write("mutant", mutant);
    largest = std::max(largest, mutant.size());
    std::snprintf(under_test, sizeof(under_test), "mutant %d of the reader %s, in %s\n", i,
                  reader.name, file.c_str());
    const double before = usage().seconds;
    alarm(100);  // of elapsed time, on a shared machine
    const std::string digest = digest_or_refusal(reader, file);
    alarm(0);
    slowest = std::max(slowest, usage().seconds - before);
    if (digest.empty()) {
      ++refused;
    } else if (reader.is_sealed(mutant)) {
      ASSERT_TRUE(accepted.count(digest) == 1) << under_test << " was silently read as another";
    }
    ASSERT_LT(slowest, kMostSeconds) << under_test;
  }
  EXPECT_GT(refused, count / 20);
#if !defined(RIDGELINE_SANITIZED)
  EXPECT_LT(usage().peak_kilobytes - at_first.peak_kilobytes,
            kMostKilobytes + static_cast<long>(4 * largest / 1024));
#endif
  RecordProperty("refused", refused);
  std::printf("%s: %d of %d refused, slowest %.2f s, %ld MiB more memory\n", reader.name, refused,
              count, slowest, (usage().peak_kilobytes - at_first.peak_kilobytes) / 1024);
}

// HDF5 does not check the message of a chunked layout, which random damage seldom changes.
TEST(MutantsOfChunkedData, AreRefusedOrReadTheSameTwice) {
  const bool soak = std::getenv("RIDGELINE_SOAK") != nullptr;
  const Reader& reader = reader_of("hdf5_data");
  const ScratchFolder folder;
  const std::string file = folder / "mutant";
  for (const char* name : {"chunked.h5", "gzip.h5"}) {
    const std::string whole = bytes_of_file(source_folder() + "/tests/cases/hdf5/" + name);
    folder.write("mutant", whole);
    const std::string digest_of_whole = digest_or_refusal(reader, file);
    ASSERT_FALSE(digest_of_whole.empty());
    const std::size_t layout = whole.find(std::string("\3\2\3", 3), whole.find("inputs"));
    ASSERT_NE(layout, std::string::npos);
    const std::size_t first = soak ? 0 : layout, last = soak ? whole.size() : layout + 24;
    for (std::size_t at = first; at < last; ++at) {
      for (int bit = 0; bit < 8; ++bit) {
        std::string mutant = whole;
        mutant[at] = static_cast<char>(mutant[at] ^ (1 << bit));
        folder.write("mutant", mutant);
        const std::string digest = digest_or_refusal(reader, file);
        if (at >= layout && at < layout + 24 && !digest.empty()) {
          ASSERT_EQ(digest, digest_of_whole) << name << ": " << at << ", " << bit;
        }
        const std::string again = digest_or_refusal(reader, file);
        // The error may depend on the memory beyond a damaged heap of names.
        if (digest.empty() || again.empty()) continue;
        ASSERT_EQ(again, digest) << name << ": " << at << ", " << bit;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(EveryReader, MutantsOf, ::testing::ValuesIn(names_of_readers()),
                         [](const auto& tested) { return tested.param; });

}  // namespace
}  // namespace ridgeline::testing
