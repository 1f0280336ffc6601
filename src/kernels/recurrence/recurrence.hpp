#pragma once

#include <cstddef>
#include <string>

#include "core/views.hpp"

namespace ridgeline::kernels {

// One loop over time for all recurrences, forward and backward. A sample's *state* (the hidden
// values forward, the gradients of the gates backward) goes through a product with the recurrent
// weights, and a *cell* (cells.hpp) turns the sums into the next state:
//
//   sums[s, u]  = Σ_k state[k] · weight(k, s, u)       k over states · units, s < Cell::kSums
//   next[g, u]  = cell(sums[:, u], carry[u])           g < Cell::kStates
//
// from a state of zeros; backward the steps run from the last to the first. `carry` stays with its
// unit (c of an LSTM). Samples are independent, so a host's block (a device's team) takes
// a few of them through all steps and without synchronisation. With W_hh [gates · units, units],
// weight(k, s, u) is W_hh[s · units + u, k] forward and W_hh[k, u] backward.

/// Names of the kernels that one recurrence launches, built once by its owner.
struct RecurrenceLabels {
  explicit RecurrenceLabels(const std::string& label)
      : prepare(label + "/prepare"), steps(label + "/steps") {}
  std::string prepare, steps;
};

/// Scalars of workspace for a recurrence on a host (`on_device` false) or a device.
template <class Cell>
std::size_t recurrence_workspace(bool on_device, std::size_t batch, std::size_t units);

/// Takes `batch` samples through all of the cell's steps. `weight_hh`: [gates · units · units].
/// `workspace` holds at least recurrence_workspace scalars and begins at a multiple of kAlignment
/// bytes. The same bits for any number of threads.
template <class Space, class Cell>
void recurrence(const Space& instance, const RecurrenceLabels& labels, std::size_t batch,
                const Cell& cell, const Vector<Space, const typename Cell::Scalar>& weight_hh,
                const Vector<Space, typename Cell::Scalar>& workspace);

}  // namespace ridgeline::kernels
