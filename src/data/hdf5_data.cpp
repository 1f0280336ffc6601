#include "data/hdf5_data.hpp"

#include <algorithm>
#include <limits>

#include "core/error.hpp"
#include "data/tokens.hpp"
#include "io/hdf5.hpp"

namespace ridgeline::data {
namespace {

/// Reads a dataset of real numbers as float64 where it is stored so, as float32 otherwise.
template <class Variant>
void read_reals(const io::Hdf5Reader& reader, const std::string& path, std::size_t size,
                Variant& out) {
  const std::string source = reader.file() + ": " + path;
  if (reader.element_size(path) == sizeof(double)) {
    auto values = reader.read<double>(path);
    require_finite(values, size, source);
    out = std::move(values);
  } else {
    auto values = reader.read<float>(path);
    require_finite(values, size, source);
    out = std::move(values);
  }
}

/// Reads tokens, `size` a sample, and returns one more than the largest.
std::size_t read_tokens(const io::Hdf5Reader& reader, const std::string& path, std::size_t size,
                        Split& split) {
  // Every token is exact as a float32.
  constexpr std::int64_t kMostToken = (std::int64_t{1} << 24) - 1;
  constexpr std::size_t kChunk = std::size_t{1} << 20;
  const std::size_t rows = std::max<std::size_t>(1, kChunk / size);
  std::vector<std::uint32_t> tokens(split.samples * size);
  std::vector<std::int64_t> chunk;
  std::size_t most = 0;
  for (std::size_t first = 0; first < split.samples; first += rows) {
    const std::size_t count = std::min(rows, split.samples - first);
    chunk.resize(count * size);
    reader.read_rows(path, first, count, chunk.data());
    for (std::size_t i = 0; i < chunk.size(); ++i) {
      const std::size_t at = first * size + i;
      if (chunk[i] < 0 || chunk[i] > kMostToken) {
        reader.fail(path, "token " + std::to_string(at % size) + " of sample " +
                              std::to_string(at / size) + " is " + std::to_string(chunk[i]) +
                              "; tokens count from 0 to at most " + std::to_string(kMostToken));
      }
      tokens[at] = static_cast<std::uint32_t>(chunk[i]);
      most = std::max(most, static_cast<std::size_t>(chunk[i]) + 1);
    }
  }
  store_tokens(std::move(tokens), most, split);
  return most;
}

/// What a dataset of inputs holds a sample.
struct Inputs {
  Shape shape;
  bool are_tokens;
  std::size_t tokens;  ///< one more than the largest; 0 for values

  std::string description() const { return are_tokens ? "tokens" : "values"; }
};

/// Reads inputs [samples, shape…] into `split`.
Inputs read_inputs(const io::Hdf5Reader& reader, const std::string& path, Split& split) {
  split.inputs_source = reader.file() + ": " + path;
  Shape shape = reader.shape(path);
  const io::ElementClass element = reader.element_class(path);
  if (element != io::ElementClass::real && element != io::ElementClass::integer) {
    reader.fail(path, "holds no numbers; values are float32 or float64, and tokens integers");
  }
  if (shape.empty()) reader.fail(path, "is a scalar; its first dimension must be the sample");
  split.samples = shape[0];
  require_sample_count(split.samples, split.inputs_source);
  shape.erase(shape.begin());
  if (shape.empty()) shape = {1};
  if (size_of(shape) == 0) reader.fail(path, "has empty samples of shape " + to_string(shape));
  if (element == io::ElementClass::integer) {
    return {shape, true, read_tokens(reader, path, size_of(shape), split)};
  }
  read_reals(reader, path, size_of(shape), split.inputs);
  return {shape, false, 0};
}

/// What a dataset of targets holds a sample.
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
                          std::to_string(split.samples) + " samples of the inputs");
  }
  shape.erase(shape.begin());
  switch (reader.element_class(path)) {
    case io::ElementClass::integer:
      if (shape.size() > 1 || size_of(shape) == 0) {
        reader.fail(path, "holds integers of shape " + to_string(shape) +
                              " a sample; labels are one a sample or a list of them, one a token");
      }
      split.labels =
          checked_labels(reader.read<std::int64_t>(path), size_of(shape), split.targets_source);
      return {shape, true};
    case io::ElementClass::real:
      break;
    default:
      reader.fail(path, "holds no numbers; targets are integer labels or real values");
  }
  if (shape.empty()) shape = {1};
  if (size_of(shape) == 0) reader.fail(path, "has empty targets of shape " + to_string(shape));
  read_reals(reader, path, size_of(shape), split.targets);
  return {shape, false};
}

/// Reads one group; its shapes must be those of `dataset` where it has samples already.
void read_group(const io::Hdf5Reader& reader, const std::string& group, Dataset& dataset,
                Split& split) {
  const bool is_first = &split == &dataset.train;
  const std::string inputs = group + "/inputs";
  const std::string targets = group + "/targets";
  const Inputs input = read_inputs(reader, inputs, split);
  const Inputs known_input = {dataset.sample_shape, dataset.tokens > 0, dataset.tokens};
  if (!is_first && input.are_tokens != known_input.are_tokens) {
    reader.fail(inputs, "holds " + input.description() + ", but /train/inputs " +
                            known_input.description());
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

void require_normalizable(const Dataset& dataset, const Split& split,
                          const config::DataOptions& options) {
  if (dataset.tokens == 0 || !options.normalize) return;
  options.table.fail("normalize", "data.normalize does not apply to tokens, which " +
                                      split.inputs_source + " holds");
}

}  // namespace

Dataset load_hdf5(const config::DataOptions& options) {
  const io::Hdf5Reader reader(options.path);
  Dataset dataset;
  dataset.target_is_input = options.target_is_input;
  read_group(reader, "/train", dataset, dataset.train);
  if (dataset.train.samples == 0) reader.fail("/train/inputs", "has no samples");
  if (reader.has("/test")) read_group(reader, "/test", dataset, dataset.test);
  require_normalizable(dataset, dataset.train, options);
  if (dataset.tokens > 0 && options.target_is_input) {
    options.table.fail("target", "data.target = \"input\" needs values, and " +
                                     dataset.train.inputs_source + " holds tokens");
  }
  return dataset;
}

Dataset load_inputs(const std::string& file, const config::DataOptions& options,
                    const Shape& sample_shape) {
  const io::Hdf5Reader reader(file);
  Dataset dataset;
  const Inputs inputs = read_inputs(reader, "/inputs", dataset.test);
  dataset.sample_shape = inputs.shape;
  dataset.tokens = inputs.tokens;
  if (dataset.sample_shape != sample_shape) {
    reader.fail("/inputs", "samples are " + to_string(dataset.sample_shape) +
                               "; the network takes " + to_string(sample_shape));
  }
  require_normalizable(dataset, dataset.test, options);
  dataset.normalize(options.normalize);
  return dataset;
}

}  // namespace ridgeline::data
