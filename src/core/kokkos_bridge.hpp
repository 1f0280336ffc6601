#pragma once

// Contains only the differences between the supported Kokkos releases (3.4 to 5).

#include <Kokkos_Core.hpp>

#include <algorithm>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace ridgeline::bridge {

/// Returns a `--kokkos-…` flag in the spelling that the linked Kokkos accepts without a deprecation
/// warning. Both spellings of a flag are accepted with every version.
inline std::string kokkos_flag(const std::string& flag) {
  const std::pair<std::string, std::string> renamed[] = {
    {"--kokkos-device", "--kokkos-device-id"},
    {"--kokkos-ndevices", "--kokkos-num-devices"},
#if KOKKOS_VERSION >= 30700
    {"--kokkos-tools-library", "--kokkos-tools-libs"},
#else
    {"--kokkos-tools-libs", "--kokkos-tools-library"},
#endif
  };
  const std::size_t end = std::min(flag.find('='), flag.size());
  for (const auto& [from, to] : renamed) {
    if (flag.compare(0, end, from) == 0) return to + flag.substr(end);
  }
  return flag;
}

/// Returns whether the linked Kokkos has this `--kokkos-…` flag in either spelling; Kokkos ignores
/// others. Excludes --kokkos-tools-help, which ends the process during a run.
inline bool is_kokkos_flag(const std::string& flag) {
  const std::string known[] = {
    "--kokkos-threads",
    "--kokkos-num-threads",
    "--kokkos-device-id",
    "--kokkos-num-devices",
    "--kokkos-numa",
    "--kokkos-disable-warnings",
    "--kokkos-tune-internals",
    "--kokkos-tools-library",
    "--kokkos-tools-libs",
    "--kokkos-tools-args",
    "--kokkos-help",
#if KOKKOS_VERSION >= 30700
    "--kokkos-map-device-id-by",
    "--kokkos-print-configuration",
#endif
  };
  const std::string spelled = kokkos_flag(flag);
  const std::string name = spelled.substr(0, spelled.find('='));
  return std::find(std::begin(known), std::end(known), name) != std::end(known);
}

/// Initialises Kokkos with this number of host threads; `flags` are the other `--kokkos-…` flags of
/// the command line. Kokkos throws std::exception for an invalid one.
inline void initialize_kokkos(int threads, const std::vector<std::string>& flags) {
  std::vector<std::string> arguments;
  for (const std::string& flag : flags) arguments.push_back(kokkos_flag(flag));
  // Runtime checks and records binding and oversubscription.
  arguments.push_back("--kokkos-disable-warnings");
#if defined(KOKKOS_ENABLE_OPENMP)
#if KOKKOS_VERSION >= 30700
  arguments.push_back("--kokkos-num-threads=" + std::to_string(threads));
#else
  arguments.push_back("--kokkos-threads=" + std::to_string(threads));
#endif
#else
  (void)threads;
#endif
  std::vector<char*> pointers = {const_cast<char*>("ridgeline")};
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  int count = static_cast<int>(pointers.size());
  pointers.push_back(nullptr);
  Kokkos::initialize(count, pointers.data());
}

/// Returns an instance of Serial that lasts until Kokkos is finalized: since Kokkos 4 making one
/// allocates. First called before there are several threads.
inline const Kokkos::Serial& serial_instance() {
  static std::optional<Kokkos::Serial> instance;
  if (!instance) {
    instance.emplace();
    Kokkos::push_finalize_hook([] { instance.reset(); });
  }
  return *instance;
}

}  // namespace ridgeline::bridge
