#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "core/build_info.hpp"
#include "core/runtime.hpp"
#include "io/json.hpp"
#include "io/table.hpp"
#include "machine/description.hpp"
#include "session.hpp"
#include "verbs.hpp"

namespace ridgeline::miniapp {
namespace {

// "level 1, bytes 49152; level 2, bytes 1048576": readable text of JSON's lists and objects.
// Elements that are objects are separated by semicolons, all others by commas.
std::string shown(const io::Json& value) {
  if (value.is_null()) return "none";
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_structured()) return value.dump();
  std::string text;
  bool deep = false;
  for (const io::Json& element : value) deep = deep || element.is_structured();
  for (const auto& [key, element] : value.items()) {
    text += text.empty() ? "" : deep ? "; " : ", ";
    text +=
        (value.is_object() ? key + (element.is_structured() ? ": " : " ") : "") + shown(element);
  }
  return text.empty() ? "none" : text;
}

// Returns "Open MPI 4.1.4 (not running: no launcher started this process)".
std::string shown_mpi(const parallel::Transport& transport) {
  if (transport.threads.empty()) {
    return transport.library + " (not running: no launcher started this process)";
  }
  return fmt::format("{} (threads: {}; pointers to a device's memory: {})", transport.library,
                     transport.threads, transport.takes_device_pointers ? "taken" : "not taken");
}

// Returns the threads that a run would have, if this build can compute here.
std::optional<ComputeRuntime> placed_threads(const CommonOptions& common) {
  if (built_spaces().back() == SpaceKind::cuda && device_count() == 0) return {};
  return std::optional<ComputeRuntime>(std::in_place, common);
}

Status run(const std::string& format, const CommonOptions& common) {
  const std::optional<ComputeRuntime> runtime = placed_threads(common);
  io::Json info = machine::new_result("ridgeline-info");
  info["spaces"] = io::Json::array();
  for (const SpaceKind kind : built_spaces()) info["spaces"].push_back(to_string(kind));
  std::string reason;
  const parallel::Transport transport = parallel::transport();
  info["mpi"] = transport.library.empty() ? io::Json() : io::Json(transport.library);
  info["mpi_threads"] = transport.threads.empty() ? io::Json() : io::Json(transport.threads);
  info["mpi_takes_device_pointers"] = transport.takes_device_pointers;
  const int devices = device_count(&reason);
  info["cuda_devices"] = devices;
  if (!reason.empty()) info["cuda_devices_note"] = reason;
  if (format == "json") {
    print(io::to_text(info));
    return Status::done;
  }
  if (format == "csv") {
    io::Table table({{"key", "key"}, {"value", "value"}});
    table.add_row({io::Cell("version"), io::Cell(build_info().version)});
    table.add_row({io::Cell("git_commit"), io::Cell(build_info().git_commit)});
    for (const char* key : {"spaces", "mpi", "cuda_devices"}) {
      table.add_row({io::Cell(key), io::Cell(shown(info[key]))});
    }
    for (const auto& [key, value] : info["machine"].items()) {
      table.add_row({io::Cell(key), io::Cell(shown(value))});
    }
    print(table, io::TableFormat::csv);
    return Status::done;
  }
  print(fmt::format("ridgeline {} ({})\n", build_info().version, build_info().git_commit));
  print(fmt::format("{:<26}{}\n", "spaces", shown(info["spaces"])));
  if (!transport.library.empty()) print(fmt::format("{:<26}{}\n", "mpi", shown_mpi(transport)));
  print_wrapped(fmt::format("{:<26}{}{}\n", "cuda_devices", devices,
                            reason.empty() ? "" : " (" + reason + ")"),
                26);
  for (const auto& [key, value] : info["machine"].items()) {
    print_wrapped(fmt::format("{:<26}{}\n", key, shown(value)), 26);
  }
  return Status::done;
}

}  // namespace

void add_info(CLI::App& app, const CommonOptions& common, Action& action) {
  CLI::App* verb = app.add_subcommand("info", "Build, Kokkos configuration, spaces and devices");
  auto as_json = std::make_shared<bool>(false);
  verb->add_flag("--json", *as_json, "As JSON");
  verb->footer("Example:\n  ridgeline info --json");
  verb->callback([=, &common, &action] {
    action = [=, &common] { return run(*as_json ? "json" : common.format, common); };
  });
}

}  // namespace ridgeline::miniapp
