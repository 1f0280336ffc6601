#pragma once

#include <Kokkos_Core.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace ridgeline::testing {

/// Records the events of Kokkos Tools during its lifetime; at most one object at a time.
class KokkosEvents {
 public:
  enum class Kind { kernel, allocation, deallocation, region, deep_copy, fence };
  struct Event {
    Kind kind;
    std::string label;
    std::uint64_t bytes = 0;  ///< of an allocation or a copy
    std::string region;       ///< the innermost open one, for what is launched inside
  };

  KokkosEvents() {
    namespace tools = Kokkos::Tools::Experimental;
    recorder() = this;
    before_ = tools::get_callbacks();
    tools::set_begin_parallel_for_callback(on_kernel);
    tools::set_begin_parallel_reduce_callback(on_kernel);
    tools::set_begin_parallel_scan_callback(on_kernel);
    tools::set_push_region_callback([](const char* label) {
      add(Kind::region, label, 0);
      recorder()->open_.emplace_back(label);
    });
    tools::set_pop_region_callback([] { recorder()->open_.pop_back(); });
    tools::set_allocate_data_callback(
        [](Kokkos_Profiling_SpaceHandle, const char* label, const void*, std::uint64_t bytes) {
          add(Kind::allocation, label, bytes);
        });
    tools::set_deallocate_data_callback(
        [](Kokkos_Profiling_SpaceHandle, const char* label, const void*, std::uint64_t bytes) {
          add(Kind::deallocation, label, bytes);
        });
    tools::set_begin_deep_copy_callback(
        [](Kokkos_Profiling_SpaceHandle, const char* label, const void*,
           Kokkos_Profiling_SpaceHandle, const char*, const void*,
           std::uint64_t bytes) { add(Kind::deep_copy, label, bytes); });
    tools::set_begin_fence_callback([](const char* label, std::uint32_t, std::uint64_t*) {
      // Kokkos fences around every event; Kokkos before 3.5 does not report fences.
      if (std::string(label).find("Kokkos Profile Tool Fence") == std::string::npos) {
        add(Kind::fence, label, 0);
      }
    });
  }
  ~KokkosEvents() {
    Kokkos::Tools::Experimental::set_callbacks(before_);
    recorder() = nullptr;
  }
  KokkosEvents(const KokkosEvents&) = delete;
  KokkosEvents& operator=(const KokkosEvents&) = delete;

  const std::vector<Event>& all() const { return events_; }
  std::vector<Event> of(Kind kind) const {
    std::vector<Event> found;
    for (const Event& event : events_) {
      if (event.kind == kind) found.push_back(event);
    }
    return found;
  }
  void forget() { events_.clear(); }

 private:
  static KokkosEvents*& recorder() {
    static KokkosEvents* current = nullptr;
    return current;
  }
  static void on_kernel(const char* label, std::uint32_t, std::uint64_t*) {
    add(Kind::kernel, label, 0);
  }
  static void add(Kind kind, const char* label, std::uint64_t bytes) {
    const std::vector<std::string>& open = recorder()->open_;
    recorder()->events_.push_back({kind, label, bytes, open.empty() ? "" : open.back()});
  }

  Kokkos::Tools::Experimental::EventSet before_;
  std::vector<Event> events_;
  std::vector<std::string> open_;
};

inline std::ostream& operator<<(std::ostream& out, const KokkosEvents::Event& event) {
  const char* const kinds[] = {"kernel", "allocation", "deallocation",
                               "region", "deep copy",  "fence"};
  return out << kinds[int(event.kind)] << " \"" << event.label << "\" " << event.bytes;
}

}  // namespace ridgeline::testing
