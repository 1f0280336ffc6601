#pragma once

#include <string>

#include "config/deck.hpp"
#include "io/scratch.hpp"

namespace ridgeline::testing {

/// A valid deck; the tests below depend on its line numbers.
inline const std::string kDeck = R"(title = "A deck"

[data]
kind = "idx"
path = "images"

[network]
[[network.layer]]
kind = "flatten"
[[network.layer]]
kind = "dense"
name = "fc1"
units = 512
activation = "relu"
[[network.layer]]
kind = "dense"
units = 10

[train]
epochs = 10
batch = 128
loss = "cross_entropy"
optimizer = { kind = "sgd", learning_rate = 0.05, momentum = 0.9 }
)";

/// kDeck with the first `from` replaced by `to`.
inline std::string deck_with(const std::string& from, const std::string& to) {
  std::string text = kDeck;
  const std::size_t at = text.find(from);
  if (at == std::string::npos) throw std::logic_error("no \"" + from + "\" in the deck");
  return text.replace(at, from.size(), to);
}

inline config::Deck parse(const std::string& text, const std::vector<std::string>& sets = {}) {
  return config::Deck::parse(text, "deck.toml", {}, sets);
}

/// Returns the message of the error for the deck.
inline std::string refusal(const std::string& text, const std::vector<std::string>& sets = {}) {
  return error_of([&] { parse(text, sets); });
}

}  // namespace ridgeline::testing
