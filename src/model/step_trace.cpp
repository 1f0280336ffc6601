#include "model/step_trace.hpp"

#include <nlohmann/json.hpp>

#include "model/step_runner.hpp"

namespace ridgeline::model {
namespace {

// Records parts and, by the callbacks of Kokkos Tools, the kernels in them. One at a time.
template <class Space>
class TraceRecorder : public network::StepObserver {
 public:
  TraceRecorder(const Space& instance, std::vector<network::StepPart> parts)
      : instance_(instance), parts_(std::move(parts)), begin_(host_seconds()) {
    namespace tools = Kokkos::Tools::Experimental;
    current() = this;
    before_ = tools::get_callbacks();
    tools::set_begin_parallel_for_callback(begin_kernel);
    tools::set_end_parallel_for_callback(end_kernel);
    tools::set_begin_parallel_reduce_callback(begin_kernel);
    tools::set_end_parallel_reduce_callback(end_kernel);
    tools::set_begin_parallel_scan_callback(begin_kernel);
    tools::set_end_parallel_scan_callback(end_kernel);
  }
  ~TraceRecorder() override {
    Kokkos::Tools::Experimental::set_callbacks(before_);
    current() = nullptr;
  }
  TraceRecorder(const TraceRecorder&) = delete;
  TraceRecorder& operator=(const TraceRecorder&) = delete;

  void begin(std::size_t part) override {
    part_ = part;
    open_part_ = events_.size();
    events_.push_back(
        {parts_[part].layer + " " + layers::to_string(parts_[part].phase), false, part, now(), 0});
  }
  void end(std::size_t /*part*/) override {
    instance_.fence();
    events_[open_part_].end = now();
  }
  std::vector<TraceEvent> take() { return std::move(events_); }

 private:
  static TraceRecorder*& current() {
    static TraceRecorder* recorder = nullptr;
    return recorder;
  }
  static void begin_kernel(const char* label, std::uint32_t /*device*/, std::uint64_t* number) {
    TraceRecorder& self = *current();
    *number = self.events_.size();
    self.events_.push_back({label, true, self.part_, self.now(), 0});
  }
  static void end_kernel(std::uint64_t number) {
    TraceRecorder& self = *current();
    self.instance_.fence();
    if (number < self.events_.size()) self.events_[number].end = self.now();
  }
  double now() const { return host_seconds() - begin_; }

  const Space& instance_;
  const std::vector<network::StepPart> parts_;
  double begin_;
  std::size_t part_ = 0, open_part_ = 0;
  std::vector<TraceEvent> events_;
  Kokkos::Tools::Experimental::EventSet before_{};
};

}  // namespace

template <class Space, class T>
std::vector<TraceEvent> trace_step(const Space& instance,
                                   std::shared_ptr<const network::NetworkPlan> plan,
                                   const StepOptions& options) {
  StepRunner<Space, T> step(instance, plan, options.gemm, options.batch, options.training);
  const double warm_seconds = kIsHost<Space> ? options.warm_up_seconds : 1.0;
  for (const double begin = host_seconds(); host_seconds() - begin < warm_seconds;) {
    step.run();
    instance.fence();
  }
  TraceRecorder<Space> recorder(instance, plan->parts(options.training));
  step.run(&recorder);
  return recorder.take();
}

io::Json chrome_trace(const std::vector<TraceEvent>& events, const network::NetworkPlan& plan,
                      const Roofline& roofline, bool training) {
  constexpr int kProcess = 1, kThread = 1;
  const std::vector<std::size_t> records = network::record_numbers(plan.parts(training));
  io::Json list = io::Json::array();
  for (const TraceEvent& event : events) {
    io::Json arguments = io::Json::object();
    const std::size_t record = records.at(event.part);
    if (!event.is_kernel && record < roofline.records.size()) {
      const LayerRecord& of = roofline.records[record];
      arguments = {{"flops", of.counts.flops},
                   {"bytes", of.counts.bytes},
                   {"bound", to_string(of.placement.bound)},
                   {"median_us", 1e6 * of.seconds.median},
                   {"ceilings_allow_us", 1e6 * of.placement.ceiling_seconds}};
    }
    list.push_back({{"name", event.name},
                    {"cat", event.is_kernel ? "kernel" : "part"},
                    {"ph", "X"},
                    {"ts", 1e6 * event.begin},
                    {"dur", 1e6 * (event.end - event.begin)},
                    {"pid", kProcess},
                    {"tid", kThread},
                    {"args", arguments}});
  }
  return {{"displayTimeUnit", "ns"}, {"traceEvents", list}};
}

#define RIDGELINE_STEP_TRACE(Space, T)                   \
  template std::vector<TraceEvent> trace_step<Space, T>( \
      const Space&, std::shared_ptr<const network::NetworkPlan>, const StepOptions&);
RIDGELINE_FOR_SPACES(RIDGELINE_STEP_TRACE)

}  // namespace ridgeline::model
