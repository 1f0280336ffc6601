#include "data/load.hpp"

#include <sys/stat.h>

#include <limits>

#include "core/error.hpp"
#include "data/idx.hpp"
#include "data/synthetic.hpp"
#include "io/hdf5.hpp"

namespace ridgeline::data {
namespace {

constexpr std::size_t kMostSamples = std::numeric_limits<std::uint32_t>::max();

bool is_folder(const std::string& path) {
  struct stat status;
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

bool exists(const std::string& path) {
  struct stat status;
  return ::stat(path.c_str(), &status) == 0;
}

void require_sample_count(std::size_t samples, const std::string& source) {
  if (samples > kMostSamples) {
    throw RequestError(source + ": has more samples than " + std::to_string(kMostSamples));
  }
}

/// The plain file of that name, or else the gzipped one.
std::string find_idx_file(const config::DataOptions& options, const std::string& name) {
  const std::string plain = options.path + "/" + name;
  if (exists(plain)) return plain;
  if (exists(plain + ".gz")) return plain + ".gz";
  options.table.fail("path", "data.path: the folder " + options.path + " has neither " + name +
                                 " nor " + name + ".gz");
}

Split read_idx_split(const config::DataOptions& options, const std::string& prefix, Shape& shape) {
  Split split;
  split.inputs_source = find_idx_file(options, prefix + "-images-idx3-ubyte");
  split.targets_source = find_idx_file(options, prefix + "-labels-idx1-ubyte");
  IdxImages images = read_idx_images(split.inputs_source);
  require_sample_count(images.count, split.inputs_source);
  const Shape found = {1, images.rows, images.columns};
  if (!shape.empty() && shape != found) {
    throw RequestError(split.inputs_source + ": test images are " + to_string(found) +
                       ", training images " + to_string(shape));
  }
  shape = found;
  split.samples = images.count;
  split.inputs = std::move(images.pixels);
  if (options.target_is_input) return split;
  const std::vector<std::uint8_t> labels = read_idx_labels(split.targets_source);
  if (labels.size() != split.samples) {
    throw RequestError(split.targets_source + ": has " + std::to_string(labels.size()) +
                       " labels, but " + split.inputs_source + " has " +
                       std::to_string(split.samples) + " images");
  }
  split.labels.assign(labels.begin(), labels.end());
  return split;
}

Dataset load_idx(const config::DataOptions& options) {
  if (!is_folder(options.path)) {
    options.table.fail("path", "data.path: there is no folder " + options.path +
                                   "; it must hold MNIST's four files, train-images-idx3-ubyte "
                                   "and so on, gzipped or not");
  }
  Dataset dataset;
  dataset.train = read_idx_split(options, "train", dataset.sample_shape);
  dataset.test = read_idx_split(options, "t10k", dataset.sample_shape);
  return dataset;
}

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

/// Reads inputs [samples, shape…] into `split` and returns the shape of a sample.
Shape read_inputs(const io::Hdf5Reader& reader, const std::string& path, Split& split) {
  split.inputs_source = reader.file() + ": " + path;
  Shape shape = reader.shape(path);
  switch (reader.element_class(path)) {
    case io::ElementClass::real:
      break;
    case io::ElementClass::integer:
      reader.fail(path,
                  "holds integers, which are tokens and not supported by this version; "
                  "store values as float32 or float64");
    default:
      reader.fail(path, "holds no numbers; values are float32 or float64");
  }
  if (shape.empty()) reader.fail(path, "is a scalar; its first dimension must be the sample");
  split.samples = shape[0];
  require_sample_count(split.samples, split.inputs_source);
  shape.erase(shape.begin());
  if (shape.empty()) shape = {1};
  if (size_of(shape) == 0) reader.fail(path, "has empty samples of shape " + to_string(shape));
  read_reals(reader, path, size_of(shape), split.inputs);
  return shape;
}

/// Reads labels [samples], or values [samples] or [samples, shape…], whose shape it returns; empty
/// for labels.
Shape read_targets(const io::Hdf5Reader& reader, const std::string& path, Split& split) {
  split.targets_source = reader.file() + ": " + path;
  Shape shape = reader.shape(path);
  if (shape.empty() || shape[0] != split.samples) {
    reader.fail(path, "has the shape " + to_string(shape) + "; its first dimension must be the " +
                          std::to_string(split.samples) + " samples of the inputs");
  }
  shape.erase(shape.begin());
  switch (reader.element_class(path)) {
    case io::ElementClass::integer:
      if (!shape.empty()) {
        reader.fail(path, "holds integers of shape " + to_string(shape) +
                              " a sample; labels are one a sample");
      }
      split.labels = checked_labels(reader.read<std::int64_t>(path), split.targets_source);
      return {};
    case io::ElementClass::real:
      break;
    default:
      reader.fail(path, "holds no numbers; targets are integer labels or real values");
  }
  if (shape.empty()) shape = {1};
  if (size_of(shape) == 0) reader.fail(path, "has empty targets of shape " + to_string(shape));
  read_reals(reader, path, size_of(shape), split.targets);
  return shape;
}

/// Reads one group; its shapes must be those of `dataset` where it has samples already.
void read_group(const io::Hdf5Reader& reader, const std::string& group, Dataset& dataset,
                Split& split) {
  const bool is_first = &split == &dataset.train;
  const std::string inputs = group + "/inputs";
  const std::string targets = group + "/targets";
  const Shape shape = read_inputs(reader, inputs, split);
  if (!is_first && shape != dataset.sample_shape) {
    reader.fail(inputs, "samples are " + to_string(shape) + ", but " +
                            to_string(dataset.sample_shape) + " in /train/inputs");
  }
  dataset.sample_shape = shape;
  if (dataset.target_is_input) return;
  const Shape target = read_targets(reader, targets, split);
  if (!is_first && target != dataset.target_shape) {
    reader.fail(targets,
                "targets are unlike those of /train/targets: " +
                    (target.empty() ? "labels" : "values " + to_string(target)) + " and not " +
                    (dataset.target_shape.empty() ? "labels"
                                                  : "values " + to_string(dataset.target_shape)));
  }
  dataset.target_shape = target;
}

Dataset load_hdf5(const config::DataOptions& options) {
  if (!exists(options.path)) {
    options.table.fail("path", "data.path: there is no file " + options.path +
                                   "; it must be an HDF5 file with /train/inputs and "
                                   "/train/targets");
  }
  const io::Hdf5Reader reader(options.path);
  Dataset dataset;
  dataset.target_is_input = options.target_is_input;
  read_group(reader, "/train", dataset, dataset.train);
  if (dataset.train.samples == 0) reader.fail("/train/inputs", "has no samples");
  if (reader.has("/test")) read_group(reader, "/test", dataset, dataset.test);
  return dataset;
}

}  // namespace

Dataset load_dataset(const config::DataOptions& options) {
  if (options.kind == config::DataKind::synthetic) return make_synthetic(options);
  Dataset dataset = options.kind == config::DataKind::idx ? load_idx(options) : load_hdf5(options);
  dataset.target_is_input = options.target_is_input;
  if (dataset.target_is_input) {
    dataset.target_shape = dataset.sample_shape;
  } else if (dataset.target_shape.empty()) {
    dataset.classes = count_classes(dataset.train.labels, dataset.test.labels);
  }
  dataset.normalize(options.normalize);
  return dataset;
}

Dataset load_inputs(const std::string& file, const config::DataOptions& options,
                    const Shape& sample_shape) {
  const io::Hdf5Reader reader(file);
  Dataset dataset;
  dataset.sample_shape = read_inputs(reader, "/inputs", dataset.test);
  if (dataset.sample_shape != sample_shape) {
    reader.fail("/inputs", "samples are " + to_string(dataset.sample_shape) +
                               "; the network takes " + to_string(sample_shape));
  }
  dataset.normalize(options.normalize);
  return dataset;
}

}  // namespace ridgeline::data
