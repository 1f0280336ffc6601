#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <set>
#include <string>

#include "core/error.hpp"
#include "support/readers.hpp"

// A libFuzzer target (https://llvm.org/docs/LibFuzzer.html) of the reader that RIDGELINE_READER
// names: each input is a file that is read in the same way as in a run.

namespace {

using ridgeline::testing::Reader;

const Reader& reader = ridgeline::testing::reader_of(RIDGELINE_READER);

// The content of the seeds.
std::set<std::string> whole_contents() {
  std::set<std::string> digests;
  for (const std::string& file : reader.seed_files()) {
    digests.insert(ridgeline::testing::digest_or_refusal(reader, file));
  }
  return digests;
}

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "%s: %s\n", reader.name, what.c_str());
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::string file = "fuzz_" + std::to_string(getpid()) + ".input";
  static const bool registered = std::atexit([] { unlink(file.c_str()); }) == 0;
  static const std::set<std::string> whole = whole_contents();
  if (!registered) return -1;
  const std::string content(reinterpret_cast<const char*>(data), size);
  std::ofstream(file, std::ios::binary) << content;
  const std::string digest = ridgeline::testing::digest_or_refusal(reader, file);
  if (reader.is_sealed(content) && !digest.empty() && whole.count(digest) == 0) {
    fail("was silently read as another file");
  }
  return 0;
}
