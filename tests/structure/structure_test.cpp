#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "support/paths.hpp"

// The structure of the sources: dependencies go one way, and the library neither prints nor exits.

namespace {

namespace fs = std::filesystem;

const fs::path kRoot = ridgeline::testing::source_folder();

// A folder of src/ includes from those before it.
const std::vector<std::string> kOrder = {"core",    "io",      "config",  "parallel",
                                         "data",    "kernels", "layers",  "network",
                                         "machine", "model",   "studies", "report"};

std::size_t place_of(const std::string& folder) {
  return std::size_t(std::find(kOrder.begin(), kOrder.end(), folder) - kOrder.begin());
}

std::vector<fs::path> sources_below(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    const std::string ending = entry.path().extension().string();
    if (ending == ".cpp" || ending == ".hpp") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

struct Line {
  int number;
  std::string text;  ///< without `// …`
};

std::vector<Line> lines_of(const fs::path& file) {
  std::vector<Line> lines;
  std::ifstream in(file);
  int number = 0;
  for (std::string text; std::getline(in, text);) {
    lines.push_back({++number, text.substr(0, text.find("//"))});
  }
  return lines;
}

std::string text_of(const fs::path& file) {
  std::ifstream in(file);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

std::string place(const fs::path& file, const Line& line) {
  return fs::relative(file, kRoot).string() + ":" + std::to_string(line.number) + ": " + line.text;
}

TEST(Structure, FoldersIncludeOnlyFromThemselvesAndThoseBefore) {
  const std::regex include("^\\s*#\\s*include\\s*\"([^\"/]+)/[^\"]*\"");
  int includes = 0;
  for (const fs::path& file : sources_below(kRoot / "src")) {
    const std::string folder = fs::relative(file, kRoot / "src").begin()->string();
    EXPECT_LT(place_of(folder), kOrder.size()) << folder << " is no folder of src/ that is known";
    for (const Line& line : lines_of(file)) {
      std::smatch match;
      if (!std::regex_search(line.text, match, include)) continue;
      ++includes;
      const std::string from = match[1];
      EXPECT_LT(place_of(from), kOrder.size()) << place(file, line);
      EXPECT_LE(place_of(from), place_of(folder)) << place(file, line);
    }
  }
  EXPECT_GT(includes, 50);  // the sources were found
}

TEST(Structure, OneFolderNamesMpi) {
  const std::regex mpi("mpi\\.h|\\bMPI_");
  int lines = 0;
  for (const fs::path& folder : {kRoot / "src", kRoot / "miniapp"}) {
    for (const fs::path& file : sources_below(folder)) {
      for (const Line& line : lines_of(file)) {
        if (!std::regex_search(line.text, mpi)) continue;
        ++lines;
        EXPECT_EQ(file.parent_path(), kRoot / "src/parallel") << place(file, line);
      }
    }
  }
  EXPECT_GT(lines, 20);
}

// Kernels know no deck and no files: what they need comes as arguments.
TEST(Structure, KernelsIncludeOnlyCoreAndKernels) {
  const std::regex include("^\\s*#\\s*include\\s*\"([^\"/]+)/[^\"]*\"");
  int includes = 0;
  for (const fs::path& file : sources_below(kRoot / "src/kernels")) {
    for (const Line& line : lines_of(file)) {
      std::smatch match;
      if (!std::regex_search(line.text, match, include)) continue;
      ++includes;
      EXPECT_TRUE(match[1] == "core" || match[1] == "kernels") << place(file, line);
    }
  }
  EXPECT_GT(includes, 50);
}

// The interfaces of operations take Views; what their cores share with each other may unwrap them.
TEST(Structure, InterfacesOfKernelsTakeViews) {
  const std::regex pointer("\\b(T|Scalar|double|std::int64_t)\\s*\\*");
  int headers = 0;
  for (const fs::path& file : sources_below(kRoot / "src/kernels")) {
    const fs::path name = fs::relative(file, kRoot / "src/kernels");
    const std::string folder = name.begin()->string();
    const bool nested = std::distance(name.begin(), name.end()) != 2;
    if (nested || file.extension() != ".hpp" || folder == "rows" || folder == "tiles" ||
        file.filename() == "cells.hpp") {
      continue;
    }
    ++headers;
    for (const Line& line : lines_of(file)) {
      EXPECT_FALSE(std::regex_search(line.text, pointer)) << place(file, line);
    }
  }
  EXPECT_GT(headers, 10);
}

// Whether a file includes a header of Kokkos, itself or through our own headers.
bool includes_kokkos(const fs::path& file, std::map<fs::path, bool>& known) {
  const auto [entry, is_new] = known.emplace(file, false);
  if (!is_new) return entry->second;
  const std::regex include("^\\s*#\\s*include\\s*([\"<])([^\">]*)[\">]");
  for (const Line& line : lines_of(file)) {
    std::smatch match;
    if (!std::regex_search(line.text, match, include)) continue;
    const std::string name = match[2];
    bool found = match[1] == "<" && name.compare(0, 6, "Kokkos") == 0;
    for (const fs::path& folder : {kRoot / "src", kRoot / "miniapp", file.parent_path()}) {
      if (found || match[1] == "<" || !fs::exists(folder / name)) continue;
      found = includes_kokkos(folder / name, known);
    }
    if (found) return known[file] = true;
  }
  return false;
}

// In a CUDA build nvcc compiles all others, and takes ten times as long.
TEST(Structure, SourcesWithoutKokkosAreListed) {
  std::map<fs::path, bool> known;
  std::vector<std::string> expected, listed;
  for (const char* folder : {"miniapp", "src"}) {
    for (const fs::path& file : sources_below(kRoot / folder)) {
      if (file.extension() != ".cpp" || includes_kokkos(file, known)) continue;
      expected.push_back(fs::relative(file, kRoot).string());
    }
  }
  std::ifstream list(kRoot / "cmake/sources_without_kokkos.txt");
  for (std::string line; std::getline(list, line);) listed.push_back(line);
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(listed, expected) << "cmake/sources_without_kokkos.txt";
  for (const std::string& file : listed) {
    EXPECT_EQ(file.find("src/kernels/") == 0, file.find("/host/") != std::string::npos) << file;
  }
}

TEST(Structure, IncludesOfOurOwnNameTheFolder) {
  const std::regex include("^\\s*#\\s*include\\s*\"([^\"]*)\"");
  for (const fs::path& file : sources_below(kRoot / "src")) {
    for (const Line& line : lines_of(file)) {
      std::smatch match;
      if (!std::regex_search(line.text, match, include)) continue;
      EXPECT_TRUE(fs::exists(kRoot / "src" / match[1].str())) << place(file, line);
    }
  }
}

// Lines of the library that match, except those of one file.
std::vector<std::string> matches(const std::string& pattern,
                                 const std::vector<std::string>& exceptions = {}) {
  const std::regex regex(pattern);
  std::vector<std::string> found;
  for (const fs::path& file : sources_below(kRoot / "src")) {
    if (std::count(exceptions.begin(), exceptions.end(), file.filename()) > 0) continue;
    for (const Line& line : lines_of(file)) {
      if (std::regex_search(line.text, regex)) found.push_back(place(file, line));
    }
  }
  return found;
}

using Places = std::vector<std::string>;

TEST(Structure, OnlyTheMiniappPrints) {
  EXPECT_EQ(matches("std::(cout|cerr|clog)\\b"), Places());
  EXPECT_EQ(matches("\\b(printf|fprintf|vprintf|puts|fputs|putchar|perror)\\s*\\("), Places());
  EXPECT_EQ(matches("\\b(fmt|std)::print(ln)?\\b"), Places());
}

TEST(Structure, OnlyTheMiniappExits) {
  // Except the check of the CPU, which runs before main and before anything could throw, and a
  // child process of the library's own.
  EXPECT_EQ(matches("\\b(exit|_exit|_Exit|quick_exit|abort|terminate)\\s*\\(",
                    {"isa_baseline.cpp", "child.cpp"}),
            Places());
}

TEST(Structure, OneWayToDoEachThing) {
  const auto only_in = [](const std::string& pattern, const std::string& folder) {
    for (const std::string& found : matches(pattern)) {
      EXPECT_EQ(found.find("src/" + folder), 0u) << found;
    }
  };
  only_in("#\\s*include\\s*<hdf5\\.h>", "io/");
  only_in("#\\s*include\\s*<zlib\\.h>", "io/");
  only_in("#\\s*include\\s*<toml\\+\\+", "config/");
  only_in("#\\s*include\\s*<hwloc", "core/topology");
  only_in("#\\s*include\\s*<boost/", "model/special_functions");
  only_in("Kokkos::(initialize|finalize)\\s*\\(", "core/");
  only_in("KOKKOS_VERSION\\b", "core/");
}

// So that another vendor's devices are a matter of one folder. core/spaces.hpp lists the spaces.
TEST(Structure, CudaIsNamedInOneFolder) {
  for (const std::string& found :
       matches("KOKKOS_ENABLE_CUDA\\b|cuda_runtime|__CUDA_ARCH__|__CUDACC__|\\bcuda[A-Z]|"
               "nv_diag|__host__",
               {"spaces.hpp"})) {
    EXPECT_EQ(found.find("src/core/cuda/"), 0u) << found;
  }
  EXPECT_FALSE(matches("cuda_runtime").empty());  // the folder was there
}

TEST(Structure, NothingCallsAGlobalFence) { EXPECT_EQ(matches("Kokkos::fence\\s*\\("), Places()); }

// On a host nvcc's host-device lambdas are called through a pointer, once per element, and their
// copies allocate: kernels have names.
TEST(Structure, NoKernelIsALambdaOfHostAndDevice) {
  EXPECT_EQ(matches("KOKKOS_(CLASS_)?LAMBDA"), Places());
}

TEST(Structure, KernelsAndLayersNeitherAllocateNorWait) {
  for (const char* pattern : {"\\bfence\\s*\\(", "\\bdeep_copy\\s*\\(", "\\bview_alloc\\b",
                              "\\ballocate\\s*<", "\\bparallel_reduce\\s*\\([^,]*Policy"}) {
    for (const std::string& found : matches(pattern)) {
      EXPECT_NE(found.find("src/kernels/"), 0u) << found;
      EXPECT_NE(found.find("src/layers/"), 0u) << found;
    }
  }
}

TEST(Structure, TestsMirrorTheSources) {
  for (const auto& entry : fs::directory_iterator(kRoot / "src")) {
    if (!entry.is_directory()) continue;
    EXPECT_TRUE(fs::is_directory(kRoot / "tests" / entry.path().filename()))
        << entry.path().filename() << " has no folder of tests";
  }
}

// Names of tests in the document are `Suite.Name`, `Suite.*`, or `…Name` after one of the same
// suite.
TEST(Structure, TheDocumentOnReliabilityNamesTestsThatAreThere) {
  std::set<std::string> tests;
  const std::regex test("\\bTEST(?:_F|_P)?\\(\\s*(\\w+),\\s*(\\w+)\\)");
  for (const fs::path& file : sources_below(kRoot / "tests")) {
    const std::string text = text_of(file);
    for (std::sregex_iterator at(text.begin(), text.end(), test), end; at != end; ++at) {
      tests.insert((*at)[1].str() + ".*");
      tests.insert((*at)[1].str() + "." + (*at)[2].str());
    }
  }
  const std::string text = text_of(kRoot / "docs/reliability.md");
  const std::regex name("`(?:([A-Z]\\w*)\\.|…)([A-Z]\\w*|\\*)`");
  std::string suite;
  std::size_t names = 0;
  for (std::sregex_iterator at(text.begin(), text.end(), name), end; at != end; ++at, ++names) {
    if ((*at)[1].matched) suite = (*at)[1];
    const std::string whole = suite + "." + (*at)[2].str();
    EXPECT_EQ(tests.count(whole), 1u) << whole;
  }
  EXPECT_GT(names, 50u);
}

// Returns the files to check: sources, documents, jobs, but not this file, which has the patterns.
std::vector<fs::path> texts() {
  std::vector<fs::path> files = {kRoot / "README.md"};
  for (const char* folder : {"src", "miniapp", "tests", "docs", "jobs", "cmake"}) {
    for (const auto& entry : fs::recursive_directory_iterator(kRoot / folder)) {
      const std::string ending = entry.path().extension().string();
      if (entry.path() != fs::path(kRoot / "tests/structure/structure_test.cpp") &&
          (ending == ".cpp" || ending == ".hpp" || ending == ".md" || ending == ".sh" ||
           ending == ".cmake" || ending == ".py")) {
        files.push_back(entry.path());
      }
    }
  }
  return files;
}

// Phrases that are not plain technical English, and what to write.
TEST(Structure, TextsArePlainEnglish) {
  struct Rule {
    const char* part;  ///< of every match: lines without it are skipped, since std::regex is slow
    const char* pattern;
    const char* hint;
  };
  const char* per = "one X per Y";
  const Rule rules[] = {
      {"lest ", "\\blest ", "to avoid"},
      {"for want of ", "\\bfor want of ", "because there is no"},
      {"by turns", "\\bby turns\\b", "alternately"},
      {"the other way round", "the other way round", "the opposite"},
      {"hoever ", "\\b[Ww]hoever ", "the caller"},
      {"obody ", "\\b[Nn]obody ", "no thread, no caller, nothing"},
      {"thereof ", "\\bthereof ", "of it"},
      {"but for ", "\\bbut for ", "except"},
      {"for ever", "\\bfor ever\\b", "always, without end"},
      {"in the midst", "\\bin the midst\\b", "within, during"},
      {"by the book", "\\bby the book\\b", "by the usual rule"},
      {"next to nothing", "\\bnext to nothing\\b", "very little"},
      {"made on the spot", "\\bmade on the spot\\b", "generated"},
      {"the memory's rate", "\\bthe memory's rate\\b", "memory bandwidth"},
      {"known to the compiler", "\\bknown to the compiler\\b", "known at compile time"},
      {"the truth", "\\bholds? the truth\\b", "contains the true value"},
      {"handed on", "\\bhanded on\\b", "passed on; written by another thread"},
      {"hand", "\\bhands? (it|them|theirs|buffers) on\\b", "passes it on"},
      {" on ", "\\b(go|goes|going) on (from|to the same)\\b", "resumes from, continues with"},
      {"wait", "\\bwaits? for (nobody|anybody|nothing)\\b", "is independent, does not synchronise"},
      {"eighbours ", "\\b[Nn]eighbours (disturb|change|leave|left|would|use|read|still read)\\b",
       "other tenants; accesses are coalesced"},
      {"///", "///<? ?(Gives|Tells|Says|Nothing) ", "Returns; Returns nullopt if"},
      {"Tenant", "\\bTenant\\b", "Allocation"},
      {"Twin", "\\bTwin\\b", "MirroredBuffer"},
      {"only_the_past", "\\bonly_the_past\\b", "causal"},
      {"rest1", "\\brest1\\b", "one_minus_beta1"},
      {" a ",
       "\\ba (team|thread|block|warp|tile|row|worker|layer|file|verb|launch|kernel|sum|line|byte|"
       "load|register|vector|element|point|plane|task|folder|dataset|reader|path|cycle|"
       "instruction|call) an? "
       "(tile|row|column|call|plane|layer|team|thread|channel|function|verb|folder|sample|token|"
       "position|kind|core|step|warp|reader|node|doubling|register|unit|cycle|lane|group|head|"
       "batch|value|element|parameter|load|byte|second|launch|turn|epoch|kernel|size)\\b",
       per},
      {" a ",
       "(\\b(FLOPs|bytes|points|values|samples|threads|lanes|scalars|elements|rows|numbers|steps|"
       "loads|launches|cycles|blocks|registers|images|characters|GFLOP/s|TFLOP/s|GB/s|TB/s|ns|ms|"
       "KiB|MiB)|µs) a "
       "(byte|doubling|second|row|channel|sample|step|thread|team|warp|block|position|worker|node|"
       "core|cycle|clock|element|value|token|character|launch|load|call|layer|epoch|image|pixel|"
       "batch|unit|head|lane|group|nanosecond|repeat|multiprocessor|processor|plane)\\b",
       per},
      {"words a ", "\\bwords a (byte|row|channel|sample|step|thread|team|warp|block|position)\\b",
       per},
  };
  std::size_t lines = 0;
  for (const Rule& each : rules) {
    const std::regex rule(each.pattern);
    for (const fs::path& file : texts()) {
      std::ifstream in(file);
      int number = 0;
      for (std::string text; std::getline(in, text); ++lines) {
        ++number;
        if (text.find(each.part) == std::string::npos) continue;
        EXPECT_FALSE(std::regex_search(text, rule))
            << fs::relative(file, kRoot).string() << ":" << number << ": " << text << " ("
            << each.hint << ")";
      }
    }
  }
  EXPECT_GT(lines, 10000u);  // the texts were found
}

}  // namespace
