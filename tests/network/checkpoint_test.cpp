#include "network/checkpoint.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <limits>

#include "io/hdf5.hpp"
#include "io/scratch.hpp"
#include "network/checkpoints.hpp"
#include "network/networks.hpp"
#include "support/file_size_limit.hpp"

// Checkpoints as files; none of this needs a running Kokkos.

namespace ridgeline::network {
namespace {

using testing::bytes_of_file;
using testing::contains;
using testing::deck_of;
using testing::error_of;
using testing::kMixed;
using testing::kPerceptron;
using testing::load_checkpoint;
using testing::load_parameters;
using testing::plan_of;
using testing::ScratchFolder;

const std::vector<std::string> kMomentum = {"train.optimizer.momentum=0.9"};

// Returns values for a whole buffer, with gaps of zero as checkpoints restore them.
template <class T>
std::vector<T> buffer_of(const NetworkPlan& plan, std::uint64_t seed) {
  const std::vector<T> random = testing::random_values<T>(plan.parameter_buffer_size, seed);
  std::vector<T> values(plan.parameter_buffer_size, T(0));
  for (const ParameterSlot& slot : plan.parameters) {
    std::copy_n(random.begin() + std::ptrdiff_t(slot.offset), slot.size,
                values.begin() + std::ptrdiff_t(slot.offset));
  }
  return values;
}

template <class T>
Checkpoint<T> checkpoint_of(const NetworkPlan& plan, const std::string& deck) {
  Checkpoint<T> checkpoint;
  checkpoint.deck = deck;
  checkpoint.seed = (1ull << 62) + 3;
  checkpoint.state.epoch = 2;
  checkpoint.state.step = (std::int64_t{1} << 40) + 1;
  checkpoint.state.sample = 33;
  checkpoint.state.sums = {1.0 / 3, 21, 33};
  checkpoint.state.seconds = 0.1;
  checkpoint.state.history = {{0.7, 1.0 / 7}, {0.8, 0.4}, {0.25, 0.5}, {1.5, 1.25}};
  checkpoint.parameters = buffer_of<T>(plan, 1);
  if (plan.optimizer.momentum != 0) checkpoint.optimizer_state = {buffer_of<T>(plan, 2)};
  // Values that decimal digits and careless conversions would change.
  const std::size_t at = plan.parameters.front().offset;
  checkpoint.parameters[at] = std::numeric_limits<T>::denorm_min();
  checkpoint.parameters[at + 1] = std::numeric_limits<T>::max();
  checkpoint.parameters[at + 2] = T(-0.0);
  return checkpoint;
}

// Equal to the last bit, the sign of a zero included.
template <class T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

template <class T>
void check_round_trip(const std::vector<std::string>& sets) {
  const ScratchFolder folder;
  const config::Deck deck = deck_of(kMixed, sets);
  const auto plan = plan_of(deck);
  const Checkpoint<T> saved = checkpoint_of<T>(*plan, deck.text());
  save_checkpoint(folder / "a.h5", *plan, saved);
  EXPECT_EQ(folder.listing(), "a.h5");
  const Checkpoint<T> loaded = load_checkpoint<T>(folder / "a.h5", *plan);
  EXPECT_TRUE(same_bits(loaded.parameters, saved.parameters));
  ASSERT_EQ(loaded.optimizer_state.size(), saved.optimizer_state.size());
  for (std::size_t i = 0; i < saved.optimizer_state.size(); ++i) {
    EXPECT_TRUE(same_bits(loaded.optimizer_state[i], saved.optimizer_state[i]));
  }
  EXPECT_EQ(loaded.deck, saved.deck);
  EXPECT_EQ(loaded.seed, saved.seed);
  EXPECT_EQ(loaded.state.epoch, saved.state.epoch);
  EXPECT_EQ(loaded.state.step, saved.state.step);
  EXPECT_EQ(loaded.state.sample, saved.state.sample);
  EXPECT_EQ(loaded.state.sums.loss, saved.state.sums.loss);
  EXPECT_EQ(loaded.state.sums.correct, saved.state.sums.correct);
  EXPECT_EQ(loaded.state.sums.samples, saved.state.sums.samples);
  EXPECT_EQ(loaded.state.seconds, saved.state.seconds);
  EXPECT_EQ(loaded.state.history.train_loss, saved.state.history.train_loss);
  EXPECT_EQ(loaded.state.history.test_loss, saved.state.history.test_loss);
  EXPECT_EQ(loaded.state.history.test_accuracy, saved.state.history.test_accuracy);
  EXPECT_EQ(loaded.state.history.seconds, saved.state.history.seconds);
  EXPECT_TRUE(same_bits(load_parameters<T>(folder / "a.h5", *plan), saved.parameters));
  EXPECT_EQ(CheckpointFile(folder / "a.h5").deck_text(), saved.deck);
}

TEST(Checkpoint, KeepsTheBestEpochsParametersAsTheModel) {
  const ScratchFolder folder;
  const config::Deck deck = deck_of(kMixed, kMomentum);
  const auto plan = plan_of(deck);
  Checkpoint<float> saved = checkpoint_of<float>(*plan, deck.text());
  saved.best = std::make_shared<const std::vector<float>>(buffer_of<float>(*plan, 3));
  saved.state.best_epoch = 1;
  const std::string file = folder / "a.h5";
  // Builds that read versions 1 and 2 ignore /last, and must not resume without it.
  const auto check = [&](bool has_last) {
    save_checkpoint(file, *plan, saved);
    EXPECT_EQ(io::Hdf5Reader(file).has("/last"), has_last);
    EXPECT_EQ(io::Hdf5Reader(file).integer_attribute("/", "version"), has_last ? 3 : 2);
    EXPECT_TRUE(may_be_damaged_checkpoint(file));
    const Checkpoint<float> loaded = load_checkpoint<float>(file, *plan);
    EXPECT_EQ(loaded.state.best_epoch, saved.state.best_epoch);
    EXPECT_TRUE(same_bits(*loaded.best, *saved.best));
    EXPECT_TRUE(same_bits(loaded.parameters, saved.parameters));
    EXPECT_TRUE(same_bits(load_parameters<float>(file, *plan), *saved.best));
  };
  check(true);
  // At the end of that epoch both are the same, but within the next they are not.
  saved.state.best_epoch = saved.state.epoch;
  check(true);
  saved.state.sample = 0;
  saved.state.sums = {};
  saved.parameters = *saved.best;
  check(false);
  auto broken = *saved.best;
  broken[plan->parameters.front().offset] = NAN;
  saved.best = std::make_shared<const std::vector<float>>(broken);
  saved.parameters = buffer_of<float>(*plan, 1);
  EXPECT_TRUE(contains(error_of([&] { save_checkpoint(file, *plan, saved); }, Status::run_failed),
                       "no longer finite"));
}

TEST(Checkpoint, RestoresEveryBit) {
  check_round_trip<float>({});
  check_round_trip<float>(kMomentum);
  check_round_trip<double>(kMomentum);
}

TEST(Checkpoint, HasTheContractsObjects) {
  const ScratchFolder folder;
  const config::Deck deck = deck_of(kMixed, kMomentum);
  const auto plan = plan_of(deck);
  save_checkpoint(folder / "a.h5", *plan, checkpoint_of<float>(*plan, deck.text()));
  const io::Hdf5Reader file(folder / "a.h5");
  EXPECT_EQ(file.text_attribute("/", "format"), "ridgeline-checkpoint");
  EXPECT_EQ(file.integer_attribute("/", "version"), 2);
  EXPECT_FALSE(file.text_attribute("/", "ridgeline_version").empty());
  const std::string created = file.text_attribute("/", "created");
  ASSERT_EQ(created.size(), 20u);
  EXPECT_EQ(created[10], 'T');
  EXPECT_EQ(created[19], 'Z');
  EXPECT_EQ(file.read_text("/deck"), deck.text());
  EXPECT_EQ(file.children("/model"), (std::vector<std::string>{"last", "narrow", "rows"}));
  EXPECT_EQ(file.children("/model/rows"), (std::vector<std::string>{"bias", "weight"}));
  EXPECT_EQ(file.children("/model/narrow"), (std::vector<std::string>{"weight"}));
  EXPECT_EQ(file.shape("/model/narrow/weight"), (Shape{9, 18}));  // [out, in], as in PyTorch
  EXPECT_EQ(file.shape("/model/rows/bias"), (Shape{6}));
  EXPECT_EQ(file.element_size("/model/rows/weight"), 4u);
  EXPECT_TRUE(file.has("/optimizer/rows/weight"));
  for (const char* name : {"epoch", "step", "sample", "seed"}) {
    EXPECT_TRUE(file.has_attribute("/state", name)) << name;
  }
  for (const char* metric : {"train_loss", "test_loss", "test_accuracy", "seconds"}) {
    EXPECT_EQ(file.shape(std::string("/history/") + metric), (Shape{2})) << metric;
  }
}

// Saves a checkpoint of one deck and returns the error message for another's network.
std::string refusal(const config::Deck& saved_deck, const config::Deck& loading_deck) {
  const ScratchFolder folder;
  const auto saved = plan_of(saved_deck), loading = plan_of(loading_deck);
  save_checkpoint(folder / "a.h5", *saved, checkpoint_of<float>(*saved, saved_deck.text()));
  const std::string error = error_of([&] { load_checkpoint<float>(folder / "a.h5", *loading); });
  if (error == "none") return error;
  EXPECT_TRUE(contains(error, folder / "a.h5: "));
  EXPECT_EQ(error_of([&] { load_parameters<float>(folder / "a.h5", *loading); }).empty(), false);
  return error.substr((folder / "a.h5: ").size());
}

TEST(Checkpoint, OfAnotherNetworkIsRefusedByObject) {
  EXPECT_EQ(refusal(deck_of(kMixed), deck_of(kMixed)), "none");
  EXPECT_TRUE(contains(refusal(deck_of(kPerceptron), deck_of(kMixed)), "is a layer that this"));
  // Fewer layers, more layers, another name.
  EXPECT_TRUE(contains(refusal(deck_of(kMixed), deck_of(kMixed, {"network.layer.5.name=other"})),
                       "/model/last: is a layer that this network does not have"));
  const std::string one_more =
      kMixed + "[[network.layer]]\nkind = \"dense\"\nname = \"more\"\nunits = 5\n";
  EXPECT_TRUE(
      contains(refusal(deck_of(kMixed), deck_of(one_more)), "/model/more/weight: is missing"));
  EXPECT_TRUE(contains(refusal(deck_of(one_more), deck_of(kMixed)),
                       "/model/more: is a layer that this network does not have"));
}

TEST(Checkpoint, OfOtherShapesIsRefusedWithBoth) {
  const std::string error =
      refusal(deck_of(kMixed), deck_of(kMixed, {"network.layer.narrow.units=10"}));
  EXPECT_TRUE(contains(error,
                       "/model/narrow/weight: has shape [9, 18], and this network needs "
                       "[10, 18]"))
      << error;
}

TEST(Checkpoint, OfALayerWithAnotherSetOfParametersIsRefused) {
  EXPECT_TRUE(
      contains(refusal(deck_of(kMixed), deck_of(kMixed, {"network.layer.narrow.bias=true"})),
               "/model/narrow/bias: is missing"));
  // A file with a bias that would silently be dropped is of another network too.
  EXPECT_TRUE(contains(refusal(deck_of(kMixed), deck_of(kMixed, {"network.layer.rows.bias=false"})),
                       "/model/rows/bias: is a parameter that this network does not have"));
}

TEST(Checkpoint, WithoutTheOptimizersStateCannotBeResumedWithMomentum) {
  EXPECT_TRUE(contains(refusal(deck_of(kMixed), deck_of(kMixed, kMomentum)),
                       "/optimizer/rows/weight/momentum_buffer: is missing"));
}

TEST(Checkpoint, TruncatedAnywhereIsRefusedAsARequest) {
  const ScratchFolder folder;
  const config::Deck deck = deck_of(kPerceptron, kMomentum);
  const auto plan = plan_of(deck);
  save_checkpoint(folder / "a.h5", *plan, checkpoint_of<float>(*plan, deck.text()));
  const std::string bytes = bytes_of_file(folder / "a.h5");
  ASSERT_GT(bytes.size(), 1000u);
  std::vector<std::size_t> lengths = {
      0, 1, 7, 8, 9, 48, 96, 512, bytes.size() - 1, bytes.size() - 2};
  for (std::size_t i = 1; i < 60; ++i) lengths.push_back(bytes.size() * i / 60);
  for (const std::size_t length : lengths) {
    const std::string file = folder.write("cut.h5", bytes.substr(0, length));
    const std::string error = error_of([&] { load_checkpoint<float>(file, *plan); });
    EXPECT_TRUE(contains(error, file + ": ")) << length << " of " << bytes.size();
    EXPECT_NE(error_of([&] { load_parameters<float>(file, *plan); }), "none") << length;
    EXPECT_NE(error_of([&] { CheckpointFile(file).deck_text(); }), "none") << length;
  }
}

TEST(Checkpoint, ThatIsNoHdf5FileOrNotThereIsRefused) {
  const ScratchFolder folder;
  const auto plan = plan_of(deck_of(kPerceptron));
  const std::string text = folder.write("a.h5", "not a checkpoint\n");
  EXPECT_EQ(error_of([&] { load_checkpoint<float>(text, *plan); }), text + ": is not an HDF5 file");
  EXPECT_TRUE(contains(error_of([&] { load_checkpoint<float>(folder / "none.h5", *plan); }),
                       folder / "none.h5: cannot read: No such file"));
  EXPECT_TRUE(
      contains(error_of([&] { load_checkpoint<float>(folder.path(), *plan); }), "is a folder"));
}

TEST(Checkpoint, OfAnotherFormatOrANewerVersionIsRefused) {
  const ScratchFolder folder;
  const auto plan = plan_of(deck_of(kPerceptron));
  const auto refusal_with = [&](const char* format, std::int64_t version) {
    io::Hdf5Writer file;
    if (*format) file.attribute("/", "format", format);
    file.attribute("/", "version", version);
    file.write_text("/deck", "");
    file.save(folder / "a.h5");
    return error_of([&] { load_checkpoint<float>(folder / "a.h5", *plan); });
  };
  EXPECT_TRUE(contains(refusal_with("", 1), "has no attribute \"format\""));
  EXPECT_TRUE(contains(refusal_with("ridgeline-machine", 1), "format is \"ridgeline-machine\""));
  EXPECT_TRUE(contains(refusal_with("ridgeline-checkpoint", 4),
                       "has version 4, and this build reads 1 to 3"));
  EXPECT_TRUE(contains(refusal_with("ridgeline-checkpoint", 3), "has no digest"));
  EXPECT_TRUE(contains(refusal_with("ridgeline-checkpoint", 2), "has no digest"));
  EXPECT_TRUE(contains(refusal_with("ridgeline-checkpoint", 0), "has version 0"));
  EXPECT_TRUE(contains(refusal_with("ridgeline-checkpoint", 1), "/model: is missing"));
}

TEST(Checkpoint, ModelAloneIsEnoughForParameters) {
  const ScratchFolder folder;
  const auto plan = plan_of(deck_of(kPerceptron));
  const std::vector<double> values = buffer_of<double>(*plan, 1);
  io::Hdf5Writer file;
  for (const ParameterSlot& slot : plan->parameters) {
    file.write("/model/" + slot.layer + "/" + slot.parameter.name, slot.parameter.shape,
               values.data() + slot.offset);
  }
  file.save(folder / "model.h5");
  EXPECT_EQ(load_parameters<double>(folder / "model.h5", *plan), values);
  EXPECT_EQ(load_parameters<float>(folder / "model.h5", *plan),
            std::vector<float>(values.begin(), values.end()));
  EXPECT_NE(error_of([&] { load_checkpoint<double>(folder / "model.h5", *plan); }), "none");
}

TEST(Checkpoint, ValuesThatAreNotFiniteAreRefusedWhenLoaded) {
  const ScratchFolder folder;
  const auto plan = plan_of(deck_of(kPerceptron));
  for (const double bad : {std::nan(""), std::numeric_limits<double>::infinity()}) {
    io::Hdf5Writer file;
    for (const ParameterSlot& slot : plan->parameters) {
      std::vector<double> values(slot.size, 0.5);
      if (slot.layer == "fc2" && slot.parameter.name == "bias") values[4] = bad;
      file.write("/model/" + slot.layer + "/" + slot.parameter.name, slot.parameter.shape,
                 values.data());
    }
    file.save(folder / "model.h5");
    EXPECT_TRUE(
        contains(error_of([&] { load_parameters<float>(folder / "model.h5", *plan); }),
                 "model.h5: /model/fc2/bias: holds a value that is not finite in float32, at "
                 "position 4"));
  }
  // Nor is a float64 that float32 cannot represent.
  io::Hdf5Writer file;
  for (const ParameterSlot& slot : plan->parameters) {
    const std::vector<double> values(slot.size, 1e300);
    file.write("/model/" + slot.layer + "/" + slot.parameter.name, slot.parameter.shape,
               values.data());
  }
  file.save(folder / "model.h5");
  EXPECT_NE(error_of([&] { load_parameters<float>(folder / "model.h5", *plan); }), "none");
}

TEST(Checkpoint, ValuesThatAreNotFiniteAreNeverSaved) {
  const ScratchFolder folder;
  const config::Deck deck = deck_of(kPerceptron, kMomentum);
  const auto plan = plan_of(deck);
  const Checkpoint<float> good = checkpoint_of<float>(*plan, deck.text());
  save_checkpoint(folder / "a.h5", *plan, good);
  const std::string before = bytes_of_file(folder / "a.h5");
  for (const bool in_state : {false, true}) {
    Checkpoint<float> bad = good;
    (in_state ? bad.optimizer_state.front() : bad.parameters)[plan->parameters.back().offset] = NAN;
    EXPECT_TRUE(contains(
        error_of([&] { save_checkpoint(folder / "a.h5", *plan, bad); }, Status::run_failed),
        "no longer finite"));
    EXPECT_EQ(bytes_of_file(folder / "a.h5"), before);
    EXPECT_EQ(folder.listing(), "a.h5");
  }
}

TEST(Checkpoint, AFullDiskLeavesTheOldOneAndNothingElse) {
  const ScratchFolder folder;
  const config::Deck deck = deck_of(kPerceptron);
  const auto plan = plan_of(deck);
  Checkpoint<float> checkpoint = checkpoint_of<float>(*plan, deck.text());
  save_checkpoint(folder / "a.h5", *plan, checkpoint);
  const std::string before = bytes_of_file(folder / "a.h5");
  checkpoint.state.step = 7;
  std::string error;
  {
    const testing::FileSizeLimit half(before.size() / 2);
    error =
        error_of([&] { save_checkpoint(folder / "a.h5", *plan, checkpoint); }, Status::run_failed);
  }
  EXPECT_TRUE(contains(error, folder / "a.h5: cannot write: File too large"));
  EXPECT_EQ(bytes_of_file(folder / "a.h5"), before);
  EXPECT_EQ(folder.listing(), "a.h5");
  EXPECT_TRUE(contains(
      error_of([&] { save_checkpoint("/dev/full", *plan, checkpoint); }, Status::run_failed),
      "/dev/full: cannot write: it is a device, not a file"));
}

TEST(Checkpoint, AnUnwritablePathIsAnError) {
  const ScratchFolder folder;
  const auto plan = plan_of(deck_of(kPerceptron));
  const Checkpoint<float> checkpoint = checkpoint_of<float>(*plan, "");
  const std::string file = folder.write("file", "");
  for (const std::string& path : {folder / "missing/a.h5", file + "/a.h5", folder.path()}) {
    EXPECT_TRUE(
        contains(error_of([&] { save_checkpoint(path, *plan, checkpoint); }, Status::run_failed),
                 path + ": cannot write: "));
  }
  EXPECT_EQ(folder.listing(), "file");
}

}  // namespace
}  // namespace ridgeline::network
