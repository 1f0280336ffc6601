#include "machine/identity.hpp"

#include <sys/utsname.h>

#include <algorithm>
#include <cctype>
#include <sstream>

#include "core/runtime.hpp"

namespace ridgeline::machine {
namespace {

std::string cpuinfo(const std::string& root, const std::string& key) {
  return value_of(root + "proc/cpuinfo", key);
}

// Returns lower case, with '-' for characters that a folder's name should not contain.
std::string plain(const std::string& text) {
  std::string result;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || c == '.') {
      result += static_cast<char>(std::tolower(byte));
    } else if (!result.empty() && result.back() != '-') {
      result += '-';
    }
  }
  while (!result.empty() && result.back() == '-') result.pop_back();
  return result;
}

std::string short_bytes(std::size_t bytes) {
  const char* unit = "";
  for (const char* larger : {"K", "M", "G"}) {
    if (bytes < 1024 || bytes % 1024 != 0) break;
    bytes /= 1024;
    unit = larger;
  }
  return std::to_string(bytes) + unit;
}

}  // namespace

std::string machine_id(const MachineParts& parts) {
  std::string id = plain(parts.processor);
  for (const Cache& cache : parts.caches) {
    id += cache.level == 1 ? "_l1d" : "_l" + std::to_string(cache.level) + "-";
    id += short_bytes(cache.bytes);
  }
  id += "_" + plain(parts.vectors) + "_" + std::to_string(parts.threads) + "t";
  if (!parts.gpu.empty()) id += "_" + plain(parts.gpu);
  return id;
}

std::string machine_id(const std::string& gpu) {
  return machine_id(
      {processor_id(), host_caches(), build_vectors(), Runtime::host_threads().count, gpu});
}

std::string processor_id(const std::string& root) {
  const std::string family = cpuinfo(root, "cpu family");
  if (!family.empty()) {
    return "x86-" + family + "-" + cpuinfo(root, "model") + "-" + cpuinfo(root, "stepping");
  }
  const std::string part = cpuinfo(root, "CPU part");
  if (!part.empty()) {
    return "arm-" + cpuinfo(root, "CPU implementer") + "-" + part + "-" +
           cpuinfo(root, "CPU variant") + "-" + cpuinfo(root, "CPU revision");
  }
  utsname name{};
  const std::string architecture = uname(&name) == 0 ? name.machine : "unknown";
  const std::string model = cpuinfo(root, "cpu");
  return model.empty() ? architecture : architecture + "-" + model;
}

std::string build_vectors() {
#if defined(__AVX512F__)
  return "avx512";
#elif defined(__AVX2__)
  return "avx2";
#elif defined(__AVX__)
  return "avx";
#elif defined(__SSE2__)
  return "sse2";
#elif defined(__ARM_FEATURE_SVE)
  return "sve";
#elif defined(__ARM_NEON)
  return "neon";
#elif defined(__VSX__)
  return "vsx";
#elif defined(__riscv_vector)
  return "rvv";
#else
  return "scalar";
#endif
}

std::vector<std::string> processor_features(const std::string& root) {
  std::vector<std::string> features;
  const auto add = [&](const std::string& key, const std::vector<std::string>& prefixes) {
    std::istringstream words(cpuinfo(root, key));
    for (std::string word; words >> word;) {
      const bool known =
          std::any_of(prefixes.begin(), prefixes.end(),
                      [&](const std::string& prefix) { return word.rfind(prefix, 0) == 0; });
      if (known) features.push_back(word);
    }
  };
  add("flags", {"avx", "amx", "sse", "ssse", "fma", "f16c"});                 // x86
  add("Features", {"asimd", "sve", "sme", "bf16", "i8mm", "fphp", "ebf16"});  // Arm
  std::sort(features.begin(), features.end());
  features.erase(std::unique(features.begin(), features.end()), features.end());
  return features;
}

}  // namespace ridgeline::machine
