#include "model/roofline.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/launch.hpp"
#include "core/random.hpp"

namespace ridgeline::model {
namespace {

using network::StepPart;

// Times each part of a step and counts what it launches, by record.
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
    LaunchCount& launches = launches_[records_[part]];
    launches.parallel += launch_count.parallel - before_.parallel;
    launches.single += launch_count.single - before_.single;
    launches.barriers += launch_count.barriers - before_.barriers;
  }
  /// Reads the watches of the step that is over.
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

// A random batch on the space.
template <class Space, class T>
struct RandomBatch {
  Buffer<Space, T> inputs, targets;
  Buffer<Space, std::int32_t> labels;

  RandomBatch(const Space& instance, const network::NetworkPlan& plan, std::size_t batch)
      : inputs(allocate<T>(instance, "network/inputs", batch * plan.input_size())),
        targets(allocate<T>(instance, "network/targets", batch * plan.output_size())),
        labels(allocate<std::int32_t>(instance, "network/labels", batch * plan.loss_rows())) {
    const auto fill = [&](const auto& view, std::uint64_t which, const auto& value) {
      auto host = Kokkos::create_mirror_view(view);
      for (std::size_t i = 0; i < view.size(); ++i) {
        host(i) = value(Philox(1, stream::kProbe + which, i));
      }
      Kokkos::deep_copy(instance, view, host);
    };
    const auto number = [](const Philox& random) { return static_cast<T>(random.uniform(0)); };
    const auto classes = static_cast<std::uint32_t>(plan.loss_columns());
    const auto limit = static_cast<std::uint32_t>(plan.token_limit());
    if (limit > 0) {
      fill(inputs, 0, [&](const Philox& random) { return static_cast<T>(random.below(limit)); });
    } else {
      fill(inputs, 0, number);
    }
    fill(targets, 1, number);
    fill(labels, 2, [&](const Philox& random) { return std::int32_t(random.below(classes)); });
    instance.fence();
  }
};

Work work_of(const layers::Counts& counts, const LaunchCount& launches, const Timing& seconds) {
  Work work;
  work.flops = counts.flops;
  work.bytes = counts.bytes;
  work.working_set_bytes = counts.working_set_bytes;
  work.parallel_dispatches = double(launches.parallel);
  work.single_dispatches = double(launches.single);
  work.barriers = double(launches.barriers);
  work.seconds = seconds.median;
  return work;
}

}  // namespace

template <class Space, class T>
Roofline measure_roofline(const Space& instance, std::shared_ptr<const network::NetworkPlan> plan,
                          const RooflineOptions& options, const Ceilings& ceilings) {
  typename network::Network<Space, T>::Options network_options;
  network_options.gemm = options.gemm;
  network_options.batch = options.batch;
  network_options.training = options.training;
  network::Network<Space, T> network(instance, plan, network_options);
  network.write_parameters(network::initial_parameters<T>(*plan, 1));
  const RandomBatch<Space, T> data(instance, *plan, options.batch);
  network::Batch<Space, T> batch;
  batch.inputs = Matrix<Space, const T>(data.inputs.data(), options.batch, plan->input_size());
  batch.labels = Vector<Space, const std::int32_t>(data.labels.data(), data.labels.size());
  batch.targets = Matrix<Space, const T>(data.targets.data(), options.batch, plan->output_size());
  const auto run = [&](network::StepObserver* observer) {
    if (options.training) {
      network.train_step(batch, observer);
    } else {
      network.forward(batch.inputs, observer);
    }
  };

  const std::vector<StepPart> parts = plan->parts(options.training);
  const std::vector<std::size_t> record_of = network::record_numbers(parts);
  PartRecorder<Space> recorder(instance, record_of);
  // Both kinds of step in turn; the end-to-end one by the host's clock, batched where it is short.
  MeasureOptions measuring;
  measuring.min_repeats = options.repeats;
  measuring.clock = Clock::host;
  const double warm_seconds = kIsHost<Space> ? 0.05 : 1.0;
  for (const double begin = host_seconds(); host_seconds() - begin < warm_seconds;) {
    run(nullptr);
    instance.fence();
  }
  const auto end_to_end = [&] { run(nullptr); };
  const auto recorded = [&] {
    run(&recorder);
    recorder.collect();
  };
  measuring.warm_up_seconds = 0;
  const TimingInTurn timing = ratio_in_turn(instance, end_to_end, instance, recorded, measuring);

  Roofline roofline;
  roofline.total = timing.a;
  const std::size_t scalar = sizeof(T);
  LaunchCount launches;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const layers::Counts counts = plan->counts(parts[i], options.batch, scalar);
    if (record_of[i] < roofline.records.size()) {
      roofline.records[record_of[i]].counts += counts;
    } else {
      roofline.records.push_back({parts[i], counts, {}, recorder.timing(record_of[i]), {}});
    }
  }
  for (std::size_t i = 0; i < roofline.records.size(); ++i) {
    LayerRecord& record = roofline.records[i];
    record.launches = recorder.launches(i);
    launches.parallel += record.launches.parallel;
    launches.single += record.launches.single;
    launches.barriers += record.launches.barriers;
    record.placement = ceilings.place(work_of(record.counts, record.launches, record.seconds));
    roofline.sum_of_records += record.seconds.median;
  }
  roofline.counts = plan->step_counts(options.training, options.batch, scalar);
  roofline.placement = ceilings.place(work_of(roofline.counts, launches, roofline.total));
  return roofline;
}

namespace {

// The keys that a record and the total share.
io::Json placed(const layers::Counts& counts, const Timing& seconds, const Placement& placement) {
  io::Json json;
  json["flops"] = counts.flops;
  json["matrix_flops"] = counts.matrix_flops;
  json["bytes"] = counts.bytes;
  json["working_set_bytes"] = counts.working_set_bytes;
  json["flops_per_byte"] = placement.intensity;
  json["seconds"] = seconds;
  json["gflops_per_second"] = placement.gflops;
  json["gbytes_per_second"] = placement.gbytes_per_second;
  json["bound"] = to_string(placement.bound);
  json["ceiling_seconds"] = placement.ceiling_seconds;
  json["fraction_of_ceiling"] = placement.fraction_of_ceiling;
  json["above_roof"] = placement.above_roof;
  return json;
}

}  // namespace

void to_json(io::Json& json, const Roofline& roofline) {
  json = io::Json::object();
  json["records"] = io::Json::array();
  for (const LayerRecord& record : roofline.records) {
    io::Json entry = {{"layer", record.part.layer},
                      {"kind", record.part.kind},
                      {"phase", layers::to_string(record.part.phase)},
                      {"dispatches", record.launches.parallel},
                      {"single_dispatches", record.launches.single},
                      {"barriers", record.launches.barriers}};
    entry.update(placed(record.counts, record.seconds, record.placement));
    json["records"].push_back(std::move(entry));
  }
  json["total"] = placed(roofline.counts, roofline.total, roofline.placement);
  json["total"]["sum_of_records_seconds"] = roofline.sum_of_records;
}

#define RIDGELINE_ROOFLINE(Space, T)                                                        \
  template Roofline measure_roofline<Space, T>(const Space&,                                \
                                               std::shared_ptr<const network::NetworkPlan>, \
                                               const RooflineOptions&, const Ceilings&);
RIDGELINE_FOR_SPACES(RIDGELINE_ROOFLINE)

}  // namespace ridgeline::model
