#include "machine/transfer.hpp"

#include <algorithm>
#include <type_traits>
#include <utility>

#include "core/timing.hpp"
#include "core/views.hpp"

namespace ridgeline::machine {
namespace {

template <class HostView, class Space>
void ladder(const Space& instance, const std::string& host_memory, const TransferOptions& options,
            const Progress& progress, std::vector<std::string>* notes,
            std::vector<TransferPoint>& points) {
  using std::pair;
  const auto sizes = working_sets(options.smallest, options.largest, options.per_octave, 8);
  const HostView host(Kokkos::view_alloc(Kokkos::WithoutInitializing, "transfer/host"),
                      sizes.back());
  const Buffer<Space, char> device = allocate<char>(instance, "transfer/device", sizes.back());
  // Touched, and not zero pages.
  for (std::size_t i = 0; i < host.extent(0); ++i) host.data()[i] = static_cast<char>(i * 7 + 1);
  MeasureOptions measure_options = MeasureOptions::ladder_point();
  measure_options.min_repeats = options.repeats;
  measure_options.min_seconds = options.min_seconds;
  measure_options.clock = Clock::host;
  for (const bool to_device : {true, false}) {
    const std::size_t first_point = points.size();
    LadderOrder order(sizes, options.per_octave, 0, options.budget_seconds, options.stopped);
    while (const auto index = order.next()) {
      const std::size_t bytes = sizes[*index];
      const pair<std::size_t, std::size_t> range(0, bytes);
      const auto host_part = Kokkos::subview(host, range);
      const auto device_part = Kokkos::subview(device, range);
      TransferPoint point;
      point.direction = to_device ? "host_to_device" : "device_to_host";
      point.host_memory = host_memory;
      point.bytes = bytes;
      // One fence per copy: the caller of a transfer waits for it.
      point.seconds = measure(instance, measure_options, [&] {
        if (to_device) {
          Kokkos::deep_copy(instance, device_part, host_part);
        } else {
          Kokkos::deep_copy(instance, host_part, device_part);
        }
        instance.fence();
      });
      points.push_back(point);
    }
    std::sort(points.begin() + static_cast<std::ptrdiff_t>(first_point), points.end(),
              [](const TransferPoint& a, const TransferPoint& b) { return a.bytes < b.bytes; });
    if (points.size() == first_point) return;
    note_left_out("transfer, " + points.back().direction + ", " + host_memory, order.left_out(),
                  sizes.size(), notes);
    if (progress) progress("transfer, " + points.back().direction + ", " + host_memory);
  }
}

}  // namespace

std::vector<TransferPoint> transfer_ladder(SpaceKind space, const TransferOptions& options,
                                           const Progress& progress,
                                           std::vector<std::string>* notes) {
  std::vector<TransferPoint> points;
  with_space(space, [&](const auto& instance) {
    using Space = std::decay_t<decltype(instance)>;
    if constexpr (!kIsHost<Space>) {
      using Pageable = Kokkos::View<char*, Kokkos::LayoutRight, Kokkos::HostSpace>;
      ladder<PinnedBuffer<Space, char>>(instance, "pinned", options, progress, notes, points);
      ladder<Pageable>(instance, "pageable", options, progress, notes, points);
    } else {
      (void)instance, (void)options, (void)progress, (void)notes;
    }
  });
  return points;
}

}  // namespace ridgeline::machine
