#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <limits>
#include <optional>

#include "data/load.hpp"
#include "io/file.hpp"
#include "io/hdf5.hpp"
#include "io/table.hpp"
#include "network/batch_feed.hpp"
#include "network/generate.hpp"
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
                                           const std::string& checkpoint, std::size_t batch) {
  const std::vector<T> parameters = network::load_parameters<T>(checkpoint, *session.plan);
  typename network::Network<Space, T>::Options options;
  options.gemm = network::gemm_backend(session.deck);
  options.batch = batch;
  network::Network<Space, T> network(instance, session.plan, options);
  network.write_parameters(parameters);
  return network;
}

// The outputs of all samples of a split, [samples, output].
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
    const Kokkos::View<T**, Kokkos::LayoutRight, Kokkos::HostSpace,
                       Kokkos::MemoryTraits<Kokkos::Unmanaged>>
        host(outputs.data() + at, item.count, width);
    Kokkos::deep_copy(network.instance(), host, y);
    network.wait();
    at += item.count * width;
  }
  return outputs;
}

// The vocabulary of a text deck: the checkpoint's, or else that of the deck's text.
data::Vocabulary text_vocabulary(const config::Deck& deck, const std::string& checkpoint) {
  data::Vocabulary vocabulary = vocabulary_of(checkpoint);
  return vocabulary.empty() ? data::load_dataset(deck.data).vocabulary : vocabulary;
}

// --input to --output: needs the deck's network and not its data.
void write_outputs(const config::Deck& deck, const InferOptions& options, SpaceKind space,
                   std::size_t batch, const CommonOptions& common) {
  Session session{deck, {}, nullptr};
  network::SampleShape sample;
  {
    const io::Hdf5Reader file(options.input);
    if (!file.has("/inputs")) file.fail("/inputs", "is missing; infer reads this dataset");
    sample.input = file.shape("/inputs");
    sample.tokens = file.element_class("/inputs") == io::ElementClass::integer;
  }
  if (sample.input.empty()) {
    throw RequestError(options.input +
                       ": /inputs is a scalar; its first dimension must be the "
                       "sample");
  }
  sample.input.erase(sample.input.begin());
  if (sample.input.empty()) sample.input = {1};
  if (deck.data.kind == config::DataKind::text) {
    sample.vocabulary = text_vocabulary(deck, options.checkpoint).size();
  }
  sample.has_targets = false;
  session.plan = std::make_shared<network::NetworkPlan>(deck, sample);
  const data::Dataset inputs = data::load_inputs(options.input, deck.data, sample.input);
  if (sample.tokens) inputs.require_tokens_below(session.plan->token_limit());
  compute(space, deck.network.precision, common, [&](const auto& instance, auto scalar) {
    using Space = std::decay_t<decltype(instance)>;
    using T = decltype(scalar);
    auto network = trained_network<Space, T>(instance, session, options.checkpoint, batch);
    const std::vector<T> outputs = outputs_of(network, inputs, batch);
    Shape shape = session.plan->layers.back()->output;
    shape.insert(shape.begin(), inputs.test.samples);
    io::Hdf5Writer file;
    file.write("/outputs", shape, outputs.data());
    file.save(options.output);
  });
  note(fmt::format("{} outputs written to {}", inputs.test.samples, options.output));
}

void print_test_set(const config::Deck& deck, const InferOptions& options, SpaceKind space,
                    std::size_t batch, const CommonOptions& common, io::TableFormat format) {
  const Session session = open_session(deck, vocabulary_of(options.checkpoint));
  const data::Split& test = session.dataset.test;
  if (test.samples == 0) {
    throw RequestError(deck.name + ": the data has no test set; give --input and --output");
  }
  const network::LossSums sums =
      compute(space, deck.network.precision, common, [&](const auto& instance, auto scalar) {
        using Space = std::decay_t<decltype(instance)>;
        using T = decltype(scalar);
        auto network = trained_network<Space, T>(instance, session, options.checkpoint, batch);
        return network::evaluate<Space, T>(network, session.dataset, test, batch);
      });
  io::Table table(
      {{"samples", "samples"}, {"test loss", "test_loss"}, {"test accuracy", "test_accuracy"}});
  table.add_row({io::Cell(test.samples), io::Cell(sums.mean_loss(), "{:.4f}"),
                 session.plan->has_labels() ? io::Cell(sums.accuracy(), "{:.4f}") : io::Cell()});
  table.print(std::cout, format);
}

