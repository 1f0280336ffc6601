#include "kernels/recurrence/recurrence.hpp"

#include "kernels/recurrence/device/recurrence.hpp"
#include "kernels/recurrence/gru_cells.hpp"
#include "kernels/recurrence/host/recurrence.hpp"
#include "kernels/recurrence/lstm_cells.hpp"

namespace ridgeline::kernels {
namespace {

// Four samples use each weight that a team reads four times; 512 threads are the columns of an LSTM
// of 128 units, with enough loads under way to hide the latency of L2.
constexpr int kSamples = 4, kRecurrenceTeam = 512;

template <class Space, class Cell, class T = typename Cell::Scalar>
void host_recurrence(const Space& instance, const RecurrenceLabels& labels, int batch,
                     const Cell& cell, const T* weight, T* workspace) {
  using Loop = host::Recurrence<Cell>;
  const Loop loop{cell, batch, weight, workspace,
                  workspace + aligned_size<T>(Loop::packed_size(cell.units))};
  const double size = double(Cell::kSums) * Cell::kStates * cell.units * cell.units;
  const double rows = double(batch) * cell.length;
  for_blocks(instance, labels.prepare, loop.pack_blocks(), {0, 4 * sizeof(T) * size},
             [&loop](int block) { loop.pack(block); });
  for_blocks(instance, labels.steps, Loop::blocks(batch),
             {2 * rows * size + 100 * rows * cell.units, 0},
             [&loop](int block) { loop.run(block); });
}

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
                const Cell& cell, const typename Cell::Scalar* weight_hh,
                const Vector<Space, typename Cell::Scalar>& workspace) {
  const int samples = static_cast<int>(batch);
  if constexpr (kIsHost<Space>) {
    host_recurrence(instance, labels, samples, cell, weight_hh, workspace.data());
  } else {
    DeviceRecurrence<Space, Cell, kSamples, kRecurrenceTeam>::launch(instance, labels, samples,
                                                                     cell, weight_hh, workspace);
  }
}

#define RIDGELINE_WORKSPACE(...) \
  template std::size_t recurrence_workspace<__VA_ARGS__>(bool, std::size_t, std::size_t);
#define RIDGELINE_WORKSPACES(T)              \
  RIDGELINE_WORKSPACE(LstmForward<T, true>)  \
  RIDGELINE_WORKSPACE(LstmForward<T, false>) \
  RIDGELINE_WORKSPACE(LstmBackward<T>)       \
  RIDGELINE_WORKSPACE(GruForward<T, true>)   \
  RIDGELINE_WORKSPACE(GruForward<T, false>)  \
  RIDGELINE_WORKSPACE(GruBackward<T>)
RIDGELINE_WORKSPACES(float)
RIDGELINE_WORKSPACES(double)

#define RIDGELINE_CELL(Space, T, ...)                                                              \
  template void recurrence<Space, __VA_ARGS__>(const Space&, const RecurrenceLabels&, std::size_t, \
                                               const __VA_ARGS__&, const T*,                       \
                                               const Vector<Space, T>&);
#define RIDGELINE_RECURRENCE(Space, T)            \
  RIDGELINE_CELL(Space, T, LstmForward<T, true>)  \
  RIDGELINE_CELL(Space, T, LstmForward<T, false>) \
  RIDGELINE_CELL(Space, T, LstmBackward<T>)       \
  RIDGELINE_CELL(Space, T, GruForward<T, true>)   \
  RIDGELINE_CELL(Space, T, GruForward<T, false>)  \
  RIDGELINE_CELL(Space, T, GruBackward<T>)
RIDGELINE_FOR_SPACES(RIDGELINE_RECURRENCE)

}  // namespace ridgeline::kernels
