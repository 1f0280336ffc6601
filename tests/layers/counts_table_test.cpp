#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include "kernels/elementwise/activation.hpp"
#include "layers/harness.hpp"
#include "support/paths.hpp"

// The tables of counts in docs/layers.md are compared with the layers' counts. Each follows a
// line `<!-- counts [input] key = value; key = value -->`, which describes the layer. With
// RIDGELINE_WRITE_TABLES=1 in the environment this program writes them.

namespace ridgeline::layers {
namespace {

std::string docs_file() { return testing::source_folder() + "/docs/layers.md"; }

std::vector<std::string> lines_of(const std::string& file) {
  std::ifstream in(file);
  EXPECT_TRUE(in) << file;
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

// Returns the layer that a marker describes.
std::unique_ptr<Layer> described(const std::smatch& marker) {
  Shape input;
  std::istringstream sizes(marker[1].str());
  for (std::string size; std::getline(sizes, size, ',');) input.push_back(std::stoul(size));
  const std::string keys = std::regex_replace(marker[2].str(), std::regex("; *"), "\n");
  return testing::plan_of(keys, input);
}

std::vector<std::string> table_of(const Layer& layer) {
  const std::pair<const char*, CountedPass> passes[] = {
      {"forward", {Phase::forward, 1, true, true}},
      {"forward, where nothing trains", {Phase::forward, 1, true, false}},
      {"backward", {Phase::backward, 1, true, true}},
      {"backward, first layer", {Phase::backward, 1, false, true}}};
  const bool tokens = layer.work(passes[0].second).token_bytes.value() > 0;
  std::vector<std::string> rows = {std::string("| | matrix FLOPs | other FLOPs | scalars moved |") +
                                       (tokens ? " bytes of tokens |" : ""),
                                   std::string("|---|---|---|---|") + (tokens ? "---|" : "")};
  std::string last;  // the row of the same phase in another network
  for (const auto& [name, pass] : passes) {
    const Work work = layer.work(pass);
    std::string cells;
    for (const Formula* formula : {&work.matrix_flops, &work.other_flops, &work.scalars}) {
      cells += " " + formula->text() + " |";
    }
    if (tokens) cells += " " + work.token_bytes.text() + " |";
    const bool is_variant = std::string(name).find(',') != std::string::npos;
    if (is_variant && cells == last) continue;
    rows.push_back("| " + std::string(name) + " |" + cells);
    last = cells;
  }
  return rows;
}

TEST(CountsTables, AreWhatTheLayersComputeWith) {
  const std::regex marker(R"(<!-- counts \[([0-9, ]+)\] (.*) -->)");
  const std::vector<std::string> lines = lines_of(docs_file());
  std::vector<std::string> kinds, text;
  for (std::size_t i = 0; i < lines.size();) {
    text.push_back(lines[i]);
    std::smatch match;
    if (!std::regex_match(lines[i++], match, marker)) continue;
    const std::unique_ptr<Layer> layer = described(match);
    kinds.push_back(layer->kind);
    const std::vector<std::string> rows = table_of(*layer);
    text.insert(text.end(), rows.begin(), rows.end());
    for (; i < lines.size() && !lines[i].empty() && lines[i][0] == '|'; ++i) {
    }
  }
  for (const LayerKind& kind : layer_kinds()) {
    // A view has nothing to count.
    const bool counts = kind.name != "flatten" && kind.name != kSequence;
    EXPECT_EQ(std::count(kinds.begin(), kinds.end(), kind.name), counts ? 1 : 0)
        << "docs/layers.md needs one section of " << kind.name << ", with a line <!-- counts "
        << "[input shape] kind = \"" << kind.name << "\"; KEY = VALUE -->, below which "
        << "RIDGELINE_WRITE_TABLES=1 test_layers writes the table (docs/architecture.md, \"Where a "
        << "new layer goes\")";
  }
  if (std::getenv("RIDGELINE_WRITE_TABLES") != nullptr) {
    std::ofstream out(docs_file());
    for (const std::string& line : text) out << line << "\n";
  }
  const auto [line, expected] = std::mismatch(lines.begin(), lines.end(), text.begin(), text.end());
  EXPECT_TRUE(line == lines.end() && expected == text.end())
      << "docs/layers.md:" << line - lines.begin() + 1 << " should be\n"
      << (expected == text.end() ? "the end" : *expected)
      << "\nRIDGELINE_WRITE_TABLES=1 test_layers writes the tables";
}

TEST(CountsTables, OfActivationsTellTheirOperations) {
  const std::regex row(R"(\| (\w+) \|.*\| (\d+)(:.*)? \|.*\| (\d+)(:.*)? \|)");
  std::size_t found = 0;
  for (const std::string& line : lines_of(docs_file())) {
    std::smatch match;
    if (!std::regex_match(line, match, row)) continue;
    const kernels::Activation f = kernels::activation_named(match[1]);
    if (f == kernels::Activation::identity && match[1] != "identity") continue;
    ++found;
    EXPECT_EQ(std::stoi(match[2]), kernels::forward_flops(f)) << line;
    EXPECT_EQ(std::stoi(match[4]), kernels::backward_flops(f)) << line;
  }
  EXPECT_EQ(found, kernels::activation_names().size());
}

}  // namespace
}  // namespace ridgeline::layers
