#include "config/deck.hpp"

#include <cmath>

#include "config/document.hpp"
#include "core/error.hpp"
#include "io/file.hpp"

namespace ridgeline::config {
namespace {

constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kMostBatch = 1 << 20;
constexpr std::int64_t kMostSamples = std::int64_t{1} << 31;
constexpr std::int64_t kMostClasses = 1 << 16;

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.find_last_of('/');
  return slash == std::string::npos ? std::string() : path.substr(0, slash + 1);
}

std::string stem_of(const std::string& path) {
  const std::string file = path.substr(folder_of(path).size());
  const std::size_t dot = file.find_last_of('.');
  return dot == std::string::npos || dot == 0 ? file : file.substr(0, dot);
}

std::string resolved(const std::string& path, const std::string& folder) {
  if (folder.empty() || path.front() == '/') return path;
  return folder.back() == '/' ? folder + path : folder + "/" + path;
}

OptionTable require_section(const OptionTable& root, const std::string& key,
                            const std::string& needs) {
  if (!root.has(key)) root.fail("", "has no [" + key + "] section; it needs " + needs);
  return root.table(key);
}

DataOptions read_data(const OptionTable& table, const std::string& folder) {
  DataOptions data;
  data.table = table;
  data.kind = table.choice<DataKind>(
      "kind",
      {{"idx", DataKind::idx}, {"hdf5", DataKind::hdf5}, {"synthetic", DataKind::synthetic}}, {},
      {"text"});
  data.shuffle = table.boolean("shuffle", true);
  data.target_is_input = table.has("target") && !table.one_of("target", {"input"}).empty();
  table.refuse_unsupported("augment");
  if (data.kind == DataKind::synthetic) {
    data.shape = {784};
    if (table.has("shape")) {
      data.shape.clear();
      for (const std::int64_t n : table.integers("shape", 1, std::int64_t{1} << 24)) {
        data.shape.push_back(static_cast<std::size_t>(n));
      }
    }
    data.classes = table.integer("classes", 2, kMostClasses, 10);
    data.samples = table.integer("samples", 1, kMostSamples, 10000);
    data.seed = static_cast<std::uint64_t>(table.integer("seed", 0, kMost, 1));
  } else {
    data.path = table.string("path");
    if (data.path.empty()) table.fail("path", "data.path must not be empty");
    data.path = resolved(data.path, folder);
    if (const auto normalize = table.optional_table("normalize")) {
      data.normalize = Normalization{normalize->real("mean", Range::any()),
                                     normalize->real("std", Range::positive())};
      normalize->finish();
    }
  }
  table.finish();
  return data;
}

NetworkOptions read_network(const OptionTable& table) {
  NetworkOptions network;
  network.table = table;
  network.precision = table.choice<Precision>(
      "precision", {{"float32", Precision::float32}, {"float64", Precision::float64}}, "float32");
  network.gemm = table.choice<Gemm>(
      "gemm", {{"native", Gemm::native}, {"kokkos_kernels", Gemm::kokkos_kernels}}, "native");
  network.initialization =
      table.choice<Initialization>("initialization",
                                   {{"default", Initialization::standard},
                                    {"kaiming_normal", Initialization::kaiming_normal},
                                    {"xavier_uniform", Initialization::xavier_uniform}},
                                   "default");
  network.layers = table.tables("layer");
  if (network.layers.empty()) {
    table.fail("layer", "the network has no layers; it needs at least one [[network.layer]]");
  }
  table.finish();
  return network;
}

Optimizer read_optimizer(const OptionTable& table) {
  Optimizer optimizer;
  optimizer.kind = table.choice<OptimizerKind>("kind", {{"sgd", OptimizerKind::sgd}}, {},
                                               {"adam", "adamw", "rmsprop"});
  optimizer.learning_rate = table.real("learning_rate", Range::at_least(0.0));
  optimizer.momentum = table.real("momentum", Range::half_open(0.0, 1.0), 0.0);
  optimizer.nesterov = table.boolean("nesterov", false);
  optimizer.weight_decay = table.real("weight_decay", Range::at_least(0.0), 0.0);
  if (optimizer.nesterov && optimizer.momentum == 0.0) {
    table.fail("nesterov", table.path("nesterov") + " needs a momentum above 0");
  }
  table.finish();
  return optimizer;
}

ScheduleOptions read_schedule(const OptionTable& table) {
  ScheduleOptions schedule;
  schedule.kind = table.choice<ScheduleKind>(
      "kind", {{"constant", ScheduleKind::constant}, {"cosine", ScheduleKind::cosine}}, {},
      {"step"});
  schedule.warmup_steps = table.integer("warmup_steps", 0, kMost, 0);
  if (schedule.kind == ScheduleKind::cosine) {
    schedule.final_rate = table.real("final", Range::at_least(0.0), 0.0);
  }
  table.finish();
  return schedule;
}

TrainOptions read_train(const OptionTable& table) {
  TrainOptions train;
  train.table = table;
  train.epochs = table.integer("epochs", 1, 1000000000);
  train.batch = table.integer("batch", 1, kMostBatch);
  train.loss =
      table.choice<Loss>("loss", {{"cross_entropy", Loss::cross_entropy}, {"mse", Loss::mse}}, {},
                         {"binary_cross_entropy"});
  train.label_smoothing = table.real("label_smoothing", Range::half_open(0.0, 1.0), 0.0);
  if (table.has("label_smoothing") && train.loss != Loss::cross_entropy) {
    table.fail("label_smoothing", "train.label_smoothing goes only with loss = \"cross_entropy\"");
  }
  train.seed = static_cast<std::uint64_t>(table.integer("seed", 0, kMost, 1));
  train.shuffle_seed = static_cast<std::uint64_t>(
      table.integer("shuffle_seed", 0, kMost, static_cast<std::int64_t>(train.seed)));
  if (table.has("stop_after_steps")) {
    train.stop_after_steps = table.integer("stop_after_steps", 1, kMost);
  }
  train.optimizer = read_optimizer(table.table("optimizer"));
  if (const auto schedule = table.optional_table("schedule")) {
    train.schedule = read_schedule(*schedule);
  }
  table.refuse_unsupported("clip_norm");
  table.refuse_unsupported("early_stop");
  table.finish();
  return train;
}

CheckpointOptions read_checkpoint(const std::optional<OptionTable>& table,
                                  const std::string& stem) {
  CheckpointOptions checkpoint;
  checkpoint.path = stem + ".h5";
  if (!table) return checkpoint;
  checkpoint.path = table->string("path", checkpoint.path);
  if (checkpoint.path.empty()) table->fail("path", "checkpoint.path must not be empty");
  checkpoint.every_steps = table->integer("every_steps", 0, kMost, 0);
  checkpoint.every_epochs =
      table->integer("every_epochs", 0, kMost, checkpoint.every_steps > 0 ? 0 : 1);
  table->finish();
  return checkpoint;
}

VerifyOptions read_verify(const OptionTable& table) {
  VerifyOptions verify;
  verify.metric = table.choice<Metric>(
      "metric", {{"test_accuracy", Metric::test_accuracy}, {"test_loss", Metric::test_loss}});
  if (table.has("at_least")) verify.at_least = table.real("at_least", Range::any());
  if (table.has("at_most")) verify.at_most = table.real("at_most", Range::any());
  if (verify.at_least.has_value() == verify.at_most.has_value()) {
    table.fail(verify.at_least ? "at_most" : "", "[verify] needs one of at_least and at_most");
  }
  table.finish();
  return verify;
}

/// Checks that no section can make alone.
void check_together(const Deck& deck) {
  const DataOptions& data = deck.data;
  const bool values = data.target_is_input;
  if (deck.train.loss == Loss::cross_entropy && values) {
    deck.train.table.fail("loss",
                          "train.loss = \"cross_entropy\" needs class labels, which "
                          "data.target = \"input\" does not give; use \"mse\"");
  }
  if (deck.train.loss == Loss::mse && !values && data.kind != DataKind::hdf5) {
    deck.train.table.fail("loss",
                          std::string("train.loss = \"mse\" needs values as targets, and ") +
                              to_string(data.kind) +
                              " data has class labels; use \"cross_entropy\", or "
                              "data.target = \"input\"");
  }
}

/// What a resumed run must share with the checkpoint's, by path. Paths of layers hold indices.
std::map<std::string, std::string> identity_of(const Deck& deck) {
  std::map<std::string, std::string> values;
  const auto real = [](double value) {
    char text[40];
    std::snprintf(text, sizeof text, "%.17g", value);
    return std::string(text);
  };
  const DataOptions& data = deck.data;
  values["data.kind"] = to_string(data.kind);
  values["data.shuffle"] = data.shuffle ? "true" : "false";
  values["data.target"] = data.target_is_input ? "\"input\"" : "none";
  values["data.normalize"] = data.normalize ? "mean " + real(data.normalize->mean) + ", std " +
                                                  real(data.normalize->standard_deviation)
                                            : "none";
  if (data.kind == DataKind::synthetic) {
    values["data.shape"] = ridgeline::to_string(data.shape);
    values["data.classes"] = std::to_string(data.classes);
    values["data.samples"] = std::to_string(data.samples);
    values["data.seed"] = std::to_string(data.seed);
  }
  const NetworkOptions& network = deck.network;
  values["network.precision"] = to_string(network.precision);
  values["network.gemm"] = to_string(network.gemm);
  values["network.initialization"] = to_string(network.initialization);
  values["network.layer"] = std::to_string(network.layers.size()) + " layers";
  for (std::size_t i = 0; i < network.layers.size(); ++i) {
    for (const auto& [key, value] : flatten(network.layers[i])) {
      values["network.layer." + std::to_string(i) + "." + key] = value;
    }
  }
  const TrainOptions& train = deck.train;
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
  values["train.schedule.kind"] = to_string(train.schedule.kind);
  values["train.schedule.final"] = real(train.schedule.final_rate);
  values["train.schedule.warmup_steps"] = std::to_string(train.schedule.warmup_steps);
  return values;
}

/// The table and the key in it that a path of identity_of means, for places in messages.
std::pair<OptionTable, std::string> find_key(const Deck& deck, const std::string& path) {
  const std::string layer = "network.layer.";
  if (path.compare(0, layer.size(), layer) == 0) {
    const std::size_t dot = path.find('.', layer.size());
    const std::size_t index = std::stoul(path.substr(layer.size(), dot - layer.size()));
    if (index < deck.network.layers.size()) {
      return {deck.network.layers[index], path.substr(dot + 1)};
    }
    return {deck.network.table, "layer"};
  }
  const std::size_t dot = path.find('.');
  const std::string section = path.substr(0, dot);
  const std::string key = path.substr(dot + 1);
  if (section == "data") return {deck.data.table, key};
  if (section == "network") return {deck.network.table, key};
  return {deck.train.table, key};
}

}  // namespace

