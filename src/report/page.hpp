#pragma once

#include <string>
#include <utility>
#include <vector>

#include "io/table.hpp"
#include "report/picture.hpp"

namespace ridgeline::report {

/// A table with its heading, folded until the reader opens it.
struct NamedTable {
  std::string title;
  io::Table table;
  bool folded = true;
};

/// Where figures come from: names and values, such as "command" and its text.
using Origin = std::vector<std::pair<std::string, std::string>>;

/// What one result, or several that belong together, have to show.
struct Block {
  std::string title;
  std::vector<std::string> sentences = {};  ///< findings
  std::vector<Picture> pictures = {};
  std::vector<NamedTable> tables = {};
  std::vector<std::string> warnings = {};  ///< such as of a disturbed measurement
  std::vector<std::string> notes = {};     ///< of the file, folded
  Origin origin = {};
  std::string machine = {};  ///< see machine_of()
};

struct Section {
  std::string name;  ///< of its anchor
  std::string title;
  std::string lead = "";  ///< what it shows, in a sentence or two
  std::vector<Block> blocks = {};
};

struct Page {
  std::string title;
  std::string subtitle;
  std::size_t machines = 1;                ///< whose results it shows
  std::vector<std::string> left_out = {};  ///< errors of damaged files in folders
  std::vector<std::string> summary;        ///< sentences
  std::vector<Section> sections;
  io::Table overview{};  ///< the rooflines, for a terminal
};

/// Returns the page as one HTML file that needs no other. If it cannot draw, pictures are left out,
/// their tables are open, and the page says why. Throws RunError.
std::string to_html(const Page& page);

}  // namespace ridgeline::report
