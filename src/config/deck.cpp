#include "config/deck.hpp"

#include <algorithm>
#include <cmath>

#include "config/document.hpp"
#include "config/duration.hpp"
#include "core/error.hpp"
#include "core/text.hpp"
#include "io/file.hpp"

namespace ridgeline::config {
namespace {

constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kMostBatch = 1 << 20;
constexpr std::int64_t kMostSamples = std::int64_t{1} << 31;
constexpr std::int64_t kMostClasses = 1 << 16;
constexpr std::int64_t kMostLength = 1 << 24;
constexpr std::int64_t kMostCrop = 1 << 15;
constexpr std::int64_t kMostKept = 1000000;

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

/// Returns a path from the deck, which must be a valid file name.
std::string plain_path(const OptionTable& table, const std::string& key, const std::string& path) {
  if (path.empty()) table.fail(key, table.path(key) + " must not be empty");
  if (has_control_character(path)) {
    table.fail(key, table.path(key) + " must not hold control characters, unlike \"" + path + "\"");
  }
  return path;
}

/// Returns a path of the deck, resolved against the deck's folder.
std::string checked_path(const OptionTable& table, const std::string& path,
                         const std::string& folder) {
  return resolved(plain_path(table, "path", path), folder);
}

/// Returns whether a section differs between two documents.
bool differs(const toml::table& a, const toml::table& b, const char* section) {
  const toml::table* const first = a[section].as_table();
  const toml::table* const second = b[section].as_table();
  if (first == nullptr || second == nullptr) return first != second;
  return *first != *second;
}

OptionTable require_section(const OptionTable& root, const std::string& key,
                            const std::string& needs) {
  if (!root.has(key)) root.fail("", "has no [" + key + "] section; it needs " + needs);
  return root.table(key);
}

DataOptions read_data(const OptionTable& table, const std::string& folder) {
  DataOptions data;
  data.table = table;
  data.kind = table.choice<DataKind>("kind", {{"idx", DataKind::idx},
                                              {"hdf5", DataKind::hdf5},
                                              {"text", DataKind::text},
                                              {"synthetic", DataKind::synthetic}});
  data.shuffle = table.boolean("shuffle", true);
  if (data.kind == DataKind::text) {
    for (const std::string& path : table.strings("path"))
      data.paths.push_back(checked_path(table, path, folder));
    data.length = table.integer("length", 1, kMostLength);
    data.validation = table.real("validation", Range::half_open(0.0, 1.0), 0.1);
    table.finish();
    return data;
  }
  data.target_is_input = table.has("target") && !table.one_of("target", {"input"}).empty();
  if (const auto augment = table.optional_table("augment")) {
    data.augment.flip = augment->boolean("flip", false);
    data.augment.crop = augment->integer("crop", 0, kMostCrop, 0);
    augment->finish();
  }
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
    data.path = checked_path(table, table.string("path"), folder);
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
  optimizer.kind = table.choice<OptimizerKind>("kind", {{"sgd", OptimizerKind::sgd},
                                                        {"adam", OptimizerKind::adam},
                                                        {"adamw", OptimizerKind::adamw},
                                                        {"rmsprop", OptimizerKind::rmsprop}});
  const bool adam = optimizer.kind == OptimizerKind::adam || optimizer.kind == OptimizerKind::adamw;
  const Range share = Range::half_open(0.0, 1.0);
  optimizer.learning_rate = table.real("learning_rate", Range::at_least(0.0));
  if (adam) {
    optimizer.beta1 = table.real("beta1", share, optimizer.beta1);
    optimizer.beta2 = table.real("beta2", share, optimizer.beta2);
  } else {
    optimizer.momentum = table.real("momentum", share, 0.0);
  }
  if (optimizer.kind == OptimizerKind::rmsprop) {
    optimizer.alpha = table.real("alpha", share, optimizer.alpha);
  }
  if (optimizer.kind == OptimizerKind::sgd) {
    optimizer.nesterov = table.boolean("nesterov", false);
    if (optimizer.nesterov && optimizer.momentum == 0.0) {
      table.fail("nesterov", table.path("nesterov") + " needs a momentum above 0");
    }
  } else {
    optimizer.epsilon = table.real("epsilon", Range::epsilon(), optimizer.epsilon);
  }
  optimizer.weight_decay = table.real("weight_decay", Range::at_least(0.0),
                                      optimizer.kind == OptimizerKind::adamw ? 0.01 : 0.0);
  table.finish();
  return optimizer;
}

ScheduleOptions read_schedule(const OptionTable& table) {
  ScheduleOptions schedule;
  schedule.kind = table.choice<ScheduleKind>("kind", {{"constant", ScheduleKind::constant},
                                                      {"step", ScheduleKind::step},
                                                      {"cosine", ScheduleKind::cosine}});
  schedule.warmup_steps = table.integer("warmup_steps", 0, kMost, 0);
  if (schedule.kind == ScheduleKind::cosine) {
    schedule.final_rate = table.real("final", Range::at_least(0.0), 0.0);
  } else if (schedule.kind == ScheduleKind::step) {
    schedule.every = table.integer("every", 1, kMost);
    schedule.factor = table.real("factor", Range::positive());
  }
  table.finish();
  return schedule;
}

/// Accuracy is defined only for classes.
void require_metric_of_loss(const OptionTable& table, Metric metric, Loss loss) {
  if (metric != Metric::test_accuracy || loss == Loss::cross_entropy) return;
  table.fail("metric", table.path("metric") +
                           " = \"test_accuracy\" needs loss = \"cross_entropy\"; "
                           "use \"test_loss\"");
}

EarlyStop read_early_stop(const OptionTable& table, Loss loss) {
  EarlyStop stop;
  stop.metric = table.choice<Metric>("metric", {{"test_loss", Metric::test_loss},
                                                {"test_accuracy", Metric::test_accuracy},
                                                {"train_loss", Metric::train_loss}});
  stop.patience = table.integer("patience", 1, kMost);
  require_metric_of_loss(table, stop.metric, loss);
  table.finish();
  return stop;
}

TrainOptions read_train(const OptionTable& table) {
  TrainOptions train;
  train.table = table;
  train.epochs = table.integer("epochs", 1, 1000000000);
  train.batch = table.integer("batch", 1, kMostBatch);
  train.loss = table.choice<Loss>("loss", {{"cross_entropy", Loss::cross_entropy},
                                           {"mse", Loss::mse},
                                           {"binary_cross_entropy", Loss::binary_cross_entropy}});
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
  train.on_nonfinite = table.choice<OnNonfinite>(
      "on_nonfinite", {{"stop", OnNonfinite::stop}, {"skip", OnNonfinite::skip}}, "stop");
  train.optimizer = read_optimizer(table.table("optimizer"));
  if (const auto schedule = table.optional_table("schedule")) {
    train.schedule = read_schedule(*schedule);
  }
  if (table.has("clip_norm")) train.clip_norm = table.real("clip_norm", Range::positive());
  if (const auto stop = table.optional_table("early_stop")) {
    train.early_stop = read_early_stop(*stop, train.loss);
  }
  table.finish();
  return train;
}

CheckpointOptions read_checkpoint(const std::optional<OptionTable>& table,
                                  const std::string& stem) {
  CheckpointOptions checkpoint;
  checkpoint.path = stem + ".h5";
  if (!table) return checkpoint;
  checkpoint.table = *table;
  checkpoint.path = plain_path(*table, "path", table->string("path", checkpoint.path));
  checkpoint.every_steps = table->integer("every_steps", 0, kMost, 0);
  checkpoint.every_epochs =
      table->integer("every_epochs", 0, kMost, checkpoint.every_steps > 0 ? 0 : 1);
  if (table->has("keep")) checkpoint.keep = table->integer("keep", 1, kMostKept);
  table->finish();
  return checkpoint;
}

RunOptions read_run(const std::optional<OptionTable>& table) {
  RunOptions run;
  if (!table) return run;
  if (table->has("stop_after")) {
    const std::string text = table->string("stop_after");
    run.stop_after = parse_duration(text);
    if (!run.stop_after) {
      table->fail("stop_after", table->path("stop_after") + " must be " + kDurationDescription +
                                    ", not \"" + text + "\"");
    }
  }
  table->finish();
  return run;
}

VerifyOptions read_verify(const OptionTable& table, Loss loss) {
  VerifyOptions verify;
  verify.table = table;
  // Marks them as known even if an earlier key is invalid: see refuse_misplaced().
  for (const char* bound : {"at_least", "at_most"}) table.has(bound);
  verify.metric = table.choice<Metric>(
      "metric", {{"test_accuracy", Metric::test_accuracy}, {"test_loss", Metric::test_loss}});
  if (table.has("at_least")) verify.at_least = table.real("at_least", Range::any());
  if (table.has("at_most")) verify.at_most = table.real("at_most", Range::any());
  if (verify.at_least.has_value() == verify.at_most.has_value()) {
    table.fail(verify.at_least ? "at_most" : "", "[verify] needs one of at_least and at_most");
  }
  require_metric_of_loss(table, verify.metric, loss);
  table.finish();
  return verify;
}

/// Calls `read` for a section, or an empty one, to collect the keys that it requests.
template <class Read>
void request_keys(const OptionTable& root, const char* section, const Read& read) {
  static const toml::table kEmpty;
  auto state = std::make_shared<OptionTable::State>();
  state->document = root.state()->document;
  const toml::table* const found = (*root.state()->table)[section].as_table();
  state->table = found != nullptr ? found : &kEmpty;
  state->path = {section};
  try {
    read(OptionTable(state));
  } catch (const RequestError&) {  // reported later
  }
}

/// Marks every key of every section as requested in the document.
void request_all_keys(const OptionTable& root) {
  request_keys(root, "data", [](const OptionTable& table) { read_data(table, {}); });
  request_keys(root, "network", read_network);
  request_keys(root, "train", read_train);
  request_keys(root, "checkpoint",
               [](const OptionTable& table) { read_checkpoint(table, "deck"); });
  request_keys(root, "run", read_run);
  request_keys(root, "verify",
               [](const OptionTable& table) { read_verify(table, Loss::cross_entropy); });
}

/// Throws if a key of a section is at the top level, as after `--set epochs=2`.
void refuse_misplaced(const OptionTable& root) {
  const std::vector<std::string> sections(root.state()->requested.begin(),
                                          root.state()->requested.end());
  const auto leaf = [](const std::string& path) { return path.substr(path.rfind('.') + 1); };
  for (const std::string& key : root.keys()) {
    if (root.state()->requested.count(key) != 0) continue;
    request_all_keys(root);
    std::vector<std::string> leaves;
    for (const std::string& path : root.state()->document->requested) leaves.push_back(leaf(path));
    std::string meant = key;
    if (std::find(leaves.begin(), leaves.end(), key) == leaves.end()) {
      if (!nearest(key, sections).empty()) continue;
      meant = nearest(key, leaves);
    }
    std::string paths;
    for (const std::string& path : root.state()->document->requested) {
      if (leaf(path) == meant) paths += (paths.empty() ? "\"" : " or \"") + path + "\"";
    }
    if (!paths.empty()) {
      root.fail(key, "unknown key \"" + key + "\" in the deck, did you mean " + paths + "?");
    }
  }
}

/// Checks that involve several sections.
void check_together(const Deck& deck) {
  const DataOptions& data = deck.data;
  const bool values = data.target_is_input;
  const std::string loss = std::string("train.loss = \"") + to_string(deck.train.loss) + "\"";
  if (deck.train.loss == Loss::cross_entropy) {
    if (values) {
      deck.train.table.fail("loss", loss +
                                        " needs class labels, which data.target = \"input\" "
                                        "does not provide; use \"mse\"");
    }
  } else if (data.kind == DataKind::text) {
    deck.train.table.fail("loss", loss +
                                      " needs values as targets, and text data has characters; "
                                      "use \"cross_entropy\"");
  } else if (!values && data.kind != DataKind::hdf5) {
    deck.train.table.fail("loss", loss + " needs values as targets, and " + to_string(data.kind) +
                                      " data has class labels; use \"cross_entropy\", or "
                                      "data.target = \"input\"");
  }
  if (data.augment.any() && data.kind == DataKind::synthetic && data.shape.size() != 3) {
    data.table.fail("augment",
                    "data.augment needs images, [channels, height, width], and not "
                    "samples of shape " +
                        ridgeline::to_string(data.shape));
  }
}

}  // namespace

Deck Deck::load(const std::string& path, const std::vector<std::string>& sets,
                std::optional<std::uint64_t> seed) {
  return parse(io::read_text(path, kMostDeckBytes), path, folder_of(path), sets, seed);
}

Deck Deck::parse(const std::string& text, const std::string& name, const std::string& folder,
                 const std::vector<std::string>& sets, std::optional<std::uint64_t> seed) {
  auto document = std::make_shared<Document>(parse_document(text, name));
  const toml::table in_file = document->root;
  for (const std::string& set : sets) apply_set(*document, set);
  if (seed) override_value(*document, "train.seed", std::to_string(*seed), "--seed");

  Deck deck;
  deck.name = name;
  for (const char* section : {"data", "network", "train"}) {
    deck.trains_otherwise |= differs(in_file, document->root, section);
  }
  deck.text_ = document->overrides.empty() ? text : to_toml(*document);
  const OptionTable root = root_table(document);
  deck.title = root.string("title", stem_of(name));
  if (root.has("title") && has_control_character(deck.title)) {
    root.fail("title", "title must not hold control characters, unlike \"" + deck.title + "\"");
  }
  for (const char* section : {"data", "network", "train", "checkpoint", "run", "verify"}) {
    root.has(section);
  }
  refuse_misplaced(root);
  root.finish();
  deck.data = read_data(
      require_section(root, "data", "kind = \"idx\", \"hdf5\", \"text\" or \"synthetic\""), folder);
  deck.network = read_network(require_section(root, "network", "at least one [[network.layer]]"));
  deck.train = read_train(require_section(root, "train", "epochs, batch, loss and optimizer"));
  deck.checkpoint = read_checkpoint(root.optional_table("checkpoint"), stem_of(name));
  deck.run = read_run(root.optional_table("run"));
  if (const auto verify = root.optional_table("verify")) {
    deck.verify = read_verify(*verify, deck.train.loss);
  }
  deck.data.precision = deck.network.precision;
  deck.data.targets_are_probabilities = deck.train.loss == Loss::binary_cross_entropy;
  check_together(deck);
  return deck;
}

}  // namespace ridgeline::config