Deck Deck::load(const std::string& path, const std::vector<std::string>& sets,
                std::optional<std::uint64_t> seed) {
  return parse(io::read_text(path), path, folder_of(path), sets, seed);
}

Deck Deck::parse(const std::string& text, const std::string& name, const std::string& folder,
                 const std::vector<std::string>& sets, std::optional<std::uint64_t> seed) {
  auto document = std::make_shared<Document>(parse_document(text, name));
  for (const std::string& set : sets) apply_set(*document, set);
  if (seed) override_value(*document, "train.seed", std::to_string(*seed), "--seed");

  Deck deck;
  deck.name = name;
  deck.text_ = document->overrides.empty() ? text : to_toml(*document);
  const OptionTable root = root_table(document);
  deck.title = root.string("title", stem_of(name));
  for (const char* section : {"data", "network", "train", "checkpoint", "verify"})
    root.has(section);
  root.finish();
  deck.data =
      read_data(require_section(root, "data", "kind = \"idx\", \"hdf5\" or \"synthetic\""), folder);
  deck.network = read_network(require_section(root, "network", "at least one [[network.layer]]"));
  deck.train = read_train(require_section(root, "train", "epochs, batch, loss and optimizer"));
  deck.checkpoint = read_checkpoint(root.optional_table("checkpoint"), stem_of(name));
  if (const auto verify = root.optional_table("verify")) {
    deck.verify = read_verify(*verify);
    if (deck.verify->metric == Metric::test_accuracy && deck.train.loss != Loss::cross_entropy) {
      verify->fail("metric",
                   "verify.metric = \"test_accuracy\" needs loss = \"cross_entropy\"; "
                   "use \"test_loss\"");
    }
  }
  check_together(deck);
  return deck;
}

