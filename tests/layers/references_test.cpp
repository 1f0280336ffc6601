#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>

#include "layers/harness.hpp"
#include "support/references.hpp"

// Every layer against PyTorch in float64: output, gradients, and statistics that it keeps.

namespace ridgeline::layers {
namespace {

using kernels::GemmBackend;
using testing::expect_reference;
using testing::kReferenceTolerance;
using testing::LayerHarness;

std::string references() { return testing::reference_file("layers.h5"); }

// The kinds of one input: the references of others are whole networks.
std::vector<std::string> kinds() {
  std::vector<std::string> names;
  for (const LayerKind& kind : layer_kinds()) {
    if (kind.input_count == 1) names.push_back(kind.name);
  }
  return names;
}

// Returns a case's parameters in the plan's order; expects the file to have no others.
std::vector<std::vector<double>> read_parameters(const io::Hdf5Reader& file,
                                                 const std::string& path, const Layer& plan) {
  std::vector<std::vector<double>> values;
  for (const Parameter& parameter : plan.parameters()) {
    const std::string at = path + "/parameters/" + parameter.name;
    EXPECT_EQ(file.shape(at), parameter.shape) << at;
    values.push_back(file.read<double>(at));
  }
  const std::size_t stored =
      file.has(path + "/parameters") ? file.children(path + "/parameters").size() : 0;
  EXPECT_EQ(values.size(), stored);
  return values;
}

template <class Space, class T>
void check_case(const io::Hdf5Reader& file, const std::string& path, GemmBackend backend) {
  const double tolerance = kReferenceTolerance<T>;
  const auto plan =
      testing::plan_of(file.text_attribute(path, "keys"), testing::sample_shape(file, path + "/x"));
  ASSERT_EQ(plan->output, testing::sample_shape(file, path + "/y"));
  const std::vector<Parameter> parameters = plan->parameters();
  LayerHarness<Space, T> layer(*plan, file.shape(path + "/x")[0], backend);
  layer.parameters = read_parameters(file, path, *plan);
  if (file.has(path + "/x_before")) {
    layer.forward(file.read<double>(path + "/x_before"));
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      if (!parameters[i].trained) layer.parameters[i] = layer.parameters_after[i];
    }
  }
  const std::vector<double> x = file.read<double>(path + "/x");
  const bool training = file.text_attribute(path, "mode") == "training";
  if (!training || plan->kind != "batch_norm") {
    expect_reference(layer.forward(x, false), file, path + "/y", tolerance);
  }
  if (!training) return;
  expect_reference(layer.forward(x), file, path + "/y", tolerance);
  const bool has_dx = file.has(path + "/dx");
  const std::vector<std::vector<double>> after = layer.parameters_after;
  const testing::Gradients found = layer.backward(x, file.read<double>(path + "/dy"), !has_dx);
  if (has_dx) {
    expect_reference(found.input, file, path + "/dx", tolerance);
  }
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const std::string& name = parameters[i].name;
    if (parameters[i].trained) {
      expect_reference(found.parameters[i], file, path + "/gradients/" + name, tolerance);
    } else {
      expect_reference(after[i], file, path + "/after/" + name, tolerance);
    }
  }
}

constexpr const char* kRemedy =
    "a new kind or key gets a case in tests/references/torch_layers.py and layer_cases.py; then "
    "tests/references/make.py --only layers, which needs torch, writes layers.h5";

class LayerReferences : public testing::Computing,
                        public ::testing::WithParamInterface<std::string> {};

TEST_P(LayerReferences, ArePyTorchs) {
  const io::Hdf5Reader file(references());
  ASSERT_TRUE(file.has("/" + GetParam())) << kRemedy;
  for (const std::string& name : file.children("/" + GetParam())) {
    const std::string path = "/" + GetParam() + "/" + name;
    SCOPED_TRACE(path);
    for (const auto backend : {GemmBackend::native, GemmBackend::kokkos_kernels}) {
#define RIDGELINE_CHECK(Space, T)              \
  {                                            \
    SCOPED_TRACE(#Space " " #T);               \
    check_case<Space, T>(file, path, backend); \
  }
      RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, LayerReferences, ::testing::ValuesIn(kinds()),
                         [](const auto& info) { return info.param; });

// A kind of layer or a key that is new needs its reference (tests/references/layer_cases.py), and
// one that decks in use name cannot go.
TEST(LayerReferenceFile, HasEveryKindKeyAndActivationThereIs) {
  const io::Hdf5Reader file(references());
  std::vector<std::string> expected = kinds();
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(file.children("/"), expected) << kRemedy;
  testing::KeysSeen seen;
  for (const std::string& kind : file.children("/")) {
    for (const std::string& name : file.children("/" + kind)) {
      const std::string path = "/" + kind + "/" + name;
      const config::Deck deck =
          testing::deck_of_layers("[[network.layer]]\n" + file.text_attribute(path, "keys"));
      const config::OptionTable& table = deck.network.layers.front();
      ASSERT_EQ(table.string("kind"), kind) << name;
      read_layer({table, name, testing::sample_shape(file, path + "/x")});
      seen.add(table);
    }
    EXPECT_EQ(seen.given[kind], seen.known[kind]) << kind << ": " << kRemedy;
  }
  const std::vector<std::string>& names = kernels::activation_names();
  const std::set<std::string> activations(names.begin(), names.end());
  for (const char* kind : {"dense", "conv2d", "activation"}) {
    EXPECT_EQ(seen.activations[kind], activations) << kind;
  }
}

}  // namespace
}  // namespace ridgeline::layers
