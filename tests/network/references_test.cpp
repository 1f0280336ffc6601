#include <gtest/gtest.h>

#include "network/networks.hpp"
#include "support/references.hpp"

// Whole networks compared with PyTorch in float64: output, loss and gradients of one batch, and
// parameters after ten steps of every optimizer.

namespace ridgeline::network {
namespace {

using testing::expect_reference;
using testing::kReferenceTolerance;
using testing::on_space;

// A case of networks.h5 or training.h5.
struct Reference {
  Reference(const io::Hdf5Reader& the_file, const std::string& the_path)
      : file(the_file),
        path(the_path),
        deck(config::Deck::parse(file.text_attribute(path, "deck"), "deck.toml")),
        samples(file.shape(path + "/x")[0]) {
    SampleShape sample;
    sample.input = testing::sample_shape(file, path + "/x");
    sample.tokens = file.element_class(path + "/x") == io::ElementClass::integer;
    sample.classes = std::size_t(file.integer_attribute(path, "classes"));
    sample.target = testing::sample_shape(file, path + (has_labels() ? "/labels" : "/targets"));
    plan = std::make_shared<NetworkPlan>(deck, sample);
  }
  bool has_labels() const { return file.has(path + "/labels"); }

  const io::Hdf5Reader& file;
  const std::string path;
  const config::Deck deck;
  const std::size_t samples;
  std::shared_ptr<const NetworkPlan> plan;
};

// Samples [first, first + count) of a case on a space.
template <class Space, class T>
struct ReferenceBatch {
  ReferenceBatch(const Reference& reference, std::size_t first, std::size_t count) {
    const io::Hdf5Reader& file = reference.file;
    const auto rows = [&](const std::string& path, auto value) {
      std::vector<decltype(value)> values(count * size_of(testing::sample_shape(file, path)));
      file.read_rows(path, first, count, values.data());
      return values;
    };
    const std::string& path = reference.path;
    inputs = on_space(Space(), rows(path + "/x", T()));
    view.inputs = Matrix<Space, const T>(inputs.data(), count, inputs.size() / count);
    if (reference.has_labels()) {
      labels = on_space(Space(), rows(path + "/labels", std::int32_t()));
      view.labels = Vector<Space, const std::int32_t>(labels.data(), labels.size());
    } else {
      targets = on_space(Space(), rows(path + "/targets", T()));
      view.targets = Matrix<Space, const T>(targets.data(), count, targets.size() / count);
    }
  }
  Buffer<Space, T> inputs, targets;
  Buffer<Space, std::int32_t> labels;
  Batch<Space, T> view;
};

// Returns a network with the case's parameters; expects the file to have no others.
template <class Space, class T>
std::unique_ptr<Network<Space, T>> begin(const Reference& reference, std::size_t batch) {
  const io::Hdf5Reader& file = reference.file;
  const NetworkPlan& plan = *reference.plan;
  typename Network<Space, T>::Options options;
  options.gemm = gemm_backend(reference.deck);
  options.batch = batch;
  options.training = true;
  options.schedule = make_schedule(reference.deck, reference.samples);
  auto network = std::make_unique<Network<Space, T>>(Space(), reference.plan, options);
  std::vector<T> values(plan.parameter_buffer_size, T(0));
  std::set<std::string> known;
  for (const ParameterSlot& slot : plan.parameters) {
    const std::string at = reference.path + "/parameters/" + slot.layer + "/" + slot.parameter.name;
    EXPECT_EQ(file.shape(at), slot.parameter.shape) << at;
    file.read(at, values.data() + slot.offset);
    known.insert(at);
  }
  const std::function<void(const std::string&)> check = [&](const std::string& at) {
    if (file.is_dataset(at)) {
      EXPECT_EQ(known.count(at), 1u) << at;
      return;
    }
    for (const std::string& name : file.children(at)) check(at + "/" + name);
  };
  check(reference.path + "/parameters");
  network->write_parameters(values);
  return network;
}

// Expects a buffer of all parameters, or gradients, to equal the file's values in `folder`.
template <class T>
void expect_parameters(const std::vector<T>& found, const Reference& reference,
                       const std::string& folder, bool gradients, double tolerance) {
  for (const ParameterSlot& slot : reference.plan->parameters) {
    if (gradients && !slot.parameter.trained) continue;
    const auto first = found.begin() + std::ptrdiff_t(slot.offset);
    expect_reference(std::vector<T>(first, first + std::ptrdiff_t(slot.size)), reference.file,
                     reference.path + folder + slot.layer + "/" + slot.parameter.name, tolerance);
  }
}

template <class Space, class T>
std::vector<T> on_host(const Matrix<Space, const T>& matrix) {
  Buffer<Space, T> copy(Kokkos::view_alloc(Kokkos::WithoutInitializing, "test/copy"),
                        matrix.size());
  Kokkos::deep_copy(copy, Vector<Space, const T>(matrix.data(), matrix.size()));
  return testing::on_host(Space(), copy);
}

template <class Space, class T>
void check_gradients(const Reference& reference) {
  const double tolerance = kReferenceTolerance<T>;
  const ReferenceBatch<Space, T> batch(reference, 0, reference.samples);
  const auto network = begin<Space, T>(reference, reference.samples);
  network->reset_losses();
  network->compute_gradients(batch.view);
  network->wait();
  const double loss = reference.file.template read<double>(reference.path + "/loss").at(0);
  EXPECT_NEAR(network->read_losses().mean_loss(), loss, tolerance * std::abs(loss));
  expect_parameters(network->read_gradients(), reference, "/gradients/", true, tolerance);
  expect_reference(
      on_host<Space, T>(network->forward(batch.view.inputs, nullptr, layers::Mode::training)),
      reference.file, reference.path + "/output", tolerance);
}

template <class Space, class T>
void check_training(const Reference& reference) {
  const config::TrainOptions& train = reference.deck.train;
  const bool adaptive =
      reference.file.text_attribute(reference.path, "deck").find("\"sgd\"") == std::string::npos;
  const double tolerance = sizeof(T) == 4 && adaptive ? 1e-4 : kReferenceTolerance<T>;
  const auto network = begin<Space, T>(reference, std::size_t(train.batch));
  const Schedule schedule = make_schedule(reference.deck, reference.samples);
  std::vector<double> losses, rates;
  std::size_t first = 0;
  for (std::int64_t step = 0; step < 10; ++step) {
    const std::size_t count = std::min(std::size_t(train.batch), reference.samples - first);
    const ReferenceBatch<Space, T> batch(reference, first, count);
    network->reset_losses();
    network->train_step(batch.view);
    network->wait();
    losses.push_back(network->read_losses().mean_loss());
    rates.push_back(schedule.rate(step));
    first = (first + count) % reference.samples;
  }
  expect_reference(rates, reference.file, reference.path + "/rates", 1e-14);
  expect_reference(losses, reference.file, reference.path + "/losses", tolerance);
  expect_parameters(network->read_parameters(), reference, "/after/", false, tolerance);
}

class NetworkReferences : public testing::Computing {};

TEST_F(NetworkReferences, HavePyTorchsLossAndGradients) {
  const io::Hdf5Reader file(testing::reference_file("networks.h5"));
  for (const std::string& name : file.children("/")) {
    SCOPED_TRACE(name);
    const Reference reference(file, "/" + name);
#define RIDGELINE_CHECK(Space, T)         \
  {                                       \
    SCOPED_TRACE(#Space " " #T);          \
    check_gradients<Space, T>(reference); \
  }
    RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
  }
}

TEST_F(NetworkReferences, HavePyTorchsParametersAfterTenStepsOfEveryOptimizer) {
  const io::Hdf5Reader file(testing::reference_file("training.h5"));
  for (const std::string& name : file.children("/")) {
    SCOPED_TRACE(name);
    const Reference reference(file, "/" + name);
#define RIDGELINE_CHECK(Space, T)        \
  {                                      \
    SCOPED_TRACE(#Space " " #T);         \
    check_training<Space, T>(reference); \
  }
    RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
  }
}

// Without Kokkos: coverage of the files.

TEST(NetworkReferenceFile, HasEveryLayerOfLayersAndEveryLoss) {
  const io::Hdf5Reader file(testing::reference_file("networks.h5"));
  testing::KeysSeen seen;
  std::set<std::string> losses;
  bool smoothed = false;
  for (const std::string& name : file.children("/")) {
    const Reference reference(file, "/" + name);
    const config::Deck& deck = reference.deck;
    for (const config::OptionTable& layer : deck.network.layers) seen.add(layer);
    const std::size_t dimensions =
        file.shape("/" + name + (file.has("/" + name + "/labels") ? "/labels" : "/targets")).size();
    losses.insert(
        std::string(config::to_string(deck.train.loss)) +
        (dimensions > 1 && deck.train.loss == config::Loss::cross_entropy ? " a token" : ""));
    smoothed = smoothed || deck.train.label_smoothing > 0;
  }
  EXPECT_TRUE(smoothed);
  for (const char* kind : {"residual", "sequence"}) {
    EXPECT_EQ(seen.given[kind], seen.known[kind]) << kind;
  }
  // Not every kind is here: dropout's mask is random, and layers.h5 has pooling and others.
  const std::vector<std::string>& names = kernels::activation_names();
  std::set<std::string> activations(names.begin(), names.end());
  activations.erase("identity");  // the default
  EXPECT_EQ(seen.activations["residual"], activations);
  EXPECT_EQ(losses, (std::set<std::string>{"cross_entropy", "cross_entropy a token", "mse",
                                           "binary_cross_entropy"}));
}

TEST(TrainingReferenceFile, HasEveryOptionOfEveryOptimizerAndSchedule) {
  const io::Hdf5Reader file(testing::reference_file("training.h5"));
  std::map<std::string, std::set<std::string>> seen;
  for (const std::string& name : file.children("/")) {
    const config::Deck deck =
        config::Deck::parse(file.text_attribute("/" + name, "deck"), "deck.toml");
    for (const char* key : {"optimizer", "schedule"}) {
      const auto table = deck.train.table.optional_table(key);
      if (!table) continue;
      for (const std::string& option : table->keys()) seen[table->string("kind")].insert(option);
    }
    if (deck.train.table.has("clip_norm")) seen["train"].insert("clip_norm");
  }
  const std::set<std::string> adam = {"kind",  "learning_rate", "beta1",
                                      "beta2", "epsilon",       "weight_decay"};
  const std::map<std::string, std::set<std::string>> expected = {
      {"sgd", {"kind", "learning_rate", "momentum", "nesterov", "weight_decay"}},
      {"adam", adam},
      {"adamw", adam},
      {"rmsprop", {"kind", "learning_rate", "alpha", "epsilon", "momentum", "weight_decay"}},
      {"constant", {"kind", "warmup_steps"}},
      {"step", {"kind", "every", "factor", "warmup_steps"}},
      {"cosine", {"kind", "final", "warmup_steps"}},
      {"train", {"clip_norm"}}};
  EXPECT_EQ(seen, expected);
}

}  // namespace
}  // namespace ridgeline::network
