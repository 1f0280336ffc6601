#pragma once

#include <Kokkos_Core.hpp>

#include <memory>
#include <string>

#if defined(KOKKOS_ENABLE_CUDA)
#include <cuda_runtime.h>
#endif

#include "core/error.hpp"

namespace ridgeline {

/// Returns an instance of a space with its own queue, if the space has several: launches on a
/// device's default queue cannot be recorded.
template <class Space>
class OwnQueue {
 public:
  const Space& instance() const { return instance_; }

 private:
  Space instance_;
};

/// The launches of a body, recorded once and launched together (a CUDA graph). Only CUDA supports
/// it.
template <class Space>
class RecordedLaunches {
 public:
  /// Runs `body` once to record it. Returns null if that is not possible: a space without graphs,
  /// or a launch that waits for the host.
  template <class Body>
  static std::unique_ptr<RecordedLaunches> record(const Space&, const Body&) {
    return nullptr;
  }
  void launch() const {}
};

#if defined(KOKKOS_ENABLE_CUDA)

template <>
class OwnQueue<Kokkos::Cuda> {
 public:
  OwnQueue() : stream_(created()), instance_(stream_) {}
  ~OwnQueue() {
    instance_.fence();
    instance_ = Kokkos::Cuda();
    cudaStreamDestroy(stream_);
  }
  OwnQueue(const OwnQueue&) = delete;
  OwnQueue& operator=(const OwnQueue&) = delete;
  const Kokkos::Cuda& instance() const { return instance_; }

 private:
  static cudaStream_t created() {
    cudaStream_t stream = nullptr;
    const cudaError_t error = cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
    if (error != cudaSuccess) {
      throw RunError(std::string("cannot create a CUDA stream: ") + cudaGetErrorString(error));
    }
    return stream;
  }
  cudaStream_t stream_;
  Kokkos::Cuda instance_;
};

template <>
class RecordedLaunches<Kokkos::Cuda> {
 public:
  template <class Body>
  static std::unique_ptr<RecordedLaunches> record(const Kokkos::Cuda& instance, const Body& body) {
    instance.fence();
    const cudaStream_t stream = instance.cuda_stream();
    if (cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal) != cudaSuccess) {
      cudaGetLastError();
      return nullptr;
    }
    bool launched = true;
    try {
      body();
    } catch (const std::exception&) {
      launched = false;  // a call that is not allowed during capture
    }
    cudaGraph_t graph = nullptr;
    const bool ended = cudaStreamEndCapture(stream, &graph) == cudaSuccess;
    cudaGraphExec_t executable = nullptr;
    const bool made =
        launched && ended && graph && cudaGraphInstantiate(&executable, graph, 0) == cudaSuccess;
    if (graph) cudaGraphDestroy(graph);
    cudaGetLastError();  // clears the error of a failed capture
    if (!made) return nullptr;
    return std::unique_ptr<RecordedLaunches>(new RecordedLaunches(stream, executable));
  }
  ~RecordedLaunches() { cudaGraphExecDestroy(executable_); }
  RecordedLaunches(const RecordedLaunches&) = delete;
  RecordedLaunches& operator=(const RecordedLaunches&) = delete;

  /// Launches the recorded work asynchronously.
  void launch() const {
    const cudaError_t error = cudaGraphLaunch(executable_, stream_);
    if (error != cudaSuccess) {
      throw RunError(std::string("cannot launch a CUDA graph: ") + cudaGetErrorString(error));
    }
  }

 private:
  RecordedLaunches(cudaStream_t stream, cudaGraphExec_t executable)
      : stream_(stream), executable_(executable) {}
  cudaStream_t stream_;
  cudaGraphExec_t executable_;
};

#endif

}  // namespace ridgeline
