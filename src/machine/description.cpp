#include "machine/description.hpp"

#include <Kokkos_Core.hpp>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/build_info.hpp"
#include "core/energy.hpp"
#include "core/memory.hpp"
#include "core/processors.hpp"
#include "core/runtime.hpp"
#include "core/topology.hpp"
#include "machine/system.hpp"

namespace ridgeline::machine {
namespace {

using io::Json;

// From the macros of the build: Kokkos's print_configuration needs Kokkos to be initialised.
Json kokkos_configuration() {
  Json configuration;
  Json spaces = Json::array();
  for (const SpaceKind kind : built_spaces()) spaces.push_back(to_string(kind));
  configuration["spaces"] = spaces;
  Json options = Json::array();
#if defined(KOKKOS_ENABLE_DEBUG)
  options.push_back("debug");
#endif
#if defined(KOKKOS_ENABLE_DEBUG_BOUNDS_CHECK)
  options.push_back("bounds_checks");
#endif
#if defined(KOKKOS_ENABLE_CUDA_LAMBDA)
  options.push_back("cuda_lambda");
#endif
#if defined(KOKKOS_ENABLE_CUDA_RELOCATABLE_DEVICE_CODE)
  options.push_back("cuda_relocatable_device_code");
#endif
#if defined(KOKKOS_ENABLE_AGGRESSIVE_VECTORIZATION)
  options.push_back("aggressive_vectorization");
#endif
#if defined(KOKKOS_ENABLE_HWLOC)
  options.push_back("hwloc");
#endif
#if defined(KOKKOS_ENABLE_LIBDL)
  options.push_back("libdl");
#endif
  configuration["options"] = options;
  return configuration;
}

/// Returns one object per core: its NUMA domain, its package and its processors, which are
/// siblings.
Json describe(const Topology& topology, const std::vector<int>& usable) {
  Json cores = Json::array();
  std::vector<int> siblings;
  const std::vector<Processor> processors = topology.select(usable);
  for (std::size_t i = 0; i < processors.size(); ++i) {
    siblings.push_back(processors[i].number);
    if (i + 1 < processors.size() && processors[i + 1].core == processors[i].core) continue;
    cores.push_back({{"processors", processor_list(siblings)},
                     {"numa_domain", processors[i].numa},
                     {"package", processors[i].package}});
    siblings.clear();
  }
  return cores;
}

void describe_gpu(Json& machine) {
  const std::string model = gpu_model();
  const auto memory = device_model().memory_bytes;
  machine["gpu_model"] = model.empty() ? Json() : Json(model);
  machine["gpu_memory_bytes"] = memory > 0 ? Json(memory) : Json();
}

Json number(const std::optional<double>& value) { return value ? Json(*value) : Json(); }

// Appends "NAME: A there, B here" if both are known and differ.
void compare(const Json& of_file, const Json& here, const char* key, const char* name,
             bool missing_counts, std::string& words) {
  const Json nothing;
  const Json& a = of_file.contains(key) ? of_file.at(key) : nothing;
  const Json& b = here.contains(key) ? here.at(key) : nothing;
  if (a == b || (!missing_counts && (a.is_null() || b.is_null()))) return;
  const auto text = [](const Json& value) {
    return value.is_null() ? "none" : value.is_string() ? value.get<std::string>() : value.dump();
  };
  words += (words.empty() ? "" : "; ") + std::string(name) + ": " + text(a) + " there, " + text(b) +
           " here";
}

}  // namespace

std::string gpu_model() {
  const std::string name = device_model().name;
  return name.empty() ? driver_gpu_model() : name;
}

Json describe_machine() {
  const BuildInfo& build = build_info();
  const HostThreads& threads = Runtime::host_threads();
  Json machine;
  machine["hostname"] = host_name();
  machine["cpu_model"] = cpu_model();
  machine["cores"] = physical_cores();
  // After pinning, this thread's mask no longer contains all processors of the process.
  const std::vector<int> usable =
      threads.cpus.empty() ? ProcessorMask::of_this_thread().processors() : threads.cpus;
  const Topology topology = Topology::read();
  machine["processors_usable"] = usable.size();
  machine["threads"] = threads.count;
  machine["thread_binding"] = threads.binding.empty() ? "unbound" : threads.binding;
  machine["threads_bound"] = threads.bound;
  machine["bind"] = threads.bind;
  machine["thread_processors"] = threads.placed;
  machine["threads_sharing_a_core"] = threads.sharing_a_core;
  machine["numa_domains_usable"] = std::max(1, topology.numa_domains_of(usable));
  machine["processors"] = describe(topology, usable);
  machine["threads_share_processors"] = threads.share_processors();
  machine["thread_warnings"] = threads.warnings;
  machine["memory_bytes"] = total_memory_bytes();
  Json caches = Json::array();
  for (const Cache& cache : host_caches()) {
    caches.push_back({{"level", cache.level},
                      {"bytes", cache.bytes},
                      {"shared_by_processors", cache.shared_by}});
  }
  machine["caches"] = caches;
  describe_gpu(machine);
  machine["compiler"] = build.compiler;
  machine["flags"] = build.flags;
  machine["build_type"] = build.build_type;
  machine["isa"] = build.isa;
  machine["cuda_arch"] = *build.cuda_arch ? Json(build.cuda_arch) : Json();
  machine["kokkos_version"] = build.kokkos_version;
  machine["kokkos_origin"] = build.kokkos_origin;
  machine["kokkos_kernels_version"] = build.kokkos_kernels_version;
  machine["kokkos_configuration"] = kokkos_configuration();
  machine["page_bytes"] = page_bytes();
  machine["transparent_huge_pages"] = transparent_huge_pages();
  machine["energy"] = EnergyMeter({"/", device_address()}).description();
  machine["clock_source"] = "std::chrono::steady_clock on " + clock_source();
  machine["kernel"] = kernel_version();
  const std::string governor = frequency_governor(0);
  machine["frequency_governor"] = governor.empty() ? Json() : Json(governor);
  machine["cgroup_processors"] = number(cgroup_processor_quota());
  return machine;
}

Json to_json(const Disturbance& disturbance) {
  // No repeats: the measurement was too short for pulses, or one thread has no exchange.
  const auto pulse = [](const Timing& timing) {
    return timing.repeats > 0 ? Json(timing) : Json();
  };
  Json json;
  json["alarm"] = disturbance.alarm();
  json["reasons"] = disturbance.reasons;
  json["watched_seconds"] = disturbance.seconds;
  json["disturbed_seconds"] = disturbance.disturbed_seconds;
  json["waiting_share"] = number(disturbance.waiting_share);
  json["other_processors_busy"] = number(disturbance.other_processors);
  json["steal_share"] = number(disturbance.steal_share);
  json["pressure_share"] = number(disturbance.pressure_share);
  json["pressure_avg10_percent_before"] = number(disturbance.pressure_avg10_before);
  json["pressure_avg10_percent_after"] = number(disturbance.pressure_avg10_after);
  json["load_average"] = number(disturbance.load_average);
  json["involuntary_switches"] = disturbance.involuntary_switches;
  json["arithmetic_pulse"] = pulse(disturbance.arithmetic_pulse);
  json["stream_pulse"] = pulse(disturbance.stream_pulse);
  json["exchange_pulse"] = pulse(disturbance.exchange_pulse);
  json["pulse_share"] = disturbance.pulse_cost;
  json["slowest_clock_hertz"] = number(disturbance.slowest_clock_hertz);
  json["fastest_clock_hertz"] = number(disturbance.fastest_clock_hertz);
  return json;
}

Json new_result(const std::string& format) {
  const BuildInfo& build = build_info();
  Json result;
  result["format"] = format;
  result["version"] = io::kResultVersion;
  result["created"] = io::now_utc();
  result["ridgeline_version"] = std::string(build.version) + " (" + build.git_commit + ")";
  result["command"] = command_line();
  const std::string job = batch_job();
  result["job"] = job.empty() ? Json() : Json(job);
  result["machine"] = describe_machine();
  return result;
}

std::string machine_difference(const Json& of_file, const Json& here) {
  std::string words;
  compare(of_file, here, "cpu_model", "CPU", false, words);
  compare(of_file, here, "cores", "cores", false, words);
  compare(of_file, here, "gpu_model", "GPU", of_file.contains("gpu_model"), words);
  return words;
}

std::string setting_difference(const Json& of_file, const Json& here) {
  std::string words;
  compare(of_file, here, "threads", "threads", false, words);
  compare(of_file, here, "bind", "binding", false, words);
  compare(of_file, here, "transparent_huge_pages", "huge pages", false, words);
  return words;
}

}  // namespace ridgeline::machine