// --prompt: the network writes on.
void write_text(const config::Deck& deck, const InferOptions& options, SpaceKind space,
                const CommonOptions& common) {
  if (deck.data.kind != config::DataKind::text) {
    deck.data.table.fail("kind", "--prompt needs data.kind = \"text\"; this deck writes no text");
  }
  const data::Vocabulary vocabulary = text_vocabulary(deck, options.checkpoint);
  const std::vector<std::int32_t> prompt = vocabulary.encode(*options.prompt, "--prompt");
  if (prompt.empty())
    throw RequestError("--prompt: must have at least one character to go on from");

  Session session{deck, {}, nullptr};
  network::SampleShape sample;
  sample.input = {static_cast<std::size_t>(deck.data.length)};
  sample.classes = sample.vocabulary = vocabulary.size();
  sample.target = sample.input;
  sample.tokens = true;
  session.plan = std::make_shared<network::NetworkPlan>(deck, sample);
  compute(space, deck.network.precision, common, [&](const auto& instance, auto scalar) {
    using Space = std::decay_t<decltype(instance)>;
    using T = decltype(scalar);
    auto network = trained_network<Space, T>(instance, session, options.checkpoint, 1);
    std::cout << *options.prompt;
    network::generate<Space, T>(network, prompt, options.generate, [&](std::int32_t token) {
      std::cout << vocabulary.decode(token) << std::flush;
    });
    std::cout << std::endl;
  });
}

Status run(const InferOptions& options, const CommonOptions& common) {
  const io::TableFormat format = io::parse_table_format(common.format);
  const config::Deck deck = config::Deck::load(options.deck.deck, options.deck.sets);
  const SpaceKind space = resolve_space(options.deck.space);
  if (options.input.empty() != options.output.empty()) {
    throw RequestError(
        "infer: --input and --output go together: outputs of the deck's own test set "
        "are not written");
  }
  if (std::isnan(options.generate.temperature)) {
    throw RequestError("--temperature: must be a number of 0 or more");
  }
  if (!options.output.empty()) require_writable(options.output);
  if (!std::filesystem::exists(options.checkpoint)) {
    throw RequestError(options.checkpoint + ": no such file; train writes one");
  }
  const std::size_t batch =
      static_cast<std::size_t>(options.batch > 0 ? options.batch : deck.train.batch);
  if (options.prompt) {
    write_text(deck, options, space, common);
  } else if (!options.input.empty()) {
    write_outputs(deck, options, space, batch, common);
  } else {
    print_test_set(deck, options, space, batch, common, format);
  }
  return Status::done;
}

}  // namespace

void add_infer(CLI::App& app, const CommonOptions& common, Action& action) {
  CLI::App* verb = app.add_subcommand(
      "infer",
      "Run a trained network: on the deck's test set, from --input to --output, or on from a "
      "--prompt");
  auto options = std::make_shared<InferOptions>();
  options->deck.add_to(*verb);
  verb->add_option("--checkpoint", options->checkpoint, "Checkpoint with the weights")->required();
  verb->add_option("--input", options->input, "HDF5 file with /inputs");
  verb->add_option("--output", options->output, "HDF5 file for /outputs");
  verb->add_option("--batch", options->batch, "Samples at a time (default: the deck's batch)")
      ->check(CLI::Range(1, 1 << 20));
  auto* prompt =
      verb->add_option("--prompt", options->prompt, "Text that a text deck goes on from");
  prompt->excludes("--input")->excludes("--output");
  verb->add_option("--length", options->generate.length, "Characters to write after the prompt")
      ->check(CLI::Range(1, 100000000))
      ->needs(prompt)
      ->capture_default_str();
  verb->add_option("--temperature", options->generate.temperature,
                   "Below 1 more certain, above less; 0: always the likeliest character")
      ->check(CLI::Range(0.0, 1e6))
      ->needs(prompt)
      ->capture_default_str();
  verb->add_option("--seed", options->generate.seed, "What chance writes")
      ->check(CLI::Range(std::int64_t{0}, std::numeric_limits<std::int64_t>::max() - 1))
      ->needs(prompt)
      ->capture_default_str();
  verb->footer("Example:\n  ridgeline infer inputs/fashion_mlp.toml --checkpoint fashion_mlp.h5");
  verb->callback(
      [=, &common, &action] { action = [=, &common] { return run(*options, common); }; });
}

}  // namespace ridgeline::miniapp
