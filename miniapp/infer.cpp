#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "data/hdf5_data.hpp"
#include "data/image_advice.hpp"
#include "data/load.hpp"
#include "io/file.hpp"
#include "io/hdf5.hpp"
#include "io/table.hpp"
#include "network/batch_feed.hpp"
#include "network/generate.hpp"
#include "network/resume.hpp"
#include "network/trainer.hpp"
#include "session.hpp"

namespace ridgeline::miniapp {
namespace {

struct InferOptions {
  DeckOptions deck;
  std::string checkpoint, input, output;
  std::int64_t batch = 0;
  std::optional<std::string> prompt;
  network::GenerateOptions generate;
};

template <class Space, class T>
network::Network<Space, T> trained_network(const Space& instance, const Session& session,
                                           const network::CheckpointFile& checkpoint,
                                           std::size_t batch) {
  const std::vector<T> parameters = checkpoint.parameters<T>(*session.plan);
  typename network::Network<Space, T>::Options options;
  options.gemm = network::gemm_backend(session.deck);
  options.batch = batch;
  network::Network<Space, T> network(instance, session.plan, options);
  network.write_parameters(parameters);
  return network;
}

// Returns the outputs of all samples of a split, [samples, output].
template <class Space, class T>
std::vector<T> outputs_of(network::Network<Space, T>& network, const data::Dataset& inputs,
                          std::size_t batch) {
  const std::size_t width = network.plan().output_size();
  std::vector<T> outputs(inputs.test.samples * width);
  data::LoaderOptions loading;
  loading.batch = batch;
  network::BatchFeed<Space, T> feed(network.instance(), inputs, inputs.test, loading);
  for (std::size_t at = 0; at < outputs.size();) {
    const auto item = feed.next();
    const Matrix<Space, const T> y = network.forward(item.batch.inputs);
    Kokkos::deep_copy(network.instance(), host_view(outputs.data() + at, item.count, width), y);
    network.wait();
    at += item.count * width;
  }
  return outputs;
}

// Returns the vocabulary of a text deck: the checkpoint's, or otherwise that of the deck's text.
data::Vocabulary text_vocabulary(const config::Deck& deck,
                                 const network::CheckpointFile& checkpoint) {
  data::Vocabulary vocabulary = vocabulary_of(checkpoint);
  return vocabulary.empty() ? data::load_dataset(deck.data).vocabulary : vocabulary;
}

// Returns the shapes that a network must have to read /inputs of a file.
network::SampleShape input_shape(const io::Hdf5Reader& file) {
  if (!file.has("/inputs")) file.fail("/inputs", "is missing; infer reads this dataset");
  network::SampleShape sample;
  sample.input = file.shape("/inputs");
  sample.tokens = data::input_kind(file, "/inputs") == data::InputKind::tokens;
  if (sample.input.empty()) {
    file.fail("/inputs", "is a scalar; its first dimension must be the sample");
  }
  if (sample.input[0] == 0) file.fail("/inputs", "holds no samples");
  sample.input.erase(sample.input.begin());
  if (sample.input.empty()) sample.input = {1};
  sample.has_targets = false;
  return sample;
}

// Returns the plan for samples of a file. Throws RequestError with the file's name if the deck's
// network or the checkpoint's weights do not match their shape.
std::shared_ptr<const network::NetworkPlan> plan_for_input(const config::Deck& deck,
                                                           const network::SampleShape& sample,
                                                           const std::string& input,
                                                           const network::CheckpointFile& weights) {
  const std::string what =
      input + ": /inputs: samples are " + to_string(sample.input) + ", which " + deck.name;
  std::shared_ptr<const network::NetworkPlan> plan;
  try {
    plan = std::make_shared<network::NetworkPlan>(deck, sample);
  } catch (const RequestError& error) {
    throw RequestError(what + " cannot take: " + error.what());
  }
  try {
    weights.require_shapes(*plan);
  } catch (const RequestError& error) {
    throw RequestError(
        what + " would take with other weights: " + error.what() +
        (sample.input.size() == 3 ? data::image_advice(sample.input, sample.tokens) : ""));
  }
  return plan;
}

// Describes the conversion of the values of --input to the network's inputs; empty if there is
// none.
std::string describe_scaling(const io::Hdf5Reader& input, const config::DataOptions& data) {
  const bool images = data::input_kind(input, "/inputs") == data::InputKind::images;
  if (!images && !data.normalize) return {};
  std::string text = input.file() + ": /inputs: ";
  if (images) text += "uint8 images, taken as x / 255";
  if (data.normalize) {
    text += fmt::format("{}, as the deck says: (x - {}) / {}",
                        images ? " and then normalised" : "normalised", data.normalize->mean,
                        data.normalize->standard_deviation);
  }
  return text;
}

// --input to --output: needs the deck's network and not its data.
void write_outputs(const config::Deck& deck, const InferOptions& options, SpaceKind space,
                   std::size_t batch, const CommonOptions& common,
                   const network::CheckpointFile& checkpoint, const io::Hdf5Reader& input) {
  Session session{deck, {}, nullptr};
  network::SampleShape sample = input_shape(input);
  if (deck.data.kind == config::DataKind::text) {
    sample.vocabulary = text_vocabulary(deck, checkpoint).size();
  }
  session.plan = plan_for_input(deck, sample, options.input, checkpoint);
  const data::Dataset inputs = data::load_inputs(input, deck.data, sample.input);
  if (sample.tokens) inputs.require_tokens_below(session.plan->token_limit());
  if (const std::string scaling = describe_scaling(input, deck.data); !scaling.empty()) {
    note(scaling);
  }
  io::require_memory(double(inputs.test.samples) * double(session.plan->output_size()) * 2 *
                         double(config::scalar_bytes(deck.network.precision)),
                     options.output, "what the network gives for " + options.input);
  compute(space, deck.network.precision, common, [&](const auto& instance, auto scalar) {
    using Space = std::decay_t<decltype(instance)>;
    using T = decltype(scalar);
    auto network = trained_network<Space, T>(instance, session, checkpoint, batch);
    const std::vector<T> outputs = outputs_of(network, inputs, batch);
    const auto bad = std::count_if(outputs.begin(), outputs.end(),
                                   [](T value) { return !std::isfinite(value); });
    if (bad > 0) warn(fmt::format("{} of {} output values are not finite", bad, outputs.size()));
    Shape shape = session.plan->layers.back()->output;
    shape.insert(shape.begin(), inputs.test.samples);
    io::Hdf5Writer file;
    file.write("/outputs", shape, outputs.data());
    file.save(options.output);
  });
  const io::TableFormat format = io::parse_table_format(common.format);
  if (format != io::TableFormat::table) {
    io::Table table({{"samples", "samples"}, {"output", "output", io::Align::left}});
    table.add_row({io::Cell(inputs.test.samples), io::Cell(options.output)});
    print(table, format);
  }
  note(io::show_count(inputs.test.samples, "output") + " " + written_to({options.output}));
}

void print_test_set(const config::Deck& deck, SpaceKind space, std::size_t batch,
                    const CommonOptions& common, io::TableFormat format,
                    const network::CheckpointFile& checkpoint) {
  const Session session = open_session(deck, vocabulary_of(checkpoint));
  const data::Split& test = session.dataset.test;
  if (test.samples == 0) {
    throw RequestError(deck.name + ": the data has no test set; give --input and --output");
  }
  const network::LossSums sums =
      compute(space, deck.network.precision, common, [&](const auto& instance, auto scalar) {
        using Space = std::decay_t<decltype(instance)>;
        using T = decltype(scalar);
        auto network = trained_network<Space, T>(instance, session, checkpoint, batch);
        return network::evaluate<Space, T>(network, session.dataset, test, batch,
                                           *parallel::one_rank());
      });
  if (!std::isfinite(sums.mean_loss())) warn("the test loss is not finite");
  io::Table table(
      {{"samples", "samples"}, {"test loss", "test_loss"}, {"test accuracy", "test_accuracy"}});
  table.add_row({io::Cell(test.samples), io::Cell(sums.mean_loss(), "{:.4f}"),
                 session.plan->has_labels() ? io::Cell(sums.accuracy(), "{:.4f}") : io::Cell()});
  print(table, format);
}

// --prompt: the network continues the text.
void write_text(const config::Deck& deck, const InferOptions& options, SpaceKind space,
                const CommonOptions& common, const network::CheckpointFile& checkpoint) {
  if (deck.data.kind != config::DataKind::text) {
    deck.data.table.fail("kind", "--prompt needs data.kind = \"text\"; this deck writes no text");
  }
  const data::Vocabulary vocabulary = text_vocabulary(deck, checkpoint);
  const std::vector<std::int32_t> prompt = vocabulary.encode(*options.prompt, "--prompt");
  if (prompt.empty()) throw RequestError("--prompt: must have at least one character to continue");

  Session session{deck, {}, nullptr};
  network::SampleShape sample;
  sample.input = {static_cast<std::size_t>(deck.data.length)};
  sample.classes = sample.vocabulary = vocabulary.size();
  sample.target = sample.input;
  sample.tokens = true;
  session.plan = std::make_shared<network::NetworkPlan>(deck, sample);
  for (const std::int32_t token : prompt) {
    if (static_cast<std::size_t>(token) < session.plan->token_limit()) continue;
    throw RequestError("--prompt: the character \"" + vocabulary.decode(token) + "\" is token " +
                       std::to_string(token) + ", and the network of " + deck.name +
                       " has tokens 0 to " + std::to_string(session.plan->token_limit() - 1));
  }
  compute(space, deck.network.precision, common, [&](const auto& instance, auto scalar) {
    using Space = std::decay_t<decltype(instance)>;
    using T = decltype(scalar);
    auto network = trained_network<Space, T>(instance, session, checkpoint, 1);
    const io::TableFormat format = io::parse_table_format(common.format);
    std::string text;
    if (format == io::TableFormat::table) print(*options.prompt);
    network::generate<Space, T>(network, prompt, options.generate, [&](std::int32_t token) {
      if (format != io::TableFormat::table) {
        text += vocabulary.decode(token);
        return;
      }
      print(vocabulary.decode(token));
      flush_output();
    });
    if (format == io::TableFormat::table) return print("\n");
    io::Table table({{"prompt", "prompt", io::Align::left}, {"text", "text", io::Align::left}});
    table.add_row({io::Cell(*options.prompt), io::Cell(text)});
    print(table, format);
  });
}

Status run(const InferOptions& options, const CommonOptions& common) {
  const io::TableFormat format = io::parse_table_format(common.format);
  const config::Deck deck = config::Deck::load(options.deck.deck, options.deck.sets);
  const SpaceKind space = resolve_space(options.deck.space);
  if (options.input.empty() != options.output.empty()) {
    throw RequestError(
        options.output.empty()
            ? "infer: --input needs --output, the file that its outputs are written to"
            : "infer: --output needs --input: outputs of the deck's own test set are not written");
  }
  if (!io::exists(options.checkpoint)) {
    throw RequestError(options.checkpoint + ": no such file; train writes one");
  }
  io::RunFiles files;
  files.input("the deck", deck.name);
  files.input("--checkpoint", options.checkpoint);
  std::optional<io::Hdf5Reader> input;
  if (!options.input.empty()) {
    files.input("--input", options.input);
    input.emplace(options.input, std::vector<std::string>{"/inputs"});
    for (const std::string& file : input->source_files()) files.input("--input", file);
  }
  if (!options.output.empty()) {
    // The deck's data are not read, but must not be overwritten.
    for (const std::string& file : data::data_files(deck.data)) files.input("data.path", file);
    add_output("--output", options.output, "choose another --output", files);
  }
  const network::CheckpointFile checkpoint(options.checkpoint);
  if (const auto difference = network::difference_in_inputs(deck, checkpoint)) {
    warn(*difference + ", which its weights were trained for");
  }
  const std::size_t batch =
      static_cast<std::size_t>(options.batch > 0 ? options.batch : deck.train.batch);
  if (options.prompt) {
    write_text(deck, options, space, common, checkpoint);
  } else if (input) {
    write_outputs(deck, options, space, batch, common, checkpoint, *input);
  } else {
    print_test_set(deck, space, batch, common, format, checkpoint);
  }
  return Status::done;
}

}  // namespace

void add_infer(CLI::App& app, const CommonOptions& common, Action& action) {
  CLI::App* verb = app.add_subcommand(
      "infer",
      "Run a trained network: on the deck's test set, from --input to --output, or to continue a "
      "--prompt");
  auto options = std::make_shared<InferOptions>();
  options->deck.add_to(*verb);
  verb->add_option("--checkpoint", options->checkpoint, "Checkpoint with the weights")->required();
  verb->add_option("--input", options->input, "HDF5 file with /inputs");
  verb->add_option("--output", options->output, "HDF5 file for /outputs");
  verb->add_option("--batch", options->batch, "Samples at a time (default: the deck's batch)")
      ->transform(integer(1, 1 << 20));
  auto* prompt = verb->add_option("--prompt", options->prompt, "Text that a text deck continues");
  prompt->excludes("--input")->excludes("--output");
  verb->add_option("--length", options->generate.length, "Characters to write after the prompt")
      ->transform(integer(1, 100000000))
      ->needs(prompt)
      ->capture_default_str();
  verb->add_option("--temperature", options->generate.temperature,
                   "Below 1 more certain, above less; 0: always the most likely character")
      ->transform(real(0, 1e6))
      ->needs(prompt)
      ->capture_default_str();
  verb->add_option("--seed", options->generate.seed, "Random seed")
      ->transform(integer(0, kMostSeed))
      ->needs(prompt)
      ->capture_default_str();
  verb->footer(
      "Example:\n  ridgeline infer inputs/fashion_mlp.toml --checkpoint results/fashion_mlp.h5");
  verb->callback(
      [=, &common, &action] { action = [=, &common] { return run(*options, common); }; });
}

}  // namespace ridgeline::miniapp
