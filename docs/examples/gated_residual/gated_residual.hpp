#pragma once

// A complete external layer. It has two inputs, as `residual` does: x, the output of the layers in
// its `layer` list, and s, that of its `shortcut` list. Every feature has its own gate, which is
// learned:
//
//   forward   y = s + gate ∘ x
//   backward  dx = gate ∘ dy,  ds = dy,  dgate = Σ dy ∘ x over the rows
//
// `initial`, 0 or 1, is the initial value of the gates: with 0, the default, y = s at first.

#include <ridgeline/kernels/rows/rows.hpp>
#include <ridgeline/layers/layer_of.hpp>

namespace example {

namespace layers = ridgeline::layers;
namespace kernels = ridgeline::kernels;
using ridgeline::as_matrix;
using ridgeline::Matrix;
using ridgeline::MemoryOf;
using ridgeline::size_of;
using ridgeline::Vector;

// Computes one row, in scalars; the same source runs on a host and on a device.
template <class Memory, class T>
struct Add {
  Matrix<Memory, const T> x, s;
  Vector<Memory, const T> gate;
  Matrix<Memory, T> y;
  template <class Row>
  KOKKOS_FUNCTION void operator()(const Row& row) const {
    const std::size_t r = row.index();
    row.each([&](auto i) { y(r, i) = s(r, i) + gate(i) * x(r, i); });
  }
};

template <class Memory, class T>
struct InputGradients {
  Matrix<Memory, const T> dy;
  Vector<Memory, const T> gate;
  Matrix<Memory, T> dx, ds;  // without memory if they are not needed
  template <class Row>
  KOKKOS_FUNCTION void operator()(const Row& row) const {
    const std::size_t r = row.index();
    if (dx.data()) row.each([&](auto i) { dx(r, i) = gate(i) * dy(r, i); });
    if (ds.data()) row.each([&](auto i) { ds(r, i) = dy(r, i); });
  }
};

// Sums dy ∘ x over the rows, column by column.
template <class Memory, class T>
struct GateGradient {
  Matrix<Memory, const T> x, dy;
  Vector<Memory, T> gradient;
  KOKKOS_FUNCTION auto terms_of(std::size_t r) const {
    return [=](auto i) { return kernels::terms(dy(r, i) * x(r, i)); };
  }
  KOKKOS_FUNCTION void store(std::size_t i, const kernels::Terms<T, 1>& sum) const {
    gradient(i) = sum[0];
  }
};

struct GatedResidual : layers::LayerOf<GatedResidual> {
  explicit GatedResidual(const layers::Description& from)
      : LayerOf(from, from.input),
        initial(from.options.integer({"initial", "Initial value of every gate."}, 0, 1, 0)) {}

  static constexpr std::size_t kInputCount = 2;
  // The sizes for `ridgeline study`: inputs [32, width], widths 8 to 2048 at batch 8, and batches
  // at width 128.
  static std::optional<layers::StudyFamily> family() {
    return layers::StudyFamily{"initial = 1", {32, 0}, 8, 2048, 128, 8};
  }

  const std::int64_t initial;
  const std::size_t features = input.back(), positions = size_of(input) / features;
  const std::string forward_label = name + "/forward";
  const kernels::RowAndColumnLabels backward_labels{name + "/backward"};

  std::vector<layers::Parameter> parameters() const override {
    return {{"gate", {features}, initial == 0 ? layers::Initial::zeros : layers::Initial::ones}};
  }

  std::size_t workspace(const layers::Target&, std::size_t batch, bool training) const override {
    return training ? kernels::column_workspace<1>(batch * positions, features) : 0;
  }

  layers::Work work(const layers::CountedPass& pass) const override {
    const layers::Formula n("n", double(pass.batch * size_of(input))), d("d", double(features));
    if (pass.phase == layers::Phase::forward) return {0, 2 * n, 3 * n + d, 0};
    if (!pass.input_gradient) return {0, 2 * n, 2 * n + d, 0};
    return {0, 3 * n, 4 * n + 2 * d, 0};
  }

  template <class Space, class T>
  void forward(const layers::ForwardPass<Space, T>& pass) const {
    const std::size_t rows = pass.batch() * positions;
    const auto matrix = [&](const auto& view) { return as_matrix(view, rows, features); };
    const double size = double(rows * features);
    kernels::for_rows(pass.instance, forward_label, rows, features,
                      {2 * size, 3 * sizeof(T) * size},
                      Add<MemoryOf<Space>, T>{matrix(pass.inputs[0]), matrix(pass.inputs[1]),
                                              pass.memory.parameters[0], matrix(pass.y)});
  }

  template <class Space, class T>
  void backward(const layers::BackwardPass<Space, T>& pass) const {
    const std::size_t rows = pass.batch() * positions;
    const auto matrix = [&](const auto& view) { return as_matrix(view, rows, features); };
    const auto dy = matrix(pass.dy);
    const double size = double(rows * features);
    kernels::for_rows_and_columns<1>(
        pass.instance, backward_labels, rows, features, {3 * size, 4 * sizeof(T) * size},
        pass.memory.workspace,
        GateGradient<MemoryOf<Space>, T>{matrix(pass.x()), dy, pass.memory.gradients[0]},
        InputGradients<MemoryOf<Space>, T>{dy, pass.memory.parameters[0],
                                           matrix(pass.input_gradients[0]),
                                           matrix(pass.input_gradients[1])});
  }
};

}  // namespace example
