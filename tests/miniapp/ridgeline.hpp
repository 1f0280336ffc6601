#pragma once

#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "io/hdf5.hpp"
#include "io/json.hpp"
#include "io/scratch.hpp"
#include "support/command.hpp"
#include "support/paths.hpp"

namespace ridgeline::testing {

/// Arguments of a command.
using Lines = std::vector<std::string>;

inline Lines operator+(Lines a, const Lines& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

/// The command line of the executable under test.
inline Lines command_line(const Lines& arguments) { return Lines{kExecutable} + arguments; }

/// Runs the executable under test.
inline CommandResult ridgeline(const std::vector<std::string>& arguments,
                               const CommandOptions& options = {}) {
  return run_command(command_line(arguments), options);
}

/// A deck of 640 synthetic samples in 10 steps per epoch, wide enough for several threads. The
/// tests depend on its line numbers.
inline const std::string kDeck = R"(title = "A small deck"
[data]
kind = "synthetic"
shape = [20]
classes = 4
samples = 640
[network]
[[network.layer]]
kind = "dense"
name = "fc1"
units = 96
activation = "relu"
[[network.layer]]
kind = "dense"
name = "fc2"
units = 4
[train]
epochs = 3
batch = 64
loss = "cross_entropy"
optimizer = { kind = "sgd", learning_rate = 0.02, momentum = 0.9 }
)";

/// kDeck with the first `from` replaced by `to`.
inline std::string deck_with(const std::string& from, const std::string& to) {
  std::string text = kDeck;
  const std::size_t at = text.find(from);
  if (at == std::string::npos) throw std::logic_error("no \"" + from + "\" in the deck");
  return text.replace(at, from.size(), to);
}

/// Returns every value below a group of an HDF5 file, by path; float32 as the float64 of the same
/// value.
inline void collect_numbers(const io::Hdf5Reader& file, const std::string& group,
                            std::map<std::string, std::vector<double>>& numbers) {
  for (const std::string& name : file.children(group)) {
    const std::string path = group + "/" + name;
    if (file.is_dataset(path)) {
      numbers[path] = file.read<double>(path);
    } else {
      collect_numbers(file, path, numbers);
    }
  }
}

/// Weights, optimizer's state and history of a checkpoint, except the times.
inline std::map<std::string, std::vector<double>> training_of(const std::string& checkpoint) {
  const io::Hdf5Reader file(checkpoint);
  std::map<std::string, std::vector<double>> numbers;
  for (const char* group : {"/model", "/last", "/optimizer", "/history"}) {
    if (file.has(group)) collect_numbers(file, group, numbers);
  }
  numbers.erase("/history/seconds");
  return numbers;
}

/// A file or folder of tests/cases.
inline std::string case_path(const std::string& name) {
  return source_folder() + "/tests/cases/" + name;
}

/// Returns a text quoted for the shell.
inline std::string quoted(const std::string& text) { return "'" + text + "'"; }

/// Runs a line of the shell in which R stands for the executable under test.
inline CommandResult shell(const std::string& line, const CommandOptions& options = {}) {
  return run_command({"/bin/bash", "-c", "export R=" + quoted(kExecutable) + "; " + line}, options);
}

/// Returns the output of `info --json`.
inline const io::Json& build() {
  static const io::Json info = io::Json::parse(ridgeline({"info", "--json"}).out);
  return info;
}

inline bool has_space(const std::string& name) {
  const io::Json& spaces = build().at("spaces");
  return std::find(spaces.begin(), spaces.end(), name) != spaces.end();
}

/// Returns the host's space with the most threads.
inline std::string host_space() { return has_space("openmp") ? "openmp" : "serial"; }

/// Base of tests that run the command in a folder with `deck.toml`.
class CommandLine : public ::testing::Test {
 protected:
  void SetUp() override { folder.write("deck.toml", kDeck); }

  /// Runs train DECK --output OUT on the host, with `more`.
  CommandResult train(const std::string& out, const std::vector<std::string>& more = {},
                      const CommandOptions& options = {}) {
    return ridgeline(train_line(out, more), options);
  }
  std::vector<std::string> train_line(const std::string& out,
                                      const std::vector<std::string>& more = {}) const {
    std::vector<std::string> line = {"train",      deck,      "--output",
                                     folder / out, "--space", host_space()};
    line.insert(line.end(), more.begin(), more.end());
    return line;
  }
  std::string checkpoint(const std::string& out) const { return folder / (out + "/deck.h5"); }

  std::string record_file(const std::string& out) const {
    return folder / (out + "/deck.train.json");
  }
  /// Returns the record of a run in an output folder.
  io::Json record(const std::string& out) const {
    return io::read_json(record_file(out), "ridgeline-training");
  }

  const ScratchFolder folder;
  const std::string deck = folder / "deck.toml";
};

/// Base of tests that compute.
class CommandLineThatComputes : public CommandLine {
 protected:
  void SetUp() override {
    CommandLine::SetUp();
    if (has_space("cuda") && build().at("cuda_devices") == 0) {
      GTEST_SKIP() << build().value("cuda_devices_note", "no CUDA device");
    }
  }
};

/// Expects an error: this status, one line on standard error with `part` in it, and nothing on
/// standard output.
inline void expect_refused(const CommandResult& result, const std::string& part, int status = 2) {
  EXPECT_EQ(result.status, status) << result.err;
  EXPECT_EQ(result.signal, 0);
  ASSERT_EQ(result.errors().size(), 1u) << result.err;
  EXPECT_TRUE(contains(result.errors()[0], part));
  if (status == 2) {
    EXPECT_EQ(result.err, result.errors()[0] + "\n");
    EXPECT_EQ(result.out, "");
  }
}

}  // namespace ridgeline::testing
