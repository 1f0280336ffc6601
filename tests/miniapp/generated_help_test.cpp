#include <gtest/gtest.h>

#include <regex>
#include <set>
#include <sstream>

#include "miniapp/ridgeline.hpp"

// The manual page and the completion for bash have what --help prints.

namespace ridgeline::testing {
namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

// Completes the last of these words of a command line, as bash splits it.
std::vector<std::string> completed(const Lines& words) {
  std::string line = "ridgeline";
  for (const std::string& word : words) line += " " + quoted(word);
  const CommandResult result = shell("source <(\"$R\" --completion bash) && COMP_WORDS=(" + line +
                                     ") COMP_CWORD=" + std::to_string(words.size()) +
                                     " && _ridgeline && printf '%s\\n' \"${COMPREPLY[@]}\"");
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.err, "");
  std::vector<std::string> words_found = lines_of(result.out);
  if (words_found == std::vector<std::string>{""}) words_found.clear();
  return words_found;
}

// Returns the names in the first column of a section of a help, such as "Options:".
std::set<std::string> names_in(const std::string& help, const std::string& section) {
  std::set<std::string> names;
  bool inside = false;
  const std::regex first_column("^  (-h,)?(\\S+).*");
  for (const std::string& line : lines_of(help)) {
    if (line == section) inside = true;
    if (line.empty()) inside = false;
    std::smatch match;
    if (inside && std::regex_match(line, match, first_column)) names.insert(match[2]);
  }
  return names;
}

// Returns the help of each verb, by its words: {}, {"train"}, {"study", "latency"}.
std::map<Lines, std::string> helps(const Lines& verb = {}) {
  const std::string help = ridgeline(verb + Lines{"--help"}).out;
  std::map<Lines, std::string> all = {{verb, help}};
  for (const std::string& name : names_in(help, "Subcommands:")) {
    all.merge(helps(verb + Lines{name}));
  }
  return all;
}

// Returns the text between two texts.
std::string between(const std::string& text, const std::string& from, const std::string& to) {
  const std::size_t begin = text.find(from);
  if (begin == std::string::npos) return "";
  return text.substr(begin, text.find(to, begin + from.size()) - begin);
}

std::string in_roff(const std::string& text) {
  return std::regex_replace(text, std::regex("-"), "\\-");
}

TEST(GeneratedHelp, CompletesVerbsAndStudies) {
  EXPECT_EQ(completed({"tr"}), Lines{"train"});
  EXPECT_EQ(completed({"study", "la"}), Lines{"latency"});
  EXPECT_EQ(completed({"latency", "la"}), Lines{}) << "latency is no verb";
  EXPECT_TRUE(contains(joined(completed({""})), "train infer machine roofline study"));
}

TEST(GeneratedHelp, CompletesOptionsOfTheVerb) {
  EXPECT_EQ(completed({"study", "latency", "--spa"}), Lines{"--space"});
  EXPECT_EQ(completed({"train", "deck.toml", "--output", "out", "--dr"}), Lines{"--dry-run"});
  EXPECT_EQ(completed({"info", "--dr"}), Lines{});
  EXPECT_EQ(completed({"study", "scaling", "--w"}), Lines{"--wide"}) << "--worker is hidden";
}

TEST(GeneratedHelp, CompletesValuesOfOptionsThatHaveASet) {
  EXPECT_EQ(joined(completed({"info", "--format", ""})), "table csv json");
  EXPECT_EQ(completed({"info", "--format", "=", "c"}), Lines{"csv"});
  EXPECT_EQ(joined(completed({"info", "--format", "="})), "table csv json");
  EXPECT_EQ(joined(completed({"train", "--space", ""})), "auto serial openmp cuda");
  EXPECT_EQ(completed({"roofline", "deck.toml", "--phase", "i"}), Lines{"infer"});
  EXPECT_EQ(joined(completed({"train", "--bind", ""})), "none compact spread");
  EXPECT_EQ(completed({"study", "scaling", "--kinds", "lay"}), Lines{"layer_norm"});
  EXPECT_EQ(completed({"train", "--output", ""}), Lines{}) << "bash completes the file";
  EXPECT_EQ(completed({"train", ""}), Lines{}) << "bash completes the deck";
}

