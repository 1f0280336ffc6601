#pragma once

#include "config/deck.hpp"
#include "data/dataset.hpp"

namespace ridgeline::data {

/// Plain UTF-8 text files as samples of a character model. A character is a Unicode code point, its
/// token its place in the vocabulary: `vocabulary` where it is given, and otherwise every character
/// of all files, sorted by code point. A sample is a window of `length` characters, and its labels
/// the same window one character further. Windows do not overlap, and none reaches from one file
/// into another. The last floor(validation * characters) characters of each file are the test set.
/// Throws RequestError naming file, line and position: an empty file or one that is too short for
/// a sample, invalid UTF-8, a character that is not in `vocabulary`.
Dataset load_text(const config::DataOptions& options, const Vocabulary* vocabulary);

}  // namespace ridgeline::data
