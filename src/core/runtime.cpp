#include "core/runtime.hpp"

#include <Kokkos_Core.hpp>

#include <algorithm>
#include <cstdlib>

#include "core/build_info.hpp"
#include "core/cuda/device.hpp"
#include "core/isa.hpp"
#include "core/kokkos_bridge.hpp"
#include "core/spaces.hpp"
#include "core/text.hpp"

namespace ridgeline {
namespace {

HostThreads placed;

// Removes `--kokkos-threads=N`, in either spelling, from the flags. Returns N; 0 if it is not among
// them.
int take_threads(std::vector<std::string>& flags) {
  int threads = 0;
  const auto is_threads = [&](const std::string& flag) {
    const std::size_t end = std::min(flag.find('='), flag.size());
    const std::string name = flag.substr(0, end);
    if (name != "--kokkos-threads" && name != "--kokkos-num-threads") return false;
    const std::string value = flag.substr(std::min(end + 1, flag.size()));
    const bool digits = !value.empty() && value.size() <= 9 &&
                        value.find_first_not_of("0123456789") == std::string::npos;
    threads = digits ? std::atoi(value.c_str()) : 0;
    if (threads < 1 || threads > kMostHostThreads) {
      throw RequestError(printable(flag) + ": must be from 1 to " +
                         std::to_string(kMostHostThreads));
    }
    return true;
  };
  flags.erase(std::remove_if(flags.begin(), flags.end(), is_threads), flags.end());
  return threads;
}

}  // namespace

std::string to_string(SpaceKind kind) {
  switch (kind) {
    case SpaceKind::serial:
      return "serial";
    case SpaceKind::openmp:
      return "openmp";
    default:
      return "cuda";
  }
}

std::vector<SpaceKind> built_spaces() {
  std::vector<SpaceKind> spaces = {SpaceKind::serial};
  RIDGELINE_IF_OPENMP(spaces.push_back(SpaceKind::openmp);)
  RIDGELINE_IF_CUDA(spaces.push_back(SpaceKind::cuda);)
  return spaces;
}

SpaceKind resolve_space(const std::string& name) {
  const std::vector<SpaceKind> built = built_spaces();
  const bool any = name == "auto";
  std::string names = "auto";
  bool known = any;
  SpaceKind chosen = built.back();
  for (const SpaceKind kind : {SpaceKind::serial, SpaceKind::openmp, SpaceKind::cuda}) {
    const bool in_build = std::find(built.begin(), built.end(), kind) != built.end();
    if (in_build) names += ", " + to_string(kind);
    if (name != to_string(kind)) continue;
    known = true;
    chosen = kind;
    if (!in_build) {
      throw RequestError(
          "--space " + name + ": no such device or space in this build, which has " +
          names.substr(6) +
          (kind == SpaceKind::cuda ? "; a CUDA device needs the build of preset cuda" : ""));
    }
  }
  if (!known) throw RequestError("--space " + name + ": must be one of " + names);
  std::string reason;
  if (chosen == SpaceKind::cuda && device_count(&reason) == 0) {
    throw RequestError("no CUDA device: " + reason + "; a build with CUDA needs one to compute; " +
                       "the build of preset openmp runs anywhere");
  }
  return chosen;
}

void check_kokkos_flags(const std::vector<std::string>& flags) {
  for (const std::string& flag : flags) {
    if (bridge::is_kokkos_flag(flag)) continue;
    throw RequestError(flag + ": is not an option of Kokkos " + build_info().kokkos_version +
                       "; --kokkos-help lists them");
  }
}

int planned_threads(int threads, const std::vector<std::string>& kokkos_flags,
                    const Binding& binding) {
  std::vector<std::string> flags = kokkos_flags;
  const int by_flag = take_threads(flags);
  check_thread_environment();
  check_binding(binding);
#if defined(KOKKOS_ENABLE_OPENMP)
  return requested_threads(threads > 0 ? threads : by_flag, binding);
#else
  (void)threads;
  (void)by_flag;
  (void)binding;
  return 1;
#endif
}

Runtime::Runtime(int threads, const std::vector<std::string>& kokkos_flags,
                 const Binding& binding) {
  // The check ran before main; this call makes every program link it.
  if (!missing_isa(kRequiredIsa).empty()) throw RequestError("this build needs another CPU");
  std::string reason;
  const std::vector<SpaceKind> built = built_spaces();
  if (built.back() == SpaceKind::cuda && device_count(&reason) == 0) {
    throw RequestError("no CUDA device: " + reason + "; a build with CUDA needs one to compute; " +
                       "the build of preset openmp runs anywhere");
  }
  check_kokkos_flags(kokkos_flags);
  const int requested = planned_threads(threads, kokkos_flags, binding);
  std::vector<std::string> warnings;
#if defined(KOKKOS_ENABLE_OPENMP)
  const int count = allowed_threads(requested, warnings);
#else
  const int count = requested;
#endif
  std::vector<std::string> flags = kokkos_flags;
  take_threads(flags);
  // Kokkos throws if it differs from the number passed.
  unsetenv("KOKKOS_NUM_THREADS");
  try {
    bridge::initialize_kokkos(count, flags);
  } catch (const std::exception& error) {
    const std::string message = error.what();
    throw RequestError("Kokkos refuses a flag or a variable of the environment: " +
                       message.substr(0, message.find('\n')));
  }
#if defined(KOKKOS_ENABLE_OPENMP)
  placed = place_threads(Kokkos::OpenMP().concurrency(), binding);
#else
  placed = place_threads(count, binding);
#endif
  placed.warnings.insert(placed.warnings.begin(), warnings.begin(), warnings.end());
}

Runtime::~Runtime() {
  Kokkos::finalize();
  placed = HostThreads();
}

const HostThreads& Runtime::host_threads() { return placed; }

}  // namespace ridgeline
