#include "model/roofline.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace ridgeline::model {

Work work_of(const layers::Counts& counts, const LaunchCount& launches) {
  Work work;
  work.flops = counts.flops;
  work.bytes = counts.bytes;
  work.working_set_bytes = counts.working_set_bytes;
  work.mostly_reads = counts.matrix_flops > 0;
  work.parallel_dispatches = double(launches.parallel);
  work.single_dispatches = double(launches.single);
  work.barriers = double(launches.barriers);
  return work;
}

namespace {

Work work_in_step(const layers::Counts& counts, const LaunchCount& launches, const Timing& seconds,
                  double step_bytes) {
  Work work = work_of(counts, launches);
  // A step accesses all of its memory between two uses of the same data.
  work.reuse_bytes = step_bytes;
  work.seconds = seconds.median;
  return work;
}

/// Returns the whole step's placement, given that of its work as if it were one kernel.
Placement placement_of_step(const Roofline& roofline, Placement whole) {
  whole.compute_seconds = whole.bandwidth_seconds = whole.latency_seconds = 0;
  whole.ceiling_seconds = whole.explained_seconds = 0;
  for (const LayerRecord& record : roofline.records) {
    whole.compute_seconds += record.placement.compute_seconds;
    whole.bandwidth_seconds += record.placement.bandwidth_seconds;
    whole.latency_seconds += record.placement.latency_seconds;
    whole.ceiling_seconds += record.placement.ceiling_seconds;
    // Data in a faster cache than expected explain no more than the measured time.
    whole.explained_seconds += std::min(record.placement.explained_seconds, record.seconds.median);
  }
  double largest = 0;
  for (const auto& [bound, share] : bound_shares(roofline)) {
    if (share <= largest) continue;
    largest = share;
    whole.bound = bound;
  }
  whole.ceiling = whole.bound == Bound::unknown ? Bound::unknown : largest_term(whole);
  whole.is_near_half = false;  // it is that of most records
  const double seconds = roofline.total.median;
  whole.fraction_of_ceiling = seconds > 0 ? whole.ceiling_seconds / seconds : 0;
  whole.above_roof = seconds > 0 && seconds < whole.ceiling_seconds;
  return whole;
}

}  // namespace

Roofline place_under(const Ceilings& ceilings, const StepTiming& step) {
  Roofline roofline;
  for (const PartTiming& part : step.parts) {
    LayerRecord record;
    static_cast<PartTiming&>(record) = part;
    record.placement = ceilings.place(
        work_in_step(part.counts, part.launches, part.seconds, step.counts.working_set_bytes));
    roofline.sum_of_records += part.seconds.median;
    roofline.records.push_back(std::move(record));
  }
  roofline.total = step.total;
  roofline.counts = step.counts;
  roofline.empty_seconds = step.empty_seconds;
  roofline.energy = step.energy;
  roofline.placement = placement_of_step(
      roofline, ceilings.place(work_in_step(step.counts, step.launches, step.total,
                                            step.counts.working_set_bytes)));
  return roofline;
}

std::map<Bound, double> bound_shares(const Roofline& roofline) {
  std::map<Bound, double> shares;
  for (const LayerRecord& record : roofline.records) {
    if (record.placement.ceiling_seconds == 0) continue;  // no work
    shares[record.placement.bound] += record.seconds.median;
  }
  for (auto& [bound, seconds] : shares) seconds /= std::max(roofline.sum_of_records, 1e-300);
  return shares;
}

namespace {

io::Json optional_number(const std::optional<double>& value) {
  return value ? io::Json(*value) : io::Json();
}

io::Json bound_or_null(Bound bound) {
  return bound == Bound::unknown ? io::Json() : io::Json(to_string(bound));
}

// Writes the keys common to a record and the total.
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
  json["bound"] = bound_or_null(placement.bound);
  json["bound_is_near_half"] = placement.is_near_half;
  json["largest_ceiling"] = bound_or_null(placement.ceiling);
  json["compute_seconds"] = placement.compute_seconds;
  json["bandwidth_seconds"] = placement.bandwidth_seconds;
  json["latency_seconds"] = placement.latency_seconds;
  json["ceiling_threads"] = placement.threads;
  json["ceiling_seconds"] = placement.ceiling_seconds;
  json["explained_seconds"] = placement.explained_seconds;
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
    entry["empty_kernels_seconds"] = optional_number(record.empty_seconds);
    json["records"].push_back(std::move(entry));
  }
  json["total"] = placed(roofline.counts, roofline.total, roofline.placement);
  json["total"]["sum_of_records_seconds"] = roofline.sum_of_records;
  json["total"]["empty_kernels_seconds"] = optional_number(roofline.empty_seconds);
  const std::optional<StepEnergy>& energy = roofline.energy;
  json["total"]["energy_joules"] = energy ? io::Json(energy->joules) : io::Json();
  json["total"]["power_watts"] = energy ? io::Json(energy->watts) : io::Json();
  json["total"]["energy_sources"] = energy ? io::Json(energy->sources) : io::Json();
}

}  // namespace ridgeline::model
