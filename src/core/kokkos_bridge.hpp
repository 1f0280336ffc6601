#pragma once

// What differs between the Kokkos releases that Ridgeline builds with (3.4 to 5), and nothing else.

#include <Kokkos_Core.hpp>

#include <algorithm>
#include <string>
#include <vector>

namespace ridgeline::bridge {

/// Threads that the OpenMP space has room for (its MAX_THREAD_COUNT, 3.4 to 5); with more it writes
/// beyond it.
inline constexpr int kMostThreads = 512;

/// Starts Kokkos with this many host threads (0: its own choice); `arguments` are the `--kokkos-…`
/// flags of the command line, in the spelling that `kokkos_flag` gave them.
inline void initialize_kokkos(int threads, std::vector<std::string> arguments) {
  // Binding and oversubscription are looked at, acted on and recorded by Runtime.
  arguments.push_back("--kokkos-disable-warnings");
#if defined(KOKKOS_ENABLE_OPENMP)
  if (threads > 0) {
#if KOKKOS_VERSION >= 30700
    arguments.push_back("--kokkos-num-threads=" + std::to_string(threads));
#else
    arguments.push_back("--kokkos-threads=" + std::to_string(threads));
#endif
  }
#else
  (void)threads;
#endif
  std::vector<char*> pointers = {const_cast<char*>("ridgeline")};
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  int count = static_cast<int>(pointers.size());
  pointers.push_back(nullptr);
  Kokkos::initialize(count, pointers.data());
}

/// A `--kokkos-…` flag in the spelling of the Kokkos linked: 3.7 renamed --kokkos-threads to
/// --kokkos-num-threads and --kokkos-device to --kokkos-device-id.
inline std::string kokkos_flag(std::string flag) {
#if KOKKOS_VERSION >= 30700
  const std::pair<std::string, std::string> renamed[] = {
      {"--kokkos-threads", "--kokkos-num-threads"}, {"--kokkos-device", "--kokkos-device-id"}};
#else
  const std::pair<std::string, std::string> renamed[] = {
      {"--kokkos-num-threads", "--kokkos-threads"}, {"--kokkos-device-id", "--kokkos-device"}};
#endif
  const std::size_t end = std::min(flag.find('='), flag.size());
  for (const auto& [from, to] : renamed) {
    if (flag.compare(0, end, from) == 0) return to + flag.substr(end);
  }
  return flag;
}

}  // namespace ridgeline::bridge
