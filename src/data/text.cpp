#include "data/text.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/tokens.hpp"
#include "io/file.hpp"
#include "io/units.hpp"

namespace ridgeline::data {
namespace {

constexpr const char* kFortunes = "/usr/share/games/fortunes/";

std::string read_file(const config::DataOptions& options, const std::string& path) {
  struct stat status;
  if (::stat(path.c_str(), &status) != 0 && (errno == ENOENT || errno == ENOTDIR)) {
    options.table.fail("path",
                       "data.path: there is no file " + path + "; " +
                           (path.rfind(kFortunes, 0) == 0 ? "Debian's package fortunes has it"
                                                          : "it must be a plain text, UTF-8"));
  }
  std::string text = io::read_text(path);
  if (text.empty()) throw RequestError(path + ": is empty; it must be a plain text");
  for (std::size_t at = 0; at < text.size();) {
    if (next_character(text, at)) continue;
    char byte[8];
    std::snprintf(byte, sizeof byte, "0x%02x", static_cast<unsigned char>(text[at]));
    throw RequestError(path + ":" + std::to_string(line_of(text, at)) +
                       ": no valid UTF-8 at byte " + std::to_string(at) + " of the file, " + byte +
                       "; it must be a plain text");
  }
  return text;
}

/// Returns the number of characters of a valid UTF-8 text.
std::size_t count_characters(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

/// Calls `take(i, token)` for each character of a file, in order.
template <class Take>
void for_tokens(const std::string& text, const std::string& path, const Vocabulary& vocabulary,
                const Take& take) {
  std::size_t count = 0, line_start = 0;
  for (std::size_t at = 0; at < text.size(); ++count) {
    const std::size_t begin = at;
    const char32_t character = *next_character(text, at);
    const auto token = vocabulary.token(character);
    if (!token) {
      throw RequestError(path + ":" + std::to_string(line_of(text, begin)) + ": character " +
                         std::to_string(count - line_start + 1) + " of the line, " +
                         show_character(character) + ", is not among the " +
                         std::to_string(vocabulary.size()) +
                         " characters of the network's vocabulary");
    }
    take(count, static_cast<std::uint32_t>(*token));
    if (character == U'\n') line_start = count + 1;
  }
}

/// Collects the characters of the training or test part of the files and the offsets of its
/// samples.
class HalfOfText {
 public:
  explicit HalfOfText(std::size_t length) : length_(length) {}

  /// Reserves memory for the samples in the next `characters` of one file. Returns how many of
  /// these are to be added: 0 if they contain no sample.
  std::size_t begin_file(std::size_t characters) {
    const std::size_t begin = tokens_.size();
    const std::size_t samples = characters > 0 ? (characters - 1) / length_ : 0;
    for (std::size_t i = 0; i < samples; ++i) windows_.push_back(begin + i * length_);
    return samples > 0 ? samples * length_ + 1 : 0;
  }
  void add(std::uint32_t token) { tokens_.add(token); }

  Split split(const std::string& source) {
    Split split;
    split.samples = windows_.size();
    require_sample_count(split.samples, source);
    tokens_.move_into(split);
    split.windows = std::move(windows_);
    split.inputs_source = split.targets_source = source;
    return split;
  }

 private:
  std::size_t length_;
  TokenStore tokens_;
  std::vector<std::size_t> windows_;
};

std::string characters(std::size_t count) {
  return io::show_count(static_cast<std::int64_t>(count), "character");
}

}  // namespace

Dataset load_text(const config::DataOptions& options, const Vocabulary* vocabulary) {
  const auto length = static_cast<std::size_t>(options.length);
  std::vector<std::string> texts;
  for (const std::string& path : options.paths) texts.push_back(read_file(options, path));

  Dataset dataset;
  dataset.vocabulary = vocabulary != nullptr ? *vocabulary : Vocabulary::of(texts);
  HalfOfText train(length);
  HalfOfText test(length);
  const std::string needs =
      "; a sample of data.length = " + std::to_string(length) + " takes " + characters(length + 1);
  bool has_test = false;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const std::string& path = options.paths[i];
    const std::size_t count = count_characters(texts[i]);
    const auto held_out =
        static_cast<std::size_t>(std::floor(options.validation * static_cast<double>(count)));
    const std::size_t middle = count - held_out;
    const std::size_t trained = train.begin_file(middle), tested = test.begin_file(held_out);
    if (trained == 0) {
      throw RequestError(path + ": is too short: " + characters(middle) +
                         (held_out > 0 ? " without the last " + std::to_string(held_out) +
                                             ", which are the test set"
                                       : "") +
                         needs);
    }
    has_test = has_test || tested > 0;
    for_tokens(texts[i], path, dataset.vocabulary, [&](std::size_t at, std::uint32_t token) {
      if (at < trained) train.add(token);
      if (at >= middle && at < middle + tested) test.add(token);
    });
    std::string().swap(texts[i]);
  }
  std::string source = options.paths[0];
  if (options.paths.size() > 1) {
    source += " and " + std::to_string(options.paths.size() - 1) + " more";
  }
  if (options.validation > 0.0 && !has_test) {
    options.table.fail(options.table.has("validation") ? "validation" : "length",
                       "with this data.validation no file contains a test sample" + needs +
                           "; increase validation, reduce length, or set validation = 0");
  }
  dataset.sample_shape = dataset.label_shape = {length};
  dataset.classes = dataset.tokens = dataset.vocabulary.size();
  dataset.train = train.split(source);
  dataset.test = test.split(source);
  return dataset;
}

}  // namespace ridgeline::data
