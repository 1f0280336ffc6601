#include "model/step_timing.hpp"

#include <algorithm>
#include <memory>

#include "model/step_runner.hpp"

namespace ridgeline::model {
namespace {

using network::StepPart;

// Times each part of a step and counts its launches, by record.
template <class Space>
class PartRecorder : public network::StepObserver {
 public:
  PartRecorder(const Space& instance, std::vector<std::size_t> records)
      : records_(std::move(records)),
        seconds_(1 + *std::max_element(records_.begin(), records_.end())),
        launches_(seconds_.size()) {
    for (std::size_t i = 0; i < records_.size(); ++i) {
      watches_.push_back(std::make_unique<Stopwatch<Space>>(instance));
    }
  }
  void begin(std::size_t part) override {
    if (part == 0) std::fill(launches_.begin(), launches_.end(), LaunchCount());
    before_ = launch_count;
    watches_[part]->start();
  }
  void end(std::size_t part) override {
    watches_[part]->stop();
    launches_[records_[part]] += launch_count - before_;
  }
  /// Reads the stopwatches of the finished step.
  void collect() {
    for (auto& samples : seconds_) samples.push_back(0);
    for (std::size_t i = 0; i < watches_.size(); ++i) {
      seconds_[records_[i]].back() += watches_[i]->seconds();
    }
  }
  Timing timing(std::size_t record) const { return summarize(seconds_[record]); }
  LaunchCount launches(std::size_t record) const { return launches_[record]; }

 private:
  const std::vector<std::size_t> records_;
  std::vector<std::unique_ptr<Stopwatch<Space>>> watches_;
  std::vector<std::vector<double>> seconds_;
  std::vector<LaunchCount> launches_;
  LaunchCount before_;
};

// Runs steps end to end for so long that counters with a coarse resolution are accurate to a few
// percent: RAPL's advance every millisecond, a GPU's a few times per tenth of a second.
template <class Space, class Step>
std::optional<StepEnergy> measure_energy(const Space& instance, double step_seconds, Step&& step,
                                         const StepOptions& options) {
  if (!options.energy || !options.energy->available()) return {};
  const double enough = kIsHost<Space> ? 0.2 : 1.0;
  const long calls = std::max(1L, static_cast<long>(0.02 / std::max(step_seconds, 1e-9)));
  long steps = 0;
  double seconds = 0;
  instance.fence();
  options.energy->start();
  const double begin = host_seconds();
  while (seconds < enough && !(options.stopped && options.stopped())) {
    for (long call = 0; call < calls; ++call) step();
    instance.fence();
    steps += calls;
    seconds = host_seconds() - begin;
  }
  const std::optional<double> joules = options.energy->joules();
  if (!joules || steps == 0) return {};
  return StepEnergy{*joules / static_cast<double>(steps), *joules / seconds,
                    options.energy->sources()};
}

}  // namespace

template <class Space, class T>
StepTiming time_step(const Space& instance, std::shared_ptr<const network::NetworkPlan> plan,
                     const StepOptions& options) {
  StepRunner<Space, T> step(instance, plan, options.gemm, options.batch, options.training);
  const std::vector<StepPart> parts = plan->parts(options.training);
  const std::vector<std::size_t> record_of = network::record_numbers(parts);
  PartRecorder<Space> recorder(instance, record_of);
  // Alternates between both kinds of step; the end-to-end one is timed with the host's clock, in
  // batches if it is short.
  MeasureOptions measuring;
  measuring.min_repeats = options.repeats;
  measuring.min_seconds = options.min_seconds;
  measuring.warm_up_seconds = 0;
  measuring.clock = Clock::host;
  measuring.stopped = options.stopped;
  const double warm_seconds = kIsHost<Space> ? options.warm_up_seconds : 1.0;
  for (const double begin = host_seconds(); host_seconds() - begin < warm_seconds;) {
    step.run();
    instance.fence();
  }
  const auto end_to_end = [&] { step.run(); };
  const auto recorded = [&] {
    step.run(&recorder);
    recorder.collect();
  };
  const TimingInTurn timing = ratio_in_turn(instance, end_to_end, instance, recorded, measuring);

  StepTiming result;
  result.total = timing.a;
  result.energy = measure_energy(instance, timing.a.median, end_to_end, options);
  PartRecorder<Space> empty_recorder(instance, record_of);
  if constexpr (kIsHost<Space>) {
    const EmptyLaunches empty;
    measuring.min_seconds /= 10;
    result.empty_seconds = ratio_in_turn(
                               instance, end_to_end, instance,
                               [&] {
                                 step.run(&empty_recorder);
                                 empty_recorder.collect();
                               },
                               measuring)
                               .a.median;
  }
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const layers::Counts counts = plan->counts(parts[i], options.batch, sizeof(T));
    if (record_of[i] < result.parts.size()) {
      result.parts[record_of[i]].counts += counts;
    } else {
      result.parts.push_back({parts[i], counts, {}, recorder.timing(record_of[i]), {}});
    }
  }
  for (std::size_t i = 0; i < result.parts.size(); ++i) {
    result.parts[i].launches = recorder.launches(i);
    if (kIsHost<Space>) result.parts[i].empty_seconds = empty_recorder.timing(i).median;
    result.launches += result.parts[i].launches;
  }
  result.counts = plan->step_counts(options.training, options.batch, sizeof(T));
  return result;
}

#define RIDGELINE_STEP_TIMING(Space, T)    \
  template StepTiming time_step<Space, T>( \
      const Space&, std::shared_ptr<const network::NetworkPlan>, const StepOptions&);
RIDGELINE_FOR_SPACES(RIDGELINE_STEP_TIMING)

}  // namespace ridgeline::model
