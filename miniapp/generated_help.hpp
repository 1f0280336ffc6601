#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace ridgeline::miniapp {

/// Returns the manual page of the command in the language of man(7): its verbs, options and
/// examples, as --help prints them.
std::string man_page(const CLI::App& app, const std::string& version);

/// Returns a script for bash that completes verbs, the options of each, and the values of options
/// that have a set of values. Where the command expects a file, bash completes file names.
std::string bash_completion(const CLI::App& app);

}  // namespace ridgeline::miniapp
