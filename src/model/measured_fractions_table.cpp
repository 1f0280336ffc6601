// Written by docs/results/measured_fractions.py --write; a test checks that it is what the results
// in docs/results give.
#include "model/measured_fractions.hpp"

namespace ridgeline::model {

// clang-format off

const std::vector<FractionSource>& fraction_sources() {
  static const std::vector<FractionSource> sources = {
      {DeviceKind::cpu, "AMD EPYC, 2 threads", "docs/results/machines/x86-25-17-1_l1d32K_l2-1M_l3-32M_avx512_2t/2026-11-30"},
      {DeviceKind::cpu, "AMD EPYC, 2 threads", "docs/results/machines/x86-26-2-1_l1d48K_l2-1M_l3-32M_avx512_2t/2026-11-30"},
      {DeviceKind::gpu, "NVIDIA H200", "docs/results/h200-16-cores"},
  };
  return sources;
}

const std::vector<MeasuredFraction>& measured_fractions() {
  static const std::vector<MeasuredFraction> fractions = {
      {DeviceKind::cpu, "", "", 9.01e-08, 0.357, 2160},
      {DeviceKind::cpu, "activation", "backward", 3.11e-07, 0.59, 32},
      {DeviceKind::cpu, "activation", "forward", 1.5e-07, 0.558, 64},
      {DeviceKind::cpu, "adam", "update", 7.57e-07, 0.604, 16},
      {DeviceKind::cpu, "adamw", "update", 8.81e-07, 0.422, 16},
      {DeviceKind::cpu, "attention", "backward", 6.51e-06, 0.527, 32},
      {DeviceKind::cpu, "attention", "forward", 1.21e-05, 0.619, 64},
      {DeviceKind::cpu, "batch_norm", "backward", 1.3e-06, 0.297, 72},
      {DeviceKind::cpu, "batch_norm", "forward", 6.92e-07, 0.38, 144},
      {DeviceKind::cpu, "binary_cross_entropy", "forward", 4.46e-07, 0.0703, 8},
      {DeviceKind::cpu, "conv2d", "backward", 4.16e-06, 0.297, 88},
      {DeviceKind::cpu, "conv2d", "forward", 3.49e-06, 0.377, 176},
      {DeviceKind::cpu, "cross_entropy", "forward", 2.01e-07, 0.0199, 48},
      {DeviceKind::cpu, "dense", "backward", 2.7e-07, 0.464, 232},
      {DeviceKind::cpu, "dense", "forward", 9.01e-08, 0.371, 464},
      {DeviceKind::cpu, "dropout", "backward", 1.1e-07, 0.0709, 8},
      {DeviceKind::cpu, "dropout", "forward", 1.1e-07, 0.0709, 8},
      {DeviceKind::cpu, "embedding", "backward", 4.25e-07, 0.147, 16},
      {DeviceKind::cpu, "embedding", "forward", 4.25e-07, 0.21, 32},
      {DeviceKind::cpu, "global_avg_pool", "backward", 2.63e-07, 0.297, 8},
      {DeviceKind::cpu, "global_avg_pool", "forward", 3.3e-07, 0.249, 16},
      {DeviceKind::cpu, "layer_norm", "backward", 2.07e-06, 0.319, 72},
      {DeviceKind::cpu, "layer_norm", "forward", 8.35e-07, 0.321, 144},
      {DeviceKind::cpu, "lstm", "backward", 0.000442, 0.619, 8},
      {DeviceKind::cpu, "lstm", "forward", 0.000488, 0.619, 16},
      {DeviceKind::cpu, "max_pool2d", "backward", 5.46e-07, 0.158, 16},
      {DeviceKind::cpu, "max_pool2d", "forward", 3.51e-07, 0.237, 32},
      {DeviceKind::cpu, "mse", "forward", 1.07e-07, 0.00408, 8},
      {DeviceKind::cpu, "position_embedding", "backward", 1.25e-06, 0.351, 8},
      {DeviceKind::cpu, "position_embedding", "forward", 8.58e-07, 0.415, 16},
      {DeviceKind::cpu, "residual", "backward", 4.98e-07, 0.849, 88},
      {DeviceKind::cpu, "residual", "forward", 1.7e-07, 0.487, 176},
      {DeviceKind::cpu, "rmsprop", "update", 4.93e-08, 0.202, 8},
      {DeviceKind::cpu, "sgd", "update", 8.05e-06, 0.931, 24},
      {DeviceKind::gpu, "", "", 4.47e-06, 0.0852, 613},
      {DeviceKind::gpu, "activation", "backward", 4.19e-06, 0.624, 22},
      {DeviceKind::gpu, "activation", "forward", 3.92e-06, 0.428, 41},
      {DeviceKind::gpu, "adam", "update", 9.61e-06, 0.0916, 2},
      {DeviceKind::gpu, "adamw", "update", 8e-06, 0.0909, 2},
      {DeviceKind::gpu, "attention", "backward", 0.000103, 0.171, 20},
      {DeviceKind::gpu, "attention", "forward", 3.16e-05, 0.207, 34},
      {DeviceKind::gpu, "avg_pool2d", "forward", 3.84e-06, 0.442, 10},
      {DeviceKind::gpu, "batch_norm", "backward", 1.15e-05, 0.106, 9},
      {DeviceKind::gpu, "batch_norm", "forward", 3.8e-06, 0.115, 28},
      {DeviceKind::gpu, "conv2d", "backward", 7.81e-05, 0.0491, 27},
      {DeviceKind::gpu, "conv2d", "forward", 1.74e-05, 0.137, 48},
      {DeviceKind::gpu, "cross_entropy", "forward", 9.17e-06, 0.0726, 6},
      {DeviceKind::gpu, "dense", "backward", 9.56e-06, 0.0916, 48},
      {DeviceKind::gpu, "dense", "forward", 6.09e-06, 0.0812, 87},
      {DeviceKind::gpu, "dropout", "backward", 3.84e-06, 0.23, 1},
      {DeviceKind::gpu, "dropout", "forward", 3.84e-06, 0.23, 1},
      {DeviceKind::gpu, "embedding", "backward", 2.61e-05, 0.0852, 2},
      {DeviceKind::gpu, "embedding", "forward", 3.58e-06, 0.181, 13},
      {DeviceKind::gpu, "global_avg_pool", "backward", 4.51e-06, 0.0946, 1},
      {DeviceKind::gpu, "global_avg_pool", "forward", 3.53e-06, 0.257, 12},
      {DeviceKind::gpu, "gru", "forward", 0.000106, 0.11, 8},
      {DeviceKind::gpu, "layer_norm", "backward", 1.53e-05, 0.0845, 9},
      {DeviceKind::gpu, "layer_norm", "forward", 3.84e-06, 0.123, 28},
      {DeviceKind::gpu, "lstm", "backward", 0.000115, 0.11, 17},
      {DeviceKind::gpu, "lstm", "forward", 0.000112, 0.0348, 26},
      {DeviceKind::gpu, "max_pool2d", "backward", 3.84e-06, 0.0984, 2},
      {DeviceKind::gpu, "max_pool2d", "forward", 3.89e-06, 0.324, 14},
      {DeviceKind::gpu, "mse", "forward", 7.33e-06, 0.0852, 2},
      {DeviceKind::gpu, "position_embedding", "backward", 7.68e-06, 0.332, 1},
      {DeviceKind::gpu, "position_embedding", "forward", 3.85e-06, 0.526, 11},
      {DeviceKind::gpu, "residual", "backward", 5.68e-06, 0.357, 11},
      {DeviceKind::gpu, "residual", "forward", 4.28e-06, 0.475, 55},
      {DeviceKind::gpu, "rmsprop", "update", 6.98e-06, 0.2, 1},
      {DeviceKind::gpu, "sgd", "update", 7.73e-06, 0.777, 3},
      {DeviceKind::gpu, "softmax", "forward", 2.77e-06, 0.0887, 11},
  };
  return fractions;
}

DispatchSeconds measured_dispatch(DeviceKind device) {
  if (device == DeviceKind::gpu) return {3.842e-06, 3.842e-06, 1.966e-08};
  return {4.879e-07, 2.465e-08, 9.352e-08};
}

// clang-format on

}  // namespace ridgeline::model
