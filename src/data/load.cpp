#include "data/load.hpp"

#include "core/error.hpp"
#include "data/hdf5_data.hpp"
#include "data/idx.hpp"
#include "data/image_advice.hpp"
#include "data/synthetic.hpp"
#include "data/text.hpp"
#include "data/tokens.hpp"
#include "io/file.hpp"
#include "io/units.hpp"

namespace ridgeline::data {
namespace {

/// Returns the plain file of that name, or else the gzipped one.
std::string find_idx_file(const config::DataOptions& options, const std::string& name) {
  std::string plain = options.path + "/" + name;
  if (io::exists(plain)) return plain;
  if (io::exists(plain + ".gz")) return plain + ".gz";
  // Name given by some unpacking programs: train-images.idx3-ubyte.
  std::string dotted = name;
  dotted[dotted.rfind("-idx")] = '.';
  std::string hint;
  for (const std::string& other : {dotted, dotted + ".gz"}) {
    if (io::exists(options.path + "/" + other)) {
      hint = "; it has " + other + ", which must be renamed, \"-idx\" for \".idx\"";
    }
  }
  options.table.fail("path", "data.path: the folder " + options.path + " has neither " + name +
                                 " nor " + name + ".gz" + hint);
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
  split.labels = read_idx_labels(split.targets_source);
  if (split.labels.size() != split.samples) {
    throw RequestError(split.targets_source + ": has " +
                       io::show_count(static_cast<std::int64_t>(split.labels.size()), "label") +
                       ", but " + split.inputs_source + " has " +
                       io::show_count(static_cast<std::int64_t>(split.samples), "image"));
  }
  return split;
}

Dataset load_idx(const config::DataOptions& options) {
  if (!io::is_folder(options.path)) {
    options.table.fail("path", "data.path: there is no folder " + options.path +
                                   "; it must hold MNIST's four files, train-images-idx3-ubyte "
                                   "and so on, gzipped or not");
  }
  Dataset dataset;
  dataset.train = read_idx_split(options, "train", dataset.sample_shape);
  dataset.test = read_idx_split(options, "t10k", dataset.sample_shape);
  return dataset;
}

/// Loads the dataset without normalisation.
Dataset read(const config::DataOptions& options, const Vocabulary* vocabulary) {
  switch (options.kind) {
    case config::DataKind::idx:
      return load_idx(options);
    case config::DataKind::hdf5:
      if (!io::exists(options.path)) {
        options.table.fail("path", "data.path: there is no file " + options.path +
                                       "; it must be an HDF5 file with /train/inputs and "
                                       "/train/targets");
      }
      return load_hdf5(options);
    case config::DataKind::text:
      return load_text(options, vocabulary);
    case config::DataKind::synthetic:
      break;
  }
  return make_synthetic(options);
}

void require_images(const Dataset& dataset, const config::DataOptions& options) {
  const Shape& shape = dataset.sample_shape;
  const std::string found = dataset.tokens > 0 ? "tokens" : "samples of shape " + to_string(shape);
  if (shape.size() != 3 || dataset.tokens > 0) {
    options.table.fail("augment", "data.augment needs images, [channels, height, width], and " +
                                      dataset.train.inputs_source + " has " + found +
                                      (options.kind == config::DataKind::text
                                           ? std::string()
                                           : image_advice(shape, dataset.tokens > 0)));
  }
  const auto crop = static_cast<std::size_t>(options.augment.crop);
  if (crop >= shape[1] || crop >= shape[2]) {
    options.table.table("augment").fail(
        "crop", "data.augment.crop = " + std::to_string(crop) + " can shift images of " +
                    std::to_string(shape[1]) + " x " + std::to_string(shape[2]) +
                    " pixels out of sight; it must be below both");
  }
}

}  // namespace

Dataset load_dataset(const config::DataOptions& options, const Vocabulary* vocabulary) {
  Dataset dataset = read(options, vocabulary);
  dataset.target_is_input = options.target_is_input;
  if (dataset.target_is_input) {
    dataset.target_shape = dataset.sample_shape;
  } else if (dataset.target_shape.empty() && dataset.classes == 0) {
    dataset.classes = count_classes(dataset.train.labels, dataset.test.labels);
  }
  if (options.augment.any()) require_images(dataset, options);
  dataset.normalize(options.normalize);
  if (options.kind != config::DataKind::synthetic) {
    dataset.require_representable(options.precision);
  }
  if (options.targets_are_probabilities) dataset.require_probabilities();
  return dataset;
}

std::vector<std::string> data_files(const config::DataOptions& options) {
  switch (options.kind) {
    case config::DataKind::idx: {
      std::vector<std::string> files;
      for (const char* name : {"train-images-idx3-ubyte", "train-labels-idx1-ubyte",
                               "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"}) {
        for (const char* ending : {"", ".gz"}) {
          const std::string file = options.path + "/" + name + ending;
          if (io::exists(file)) files.push_back(file);
        }
      }
      return files;
    }
    case config::DataKind::hdf5: {
      if (!io::exists(options.path)) return {};
      std::vector<std::string> files = {options.path};
      try {
        const std::vector<std::string> sources = hdf5_sources(options);
        files.insert(files.end(), sources.begin(), sources.end());
      } catch (const RequestError&) {  // load_dataset reports what is wrong with it
      }
      return files;
    }
    case config::DataKind::text:
      return options.paths;
    case config::DataKind::synthetic:
      break;
  }
  return {};
}

}  // namespace ridgeline::data
