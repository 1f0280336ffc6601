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
      {DeviceKind::cpu, "", "", 9e-08, 0.374, 2160},
      {DeviceKind::cpu, "activation", "backward", 2.28e-08, 0.59, 32},
      {DeviceKind::cpu, "activation", "forward", 6.07e-08, 0.595, 64},
      {DeviceKind::cpu, "adam", "update", 4.46e-07, 0.604, 16},
      {DeviceKind::cpu, "adamw", "update", 4.46e-07, 0.415, 16},
      {DeviceKind::cpu, "attention", "backward", 6.35e-06, 0.527, 32},
      {DeviceKind::cpu, "attention", "forward", 1.21e-05, 0.619, 64},
      {DeviceKind::cpu, "batch_norm", "backward", 1.29e-06, 0.292, 72},
      {DeviceKind::cpu, "batch_norm", "forward", 6.71e-07, 0.377, 144},
      {DeviceKind::cpu, "binary_cross_entropy", "forward", 3.14e-07, 0.0703, 8},
      {DeviceKind::cpu, "conv2d", "backward", 3.71e-06, 0.297, 88},
      {DeviceKind::cpu, "conv2d", "forward", 2.97e-06, 0.371, 176},
      {DeviceKind::cpu, "cross_entropy", "forward", 1.8e-07, 0.0197, 48},
      {DeviceKind::cpu, "dense", "backward", 2.7e-07, 0.472, 232},
      {DeviceKind::cpu, "dense", "forward", 9e-08, 0.396, 464},
      {DeviceKind::cpu, "dropout", "backward", 1.1e-07, 0.0709, 8},
      {DeviceKind::cpu, "dropout", "forward", 1.1e-07, 0.0709, 8},
      {DeviceKind::cpu, "embedding", "backward", 2.09e-08, 0.147, 16},
      {DeviceKind::cpu, "embedding", "forward", 2.09e-08, 0.21, 32},
      {DeviceKind::cpu, "global_avg_pool", "backward", 2.31e-07, 0.247, 8},
      {DeviceKind::cpu, "global_avg_pool", "forward", 3.55e-07, 0.251, 16},
      {DeviceKind::cpu, "layer_norm", "backward", 1.83e-06, 0.316, 72},
      {DeviceKind::cpu, "layer_norm", "forward", 2.06e-07, 0.301, 144},
      {DeviceKind::cpu, "lstm", "backward", 0.000443, 0.619, 8},
      {DeviceKind::cpu, "lstm", "forward", 0.000488, 0.619, 16},
      {DeviceKind::cpu, "max_pool2d", "backward", 4.88e-07, 0.142, 16},
      {DeviceKind::cpu, "max_pool2d", "forward", 2.72e-07, 0.239, 32},
      {DeviceKind::cpu, "mse", "forward", 1e-07, 0.00396, 8},
      {DeviceKind::cpu, "position_embedding", "backward", 4.17e-08, 0.345, 8},
      {DeviceKind::cpu, "position_embedding", "forward", 2.09e-08, 0.483, 16},
      {DeviceKind::cpu, "residual", "backward", 2.09e-08, 0.825, 88},
      {DeviceKind::cpu, "residual", "forward", 2.09e-08, 0.511, 176},
      {DeviceKind::cpu, "rmsprop", "update", 4.17e-08, 0.226, 8},
      {DeviceKind::cpu, "sgd", "update", 6.3e-06, 0.909, 24},
      {DeviceKind::gpu, "", "", 3.46e-06, 0.107, 528},
      {DeviceKind::gpu, "activation", "backward", 4.58e-06, 0.69, 4},
      {DeviceKind::gpu, "activation", "forward", 3.89e-06, 0.422, 41},
      {DeviceKind::gpu, "adam", "update", 7.68e-06, 0.835, 2},
      {DeviceKind::gpu, "adamw", "update", 7.68e-06, 0.11, 2},
      {DeviceKind::gpu, "attention", "backward", 7.93e-05, 0.107, 4},
      {DeviceKind::gpu, "attention", "forward", 2.58e-05, 0.147, 34},
      {DeviceKind::gpu, "avg_pool2d", "forward", 3.84e-06, 0.442, 10},
      {DeviceKind::gpu, "batch_norm", "backward", 1.15e-05, 0.106, 9},
      {DeviceKind::gpu, "batch_norm", "forward", 2.7e-06, 0.114, 28},
      {DeviceKind::gpu, "conv2d", "backward", 0.00011, 0.0768, 11},
      {DeviceKind::gpu, "conv2d", "forward", 7.33e-06, 0.0845, 48},
      {DeviceKind::gpu, "cross_entropy", "forward", 9.17e-06, 0.0726, 6},
      {DeviceKind::gpu, "dense", "backward", 9.38e-06, 0.105, 29},
      {DeviceKind::gpu, "dense", "forward", 5.84e-06, 0.0887, 87},
      {DeviceKind::gpu, "dropout", "backward", 3.84e-06, 0.23, 1},
      {DeviceKind::gpu, "dropout", "forward", 3.84e-06, 0.23, 1},
      {DeviceKind::gpu, "embedding", "backward", 2.68e-05, 0.107, 2},
      {DeviceKind::gpu, "embedding", "forward", 3.15e-06, 0.169, 13},
      {DeviceKind::gpu, "global_avg_pool", "backward", 4.9e-06, 0.106, 1},
      {DeviceKind::gpu, "global_avg_pool", "forward", 3.52e-06, 0.257, 12},
      {DeviceKind::gpu, "gru", "forward", 7.96e-05, 0.0468, 8},
      {DeviceKind::gpu, "layer_norm", "backward", 1.61e-05, 0.107, 9},
      {DeviceKind::gpu, "layer_norm", "forward", 3e-06, 0.121, 28},
      {DeviceKind::gpu, "lstm", "backward", 0.00107, 0.107, 1},
      {DeviceKind::gpu, "lstm", "forward", 8.2e-05, 0.0156, 26},
      {DeviceKind::gpu, "max_pool2d", "backward", 3.84e-06, 0.0984, 2},
      {DeviceKind::gpu, "max_pool2d", "forward", 3.91e-06, 0.324, 14},
      {DeviceKind::gpu, "mse", "forward", 7.33e-06, 0.0946, 2},
      {DeviceKind::gpu, "position_embedding", "backward", 7.68e-06, 0.332, 1},
      {DeviceKind::gpu, "position_embedding", "forward", 3.82e-06, 0.505, 11},
      {DeviceKind::gpu, "residual", "backward", 5.84e-06, 0.435, 11},
      {DeviceKind::gpu, "residual", "forward", 4e-06, 0.45, 55},
      {DeviceKind::gpu, "rmsprop", "update", 6.98e-06, 0.182, 1},
      {DeviceKind::gpu, "sgd", "update", 7.73e-06, 0.777, 3},
      {DeviceKind::gpu, "softmax", "forward", 2.82e-06, 0.0901, 11},
  };
  return fractions;
}

DispatchSeconds measured_dispatch(DeviceKind device) {
  if (device == DeviceKind::gpu) return {3.842e-06, 3.842e-06, 1.966e-08};
  return {4.879e-07, 2.465e-08, 9.352e-08};
}

// clang-format on

}  // namespace ridgeline::model
