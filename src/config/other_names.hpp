#pragma once

#include <string>
#include <utility>
#include <vector>

namespace ridgeline::config {

/// Names of keys, and of values of `kind`, `loss` and the like, with the names that PyTorch, Keras
/// and their users have for the same.
const std::vector<std::pair<std::string, std::vector<std::string>>>& other_names();

/// Returns the element of `known` that is called `word` elsewhere, such as "learning_rate" for
/// "lr", or that differs from it in capitals, dashes and underscores alone; empty if there is none.
std::string called_elsewhere(const std::string& word, const std::vector<std::string>& known);

/// Returns the element of `given` which is another name of `name`; empty if there is none.
std::string named_otherwise(const std::string& name, const std::vector<std::string>& given);

/// Returns the element of `known` that `word` most probably means: called_elsewhere(), or otherwise
/// the nearest by spelling; empty if there is none.
std::string meant_by(const std::string& word, const std::vector<std::string>& known);

}  // namespace ridgeline::config