TEST(GeneratedHelp, CompletesEveryOptionOfTheHelp) {
  for (const auto& [verb, help] : helps()) {
    const std::vector<std::string> found = completed(verb + Lines{"--"});
    EXPECT_EQ(std::set<std::string>(found.begin(), found.end()), names_in(help, "Options:"))
        << joined(verb);
  }
}

TEST(GeneratedHelp, TheManualPageHasEveryVerbAndOptionOfTheHelp) {
  const CommandResult page = ridgeline({"--man"});
  EXPECT_EQ(page.status, 0);
  EXPECT_EQ(page.err, "");
  const std::string common = between(page.out, ".SH OPTIONS OF EVERY VERB", ".SH EXIT STATUS");
  EXPECT_TRUE(contains(common, "\\-\\-threads"));
  const std::map<Lines, std::string> all = helps();
  EXPECT_GT(all.size(), 15u);
  for (const auto& [verb, help] : all) {
    const std::string section =
        verb.empty() ? between(page.out, ".SH DESCRIPTION", ".SH VERBS")
                     : between(page.out, ".SS " + in_roff(joined(verb)) + "\n", "\n.S");
    EXPECT_TRUE(contains(section, in_roff(lines_of(help)[0]).substr(0, 20))) << joined(verb);
    for (const std::string& option : names_in(help, "Options:")) {
      EXPECT_TRUE(contains(section + common, "\\fB" + in_roff(option) + "\\fR"))
          << joined(verb) << " " << option;
    }
    for (const std::string& argument : names_in(help, "Positionals:")) {
      EXPECT_TRUE(contains(section, "\\fI" + argument + "\\fR")) << joined(verb);
    }
  }
}

TEST(GeneratedHelp, TheManualPageIsFormattedWithoutWarnings) {
  if (shell("command -v groff").status != 0) GTEST_SKIP() << "there is no groff";
  const CommandResult page = shell("\"$R\" --man | groff -man -ww -Tutf8 -P-cbou");
  EXPECT_EQ(page.err, "");
  for (const char* part : {"ridgeline study latency [OPTION ...]", "--stop-after DURATION", "µs",
                           "  ridgeline machine --output machine.json"}) {
    EXPECT_TRUE(contains(page.out, part));
  }
}

TEST(GeneratedHelp, CompletesEachSetOfValuesThatTheHelpLists) {
  const std::regex sets("(--[a-z-]+) \\S*\\{([^}]+)\\}"), place_holder("[A-Z]+");
  std::size_t found = 0;
  for (const auto& [verb, help] : helps()) {
    std::smatch match;
    for (std::string rest = help; std::regex_search(rest, match, sets); rest = match.suffix()) {
      Lines values;
      std::istringstream in(match[2]);
      for (std::string value; std::getline(in, value, ',');) {
        if (!std::regex_match(value, place_holder)) values.push_back(value);
      }
      EXPECT_EQ(completed(verb + Lines{match[1], ""}), values) << joined(verb) << match[1];
      ++found;
    }
  }
  EXPECT_GT(found, 30u);
}

TEST(GeneratedHelp, StandsAlone) {
  const std::string alone = " stands alone, without a verb or another option";
  for (const Lines& line : {Lines{"--man", "report", "extra"}, Lines{"--man", "report"},
                            Lines{"--man", "--wide"}, Lines{"extra", "--man"}}) {
    expect_refused(ridgeline(line), "--man" + alone);
  }
  for (const Lines& line : {Lines{"--completion", "bash", "report"},
                            Lines{"--completion=bash", "report"}, Lines{"x", "--completion"}}) {
    expect_refused(ridgeline(line), "--completion" + alone);
  }
  EXPECT_EQ(ridgeline({"--completion=bash"}).out, ridgeline({"--completion", "bash"}).out);
}

TEST(GeneratedHelp, IsForBashAndNotInTheHelp) {
  const std::string needs = "--completion needs the name of a shell: bash";
  expect_refused(ridgeline({"--completion", "zsh"}), needs);
  expect_refused(ridgeline({"--completion"}), needs);
  EXPECT_EQ(ridgeline({"--help"}).out.find("--man"), std::string::npos);
}

}  // namespace
}  // namespace ridgeline::testing