std::optional<std::string> Deck::difference_that_forbids_resume(const Deck& checkpoint_deck) const {
  const auto ours = identity_of(*this);
  const auto theirs = identity_of(checkpoint_deck);
  auto paths = theirs;
  paths.insert(ours.begin(), ours.end());
  for (const auto& [path, unused] : paths) {
    const auto mine = ours.find(path);
    const auto other = theirs.find(path);
    if (mine != ours.end() && other != theirs.end() && mine->second == other->second) continue;
    const auto [table, key] = find_key(*this, path);
    const auto shown = [&](const auto& found, const auto& values) {
      return found == values.end() ? std::string("not given") : found->second;
    };
    return table.place(key) + ": " + table.path(key) + " is " + shown(mine, ours) + ", but " +
           shown(other, theirs) +
           " in the checkpoint's deck; resuming may change only "
           "train.epochs, paths, [checkpoint] and [verify]";
  }
  return {};
}

const char* to_string(DataKind kind) {
  switch (kind) {
    case DataKind::idx:
      return "idx";
    case DataKind::hdf5:
      return "hdf5";
    case DataKind::synthetic:
      return "synthetic";
  }
  return "";
}

const char* to_string(Precision precision) {
  return precision == Precision::float32 ? "float32" : "float64";
}

const char* to_string(Gemm gemm) { return gemm == Gemm::native ? "native" : "kokkos_kernels"; }

const char* to_string(Initialization initialization) {
  switch (initialization) {
    case Initialization::standard:
      return "default";
    case Initialization::kaiming_normal:
      return "kaiming_normal";
    case Initialization::xavier_uniform:
      return "xavier_uniform";
  }
  return "";
}

const char* to_string(Loss loss) { return loss == Loss::cross_entropy ? "cross_entropy" : "mse"; }

const char* to_string(OptimizerKind) { return "sgd"; }

const char* to_string(ScheduleKind kind) {
  return kind == ScheduleKind::constant ? "constant" : "cosine";
}

const char* to_string(Metric metric) {
  return metric == Metric::test_accuracy ? "test_accuracy" : "test_loss";
}

}  // namespace ridgeline::config
