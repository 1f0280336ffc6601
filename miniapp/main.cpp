#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <new>

#include "core/build_info.hpp"
#include "core/error.hpp"
#include "core/host_threads.hpp"
#include "core/runtime.hpp"
#include "io/table.hpp"
#include "signals.hpp"
#include "verbs.hpp"

namespace ridgeline::miniapp {
namespace {

// Takes Kokkos's own flags off the command line, wherever they stand.
std::vector<std::string> take_kokkos_flags(std::vector<std::string>& arguments) {
  std::vector<std::string> flags, rest;
  for (const std::string& argument : arguments) {
    (argument.rfind("--kokkos-", 0) == 0 ? flags : rest).push_back(argument);
  }
  arguments = rest;
  return flags;
}

int fail(Status status, const std::string& message) {
  flush_output();
  report_error(message);
  return static_cast<int>(status);
}

int run(std::vector<std::string> arguments) {
  CommonOptions common;
  common.kokkos_flags = take_kokkos_flags(arguments);
  check_kokkos_flags(common.kokkos_flags);
  CLI::App app(
      "Neural networks under the roofline: trains them, times every layer, and says what "
      "holds it back on this machine.");
  app.name("ridgeline");
  app.footer(
      "Example:\n  ridgeline train inputs/fashion_mlp.toml --output results\n"
      "`ridgeline VERB --help` explains a verb. docs/ explains the rest.");
  app.set_version_flag(
      "--version", fmt::format("ridgeline {} ({})", build_info().version, build_info().git_commit));
  app.require_subcommand(1);
  Action action;
  add_train(app, common, action);
  add_infer(app, common, action);
  add_machine(app, common, action);
  add_roofline(app, common, action);
  add_study(app, common, action);
  add_compare(app, common, action);
  add_info(app, common, action);
  std::vector<CLI::App*> verbs = app.get_subcommands({});
  for (CLI::App* study : app.get_subcommand("study")->get_subcommands({})) verbs.push_back(study);
  for (CLI::App* verb : verbs) {
    verb->add_option("--threads", common.threads,
                     "Host threads (default: OMP_NUM_THREADS, or every core)")
        ->transform(integer(1, kMostHostThreads));
    verb->add_option("--format", common.format, "Tables on standard output: table, csv or json")
        ->check(CLI::IsMember({"table", "csv", "json"}));
    for (CLI::Option* option : verb->get_options()) {
      // An empty value is an unset variable of a script, and must not pass for no option at all.
      if (option->get_items_expected_max() > 0 && option->get_name() != "--prompt") {
        option->check(
            [](const std::string& value) { return value.empty() ? "is empty" : std::string(); });
      }
    }
  }
  try {
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
    app.parse(reversed);
  } catch (const CLI::Success& success) {  // --help, --version
    app.exit(success);
    if (!flush_output()) throw RunError("standard output: cannot write");
    return static_cast<int>(Status::done);
  } catch (const CLI::RequiredError& error) {
    // Where the verb is unknown, CLI11 only says that there is none.
    const std::vector<std::string> unknown = app.remaining(true);
    return fail(Status::request_wrong,
                (!unknown.empty() ? "\"" + unknown.front() + "\" is neither a verb nor an option"
                                  : std::string(error.what())) +
                    "; see ridgeline --help");
  } catch (const CLI::ParseError& error) {
    std::string message = error.what();
    std::replace(message.begin(), message.end(), '\n', ' ');
    return fail(Status::request_wrong, message + "; see ridgeline --help");
  }
  const Status status = action();
  // What a full disk behind standard output swallows must not pass for success.
  if (!flush_output()) throw RunError("standard output: cannot write");
  return static_cast<int>(status);
}

}  // namespace
}  // namespace ridgeline::miniapp

int main(int argc, char** argv) {
  using ridgeline::Status;
  using ridgeline::miniapp::fail;
  ridgeline::miniapp::prepare_process();
  try {
    return ridgeline::miniapp::run(std::vector<std::string>(argv + 1, argv + argc));
  } catch (const ridgeline::Error& error) {
    return fail(error.status(), error.what());
  } catch (const std::bad_alloc&) {
    return fail(Status::run_failed, "out of memory");
  } catch (const std::exception& error) {
    return fail(Status::run_failed, error.what());
  }
}
