#include "studies/concurrency_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "io/units.hpp"

namespace ridgeline::studies {
namespace {

// Returns the seconds of a dependent load of every thread of one warp, of which the slowest counts.
double warp_latency(const LoadPoint& warp) { return warp.seconds.min * warp.threads / warp.loads; }

// A bandwidth, and the loads in flight that it needs by Little's law: latency times bandwidth.
struct Little {
  double bytes_per_second, loads_in_flight;
};

// The fit of a curve, and Little's law for two bandwidths.
struct SaturationFit {
  std::vector<double> loads, rates;             // of the points
  std::optional<model::Saturation> saturation;  // nullopt if there are too few points
  double latency;  // seconds of one load; on a device of one warp's loads
  Little independent, streaming;
};

// Fits a complete curve.
SaturationFit fit(const LoadCurve& curve, const ConcurrencyMeasurement& measured) {
  SaturationFit result;
  for (const LoadPoint& point : curve.chains) {
    result.loads.push_back(static_cast<double>(point.threads) * point.loads_per_thread);
    result.rates.push_back(measured.bytes_per_second(point));
  }
  const double bytes_per_load = measured.bytes_per_load();
  result.saturation = model::fit_saturation(result.loads, result.rates, bytes_per_load);
  result.latency = curve.warp ? warp_latency(*curve.warp) : measured.load_seconds;
  const auto little = [&](double rate) {
    return Little{rate, result.latency * rate / bytes_per_load};
  };
  result.independent = little(measured.bytes_per_second(*curve.independent));
  result.streaming = little(curve.streaming);
  return result;
}

void present_point(const LoadPoint& point, const std::string& kind,
                   const ConcurrencyMeasurement& measured, Study& study) {
  const std::string pages = measured.pages();
  io::Json json = {{"space", measured.space},  {"what", kind},
                   {"threads", point.threads}, {"working_set_bytes", measured.working_set},
                   {"pages", pages},           {"bytes_per_load", measured.bytes_per_load()},
                   {"loads", point.loads},     {"seconds", point.seconds}};
  if (point.loads_per_thread > 0) {
    json["loads_in_flight_per_thread"] = point.loads_per_thread;
    json["loads_in_flight"] = static_cast<long>(point.threads) * point.loads_per_thread;
  }
  if (kind != "warp") json["gbytes_per_second"] = 1e-9 * measured.bytes_per_second(point);
  study.add_point(std::move(json),
                  fmt::format("{}, {}, threads {}, working_set_bytes {}, {}", measured.space, kind,
                              point.threads, measured.working_set, pages),
                  {point.seconds});
}

io::Json json_of(const SaturationFit& fitted, const std::string& space, int threads,
                 double load_seconds) {
  const model::Saturation& saturation = *fitted.saturation;
  const model::Estimate& knee = saturation.loads_in_flight;
  io::Json little = {{"latency_seconds", fitted.latency}, {"single_load_seconds", load_seconds}};
  const auto add = [&](const std::string& name, const Little& bandwidth) {
    little[name + "_bytes_per_second"] = bandwidth.bytes_per_second;
    little[name + "_loads_in_flight"] = bandwidth.loads_in_flight;
    little["measured_over_" + name] =
        knee.reached() ? io::Json(knee.value / bandwidth.loads_in_flight) : io::Json();
  };
  add("independent", fitted.independent);
  add("streaming", fitted.streaming);
  return {{"space", space},
          {"threads", threads > 0 ? io::Json(threads) : io::Json()},
          {"latency_seconds", to_json(saturation.latency_seconds)},
          {"bytes_per_second", to_json(saturation.bytes_per_second)},
          {"loads_in_flight", to_json(knee)},
          {"sharpness", saturation.sharpness},
          {"relative_deviation", saturation.residual_deviation},
          {"little", little}};
}

std::vector<io::Cell> row_of(const SaturationFit& fitted, const std::string& space, int threads,
                             double most) {
  const model::Estimate& knee = fitted.saturation->loads_in_flight;
  const auto number = [](double n) { return fmt::format("{:.1f}", n); };
  std::vector<io::Cell> row = {space, threads > 0 ? io::Cell(threads) : no_number("all"),
                               io::Cell::shown_as(fitted.latency, io::show_seconds(fitted.latency)),
                               io::Cell(1e-9 * most, "{:.2f}"), estimate_cell(knee, number)};
  for (const Little& little : {fitted.independent, fitted.streaming}) {
    row.push_back(io::Cell(1e-9 * little.bytes_per_second, "{:.2f}"));
    row.push_back(io::Cell(little.loads_in_flight, "{:.1f}"));
    row.push_back(knee.reached() ? io::Cell(knee.value / little.loads_in_flight, "{:.2f}")
                                 : io::Cell());
  }
  return row;
}

void present_fit(const SaturationFit& fitted, int threads, const ConcurrencyMeasurement& measured,
                 Study& study) {
  const std::string& space = measured.space;
  if (!fitted.saturation) {
    study.notes.push_back(
        fmt::format("{}: bandwidth against loads has {}, too few to fit", space,
                    io::show_count(static_cast<std::int64_t>(fitted.loads.size()), "point")));
    return;
  }
  const double most = *std::max_element(fitted.rates.begin(), fitted.rates.end());
  study.fit["saturation"].push_back(json_of(fitted, space, threads, measured.load_seconds));
  study.table.add_row(row_of(fitted, space, threads, most));
  study.answers.push_back(fmt::format(
      "{}{}: {}; Little's law says {:.1f} for the {:.1f} GB/s of independent random reads, and "
      "{:.1f} for the {:.1f} of a read in order",
      space, threads > 0 ? ", " + io::show_count(threads, "thread") : "",
      tell_saturation(*fitted.saturation, fitted.loads, most), fitted.independent.loads_in_flight,
      1e-9 * fitted.independent.bytes_per_second, fitted.streaming.loads_in_flight,
      1e-9 * fitted.streaming.bytes_per_second));
}

}  // namespace

void present(const ConcurrencyMeasurement& measured, Study& study) {
  if (!measured.huge_pages) {
    study.notes.push_back("the kernel grants no huge pages: the TLB slows every load");
  }
  reaches_memory(measured.kind, static_cast<double>(measured.working_set), study.notes);
  study.notes.insert(study.notes.end(), measured.notes.begin(), measured.notes.end());
  for (const LoadCurve& curve : measured.curves) {
    if (curve.independent) present_point(*curve.independent, "independent", measured, study);
    if (curve.warp) {
      present_point(*curve.warp, "warp", measured, study);
      study.answers.push_back(
          fmt::format("{}: one load takes {}, those of a warp's {} threads together {}",
                      measured.space, io::show_seconds(measured.load_seconds), curve.warp->threads,
                      io::show_seconds(warp_latency(*curve.warp))));
    }
    for (const LoadPoint& point : curve.chains) present_point(point, "chains", measured, study);
    if (curve.complete) present_fit(fit(curve, measured), curve.threads, measured, study);
  }
}

std::string tell_saturation(const model::Saturation& fit, const std::vector<double>& loads,
                            double most) {
  const auto number = [](double n) { return fmt::format("{:.1f}", n); };
  const auto rate = [](double bytes) { return fmt::format("{:.1f}", 1e-9 * bytes); };
  const model::Estimate& knee = fit.loads_in_flight;
  const double last = *std::max_element(loads.begin(), loads.end());
  if (!fit.grows) {
    return fmt::format(
        "random reads do not gain from more loads in flight: {:g} have {} GB/s already", knee.high,
        shown(fit.bytes_per_second, rate));
  }
  if (knee.reached()) {
    return fmt::format("{} loads in flight saturate random reads at {} GB/s", shown(knee, number),
                       shown(fit.bytes_per_second, rate));
  }
  if (std::isinf(knee.value) && knee.value > 0) {
    return fmt::format(
        "random reads are not saturated by the {:g} loads in flight measured: it takes more than "
        "{:.1f}; the most that was measured are {:.1f} GB/s",
        last, knee.low, 1e-9 * most);
  }
  return fmt::format(
      "how many loads in flight saturate random reads is {}; the most that was measured are {:.1f} "
      "GB/s",
      shown(knee, number), 1e-9 * most);
}

}  // namespace ridgeline::studies
