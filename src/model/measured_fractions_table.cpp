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
      {DeviceKind::cpu, "", "", 0.3241, 6480},
      {DeviceKind::cpu, "activation", "backward", 0.5014, 96},
      {DeviceKind::cpu, "activation", "forward", 0.5261, 192},
      {DeviceKind::cpu, "adam", "update", 0.5768, 48},
      {DeviceKind::cpu, "adamw", "update", 0.3711, 48},
      {DeviceKind::cpu, "attention", "backward", 0.4947, 96},
      {DeviceKind::cpu, "attention", "forward", 0.6034, 192},
      {DeviceKind::cpu, "batch_norm", "backward", 0.2356, 216},
      {DeviceKind::cpu, "batch_norm", "forward", 0.3089, 432},
      {DeviceKind::cpu, "binary_cross_entropy", "forward", 0.0808, 24},
      {DeviceKind::cpu, "conv2d", "backward", 0.2506, 264},
      {DeviceKind::cpu, "conv2d", "forward", 0.3032, 528},
      {DeviceKind::cpu, "cross_entropy", "forward", 0.0671, 144},
      {DeviceKind::cpu, "dense", "backward", 0.3767, 696},
      {DeviceKind::cpu, "dense", "forward", 0.3089, 1392},
      {DeviceKind::cpu, "dropout", "backward", 0.0711, 24},
      {DeviceKind::cpu, "dropout", "forward", 0.0713, 24},
      {DeviceKind::cpu, "embedding", "backward", 0.1520, 48},
      {DeviceKind::cpu, "embedding", "forward", 0.2271, 96},
      {DeviceKind::cpu, "global_avg_pool", "backward", 0.1795, 24},
      {DeviceKind::cpu, "global_avg_pool", "forward", 0.2041, 48},
      {DeviceKind::cpu, "layer_norm", "backward", 0.2995, 216},
      {DeviceKind::cpu, "layer_norm", "forward", 0.2782, 432},
      {DeviceKind::cpu, "lstm", "backward", 0.6136, 24},
      {DeviceKind::cpu, "lstm", "forward", 0.5301, 48},
      {DeviceKind::cpu, "max_pool2d", "backward", 0.1194, 48},
      {DeviceKind::cpu, "max_pool2d", "forward", 0.1660, 96},
      {DeviceKind::cpu, "mse", "forward", 0.1106, 24},
      {DeviceKind::cpu, "position_embedding", "backward", 0.2991, 24},
      {DeviceKind::cpu, "position_embedding", "forward", 0.4679, 48},
      {DeviceKind::cpu, "residual", "backward", 0.8043, 264},
      {DeviceKind::cpu, "residual", "forward", 0.4782, 528},
      {DeviceKind::cpu, "rmsprop", "update", 0.1974, 24},
      {DeviceKind::cpu, "sgd", "update", 0.7999, 72},
      {DeviceKind::gpu, "", "", 0.4029, 270},
      {DeviceKind::gpu, "activation", "backward", 0.5165, 4},
      {DeviceKind::gpu, "activation", "forward", 0.5036, 8},
      {DeviceKind::gpu, "adam", "update", 0.6610, 2},
      {DeviceKind::gpu, "adamw", "update", 0.6365, 2},
      {DeviceKind::gpu, "attention", "backward", 0.2770, 4},
      {DeviceKind::gpu, "attention", "forward", 0.2704, 8},
      {DeviceKind::gpu, "batch_norm", "backward", 0.4743, 9},
      {DeviceKind::gpu, "batch_norm", "forward", 0.3631, 18},
      {DeviceKind::gpu, "conv2d", "backward", 0.0509, 11},
      {DeviceKind::gpu, "conv2d", "forward", 0.1095, 22},
      {DeviceKind::gpu, "cross_entropy", "forward", 0.7326, 6},
      {DeviceKind::gpu, "dense", "backward", 0.3299, 29},
      {DeviceKind::gpu, "dense", "forward", 0.2947, 58},
      {DeviceKind::gpu, "dropout", "backward", 0.9842, 1},
      {DeviceKind::gpu, "dropout", "forward", 0.9381, 1},
      {DeviceKind::gpu, "embedding", "backward", 0.1022, 2},
      {DeviceKind::gpu, "embedding", "forward", 0.4110, 4},
      {DeviceKind::gpu, "global_avg_pool", "backward", 0.4709, 1},
      {DeviceKind::gpu, "global_avg_pool", "forward", 0.4077, 2},
      {DeviceKind::gpu, "layer_norm", "backward", 0.5974, 9},
      {DeviceKind::gpu, "layer_norm", "forward", 0.6190, 18},
      {DeviceKind::gpu, "lstm", "backward", 0.0291, 1},
      {DeviceKind::gpu, "lstm", "forward", 0.0142, 2},
      {DeviceKind::gpu, "max_pool2d", "backward", 0.4078, 2},
      {DeviceKind::gpu, "max_pool2d", "forward", 0.7337, 4},
      {DeviceKind::gpu, "mse", "forward", 0.8552, 2},
      {DeviceKind::gpu, "position_embedding", "backward", 0.9882, 1},
      {DeviceKind::gpu, "position_embedding", "forward", 0.6971, 2},
      {DeviceKind::gpu, "residual", "backward", 0.5773, 11},
      {DeviceKind::gpu, "residual", "forward", 0.7190, 22},
      {DeviceKind::gpu, "rmsprop", "update", 1.0000, 1},
      {DeviceKind::gpu, "sgd", "update", 0.7697, 3},
  };
  return fractions;
}

DispatchSeconds measured_dispatch(DeviceKind device) {
  if (device == DeviceKind::gpu) return {3.842e-06, 3.842e-06, 1.966e-08};
  return {4.879e-07, 2.465e-08, 9.352e-08};
}

// clang-format on

}  // namespace ridgeline::model
