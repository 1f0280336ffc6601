#pragma once

#include "config/deck.hpp"
#include "data/dataset.hpp"

namespace ridgeline::data {

/// Loads plain UTF-8 text files as samples of a character model. A character is a Unicode code
/// point; its token is its index in the vocabulary: `vocabulary` if given, otherwise all characters
/// of all files, sorted by code point. A sample is a window of `length` characters; its labels are
/// the same window shifted by one character. Windows do not overlap or cross file boundaries. The
/// last floor(validation * characters) characters of each file are the test set. Throws
/// RequestError naming file, line and position: an empty file or one that is too short for a
/// sample, invalid UTF-8, a character that is not in `vocabulary`.
Dataset load_text(const config::DataOptions& options, const Vocabulary* vocabulary);

}  // namespace ridgeline::data
