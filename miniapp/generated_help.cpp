#include "generated_help.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <regex>
#include <sstream>
#include <utility>
#include <vector>

#include "core/error.hpp"

namespace ridgeline::miniapp {
namespace {

/// The command ("", the first), or a verb: "train", "study latency".
struct Verb {
  std::string path;
  const CLI::App* app;
};

std::vector<const CLI::App*> subcommands_of(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

void collect_verbs(const CLI::App& app, const std::string& path, std::vector<Verb>& verbs) {
  verbs.push_back({path, &app});
  for (const CLI::App* sub : subcommands_of(app)) {
    collect_verbs(*sub, path + (path.empty() ? "" : " ") + sub->get_name(), verbs);
  }
}

std::vector<Verb> verbs_of(const CLI::App& app) {
  std::vector<Verb> verbs;
  collect_verbs(app, "", verbs);
  return verbs;
}

/// Returns the options that --help lists, or the positional arguments.
std::vector<const CLI::Option*> options_of(const CLI::App& verb, bool positional = false) {
  return verb.get_options([=](const CLI::Option* option) {
    return !option->get_group().empty() && option->get_positional() == positional;
  });
}

bool takes_value(const CLI::Option& option) { return option.get_items_expected_max() > 0; }

bool takes_several(const CLI::Option& option) {
  return option.get_expected_max() == CLI::detail::expected_max_vector_size;
}

/// Returns what stands for the option's value: the name of its check, if it has one.
std::string value_name(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  return type.substr(type.find(':') + 1);  // "INT:INTEGER"
}

/// Returns the values of an option that has a set of them, without a name that stands for others
/// ("LIST").
std::vector<std::string> choices_of(const CLI::Option& option) {
  const std::string name = value_name(option);
  if (name.size() < 2 || name.front() != '{' || name.back() != '}') return {};
  std::vector<std::string> choices = CLI::detail::split(name.substr(1, name.size() - 2), ',');
  choices.erase(std::remove_if(choices.begin(), choices.end(),
                               [](const std::string& choice) {
                                 return std::none_of(choice.begin(), choice.end(),
                                                     [](char c) { return c >= 'a' && c <= 'z'; });
                               }),
                choices.end());
  return choices;
}

bool may_be_file(const CLI::Option& option) { return option.get_type_name() == "TEXT"; }

std::vector<std::string> long_names(const CLI::Option& option) {
  std::vector<std::string> names;
  for (const std::string& name : option.get_lnames()) names.push_back("--" + name);
  return names;
}

// The manual page.

/// Appends a character in roff's notation, which no output device changes into a typographic one.
void append_escaped(std::string& roff, char32_t character) {
  static const std::pair<char32_t, const char*> kEscapes[] = {
      {'\\', "\\e"},  {'-', "\\-"},   {'\'', "\\(aq"}, {'`', "\\(ga"},
      {'"', "\\(dq"}, {'^', "\\(ha"}, {'~', "\\(ti"}};
  for (const auto& [plain, escape] : kEscapes) {
    if (character == plain) {
      roff += escape;
      return;
    }
  }
  if (character < 0x80) {
    roff += static_cast<char>(character);
  } else {
    roff += fmt::format("\\[u{:04X}]", static_cast<unsigned>(character));
  }
}

/// Returns a text of UTF-8 in roff's notation.
std::string escaped(const std::string& text) {
  std::string roff;
  for (std::size_t i = 0; i < text.size();) {
    const auto first = static_cast<unsigned char>(text[i++]);
    const int more = first < 0xC0 ? 0 : first < 0xE0 ? 1 : first < 0xF0 ? 2 : 3;
    char32_t character = more == 0 ? first : first & (0x3Fu >> more);
    for (int k = 0; k < more && i < text.size(); ++k) {
      character = character << 6 | (static_cast<unsigned char>(text[i++]) & 0x3Fu);
    }
    append_escaped(roff, character);
  }
  // At the beginning of a line a dot would begin a request.
  return !roff.empty() && roff[0] == '.' ? "\\&" + roff : roff;
}

std::string bold(const std::string& text) { return "\\fB" + escaped(text) + "\\fR"; }
std::string italic(const std::string& text) { return "\\fI" + escaped(text) + "\\fR"; }

/// Returns a footer of the help: its indented lines are kept as they are.
std::string footer_in_roff(const std::string& footer) {
  std::string roff = ".PP\n";
  bool example = false;
  std::istringstream lines(footer);
  for (std::string line; std::getline(lines, line);) {
    const bool indented = line.rfind("  ", 0) == 0;
    if (indented != example) roff += indented ? ".PP\n.nf\n" : ".fi\n.PP\n";
    example = indented;
    roff += line.empty() ? ".PP\n" : escaped(line) + "\n";
  }
  return roff + (example ? ".fi\n" : "");
}

std::string names_of(const std::set<CLI::Option*>& options) {
  std::vector<std::string> names;
  for (const CLI::Option* option : options) names.push_back(option->get_name());
  std::sort(names.begin(), names.end());  // the set has the order of addresses
  return fmt::format("{}", fmt::join(names, ", "));
}

/// Returns an option, or a positional argument, with its description.
std::string option_in_roff(const CLI::Option& option) {
  std::vector<std::string> names, remarks;
  for (const std::string& name : option.get_snames()) names.push_back(bold("-" + name));
  for (const std::string& name : long_names(option)) names.push_back(bold(name));
  if (names.empty()) names.push_back(italic(option.get_name()));
  std::string tag = fmt::format("{}", fmt::join(names, ", "));
  if (!option.get_positional() && takes_value(option)) {
    // A long set of values may be broken behind its commas.
    tag += " " + std::regex_replace(italic(value_name(option)), std::regex(","), ",\\:");
  }
  if (takes_several(option)) tag += " ...";

  if (option.get_required()) remarks.push_back("required");
  if (!option.get_default_str().empty()) remarks.push_back("default: " + option.get_default_str());
  if (!option.get_needs().empty()) remarks.push_back("needs: " + names_of(option.get_needs()));
  if (!option.get_excludes().empty()) {
    remarks.push_back("excludes: " + names_of(option.get_excludes()));
  }
  const std::string remark = remarks.empty() ? "" : fmt::format(" ({})", fmt::join(remarks, "; "));
  return fmt::format(".TP\n{}\n{}\n", tag, escaped(option.get_description() + remark));
}

bool same(const CLI::Option& a, const CLI::Option& b) {
  return a.get_name() == b.get_name() && a.get_description() == b.get_description();
}

bool contains(const std::vector<const CLI::Option*>& options, const CLI::Option& option) {
  return std::any_of(options.begin(), options.end(),
                     [&](const CLI::Option* other) { return same(*other, option); });
}

/// Returns the options that every verb has.
std::vector<const CLI::Option*> common_options(const std::vector<Verb>& verbs) {
  std::vector<const CLI::Option*> common;
  for (const CLI::Option* option : options_of(*verbs.back().app)) {
    if (std::all_of(verbs.begin() + 1, verbs.end(),
                    [&](const Verb& verb) { return contains(options_of(*verb.app), *option); })) {
      common.push_back(option);
    }
  }
  return common;
}

std::string usage_in_roff(const Verb& verb) {
  std::string usage = bold("ridgeline " + verb.path) + " [" + italic("OPTION") + " ...]";
  for (const CLI::Option* argument : options_of(*verb.app, true)) {
    usage += " " + italic(argument->get_name()) + (takes_several(*argument) ? " ..." : "");
  }
  return usage + "\n";
}

std::string exit_statuses_in_roff() {
  std::string roff = ".SH EXIT STATUS\n";
  const std::pair<Status, const char*> statuses[] = {
      {Status::done, "Success."},
      {Status::run_failed,
       "The run failed, missed a bound of the deck's [verify], or could not write its results."},
      {Status::request_wrong, "The request was invalid."},
      {Status::stopped,
       "Stopped by a signal or a time limit, after writing a checkpoint or what was measured."}};
  for (const auto& [status, meaning] : statuses) {
    roff += fmt::format(".TP\n{}\n{}\n", bold(std::to_string(int(status))), escaped(meaning));
  }
  return roff;
}

// Completion.

std::string quoted(const std::vector<std::string>& words) {
  return fmt::format("'{}'", fmt::join(words, " "));
}

/// Returns the branches of `case $previous`: what may follow an option that takes a value.
std::string branches_of_values(const CLI::App& verb) {
  std::string branches;
  for (const CLI::Option* option : options_of(verb)) {
    if (!takes_value(*option)) continue;
    branches +=
        fmt::format("        {}) words={} files={} ;;\n", fmt::join(long_names(*option), " | "),
                    quoted(choices_of(*option)), may_be_file(*option) ? "1" : "''");
  }
  return branches;
}

std::string branch_of_verb(const Verb& verb) {
  std::vector<std::string> options, names;
  for (const CLI::Option* option : options_of(*verb.app)) {
    for (const std::string& name : long_names(*option)) options.push_back(name);
  }
  for (const CLI::App* sub : subcommands_of(*verb.app)) names.push_back(sub->get_name());
  const bool files = !options_of(*verb.app, true).empty();
  // Options are listed where nothing else may follow, or after a dash.
  std::string branch =
      fmt::format("    '{}')\n      words={} files={}\n", verb.path,
                  quoted(names.empty() && !files ? options : names), files ? "1" : "''");
  branch +=
      fmt::format("      if [[ $current == -* ]]; then words={} files=''; fi\n", quoted(options));
  const std::string values = branches_of_values(*verb.app);
  if (!values.empty()) branch += "      case $previous in\n" + values + "      esac\n";
  return branch + "      ;;\n";
}

}  // namespace

std::string man_page(const CLI::App& app, const std::string& version) {
  const std::vector<Verb> verbs = verbs_of(app);
  const std::vector<const CLI::Option*> common = common_options(verbs);
  const std::string about = app.get_description();
  std::string roff = fmt::format(
      ".\\\" Generated by ridgeline --man.\n.TH RIDGELINE 1 \"\" \"ridgeline {}\" \"User "
      "Commands\"\n"
      ".ad l\n.nh\n.SH NAME\nridgeline \\- {}\n.SH SYNOPSIS\n.nf\n",
      escaped(version), escaped(about.substr(0, about.find(':'))));
  for (const Verb& verb : verbs) {
    if (subcommands_of(*verb.app).empty()) roff += usage_in_roff(verb);
  }
  roff += ".fi\n.SH DESCRIPTION\n" + escaped(about) + "\n" + footer_in_roff(app.get_footer());
  for (const CLI::Option* option : options_of(app)) roff += option_in_roff(*option);
  roff += ".SH VERBS\n";
  for (auto verb = verbs.begin() + 1; verb != verbs.end(); ++verb) {
    roff += fmt::format(".SS {}\n{}\n", escaped(verb->path), escaped(verb->app->get_description()));
    for (const CLI::Option* argument : options_of(*verb->app, true)) {
      roff += option_in_roff(*argument);
    }
    for (const CLI::Option* option : options_of(*verb->app)) {
      if (!contains(common, *option)) roff += option_in_roff(*option);
    }
    roff += footer_in_roff(verb->app->get_footer());
  }
  roff += ".SH OPTIONS OF EVERY VERB\n";
  for (const CLI::Option* option : common) roff += option_in_roff(*option);
  return roff + exit_statuses_in_roff();
}

std::string bash_completion(const CLI::App& app) {
  std::string paths, branches;
  for (const Verb& verb : verbs_of(app)) {
    branches += branch_of_verb(verb);
    if (verb.path.empty()) continue;
    const std::string name = verb.app->get_name();
    const std::string parent = verb.path.substr(0, verb.path.size() - name.size());
    paths += fmt::format("      '{}') verb='{}' ;;\n", parent.empty() ? " " + name : verb.path,
                         verb.path);
  }
  return "# Completion of ridgeline for bash, generated by ridgeline --completion bash.\n"
         "_ridgeline() {\n"
         "  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}\n"
         "  local verb='' words='' files='' i\n"
         "  # --option=value is three words.\n"
         "  if [[ $current == = ]]; then\n"
         "    current=''\n"
         "  elif [[ $previous == = ]]; then\n"
         "    previous=${COMP_WORDS[COMP_CWORD - 2]}\n"
         "  fi\n"
         "  for ((i = 1; i < COMP_CWORD; ++i)); do\n"
         "    case \"$verb ${COMP_WORDS[i]}\" in\n" +
         paths +
         "    esac\n"
         "  done\n"
         "  case $verb in\n" +
         branches +
         "  esac\n"
         "  mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n"
         "  # Names of files, if no word fits. Outside a completion there is no compopt.\n"
         "  if [[ -n $files ]]; then compopt -o default 2>/dev/null || true; fi\n"
         "}\n"
         "complete -F _ridgeline ridgeline\n";
}

}  // namespace ridgeline::miniapp
