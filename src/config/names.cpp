#include "config/deck.hpp"

namespace ridgeline::config {

const char* to_string(DataKind kind) {
  switch (kind) {
    case DataKind::idx:
      return "idx";
    case DataKind::hdf5:
      return "hdf5";
    case DataKind::text:
      return "text";
    case DataKind::synthetic:
      return "synthetic";
  }
  return "";
}

std::size_t scalar_bytes(Precision precision) {
  return precision == Precision::float32 ? sizeof(float) : sizeof(double);
}

const char* to_string(Precision precision) {
  return precision == Precision::float32 ? "float32" : "float64";
}

const char* to_string(Gemm gemm) { return gemm == Gemm::native ? "native" : "kokkos_kernels"; }

const char* to_string(Initialization initialization) {
  switch (initialization) {
    case Initialization::standard:
      return "default";
    case Initialization::kaiming_normal:
      return "kaiming_normal";
    case Initialization::xavier_uniform:
      return "xavier_uniform";
  }
  return "";
}

const char* to_string(Loss loss) {
  switch (loss) {
    case Loss::cross_entropy:
      return "cross_entropy";
    case Loss::mse:
      return "mse";
    case Loss::binary_cross_entropy:
      return "binary_cross_entropy";
  }
  return "";
}

const char* to_string(OptimizerKind kind) {
  switch (kind) {
    case OptimizerKind::sgd:
      return "sgd";
    case OptimizerKind::adam:
      return "adam";
    case OptimizerKind::adamw:
      return "adamw";
    case OptimizerKind::rmsprop:
      return "rmsprop";
  }
  return "";
}

const char* to_string(ScheduleKind kind) {
  switch (kind) {
    case ScheduleKind::constant:
      return "constant";
    case ScheduleKind::step:
      return "step";
    case ScheduleKind::cosine:
      return "cosine";
  }
  return "";
}

const char* to_string(Metric metric) {
  switch (metric) {
    case Metric::test_accuracy:
      return "test_accuracy";
    case Metric::test_loss:
      return "test_loss";
    case Metric::train_loss:
      return "train_loss";
  }
  return "";
}

}  // namespace ridgeline::config
