#include "data/hdf5_data.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "data/image_advice.hpp"
#include "data/tokens.hpp"
#include "io/file.hpp"
#include "io/hdf5.hpp"
#include "io/units.hpp"

namespace ridgeline::data {
namespace {

/// Reads a dataset of real numbers as float64 if it is stored as float64, else as float32.
template <class Variant>
void read_reals(const io::Hdf5Reader& reader, const std::string& path, Variant& out) {
  if (reader.element_size(path) > sizeof(double)) {
    reader.fail(path, "holds floating-point numbers of " +
                          std::to_string(8 * reader.element_size(path)) +
                          " bits; float64 is the widest that is read");
  }
  if (reader.element_size(path) == sizeof(double)) {
    out = reader.read<double>(path);
  } else {
    out = reader.read<float>(path);
  }
}

/// Calls `take(i, value)` for integer i of a dataset with `size` integers per sample; reads about a
/// million at a time.
template <class Take>
void for_integers(const io::Hdf5Reader& reader, const std::string& path, std::size_t samples,
                  std::size_t size, const Take& take) {
  constexpr std::size_t kChunk = std::size_t{1} << 20;
  const std::size_t rows = std::max<std::size_t>(1, kChunk / size);
  io::require_memory(8.0 * static_cast<double>(rows) * static_cast<double>(size),
                     reader.file() + ": " + path, "a sample");
  std::vector<std::int64_t> chunk;
  for (std::size_t first = 0; first < samples; first += rows) {
    const std::size_t count = std::min(rows, samples - first);
    chunk.resize(count * size);
    reader.read_rows(path, first, count, chunk.data());
    for (std::size_t i = 0; i < chunk.size(); ++i) take(first * size + i, chunk[i]);
  }
}

/// Reads tokens, `size` per sample, and returns one more than the largest.
std::size_t read_tokens(const io::Hdf5Reader& reader, const std::string& path, std::size_t size,
                        Split& split) {
  // Every token is exactly representable as float32.
  constexpr std::int64_t kMostToken = (std::int64_t{1} << 24) - 1;
  TokenStore tokens;
  tokens.reserve(split.samples * size, reader.file() + ": " + path);
  for_integers(reader, path, split.samples, size, [&](std::size_t i, std::int64_t value) {
    if (value < 0 || value > kMostToken) {
      reader.fail(path, place_in(i, size, "token") + " is " + std::to_string(value) +
                            "; tokens count from 0 to at most " + std::to_string(kMostToken));
    }
    tokens.add(static_cast<std::uint32_t>(value));
  });
  const std::size_t limit = tokens.limit();
  tokens.move_into(split);
  return limit;
}

/// Reads labels, `size` per sample.
std::vector<std::int32_t> read_labels(const io::Hdf5Reader& reader, const std::string& path,
                                      std::size_t samples, std::size_t size) {
  // The number of classes, one more, must be representable too.
  constexpr std::int64_t kMostLabel = (std::int64_t{1} << 31) - 2;
  io::require_memory(4.0 * static_cast<double>(samples) * static_cast<double>(size),
                     reader.file() + ": " + path, "its content");
  std::vector<std::int32_t> labels;
  labels.reserve(samples * size);
  for_integers(reader, path, samples, size, [&](std::size_t i, std::int64_t value) {
    if (value < 0 || value > kMostLabel) {
      reader.fail(path, place_in(i, size, "label") + " is " + std::to_string(value) +
                            "; labels count the classes from 0");
    }
    labels.push_back(static_cast<std::int32_t>(value));
  });
  return labels;
}

/// Kind and shape of one sample of inputs.
struct Inputs {
  Shape shape;
  InputKind kind;
  std::size_t tokens = 0;  ///< one more than the largest; 0 for other kinds
};

std::string description(InputKind kind) {
  switch (kind) {
    case InputKind::values:
      return "values";
    case InputKind::tokens:
      return "tokens";
    default:
      return "uint8 images";
  }
}

/// Reads inputs [samples, shape…] into `split`.
Inputs read_inputs(const io::Hdf5Reader& reader, const std::string& path, Split& split) {
  split.inputs_source = reader.file() + ": " + path;
  Shape shape = reader.shape(path);
  const InputKind kind = input_kind(reader, path);
  if (shape.empty()) reader.fail(path, "is a scalar; its first dimension must be the sample");
  split.samples = shape[0];
  require_sample_count(split.samples, split.inputs_source);
  shape.erase(shape.begin());
  if (shape.empty()) shape = {1};
  if (size_of(shape) == 0) reader.fail(path, "has empty samples of shape " + to_string(shape));
  if (kind == InputKind::tokens) {
    return {shape, kind, read_tokens(reader, path, size_of(shape), split)};
  }
  if (kind == InputKind::images) {
    split.inputs = reader.read<std::uint8_t>(path);
  } else {
    read_reals(reader, path, split.inputs);
  }
  return {shape, kind};
}

/// Kind and shape of the targets of one sample.
struct Targets {
  Shape shape;
  bool are_labels;

