#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>
#include <stdexcept>

#include "io/layout.hpp"
#include "miniapp/ridgeline.hpp"

// The width of the output of verbs; tests/docs checks every verb.

namespace ridgeline::testing {
namespace {

std::size_t widest_line(const std::string& text) {
  std::istringstream lines(text);
  std::size_t widest = 0;
  for (std::string line; std::getline(lines, line);) {
    widest = std::max(widest, io::display_width(line));
  }
  return widest;
}

// A terminal of a given width that commands write to.
class Terminal {
 public:
  explicit Terminal(unsigned short columns) : master_(posix_openpt(O_RDWR | O_NOCTTY)) {
    const winsize size = {50, columns, 0, 0};
    if (master_ < 0 || grantpt(master_) != 0 || unlockpt(master_) != 0 ||
        ioctl(master_, TIOCSWINSZ, &size) != 0) {
      throw std::runtime_error("cannot open a terminal");
    }
  }
  ~Terminal() { close(master_); }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  /// The name of the file that commands write to.
  std::string name() const { return ptsname(master_); }
  /// Returns the output of a command that has ended, if it was less than the kernel's buffer of 4
  /// KiB.
  std::string text() const {
    std::string text(8192, '\0');
    std::size_t size = 0;
    for (ssize_t n = 1; n > 0 && size<text.size(); size += n> 0 ? std::size_t(n) : 0) {
      n = read(master_, &text[size], text.size() - size);  // -1 (EIO) at the end
    }
    text.resize(size);
    text.erase(std::remove(text.begin(), text.end(), '\r'), text.end());
    return text;
  }

 private:
  int master_;
};

class Output : public CommandLine {
 protected:
  void SetUp() override {
    folder.write("deck.toml",
                 deck_with("name = \"fc1\"", "name = \"a_name_of_thirty_two_characters_\""));
  }
  CommandResult dry_run(const Lines& more = {}, const std::string& columns = "") const {
    CommandOptions options;
    if (!columns.empty()) options.environment["COLUMNS"] = columns;
    return ridgeline(Lines{"train", deck, "--dry-run"} + more, options);
  }
  std::string on_terminal(unsigned short columns, const std::string& environment = "") const {
    const Terminal terminal(columns);
    const CommandResult result =
        shell(environment + " $R train " + quoted(deck) + " --dry-run >" + terminal.name());
    EXPECT_EQ(result.status, 0) << result.err;
    return terminal.text();
  }
};

const std::string kHint = "--wide or --format csv show them\n";

TEST_F(Output, FitsEightyColumnsInAFileAndSaysWhatItLeavesOut) {
  const CommandResult result = dry_run();
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_LE(widest_line(result.out), 80u) << result.out;
  EXPECT_TRUE(contains(result.out, "not shown: kind, bytes per step; " + kHint));
  EXPECT_TRUE(contains(result.out, "a_name_of_thirty_two_characters_"));
}

TEST_F(Output, IsCompleteWhenItIsAskedToBeWide) {
  const std::string out = dry_run({"--wide"}).out;
  EXPECT_GT(widest_line(out), 100u);
  EXPECT_FALSE(contains(out, "not shown"));
  EXPECT_TRUE(contains(out, "kind"));
  EXPECT_TRUE(contains(out, "bytes per step"));
}

TEST_F(Output, HasTheColumnsOfTheEnvironmentButNeverLessThanEighty) {
  const std::string narrow = dry_run().out, wide = dry_run({"--wide"}).out;
  const std::string table = wide.substr(0, wide.find("\n\n"));
  EXPECT_TRUE(contains(dry_run({}, "120").out, table));
  EXPECT_LE(widest_line(dry_run({}, "120").out), 120u);
  for (const char* columns : {"80", "40", "0", "-1", "120x", "99999999999999999999"}) {
    EXPECT_EQ(dry_run({}, columns).out, narrow) << columns;
  }
}

TEST_F(Output, HasTheColumnsOfItsTerminalButNeverLessThanEighty) {
  const std::string narrow = dry_run().out, at_120 = dry_run({}, "120").out;
  ASSERT_NE(narrow, at_120);
  EXPECT_EQ(on_terminal(120), at_120);
  EXPECT_EQ(on_terminal(60), narrow);
  EXPECT_EQ(on_terminal(0), narrow);
  EXPECT_EQ(on_terminal(120, "COLUMNS=80"), narrow);
}

TEST_F(Output, IsCompleteForPrograms) {
  for (const char* format : {"csv", "json"}) {
    const std::string out = dry_run({"--format", format}).out;
    EXPECT_EQ(out, dry_run({"--format", format, "--wide"}).out);
    for (const char* key :
         {"layer", "kind", "phase", "output_shape", "parameters", "flops", "bytes"}) {
      EXPECT_TRUE(contains(out, key)) << format;
    }
  }
}

TEST_F(Output, OfTheDryRunHasTheMemoryOfEachLayerForPrograms) {
  const std::vector<std::string> keys = {"parameters_bytes",  "gradients_bytes",
                                         "optimizer_bytes",   "saved_bytes",
                                         "activations_bytes", "workspace_bytes"};
  const io::Json rows = io::Json::parse(dry_run({"--format", "json"}).out);
  const CommandResult csv = dry_run({"--format", "csv"});
  const std::string header = csv.out.substr(0, csv.out.find('\r'));
  EXPECT_EQ(header.substr(header.find("bytes")),
            "bytes,parameters_bytes,gradients_bytes,optimizer_bytes,saved_bytes,activations_bytes,"
            "workspace_bytes");
  EXPECT_EQ(rows.at(0).size(), std::size_t(std::count(header.begin(), header.end(), ',')) + 1);
  std::size_t forward = 0;
  for (const io::Json& row : rows) {
    const bool is_layer = row.at("kind") == "dense" && row.at("phase") == "forward";
    forward += is_layer;
    for (const std::string& key : keys) EXPECT_EQ(row.at(key).is_number(), is_layer) << row;
  }
  EXPECT_EQ(forward, 2u);
  const io::Json& first = rows.at(0);
  const std::size_t parameters = 4 * (20 * 96 + 96);
  for (const char* key : {"parameters_bytes", "gradients_bytes", "optimizer_bytes"}) {
    EXPECT_EQ(first.at(key), parameters) << key << ", one value each with momentum";
  }
  EXPECT_EQ(first.at("activations_bytes"), 4 * 64 * 96);
  EXPECT_TRUE(contains(csv.out, std::to_string(parameters) + "," + std::to_string(parameters)));
}

TEST_F(Output, OfInfoFitsEightyColumns) {
  // Words without a space to break at are the only exception.
  std::istringstream lines(ridgeline({"info"}).out);
  for (std::string line; std::getline(lines, line);) {
    if (io::display_width(line) <= 80) continue;
    EXPECT_EQ(line.find(' ', std::min<std::size_t>(26, line.size())), std::string::npos) << line;
  }
}

}  // namespace
}  // namespace ridgeline::testing
