#include "support/readers.hpp"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "config/deck.hpp"
#include "data/idx.hpp"
#include "data/load.hpp"
#include "io/digest.hpp"
#include "io/file.hpp"
#include "io/json.hpp"
#include "model/ceilings.hpp"
#include "model/comparison.hpp"
#include "model/result_matching.hpp"
#include "model/result_records.hpp"
#include "network/checkpoint.hpp"
#include "network/trainer.hpp"
#include "support/paths.hpp"

namespace ridgeline::testing {

namespace {

const std::string kLayer =
    "[network]\nlayer = [{ kind = 'flatten' }, { kind = 'dense', units = 3 }]\n";
const std::string kTrain =
    "[train]\nepochs = 1\nbatch = 1\nloss = 'cross_entropy'\n"
    "optimizer = { kind = 'sgd', learning_rate = 1 }\n";

config::Deck deck_with(const std::string& data) {
  return config::Deck::parse("[data]\n" + data + kLayer + kTrain, "deck.toml");
}

// Adds values of one kind to a digest.
class Values {
 public:
  void add(const std::string& text) {
    digest_.add(text);
    digest_.add("\n");
  }
  template <class T>
  void add(const std::vector<T>& values) {
    add(std::to_string(values.size()));
    digest_.add(values.data(), values.size() * sizeof(T));
  }
  std::string text() const { return digest_.text(); }

