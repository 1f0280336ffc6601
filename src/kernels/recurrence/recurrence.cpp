#include "kernels/recurrence/recurrence.hpp"

#include "kernels/recurrence/cells.hpp"
#include "kernels/recurrence/device/recurrence.hpp"
#include "kernels/recurrence/host/recurrence.hpp"

namespace ridgeline::kernels {
namespace {

// Four samples use each weight that a team reads four times; 512 threads are the columns of an LSTM
// of 128 units, with enough loads in flight to hide the latency of L2.
constexpr int kSamples = 4, kRecurrenceTeam = 512;

}  // namespace

template <class Cell>
std::size_t recurrence_workspace(bool on_device, std::size_t batch, std::size_t units) {
  const int b = static_cast<int>(batch), u = static_cast<int>(units);
  if (on_device) {
    return DeviceRecurrence<Kokkos::Serial, Cell, kSamples, kRecurrenceTeam>::workspace(b, u);
  }
  using Loop = host::Recurrence<Cell>;
  return aligned_size<typename Cell::Scalar>(Loop::packed_size(u)) +
         Loop::blocks(b) * Loop::block_size(b, u);
}

template <class Space, class Cell>
void recurrence(const Space& instance, const RecurrenceLabels& labels, std::size_t batch,
                const Cell& cell, const Vector<Space, const typename Cell::Scalar>& weight_hh,
                const Vector<Space, typename Cell::Scalar>& workspace) {
  using T = typename Cell::Scalar;
  const int samples = static_cast<int>(batch);
  if constexpr (kIsHost<Space>) {
    using Loop = host::Recurrence<Cell>;
    T* const packed = workspace.data();
    const Loop loop{cell, samples, weight_hh.data(), packed,
                    packed + aligned_size<T>(Loop::packed_size(cell.units))};
    const double size = double(Cell::kSums) * Cell::kStates * cell.units * cell.units;
    const double rows = double(batch) * cell.length;
    for_blocks(instance, labels.prepare, loop.pack_blocks(), {0, 4 * sizeof(T) * size},
               [&loop](int block) { loop.pack(block); });
    for_blocks(instance, labels.steps, Loop::blocks(samples),
               {2 * rows * size + 100 * rows * cell.units, 0},
               [&loop](int block) { loop.run(block); });
  } else {
    DeviceRecurrence<Space, Cell, kSamples, kRecurrenceTeam>::launch(instance, labels, samples,
                                                                     cell, weight_hh, workspace);
  }
}

#define RIDGELINE_WORKSPACE(Space, T, ...) \
  template std::size_t recurrence_workspace<__VA_ARGS__>(bool, std::size_t, std::size_t);
RIDGELINE_FOR_CELLS(RIDGELINE_WORKSPACE, , float)
RIDGELINE_FOR_CELLS(RIDGELINE_WORKSPACE, , double)

#define RIDGELINE_CELL(Space, T, ...)                                                              \
  template void recurrence<Space, __VA_ARGS__>(const Space&, const RecurrenceLabels&, std::size_t, \
                                               const __VA_ARGS__&, const Vector<Space, const T>&,  \
                                               const Vector<Space, T>&);
#define RIDGELINE_RECURRENCE(Space, T) RIDGELINE_FOR_CELLS(RIDGELINE_CELL, Space, T)
RIDGELINE_FOR_SPACES(RIDGELINE_RECURRENCE)

}  // namespace ridgeline::kernels
