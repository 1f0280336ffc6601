#include "command.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <chrono>
#include <new>
#include <thread>

#include "core/build_info.hpp"
#include "core/error.hpp"
#include "core/host_threads.hpp"
#include "core/runtime.hpp"
#include "core/text.hpp"
#include "generated_help.hpp"
#include "io/table.hpp"
#include "signals.hpp"
#include "verbs.hpp"

namespace ridgeline::miniapp {
namespace {

constexpr std::int64_t kMostDevice = 1 << 16;

// Kokkos's flag for --device.
std::string device_flag(const CommonOptions& common) {
  std::string reason;
  const int devices = device_count(&reason);
  if (devices == 0) throw RequestError("--device " + common.device + ": " + reason);
  if (std::stoi(common.device) >= devices) {
    throw RequestError(
        "--device " + common.device + ": there " +
        (devices == 1 ? "is 1 device" : "are " + std::to_string(devices) + " devices") +
        ", counted from 0");
  }
  for (const std::string& flag : common.kokkos_flags) {
    if (flag.rfind("--kokkos-device", 0) == 0) {
      throw RequestError("--device " + common.device + ": " + flag + " chooses a device too");
    }
  }
  select_device(std::stoi(common.device));
  return "--kokkos-device-id=" + common.device;
}

// Removes Kokkos's flags from the command line, at any position.
std::vector<std::string> take_kokkos_flags(std::vector<std::string>& arguments) {
  std::vector<std::string> flags, own;
  for (const std::string& argument : arguments) {
    (argument.rfind("--kokkos-", 0) == 0 ? flags : own).push_back(argument);
  }
  arguments = own;
  return flags;
}

// Seconds that a rank other than the first waits before it reports an error: all may have the same
// one, and the rank that reports it ends the others.
double report_delay(int rank) { return rank == 0 ? 0 : 1 + 0.2 * std::min(rank, 10); }

int fail(Status status, const std::string& message, const parallel::Ranks& ranks) {
  flush_output();
  std::this_thread::sleep_for(std::chrono::duration<double>(report_delay(ranks.rank())));
  const std::string who =
      ranks.size() > 1 ? " (rank " + std::to_string(ranks.rank()) + ")" : std::string();
  report_error(message + who);
  if (ranks.size() > 1) ranks.end_others(static_cast<int>(status));
  return static_cast<int>(status);
}

// Returns the innermost subcommand of the command line.
const CLI::App& innermost(const CLI::App& app) {
  const std::vector<CLI::App*> chosen = app.get_subcommands();
  return chosen.empty() ? app : innermost(*chosen.front());
}

std::vector<std::string> names_of_subcommands(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(sub->get_name());
  }
  return names;
}

std::string did_you_mean(const std::string& near, const std::string& otherwise) {
  return near.empty() ? "; " + otherwise : "; did you mean " + near + "?";
}

// Returns "study latency".
std::string path_of(const CLI::App& verb) {
  const CLI::App* const parent = verb.get_parent();
  return parent == nullptr || parent->get_parent() == nullptr
             ? verb.get_name()
             : path_of(*parent) + " " + verb.get_name();
}

// Returns the option that a word abbreviates, or otherwise the nearest one.
std::string nearest_option(const std::string& word, const std::vector<std::string>& options) {
  std::vector<std::string> begun;
  for (const std::string& option : options) {
    if (option.rfind(word, 0) == 0 && word.size() > 3) begun.push_back(option);
  }
  return begun.size() == 1 ? begun.front() : nearest(word, options);
}

// Returns "see ridgeline study latency --help", for the innermost verb.
std::string see_help(const CLI::App& app) {
  const CLI::App& verb = innermost(app);
  return "see ridgeline " + (&verb == &app ? "" : path_of(verb) + " ") + "--help";
}

// Returns the error for a word that is neither a verb nor an option.
std::string describe_unplaced(const CLI::App& app, const std::string& word) {
  const CLI::App& verb = innermost(app);
  const std::string help = see_help(app);
  if (word.size() > 1 && word[0] == '-') {
    std::vector<std::string> options;
    for (const CLI::Option* option : verb.get_options()) {
      for (const std::string& name : option->get_lnames()) options.push_back("--" + name);
    }
    const std::string name = word.substr(0, word.find('='));
    if (std::find(options.begin(), options.end(), name) != options.end()) {
      return name +
             " stands before its verb; options come after the verb, and after a study's name";
    }
    return name + " is no option" + (&verb == &app ? "" : " of " + verb.get_name()) +
           did_you_mean(nearest_option(name, options), help);
  }
  const std::vector<std::string> names = names_of_subcommands(verb);
  if (names.empty())
    return "\"" + word + "\" is not expected after " + verb.get_name() + "; " + help;
  if (&verb != &app) {
    return "\"" + word + "\" is no " + verb.get_name() + did_you_mean(nearest(word, names), help);
  }
  std::string near = nearest(word, names);
  const std::vector<std::string> studies = names_of_subcommands(*app.get_subcommand("study"));
  if (std::find(studies.begin(), studies.end(), word) != studies.end()) near = "study " + word;
  return "\"" + word + "\" is neither a verb nor an option" + did_you_mean(near, help);
}

// Adds the options that every verb has.
void add_common_options(CLI::App& verb, CommonOptions& common) {
  verb.add_option("--threads", common.threads,
                  "Host threads (default: OMP_NUM_THREADS, or every core)")
      ->transform(integer(1, kMostHostThreads));
  verb.add_option("--bind", common.bind,
                  "Processors of the host threads: none, compact, spread or a list such as 0,2-5 "
                  "(default: OMP_PROC_BIND, or else spread over processors that are free)")
      ->type_name("{none,compact,spread,LIST}")
      ->check([](const std::string& value) {
        Binding::parse(value);
        return std::string();
      });
  verb.add_option("--device", common.device, "Number of the device to use (default: 0)")
      ->transform(integer(0, kMostDevice));
  verb.add_option("--format", common.format, "Tables on standard output: table, csv or json")
      ->check(CLI::IsMember({"table", "csv", "json"}));
  verb.add_flag_callback("--wide", print_wide,
                         "Show every column (default: as many as fit the terminal, or else 80)");
  for (CLI::Option* option : verb.get_options()) {
    // An empty value is an unset variable of a script, and must not be treated as an absent
    // option.
    if (option->get_items_expected_max() > 0 && option->get_name() != "--prompt") {
      option->check(
          [](const std::string& value) { return value.empty() ? "is empty" : std::string(); });
    }
  }
}

// Adds the options with which an installation writes its manual page and completion. They are not
// in the help, and end the parse before a verb is required.
void add_generated_help(CLI::App& app, const std::vector<std::string>& arguments,
                        std::string& text) {
  // With a verb behind it, the page of that verb alone would be expected.
  const auto require_alone = [&arguments](const std::string& option, std::size_t most) {
    if (arguments.size() <= most && arguments.front().rfind(option, 0) == 0) return;
    throw RequestError(option + " stands alone, without a verb or another option");
  };
  app.add_flag_callback("--man",
                        [&app, &text, require_alone] {
                          require_alone("--man", 1);
                          text = man_page(app, build_info().version);
                          throw CLI::Success();
                        })
      ->group("");
  app.add_option_function<std::string>(
         "--completion",
         [&app, &text, &arguments, require_alone](const std::string& shell) {
           require_alone("--completion", arguments.front() == "--completion" ? 2 : 1);
           if (shell != "bash") throw RequestError("--completion needs the name of a shell: bash");
           text = bash_completion(app);
           throw CLI::Success();
         })
      ->expected(0, 1)
      ->group("");
}

// Returns the error for a command line that CLI11 rejects.
std::string describe(const CLI::ParseError& error, const CLI::App& app) {
  // For an unknown verb, CLI11 only reports that there is none.
  const std::vector<std::string> unplaced = app.remaining(true);
  const int code = error.get_exit_code();
  if (!unplaced.empty() &&
      (code == int(CLI::ExitCodes::RequiredError) || code == int(CLI::ExitCodes::ExtrasError))) {
    return describe_unplaced(app, unplaced.front());
  }
  const CLI::App& verb = innermost(app);
  const std::vector<std::string> names = names_of_subcommands(verb);
  if (code == int(CLI::ExitCodes::RequiredError) && !names.empty()) {
    return fmt::format("{} is missing: {}; {}",
                       &verb == &app ? "the verb" : "the " + verb.get_name() + "'s name",
                       fmt::join(names, ", "), see_help(app));
  }
  std::string message = error.what();
  std::replace(message.begin(), message.end(), '\n', ' ');
  return message + "; " + see_help(app);
}

// Returns whether several ranks run a verb together. Those that measure nothing are run by the
// first one alone. Throws RequestError for the others, which ranks that wait would disturb.
bool is_for_ranks(const CLI::App& verb, const parallel::Ranks& ranks) {
  const std::string name = verb.get_name();
  if (name == "train") return true;
  if (ranks.size() == 1 || name == "info" || name == "report" || name == "compare" ||
      name == "deck") {
    return false;
  }
  throw RequestError(name + " runs on one process; start it without mpirun or srun");
}

// Each rank of a node has a device of its own, unless the command line names one.
void choose_device_of_rank(CommonOptions& common) {
  if (common.ranks->size() == 1 || !common.device.empty() || device_count() == 0) return;
  for (const std::string& flag : common.kokkos_flags) {
    if (flag.rfind("--kokkos-", 0) == 0 && flag.find("device") != std::string::npos) return;
  }
  common.device = std::to_string(common.ranks->local_rank() % device_count());
}

int run(std::vector<std::string> arguments, std::shared_ptr<const parallel::Ranks> ranks) {
  CommonOptions common;
  common.ranks = std::move(ranks);
  if (!common.ranks->is_first()) print_errors_alone();
  common.kokkos_flags = take_kokkos_flags(arguments);
  check_kokkos_flags(common.kokkos_flags);
  CLI::App app(
      "Neural networks under the roofline: trains them, times every layer, and reports what "
      "bounds it on this machine.");
  app.name("ridgeline");
  app.footer(
      "Example:\n  ridgeline train inputs/fashion_mlp.toml --output results\n"
      "`ridgeline VERB --help` explains a verb. docs/ explains everything else.");
  app.set_version_flag(
      "--version", fmt::format("ridgeline {} ({})", build_info().version, build_info().git_commit));
  app.require_subcommand(1);
  Action action;
  add_train(app, common, action);
  add_infer(app, common, action);
  add_machine(app, common, action);
  add_roofline(app, common, action);
  add_study(app, common, action);
  add_report(app, common, action);
  add_compare(app, common, action);
  add_deck(app, common, action);
  add_info(app, common, action);
  std::vector<CLI::App*> verbs = app.get_subcommands({});
  for (CLI::App* study : app.get_subcommand("study")->get_subcommands({})) verbs.push_back(study);
  for (CLI::App* verb : verbs) add_common_options(*verb, common);
  std::string generated;
  add_generated_help(app, arguments, generated);
  try {
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
    app.parse(reversed);
  } catch (const CLI::Success& success) {  // --help, --version, --man, --completion
    if (generated.empty() && common.ranks->is_first()) app.exit(success);
    print(generated);
    if (!flush_output()) throw RunError("standard output: cannot write");
    return static_cast<int>(Status::done);
  } catch (const CLI::ParseError& error) {
    return fail(Status::request_wrong, describe(error, app), *common.ranks);
  }
  choose_device_of_rank(common);
  if (!common.device.empty()) common.kokkos_flags.push_back(device_flag(common));
  auto status = Status::done;
  const bool together = is_for_ranks(innermost(app), *common.ranks);
  if (together || common.ranks->is_first()) status = action();
  // All ranks end after the first one's last write, with its status.
  common.ranks->broadcast(&status, sizeof(status), 0);
  // Output lost because of a full disk must not end with success.
  if (!flush_output()) throw RunError("standard output: cannot write");
  return static_cast<int>(status);
}

}  // namespace
}  // namespace ridgeline::miniapp

int ridgeline::run_command(int argc, char** argv, const std::function<void()>& prepare) {
  miniapp::prepare_process();
  std::shared_ptr<const parallel::Ranks> ranks = parallel::one_rank();
  const auto fail = [&](Status status, const std::string& message) {
    return miniapp::fail(status, message, *ranks);
  };
  try {
    ranks = parallel::start_ranks();
    if (prepare) prepare();
    return miniapp::run(std::vector<std::string>(argv + 1, argv + argc), ranks);
  } catch (const Error& error) {
    return fail(error.status(), error.what());
  } catch (const std::bad_alloc&) {
    return fail(Status::run_failed, "out of memory");
  } catch (const std::exception& error) {
    return fail(Status::run_failed, error.what());
  }
}