 private:
  io::Digest digest_;
};

void add(const data::Split& split, Values& values) {
  std::visit([&](const auto& inputs) { values.add(inputs); }, split.inputs);
  std::visit([&](const auto& targets) { values.add(targets); }, split.targets);
  values.add(split.labels);
}

std::string read(const data::Dataset& dataset) {
  dataset.require_representable(config::Precision::float32);
  Values values;
  add(dataset.train, values);
  add(dataset.test, values);
  return values.text();
}

// Reads a deck and plans its network, for samples of the shape that its data would have.
std::string read(const config::Deck& deck) {
  network::SampleShape sample;
  if (deck.data.kind == config::DataKind::text) {
    sample = {{static_cast<std::size_t>(deck.data.length)}, 30, {}, true, true, 30};
    sample.target = sample.input;
  } else if (deck.data.kind == config::DataKind::synthetic) {
    sample = {deck.data.shape, static_cast<std::size_t>(deck.data.classes), {}};
  } else {
    sample = {{1, 28, 28}, 10, {}};
  }
  const network::NetworkPlan plan(deck, sample);
  Values values;
  values.add(deck.text());
  values.add(std::to_string(plan.parameter_count()));
  return values.text();
}

std::string read_deck(const std::string& file) { return read(config::Deck::load(file)); }

// The file contains the argument of --set.
std::string read_set(const std::string& file) {
  const std::string text = io::read_text(file);
  return read(
      config::Deck::parse("[data]\nkind = 'synthetic'\nshape = [4]\nclasses = 3\n"
                          "samples = 8\n" +
                              kLayer + kTrain,
                          "deck.toml", {}, {text.substr(0, text.find('\0'))}));
}

std::string read_machine(const std::string& file) {
  const io::Json json = io::read_json(file, "ridgeline-machine");
  const model::Ceilings ceilings(json, file, "serial", "float32");
  Values values;
  values.add(std::vector<double>{ceilings.peak_flops(), ceilings.bandwidth(1e6),
                                 ceilings.dispatch_seconds(), ceilings.transfer_seconds(1e6, 1)});
  return values.text();
}

// Digests every quantity of a result, and the comparison of the result with itself.
std::string read_result(const std::string& file) {
  const std::vector<model::ResultRun> runs = model::read_result(file);
  const model::ResultMatch match = model::match_results(runs, runs);
  std::vector<model::Matched> times;
  Values values;
  for (const model::MatchedRecord& record : match.records) {
    values.add(model::in_words(record.thing) + ": " + model::in_words(record.key));
    times.push_back(record.times);
  }
  for (const model::Compared& outcome : model::compare(times)) {
    values.add(std::vector<double>{outcome.before, outcome.ratio});
  }
  return values.text();
}

std::string read_idx_images(const std::string& file) {
  const data::IdxImages images = data::read_idx_images(file);
  Values values;
  values.add(std::vector<std::size_t>{images.count, images.rows, images.columns});
  values.add(images.pixels);
  return values.text();
}

std::string read_idx_labels(const std::string& file) {
  Values values;
  values.add(data::read_idx_labels(file));
  return values.text();
}

std::string read_hdf5_data(const std::string& file) {
  config::DataOptions options = deck_with("kind = 'hdf5'\npath = 'x'\n").data;
  options.path = file;
  return read(data::load_dataset(options));
}

std::string read_hdf5_inputs(const std::string& file) {
  return read(data::load_inputs(io::Hdf5Reader(file, {"/inputs"}),
                                deck_with("kind = 'hdf5'\npath = 'x'\n").data, {6}));
}

std::string read_text_data(const std::string& file) {
  config::DataOptions options =
      deck_with("kind = 'text'\npath = 'x'\nlength = 8\nvalidation = 0.2\n").data;
  options.paths = {file};
  const data::Dataset dataset = data::load_dataset(options);
  Values values;
  values.add(read(dataset));
  values.add(dataset.train.windows);
  values.add(dataset.test.windows);
  return values.text();
}

// The file's deck defines the network, with the file's vocabulary or otherwise `sample`.
std::string read_checkpoint(const std::string& name) {
  const network::CheckpointFile file(name);
  file.require_whole();
  const std::string text = file.deck_text();
  const config::Deck deck = config::Deck::parse(text, name + ": /deck");
  const std::vector<std::string> characters = file.vocabulary();
  network::SampleShape sample = {{6}, 3, {}};
  if (deck.data.kind == config::DataKind::text) {
    sample = {{static_cast<std::size_t>(deck.data.length)},
              characters.size(),
              {},
              true,
              true,
              characters.size()};
    sample.target = sample.input;
  }
  const network::NetworkPlan plan(deck, sample);
  const auto checkpoint = file.load<float>(plan);
  Values values;
  values.add(text);
  values.add(checkpoint.deck);
  for (const std::string& character : characters) values.add(character);
  values.add(checkpoint.parameters);
  if (checkpoint.best) values.add(*checkpoint.best);
  for (const std::vector<float>& state : checkpoint.optimizer_state) values.add(state);
  const network::TrainingState& state = checkpoint.state;
  values.add(std::vector<std::int64_t>{static_cast<std::int64_t>(checkpoint.seed), state.epoch,
                                       state.step, state.sample});
  values.add(std::vector<double>{state.sums.loss, static_cast<double>(state.sums.correct),
                                 static_cast<double>(state.sums.samples), state.seconds});
  values.add(state.history.train_loss);
  values.add(state.history.test_loss);
  values.add(state.history.test_accuracy);
  values.add(state.history.seconds);
  if (checkpoint.data) {
    values.add(checkpoint.data->first_sample + checkpoint.data->last_sample +
               checkpoint.data->sample_shape + checkpoint.data->target_shape);
  }
  return values.text();
}

}  // namespace

const std::vector<Reader>& readers() {
  static const std::vector<Reader> list = {
      {"deck", {"inputs/*.toml", "tests/cases/hostile/*.toml"}, read_deck},
      {"set", {"tests/fuzz/corpus/set/*"}, read_set},
      {"machine", {"tests/fuzz/corpus/machine/*"}, read_machine},
      {"result", {"tests/fuzz/corpus/machine/*", "tests/fuzz/corpus/result/*"}, read_result},
      {"idx_images", {"tests/fuzz/corpus/idx/images/*"}, read_idx_images},
      {"idx_labels", {"tests/fuzz/corpus/idx/labels/*"}, read_idx_labels},
      {"idx_images_gz",
       {"tests/cases/hostile/idxgz/t10k-images-idx3-ubyte.gz"},
       read_idx_images,
       "\037\213"},
      {"idx_labels_gz",
       {"tests/cases/hostile/idxgz/t10k-labels-idx1-ubyte.gz"},
       read_idx_labels,
       "\037\213"},
      {"hdf5_data", {"tests/cases/hdf5/*.h5", "tests/cases/hostile/d1.h5"}, read_hdf5_data},
      {"hdf5_inputs", {"tests/cases/hostile/in.h5"}, read_hdf5_inputs},
      {"text", {"tests/cases/hostile/a.txt"}, read_text_data},
      {"checkpoint", {"tests/fuzz/corpus/checkpoint/*"}, read_checkpoint, "\211HDF"},
      {"checkpoint_1", {"tests/cases/hostile/ckpt_good.h5"}, read_checkpoint},
  };
  return list;
}

std::vector<std::string> Reader::seed_files() const {
  namespace fs = std::filesystem;
  std::vector<std::string> files;
  for (const char* seed : seeds) {
    const fs::path pattern = fs::path(source_folder()) / seed;
    const std::string name = pattern.filename().string();
    if (name.front() != '*') {
      files.push_back(pattern.string());
      continue;
    }
    for (const auto& entry : fs::directory_iterator(pattern.parent_path())) {
      const std::string ending = entry.path().extension().string();
      if (name == "*" || ending == name.substr(1)) files.push_back(entry.path().string());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

const Reader& reader_of(const std::string& name) {
  for (const Reader& reader : readers()) {
    if (reader.name == name) return reader;
  }
  throw std::out_of_range(name + ": no such reader");
}

std::string digest_or_refusal(const Reader& reader, const std::string& file) {
  try {
    return reader.read(file);
  } catch (const RequestError& error) {
    const std::string message = error.what();
    if (message.empty() || message.find('\n') != std::string::npos) {
      throw std::logic_error("refused with \"" + message + "\", which is not one line");
    }
    return {};
  }
}

}  // namespace ridgeline::testing