  std::string description() const {
    if (!are_labels) return "values " + to_string(shape);
    return shape.empty() ? "labels" : "labels " + to_string(shape);
  }
};

/// Reads labels [samples] or [samples, length], or values [samples] or [samples, shape…].
Targets read_targets(const io::Hdf5Reader& reader, const std::string& path, Split& split) {
  split.targets_source = reader.file() + ": " + path;
  Shape shape = reader.shape(path);
  if (shape.empty() || shape[0] != split.samples) {
    reader.fail(path, "has the shape " + to_string(shape) + "; its first dimension must be the " +
                          io::show_count(static_cast<std::int64_t>(split.samples), "sample") +
                          " of the inputs");
  }
  shape.erase(shape.begin());
  switch (reader.element_class(path)) {
    case io::ElementClass::integer:
      if (shape.size() > 1 || size_of(shape) == 0) {
        reader.fail(path,
                    "holds integers of shape " + to_string(shape) +
                        " per sample; labels are one per sample or a list of them, one per token");
      }
      split.labels = read_labels(reader, path, split.samples, size_of(shape));
      return {shape, true};
    case io::ElementClass::real:
      break;
    default:
      reader.fail(path, "holds no numbers; targets are integer labels or real values");
  }
  if (shape.empty()) shape = {1};
  if (size_of(shape) == 0) reader.fail(path, "has empty targets of shape " + to_string(shape));
  read_reals(reader, path, split.targets);
  return {shape, false};
}

/// Reads one group; its shapes must equal those of `dataset` if that has samples already.
void read_group(const io::Hdf5Reader& reader, const std::string& group, Dataset& dataset,
                Split& split) {
  const bool is_first = &split == &dataset.train;
  const std::string inputs = group + "/inputs";
  const std::string targets = group + "/targets";
  const Inputs input = read_inputs(reader, inputs, split);
  if (!is_first) {
    const InputKind trained = input_kind(reader, "/train/inputs");
    if (input.kind != trained) {
      const bool tokens = input.kind == InputKind::tokens;
      const Shape& integers = tokens ? input.shape : dataset.sample_shape;
      reader.fail(inputs,
                  "holds " + description(input.kind) + ", but /train/inputs " +
                      description(trained) +
                      (tokens || trained == InputKind::tokens ? image_advice(integers, true) : ""));
    }
  }
  if (!is_first && input.shape != dataset.sample_shape) {
    reader.fail(inputs, "samples are " + to_string(input.shape) + ", but " +
                            to_string(dataset.sample_shape) + " in /train/inputs");
  }
  dataset.sample_shape = input.shape;
  dataset.tokens = std::max(dataset.tokens, input.tokens);
  if (dataset.target_is_input) return;
  const Targets target = read_targets(reader, targets, split);
  const bool had_labels = dataset.target_shape.empty();
  const Targets known = {had_labels ? dataset.label_shape : dataset.target_shape, had_labels};
  if (!is_first && target.description() != known.description()) {
    reader.fail(targets, "targets are unlike those of /train/targets: " + target.description() +
                             " and not " + known.description());
  }
  (target.are_labels ? dataset.label_shape : dataset.target_shape) = target.shape;
}

const std::vector<std::string> kDatasets = {"/train/inputs", "/train/targets", "/test/inputs",
                                            "/test/targets"};

void require_normalizable(const Dataset& dataset, const Split& split,
                          const config::DataOptions& options) {
  if (dataset.tokens == 0 || !options.normalize) return;
  options.table.fail("normalize", "data.normalize does not apply to tokens, which " +
                                      split.inputs_source + " holds" +
                                      image_advice(dataset.sample_shape, true));
}

}  // namespace

InputKind input_kind(const io::Hdf5Reader& reader, const std::string& path) {
  switch (reader.element_class(path)) {
    case io::ElementClass::real:
      return InputKind::values;
    case io::ElementClass::integer:
      return reader.holds_bytes(path) && reader.shape(path).size() == 4 ? InputKind::images
                                                                        : InputKind::tokens;
    default:
      reader.fail(path,
                  "holds no numbers; values are float32 or float64, tokens integers, and images "
                  "uint8 [n, channels, height, width]");
  }
}

Dataset load_hdf5(const config::DataOptions& options) {
  const io::Hdf5Reader reader(options.path, kDatasets);
  Dataset dataset;
  dataset.target_is_input = options.target_is_input;
  read_group(reader, "/train", dataset, dataset.train);
  if (dataset.train.samples == 0) reader.fail("/train/inputs", "has no samples");
  if (reader.has("/test")) read_group(reader, "/test", dataset, dataset.test);
  require_normalizable(dataset, dataset.train, options);
  if (dataset.tokens > 0 && options.target_is_input) {
    options.table.fail("target", "data.target = \"input\" needs values, and " +
                                     dataset.train.inputs_source + " holds tokens" +
                                     image_advice(dataset.sample_shape, true));
  }
  return dataset;
}

Dataset load_inputs(const io::Hdf5Reader& reader, const config::DataOptions& options,
                    const Shape& sample_shape) {
  Dataset dataset;
  const Inputs inputs = read_inputs(reader, "/inputs", dataset.test);
  dataset.sample_shape = inputs.shape;
  dataset.tokens = inputs.tokens;
  if (dataset.sample_shape != sample_shape) {
    reader.fail("/inputs", "samples are " + to_string(dataset.sample_shape) +
                               "; the network takes " + to_string(sample_shape) +
                               (sample_shape.size() == 3
                                    ? image_advice(dataset.sample_shape, dataset.tokens > 0)
                                    : ""));
  }
  require_normalizable(dataset, dataset.test, options);
  dataset.normalize(options.normalize);
  dataset.require_representable(options.precision);
  return dataset;
}

std::vector<std::string> hdf5_sources(const config::DataOptions& options) {
  return io::Hdf5Reader(options.path, kDatasets).source_files();
}

}  // namespace ridgeline::data
