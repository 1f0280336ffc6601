#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "config/deck.hpp"
#include "config/document.hpp"

namespace ridgeline::config {

std::map<std::string, std::string> Deck::values_fixed_on_resume() const {
  std::map<std::string, std::string> values;
  const auto real = [](double value) { return fmt::format("{}", value); };  // shortest exact text
  values["data.kind"] = to_string(data.kind);
  values["data.shuffle"] = data.shuffle ? "true" : "false";
  values["data.target"] = data.target_is_input ? "\"input\"" : "none";
  values["data.normalize"] = data.normalize ? "mean " + real(data.normalize->mean) + ", std " +
                                                  real(data.normalize->standard_deviation)
                                            : "none";
  values["data.augment.flip"] = data.augment.flip ? "true" : "false";
  values["data.augment.crop"] = std::to_string(data.augment.crop);
  if (data.kind == DataKind::text) {
    values["data.length"] = std::to_string(data.length);
    values["data.validation"] = real(data.validation);
  }
  if (data.kind == DataKind::synthetic) {
    values["data.shape"] = ridgeline::to_string(data.shape);
    values["data.classes"] = std::to_string(data.classes);
    values["data.samples"] = std::to_string(data.samples);
    values["data.seed"] = std::to_string(data.seed);
  }
  values["network.precision"] = to_string(network.precision);
  values["network.gemm"] = to_string(network.gemm);
  values["network.initialization"] = to_string(network.initialization);
  values["network.layer"] = std::to_string(network.layers.size()) + " layers";
  for (std::size_t i = 0; i < network.layers.size(); ++i) {
    for (const auto& [key, value] : flatten(network.layers[i])) {
      values["network.layer." + std::to_string(i) + "." + key] = value;
    }
  }
  values["train.batch"] = std::to_string(train.batch);
  values["train.loss"] = to_string(train.loss);
  values["train.label_smoothing"] = real(train.label_smoothing);
  values["train.seed"] = std::to_string(train.seed);
  values["train.shuffle_seed"] = std::to_string(train.shuffle_seed);
  values["train.optimizer.kind"] = to_string(train.optimizer.kind);
  values["train.optimizer.learning_rate"] = real(train.optimizer.learning_rate);
  values["train.optimizer.momentum"] = real(train.optimizer.momentum);
  values["train.optimizer.nesterov"] = train.optimizer.nesterov ? "true" : "false";
  values["train.optimizer.weight_decay"] = real(train.optimizer.weight_decay);
  values["train.optimizer.beta1"] = real(train.optimizer.beta1);
  values["train.optimizer.beta2"] = real(train.optimizer.beta2);
  values["train.optimizer.alpha"] = real(train.optimizer.alpha);
  values["train.optimizer.epsilon"] = real(train.optimizer.epsilon);
  values["train.schedule.kind"] = to_string(train.schedule.kind);
  values["train.schedule.final"] = real(train.schedule.final_rate);
  values["train.schedule.every"] = std::to_string(train.schedule.every);
  values["train.schedule.factor"] = real(train.schedule.factor);
  values["train.schedule.warmup_steps"] = std::to_string(train.schedule.warmup_steps);
  values["train.clip_norm"] = train.clip_norm ? real(*train.clip_norm) : "none";
  if (train.early_stop) {
    values["train.early_stop.metric"] = to_string(train.early_stop->metric);
    values["train.early_stop.patience"] = std::to_string(train.early_stop->patience);
  }
  return values;
}

namespace {

/// Returns the section of a path of values_fixed_on_resume(), and the remainder of the path.
std::pair<OptionTable, std::string> section_of(const Deck& deck, const std::string& path) {
  const std::size_t dot = path.find('.');
  const std::string section = path.substr(0, dot);
  const std::string keys = path.substr(dot + 1);
  if (section == "data") return {deck.data.table, keys};
  if (section == "network") return {deck.network.table, keys};
  return {deck.train.table, keys};
}

/// Sort key: outer tables first, and `kind` before the keys that depend on it.
std::tuple<std::string, bool, std::string> order_of(const std::string& path) {
  const std::size_t dot = path.rfind('.');
  const std::string key = path.substr(dot + 1);
  return {path.substr(0, dot), key != "kind", key};
}

/// Returns the first difference of two decks among the paths that are `compared`: "FILE:LINE: PATH
/// is MINE, but OTHER in the checkpoint's deck".
template <class Compared>
std::optional<std::string> first_difference(const Deck& deck, const Deck& checkpoint_deck,
                                            const Compared& compared) {
  const auto ours = deck.values_fixed_on_resume();
  const auto theirs = checkpoint_deck.values_fixed_on_resume();
  std::vector<std::string> paths;
  for (const auto& [path, value] : ours) paths.push_back(path);
  for (const auto& [path, value] : theirs) {
    if (ours.count(path) == 0) paths.push_back(path);
  }
  std::sort(paths.begin(), paths.end(),
            [](const std::string& a, const std::string& b) { return order_of(a) < order_of(b); });
  for (const std::string& path : paths) {
    if (!compared(path)) continue;
    const auto mine = ours.find(path);
    const auto other = theirs.find(path);
    if (mine != ours.end() && other != theirs.end() && mine->second == other->second) continue;
    const auto [section, keys] = section_of(deck, path);
    const auto [table, key] = locate(section, keys);
    const auto shown = [&](const auto& found, const auto& values) {
      return found == values.end() ? std::string("not given") : found->second;
    };
    return table.place(key) + ": " + table.path(key) + " is " + shown(mine, ours) + ", but " +
           shown(other, theirs) + " in the checkpoint's deck";
  }
  return {};
}

}  // namespace

std::optional<std::string> Deck::difference_that_forbids_resume(const Deck& checkpoint_deck) const {
  std::optional<std::string> difference =
      first_difference(*this, checkpoint_deck, [](const std::string&) { return true; });
  if (difference) {
    *difference +=
        "; resuming may change only epochs, stop_after_steps and on_nonfinite of [train], paths, "
        "[checkpoint], [run] and [verify]";
  }
  return difference;
}

std::optional<std::string> Deck::difference_in_inputs(const Deck& checkpoint_deck) const {
  return first_difference(*this, checkpoint_deck,
                          [](const std::string& path) { return path == "data.normalize"; });
}

}  // namespace ridgeline::config
