#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "miniapp/ridgeline.hpp"

// The reference of the deck's keys: `ridgeline deck --keys`, and its copy in docs/deck.md. With
// RIDGELINE_WRITE_TABLES=1 in the environment this program writes the copy.

namespace ridgeline::testing {
namespace {

constexpr const char* kMarker = "<!-- Written by RIDGELINE_WRITE_TABLES=1 test_miniapp. -->";

std::string docs_file() { return source_folder() + "/docs/deck.md"; }

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

std::vector<std::string> lines_of_docs() {
  std::ifstream in(docs_file());
  EXPECT_TRUE(in) << docs_file();
  std::ostringstream text;
  text << in.rdbuf();
  return lines_of(text.str());
}

io::Json keys_of_the_command() {
  const CommandResult result = ridgeline({"deck", "--keys", "--format", "json"});
  EXPECT_EQ(result.status, 0) << result.err;
  return io::Json::parse(result.out);
}

/// Returns `"a"` or `"b"`, from "a, b".
std::string alternatives(const std::string& kinds) {
  std::string text;
  std::istringstream in(kinds);
  for (std::string kind; std::getline(in >> std::ws, kind, ',');) {
    text += (text.empty() ? "`\"" : " or `\"") + kind + "\"`";
  }
  return text;
}

/// Returns one Markdown table per table of the deck and group of kinds.
std::vector<std::string> markdown_of(const io::Json& keys) {
  std::vector<std::string> lines;
  std::string table, kind;
  for (const io::Json& key : keys) {
    const auto text = [&](const char* name) { return key.at(name).get<std::string>(); };
    const bool is_new = text("table") != table;
    if (is_new) {
      const std::string header = text("table");
      lines.insert(lines.end(), {"", header[0] == '[' ? "## `" + header + "`" : "## Top level"});
    }
    if (is_new || text("kind") != kind) {
      if (!text("kind").empty()) {
        lines.insert(lines.end(), {"", "With `kind` = " + alternatives(text("kind")) + ":"});
      }
      lines.insert(lines.end(),
                   {"", "| key | type | range | default | meaning |", "|---|---|---|---|---|"});
    }
    table = text("table");
    kind = text("kind");
    lines.push_back("| `" + text("key") + "` | " + text("type") + " | " + text("range") + " | " +
                    text("default") + " | " + text("meaning") + " |");
  }
  return lines;
}

TEST(DeckKeys, InTheDocumentAreThoseOfTheCommand) {
  const std::vector<std::string> lines = lines_of_docs();
  const auto marker = std::find(lines.begin(), lines.end(), kMarker);
  ASSERT_NE(marker, lines.end()) << docs_file() << " has no line " << kMarker;
  std::vector<std::string> text(lines.begin(), marker + 1);
  for (const std::string& line : markdown_of(keys_of_the_command())) text.push_back(line);
  if (std::getenv("RIDGELINE_WRITE_TABLES") != nullptr) {
    std::ofstream out(docs_file());
    for (const std::string& line : text) out << line << "\n";
  }
  const auto [line, expected] = std::mismatch(lines.begin(), lines.end(), text.begin(), text.end());
  EXPECT_TRUE(line == lines.end() && expected == text.end())
      << "docs/deck.md:" << line - lines.begin() + 1 << " should be\n"
      << (expected == text.end() ? "the end" : *expected)
      << "\nRIDGELINE_WRITE_TABLES=1 test_miniapp --gtest_filter='DeckKeys.*' writes the tables";
}

TEST_F(CommandLine, RunsTheDeckOfTheDocument) {
  std::string text;
  for (const std::string& line : lines_of_docs()) {
    if (line.compare(0, 4, "    ") == 0) text += line.substr(4) + "\n";
    if (line.empty() && !text.empty()) text += "\n";
    if (line == kMarker) break;
  }
  folder.write("deck.toml", text);
  const CommandResult result = ridgeline({"train", deck, "--dry-run"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_TRUE(contains(result.out, "classifier/dense1")) << result.out;
}

TEST(DeckKeys, ArePrintedInEveryFormat) {
  const io::Json keys = keys_of_the_command();
  EXPECT_GT(keys.size(), 90u);
  const CommandResult csv = ridgeline({"deck", "--keys", "--format", "csv"});
  EXPECT_EQ(lines_of(csv.out).size(), keys.size() + 1);
  EXPECT_EQ(lines_of(csv.out).front(), "table,kind,key,type,range,default,meaning\r");
  const CommandResult wide = ridgeline({"deck", "--keys", "--wide"});
  EXPECT_EQ(lines_of(wide.out).size(), keys.size() + 2);
  for (const io::Json& key : keys) {
    EXPECT_TRUE(contains(wide.out, key.at("meaning"))) << key;
  }
  const CommandResult narrow = ridgeline({"deck", "--keys"});
  EXPECT_EQ(narrow.status, 0);
  EXPECT_EQ(narrow.err, "");
  EXPECT_TRUE(contains(narrow.out, "learning_rate"));
}

TEST_F(CommandLine, RefusesADeckVerbWithoutKeys) {
  const CommandResult result = ridgeline({"deck"});
  EXPECT_EQ(result.status, 2);
  EXPECT_TRUE(contains(result.err, "--keys"));
}

TEST_F(CommandLine, AnUnknownKeyStillNamesTheNearestKey) {
  folder.write("deck.toml", deck_with("batch = 64", "batchh = 64"));
  const CommandResult result = ridgeline({"train", deck, "--dry-run"});
  EXPECT_EQ(result.status, 2);
  EXPECT_TRUE(contains(result.err, "unknown key \"batchh\" in [train], did you mean \"batch\"?"))
      << result.err;
}

}  // namespace
}  // namespace ridgeline::testing
