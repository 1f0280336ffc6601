#pragma once

#include <cstddef>
#include <string>

#include "core/views.hpp"

namespace ridgeline::kernels {

// One loop over time for all recurrences, forward and backward. A sample's *state* (the hidden
// values forward, the gradients of the gates backward) is multiplied by the recurrent weights, and
// a *cell* (cells.hpp) computes the next state from the sums:
//
//   sums[s, u]  = Σ_k state[k] · weight(k, s, u)       k over states · units, s < Cell::kSums
//   next[g, u]  = cell(sums[:, u], carry[u])           g < Cell::kStates
//
// The first state is zero; backward, the steps run from the last to the first. `carry` is a unit's
// own value (c of an LSTM), passed from step to step. Samples are independent, so a host's block (a
// device's team) computes all steps of a few samples without synchronisation. With W_hh [gates ·
// units, units], weight(k, s, u) is W_hh[s · units + u, k] forward and W_hh[k, u] backward.

/// Names of the kernels that one recurrence launches, built once by its owner.
struct RecurrenceLabels {
  explicit RecurrenceLabels(const std::string& label)
      : prepare(label + "/prepare"), steps(label + "/steps") {}
  std::string prepare, steps;
};

/// Returns the scalars of workspace for a recurrence on a host (`on_device` false) or a device.
template <class Cell>
std::size_t recurrence_workspace(bool on_device, std::size_t batch, std::size_t units);

/// Computes all steps of the cell for `batch` samples. `weight_hh`: [gates · units · units].
/// `workspace` holds at least recurrence_workspace scalars and begins at a multiple of kAlignment
/// bytes. Results are bitwise independent of the number of threads.
template <class Space, class Cell>
void recurrence(const Space& instance, const RecurrenceLabels& labels, std::size_t batch,
                const Cell& cell, const Vector<Space, const typename Cell::Scalar>& weight_hh,
                const Vector<Space, typename Cell::Scalar>& workspace);

}  // namespace ridgeline::kernels
