#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/deck.hpp"
#include "core/spaces.hpp"
#include "data/dataset.hpp"
#include "data/vocabulary.hpp"
#include "network/plan.hpp"
#include "verbs.hpp"

namespace ridgeline::miniapp {

/// Options of every verb that takes a deck.
struct DeckOptions {
  std::string deck;
  std::vector<std::string> sets;
  std::string space = "auto";

  void add_to(CLI::App& verb);
};

/// A deck with its data and its network, before anything is computed.
struct Session {
  config::Deck deck;
  data::Dataset dataset;
  std::shared_ptr<const network::NetworkPlan> plan;
};

/// Loads and checks deck, data and shapes. A text has the characters of `vocabulary`, a
/// checkpoint's, where it is given and not empty, and otherwise its own.
Session open_session(const config::Deck& deck, const data::Vocabulary& vocabulary = {});

/// The vocabulary that a checkpoint keeps; empty where it keeps none.
data::Vocabulary vocabulary_of(const std::string& checkpoint);

/// FILE in a folder that exists and can be written: RequestError before any work otherwise.
void require_writable(const std::string& file);

/// `mkdir -p`; RequestError where it cannot be made.
void make_folder(const std::string& folder);

/// FOLDER/FILE, or FILE where it is absolute.
std::string inside(const std::string& folder, const std::string& file);

/// Runs `body(instance, T())` on the space and in the precision of the deck, inside a Runtime.
template <class Body>
decltype(auto) compute(SpaceKind space, config::Precision precision, const CommonOptions& common,
                       const Body& body) {
  const Runtime runtime(common.threads, common.kokkos_flags);
  return with_space(space, [&](const auto& instance) {
    return precision == config::Precision::float32 ? body(instance, float())
                                                   : body(instance, double());
  });
}

}  // namespace ridgeline::miniapp
