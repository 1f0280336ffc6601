#include "model/roofline.hpp"

#include <nlohmann/json.hpp>

namespace ridgeline::model {
namespace {

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

Roofline place_under(const Ceilings& ceilings, const StepTiming& step) {
  Roofline roofline;
  for (const PartTiming& part : step.parts) {
    LayerRecord record;
    static_cast<PartTiming&>(record) = part;
    record.placement = ceilings.place(work_of(part.counts, part.launches, part.seconds));
    roofline.sum_of_records += part.seconds.median;
    roofline.records.push_back(std::move(record));
  }
  roofline.total = step.total;
  roofline.counts = step.counts;
  roofline.placement = ceilings.place(work_of(step.counts, step.launches, step.total));
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
  json["bound"] =
      placement.bound == Bound::unknown ? io::Json() : io::Json(to_string(placement.bound));
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

}  // namespace ridgeline::model
