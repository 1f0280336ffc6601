#include "config/sections.hpp"

#include "config/duration.hpp"
#include "core/text.hpp"

// Every section except [train].

namespace ridgeline::config {
namespace {

constexpr std::int64_t kMostSamples = std::int64_t{1} << 31;
constexpr std::int64_t kMostClasses = 1 << 16;
constexpr std::int64_t kMostLength = 1 << 24;
constexpr std::int64_t kMostCrop = 1 << 15;
constexpr std::int64_t kMostKept = 1000000;

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

/// Reads the keys of kind = "text".
void read_text_data(const OptionTable& table, const std::string& folder, DataOptions& data) {
  const Key path = {"path", "Text files, relative to the deck's folder."};
  for (const std::string& file : table.strings(path)) {
    data.paths.push_back(checked_path(table, file, folder));
  }
  data.length = table.integer({"length", "Number of characters of a sample."}, 1, kMostLength);
  data.validation =
      table.real({"validation", "Fraction of each file, at its end, that is the test set."},
                 Range::half_open(0.0, 1.0), 0.1);
}

Augmentation read_augment(const OptionTable& table) {
  Augmentation augment;
  augment.flip = table.boolean({"flip", "Mirrors images left to right at random."}, false);
  augment.crop =
      table.integer({"crop", "Maximum number of pixels by which an image is shifted at random."}, 0,
                    kMostCrop, 0);
  table.finish();
  return augment;
}

Normalization read_normalize(const OptionTable& table) {
  Normalization normalize;
  normalize.mean = table.real({"mean", "Value that is subtracted from the inputs."}, Range::any());
  normalize.standard_deviation =
      table.real({"std", "Value by which the differences are divided."}, Range::positive());
  table.finish();
  return normalize;
}

/// Reads the keys of kind = "synthetic".
void read_synthetic_data(const OptionTable& table, DataOptions& data) {
  data.shape.clear();
  for (const std::int64_t n :
       table.integers({"shape", "Shape of a sample."}, 1, std::int64_t{1} << 24, {784})) {
    data.shape.push_back(static_cast<std::size_t>(n));
  }
  data.classes = table.integer({"classes", "Number of classes."}, 2, kMostClasses, 10);
  data.samples =
      table.integer({"samples", "Number of training samples; the test set has a fifth of it."}, 1,
                    kMostSamples, 10000);
  data.seed = static_cast<std::uint64_t>(
      table.integer({"seed", "Seed of the generated samples."}, 0, kMostInteger, 1));
}

}  // namespace

DataOptions read_data(const OptionTable& table, const std::string& folder) {
  DataOptions data;
  data.table = table;
  data.kind = table.choice<DataKind>({"kind", "Format of the data; synthetic data are generated."},
                                     {{"idx", DataKind::idx},
                                      {"hdf5", DataKind::hdf5},
                                      {"text", DataKind::text},
                                      {"synthetic", DataKind::synthetic}});
  data.shuffle =
      table.boolean({"shuffle", "Shuffles the training samples before every epoch."}, true);
  if (data.kind == DataKind::text) {
    read_text_data(table, folder, data);
    table.finish();
    return data;
  }
  data.target_is_input =
      table.has("target") &&
      !table.one_of({"target", "Uses the inputs as targets too: an autoencoder."}, {"input"})
           .empty();
  if (const auto augment =
          table.optional_table({"augment", "Random changes of the training images."})) {
    data.augment = read_augment(*augment);
  }
  if (data.kind == DataKind::synthetic) {
    read_synthetic_data(table, data);
  } else {
    const Key path = {"path",
                      "Folder of the idx files, or the HDF5 file, relative to the deck's folder."};
    data.path = checked_path(table, table.string(path), folder);
    if (const auto normalize =
            table.optional_table({"normalize", "Normalisation of the inputs."})) {
      data.normalize = read_normalize(*normalize);
    }
  }
  table.finish();
  return data;
}

NetworkOptions read_network(const OptionTable& table) {
  NetworkOptions network;
  network.table = table;
  network.precision = table.choice<Precision>(
      {"precision", "Type of parameters, activations and gradients."},
      {{"float32", Precision::float32}, {"float64", Precision::float64}}, "float32");
  network.gemm = table.choice<Gemm>(
      {"gemm", "Implementation of matrix products: Ridgeline's, or that of Kokkos Kernels."},
      {{"native", Gemm::native}, {"kokkos_kernels", Gemm::kokkos_kernels}}, "native");
  network.initialization = table.choice<Initialization>(
      {"initialization",
       "Distribution of initial weights; the default is PyTorch's of each layer."},
      {{"default", Initialization::standard},
       {"kaiming_normal", Initialization::kaiming_normal},
       {"xavier_uniform", Initialization::xavier_uniform}},
      "default");
  network.layers =
      table.tables({"layer", "The layers, in the order in which the samples pass them."});
  if (network.layers.empty()) {
    table.fail("layer", "the network has no layers; it needs at least one [[network.layer]]");
  }
  table.finish();
  return network;
}

CheckpointOptions read_checkpoint(const std::optional<OptionTable>& table,
                                  const std::string& stem) {
  CheckpointOptions checkpoint;
  checkpoint.path = stem + ".h5";
  if (!table) return checkpoint;
  checkpoint.table = *table;
  const Key path = {
      "path",
      "File of the checkpoint, relative to --output; DECK stands for the name of the deck's file.",
      "\"DECK.h5\""};
  checkpoint.path = plain_path(*table, path.name, table->string(path, checkpoint.path));
  checkpoint.every_steps = table->integer(
      {"every_steps", "Steps between checkpoints; 0 writes none."}, 0, kMostInteger, 0);
  checkpoint.every_epochs = table->integer(
      {"every_epochs",
       "Epochs between checkpoints; 0 writes none, and is the default with every_steps.", "1 or 0"},
      0, kMostInteger, checkpoint.every_steps > 0 ? 0 : 1);
  if (table->has("keep")) {
    checkpoint.keep = table->integer({"keep",
                                      "Number of the newest checkpoints that are kept, in files "
                                      "numbered by step; otherwise one file is replaced."},
                                     1, kMostKept);
  }
  table->finish();
  return checkpoint;
}

RunOptions read_run(const std::optional<OptionTable>& table) {
  RunOptions run;
  if (!table) return run;
  if (table->has("stop_after")) {
    const std::string text = table->string(
        {"stop_after",
         "Time since the start of the process, such as 23h50m, after which the run writes a "
         "checkpoint and exits with 75."});
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
      {"metric", "Metric that is compared with the bound at the end of the run."},
      {{"test_accuracy", Metric::test_accuracy}, {"test_loss", Metric::test_loss}});
  if (table.has("at_least")) {
    verify.at_least = table.real(
        {"at_least", "Smallest accepted value; one of the two bounds is required."}, Range::any());
  }
  if (table.has("at_most")) {
    verify.at_most = table.real(
        {"at_most", "Largest accepted value; one of the two bounds is required."}, Range::any());
  }
  if (verify.at_least.has_value() == verify.at_most.has_value()) {
    table.fail(verify.at_least ? "at_most" : "", "[verify] needs one of at_least and at_most");
  }
  require_metric_of_loss(table, verify.metric, loss);
  table.finish();
  return verify;
}

}  // namespace ridgeline::config
