#pragma once

#include <string>
#include <vector>

#include "machine/system.hpp"

namespace ridgeline::machine {

// Identifiers that distinguish machines whose model names are the same: many are called "AMD EPYC
// Processor".

/// The parts of an identifier.
struct MachineParts {
  std::string processor;      ///< "x86-6-143-8": architecture, family, model and stepping
  std::vector<Cache> caches;  ///< as one core sees them
  std::string vectors;        ///< of the build: "avx512"
  int threads = 1;            ///< of the host
  std::string gpu;            ///< its name, empty if there is none
};

/// Returns "x86-6-143-8_l1d48K_l2-2M_l3-300M_avx512_2t", followed by "_nvidia-h200" if there is
/// a GPU: letters, digits, '-', '.' and '_', so that it can name a folder.
std::string machine_id(const MachineParts& parts);

/// Returns the identifier of this machine with this build, this Runtime's threads and a GPU, if it
/// has one.
std::string machine_id(const std::string& gpu);

/// Returns the processor's architecture with its family, model and stepping, or on Arm implementer,
/// part, variant and revision, from /proc/cpuinfo below `root`.
std::string processor_id(const std::string& root = "/");

/// Returns the vector extension that this build uses.
std::string build_vectors();

/// Returns the names of the processor's vector and matrix extensions as /proc/cpuinfo below `root`
/// spells them, sorted: the extensions that a kernel for this machine could use, independent of the
/// build.
std::vector<std::string> processor_features(const std::string& root = "/");

}  // namespace ridgeline::machine
