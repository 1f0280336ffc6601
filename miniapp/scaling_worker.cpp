#include "scaling_worker.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <nlohmann/json.hpp>

#include "io/json.hpp"
#include "session.hpp"
#include "signals.hpp"
#include "subprocess.hpp"

namespace ridgeline::miniapp {

std::vector<studies::ScalingTime> measure_in_worker(int threads, const ScalingRequest& request,
                                                    const CommonOptions& common) {
  const std::vector<int>& counts = request.bounds.threads;
  const int most = counts.empty() ? Runtime::host_threads().count
                                  : *std::max_element(counts.begin(), counts.end());
  std::vector<std::string> arguments = {
      "study", "scaling", "--worker", std::to_string(most), "--threads", std::to_string(threads)};
  const auto add = [&](const std::string& option, const std::string& value) {
    arguments.insert(arguments.end(), {option, value});
  };
  if (!common.bind.empty()) add("--bind", common.bind);
  if (request.quick) arguments.push_back("--quick");
  for (const std::string& kind : request.bounds.kinds) add("--kinds", kind);
  if (request.decks.decks.empty()) arguments.push_back("--no-decks");
  for (const std::string& deck : request.decks.decks) add("--deck", deck);
  for (const std::string& set : request.decks.sets) add("--set", set);
  arguments.insert(arguments.end(), common.kokkos_flags.begin(), common.kokkos_flags.end());
  const ProcessOutput worker = run_self(arguments, Runtime::host_threads().cpus);
  if (worker.status != 0 && stop_requested()) return {};
  return times_of_worker(worker, threads);
}

std::vector<studies::ScalingTime> times_of_worker(const ProcessOutput& worker, int threads) {
  const io::Json answer = io::Json::parse(worker.out, nullptr, false);
  if (worker.status != 0 || !answer.is_object() || !answer.contains("times")) {
    std::string error = answer.is_object() ? answer.value("error", "") : "";
    if (error.empty()) error = worker.err.substr(0, worker.err.find('\n'));
    throw RunError(fmt::format("measuring with {} failed ({}): {}",
                               io::show_count(threads, "thread"), worker.status,
                               error.empty() ? "it printed no error" : error));
  }
  std::vector<studies::ScalingTime> times;
  for (const io::Json& time : answer.at("times")) times.push_back(studies::scaling_time(time));
  return times;
}

Status run_scaling_worker(int most, ScalingRequest request, const CommonOptions& common) {
  io::Json answer;
  Status status = Status::done;
  try {
    std::vector<std::string> notes;  // those of the process that started this one
    request.bounds.decks = request.decks.load(notes);
    const Runtime runtime(common.threads, common.kokkos_flags, binding_of(common));
    answer["times"] = io::Json::array();
    for (const studies::ScalingTime& time :
         studies::measure_scaling(request.bounds, most, request.quick)) {
      answer["times"].push_back(studies::to_json(time));
    }
  } catch (const Error& error) {
    answer = {{"error", error.what()}};
    status = error.status();
  } catch (const std::exception& error) {
    answer = {{"error", error.what()}};
    status = Status::run_failed;
  }
  print(io::to_text(answer));
  return status;
}

}  // namespace ridgeline::miniapp
