#include "machine/work_probes.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/spaces.hpp"
#include "machine/space_memory.hpp"

namespace ridgeline::machine {
namespace {

using io::Json;

int threads_of(SpaceKind space) {
  return with_space(space,
                    [](const auto& instance) { return static_cast<int>(instance.concurrency()); });
}

Json shape_json(const ProductShape& shape) {
  return {{"m", shape.m}, {"n", shape.n}, {"k", shape.k}};
}
Json shape_json(const kernels::ConvolutionShape& shape) {
  return {{"batch", shape.batch},
          {"channels", shape.channels},
          {"filters", shape.filters},
          {"groups", shape.groups},
          {"in", {shape.height.in, shape.width.in}},
          {"kernel", {shape.height.kernel, shape.width.kernel}},
          {"stride", {shape.height.stride, shape.width.stride}},
          {"padding", {shape.height.padding, shape.width.padding}},
          {"dilation", {shape.height.dilation, shape.width.dilation}}};
}
Json shape_json(const RecurrenceShape& shape) {
  return {{"batch", shape.batch}, {"units", shape.units}, {"length", shape.length}};
}
Json shape_json(const AttentionCaseShape& shape) {
  return {{"batch", shape.batch},
          {"length", shape.length},
          {"heads", shape.heads},
          {"features", shape.features},
          {"causal", shape.causal}};
}

// Samples of hundreds of points would be half of the file: keeps a few of each, spread over its
// time.
Timing with_few_samples(Timing timing) {
  constexpr std::size_t kFew = 8;
  timing.samples = spread_evenly(timing.samples, kFew);
  return timing;
}

}  // namespace

WorkOptions WorkOptions::standard(bool quick) {
  WorkOptions options;
  for (MeasureOptions* each : {&options.peaks, &options.fork_join}) {
    each->min_seconds = quick ? 0.02 : 0.1;
    each->warm_up_seconds = 0;
    each->patience = 2;  // many threads have many points
  }
  options.kernels.cases = kernel_cases(quick);
  options.kernels.min_seconds = quick ? 0.003 : 0.02;
  options.kernels.budget_seconds = quick ? 3 : 12;
  return options;
}

void WorkOptions::stop_when(const std::function<bool()>& stopped) {
  peaks.stopped = fork_join.stopped = kernels.stopped = stopped;
}

KernelLadderOptions WorkProbes::half_of_kernels() const {
  KernelLadderOptions half = options_.kernels;
  half.budget_seconds /= 2;
  return half;
}

// Probes that depend on the number of threads but not on a size.
void WorkProbes::measure_threads(SpaceKind space, int threads, WorkMeasurement& work) const {
  const std::vector<KernelPeak> dots = measure_dot_peaks(space, threads, options_.peaks);
  work.peaks.insert(work.peaks.end(), dots.begin(), dots.end());
  const std::vector<ForkJoinPoint> points =
      measure_fork_join(space, threads, works_, options_.fork_join);
  work.fork_join.insert(work.fork_join.end(), points.begin(), points.end());
}

const WorkMeasurement& WorkProbes::one_thread(const std::vector<KernelPeak>& peaks,
                                              const Progress& progress,
                                              std::vector<std::string>* notes) {
  if (one_thread_) return *one_thread_;
  one_thread_.emplace();
  one_thread_->peaks = peaks;
  if (peaks.empty()) {
    one_thread_->peaks = {
        {"float32", "fma", measure_peak<float>(SpaceKind::serial, options_.peaks)},
        {"float64", "fma", measure_peak<double>(SpaceKind::serial, options_.peaks)}};
  }
  for (const double seconds : options_.fork_join_seconds) works_.push_back(work_of(seconds));
  measure_threads(SpaceKind::serial, 1, *one_thread_);
  one_thread_->kernels = kernel_ladder(SpaceKind::serial, half_of_kernels(), progress, notes);
  return *one_thread_;
}

WorkMeasurement WorkProbes::measure(SpaceKind space, const Peak& float32, const Peak& float64,
                                    const Progress& progress, std::vector<std::string>* notes) {
  const std::vector<KernelPeak> all = {{"float32", "fma", float32}, {"float64", "fma", float64}};
  if (!is_host(space)) {
    WorkMeasurement work;
    work.peaks = all;
    work.kernels = kernel_ladder(space, options_.kernels, progress, notes);
    return work;
  }
  const int most = threads_of(space);
  WorkMeasurement work = one_thread(most == 1 ? all : std::vector<KernelPeak>(), progress, notes);
  if (most == 1) return work;
  for (const int threads : thread_ladder(most)) {
    if (threads == 1) continue;
    if (options_.peaks.should_stop()) break;
    if (threads == most) {
      work.peaks.insert(work.peaks.end(), all.begin(), all.end());
    } else {
      work.peaks.push_back({"float32", "fma", measure_peak<float>(space, options_.peaks, threads)});
      work.peaks.push_back(
          {"float64", "fma", measure_peak<double>(space, options_.peaks, threads)});
    }
    measure_threads(space, threads, work);
  }
  const std::vector<KernelPoint> points = kernel_ladder(space, half_of_kernels(), progress, notes);
  work.kernels.insert(work.kernels.end(), points.begin(), points.end());
  return work;
}

void add_to_json(const WorkMeasurement& work, Json& space) {
  Json peaks = Json::array(), fork_join = Json::array(), kernels = Json::array();
  for (const KernelPeak& point : work.peaks) {
    peaks.push_back({{"precision", point.precision},
                     {"kernel", point.kernel},
                     {"threads", point.peak.threads},
                     {"gflops", point.peak.gflops()},
                     {"seconds", point.peak.seconds}});
    if (point.precision == "int8") peaks.back()["unit"] = unit_of(point);
  }
  for (const ForkJoinPoint& point : work.fork_join) {
    fork_join.push_back({{"work_seconds", point.work.seconds},
                         {"threads", point.threads},
                         {"team", point.team},
                         {"steps", point.work.steps},
                         {"seconds", point.seconds}});
  }
  for (const KernelPoint& point : work.kernels) {
    kernels.push_back({{"class", to_string(point.kernel_case.kernel)},
                       {"shape", std::visit([](const auto& shape) { return shape_json(shape); },
                                            point.kernel_case.shape)},
                       {"precision", point.precision},
                       {"threads", point.threads},
                       {"seconds", with_few_samples(point.seconds)}});
  }
  space["peaks"] = std::move(peaks);
  if (!work.fork_join.empty()) space["fork_join"] = std::move(fork_join);
  space["kernels"] = std::move(kernels);
}

}  // namespace ridgeline::machine
