#pragma once

#include <functional>
#include <string>
#include <vector>

#include "studies/scaling_times.hpp"
#include "studies/study.hpp"

namespace ridgeline::studies {

/// Measures with this number of threads: returns the result of `measure_scaling` there.
using MeasureWithThreads = std::function<std::vector<ScalingTime>(int threads)>;

/// "Thousands of identical neurons are embarrassingly parallel". Measures strong and weak scaling
/// of every layer and every deck over threads; fits Amdahl's serial fraction and the Universal
/// Scalability Law's contention and coherence; determines which layer of a deck stops scaling
/// first.
Study study_scaling(const ScalingBounds& bounds, const MeasureWithThreads& measure,
                    const Control& control);

/// Returns a clause on the speedup of a step with this number of threads, and its range over the
/// turns.
std::string tell_speedup(int threads, double speedup, const std::vector<double>& turns);

}  // namespace ridgeline::studies
