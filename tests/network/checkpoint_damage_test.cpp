#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "io/hdf5.hpp"
#include "io/scratch.hpp"
#include "kernels/optimizer/health.hpp"
#include "network/checkpoint.hpp"
#include "network/networks.hpp"
#include "network/runs.hpp"
#include "support/paths.hpp"

// Damage to checkpoints: in version 2 all of it is detected; version 1 has no digest, but still
// causes no crash.

namespace ridgeline::network {
namespace {

using testing::bytes_of_file;
using testing::contains;
using testing::error_of;
using testing::Experiment;
using testing::kMixed;
using testing::load_checkpoint;
using testing::load_parameters;
using testing::opened;
using testing::ScratchFolder;

std::string case_of(const std::string& name) {
  return testing::source_folder() + "/tests/cases/hostile/" + name;
}

// All that a run reads from a checkpoint.
struct Content {
  std::string deck;
  Checkpoint<float> checkpoint;
  bool operator==(const Content& other) const {
    const TrainingState &a = checkpoint.state, &b = other.checkpoint.state;
    return deck == other.deck && checkpoint.deck == other.checkpoint.deck &&
           checkpoint.parameters == other.checkpoint.parameters &&
           checkpoint.optimizer_state == other.checkpoint.optimizer_state &&
           checkpoint.seed == other.checkpoint.seed &&
           checkpoint.vocabulary == other.checkpoint.vocabulary && a.epoch == b.epoch &&
           a.step == b.step && a.sample == b.sample && a.skipped.total == b.skipped.total &&
           a.skipped.in_a_row == b.skipped.in_a_row && a.sums.loss == b.sums.loss &&
           a.sums.correct == b.sums.correct && a.sums.samples == b.sums.samples &&
           a.seconds == b.seconds && a.history.train_loss == b.history.train_loss &&
           a.history.test_loss == b.history.test_loss &&
           a.history.test_accuracy == b.history.test_accuracy &&
           a.history.seconds == b.history.seconds &&
           checkpoint.data->difference(*other.checkpoint.data).empty();
  }
};

// A trained network's checkpoint and its content.
class DamagedCheckpoint : public testing::Computing {
 protected:
  void SetUp() override {
    Computing::SetUp();
    experiment.run<Kokkos::DefaultHostExecutionSpace, float>({good, {}, {}});
    bytes = bytes_of_file(good);
    content = read(good);
  }
  Content read(const std::string& file) const {
    const CheckpointFile checkpoint(file);
    return {checkpoint.deck_text(), checkpoint.load<float>(*experiment.plan)};
  }

  const ScratchFolder folder;
  const Experiment experiment{kMixed,
                              {"train.optimizer={ kind = \"adam\", learning_rate = 0.01 }"}};
  const std::string good = folder / "good.h5", bad = folder / "bad.h5";
  std::string bytes;
  Content content;
};

TEST_F(DamagedCheckpoint, WithAFlippedBitIsRefusedOrSaysTheSame) {
  // Every bit of every byte in a soak (RIDGELINE_SOAK), one of every 23rd byte otherwise.
  const bool soak = std::getenv("RIDGELINE_SOAK") != nullptr;
  const std::size_t step = soak ? 1 : 23;
  std::size_t refused = 0, tried = 0;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    for (std::size_t bit = at / step % 8; bit < 8; bit += soak ? 1 : 8) {
      std::string damaged = bytes;
      damaged[at] = static_cast<char>(damaged[at] ^ (1 << bit));
      folder.write("bad.h5", damaged);
      ++tried;
      try {
        EXPECT_TRUE(read(bad) == content) << "byte " << at << ", bit " << bit;
      } catch (const RequestError& error) {
        ++refused;
        EXPECT_TRUE(contains(error.what(), bad + ": "));
      }
    }
  }
  EXPECT_GT(refused, tried / 2);  // bits in gaps may be accepted
}

TEST_F(DamagedCheckpoint, WithADamagedDatasetIsRefused) {
  const io::Hdf5Reader file(good);
  std::vector<std::string> datasets;
  const std::function<void(const std::string&)> walk = [&](const std::string& group) {
    for (const std::string& name : file.children(group.empty() ? "/" : group)) {
      const std::string path = group + "/" + name;
      if (file.is_dataset(path)) {
        datasets.push_back(path);
      } else {
        walk(path);
      }
    }
  };
  walk("");
  ASSERT_GT(datasets.size(), 15u);
  for (const std::string& path : datasets) {
    std::string values;
    if (file.element_class(path) == io::ElementClass::text) {
      values = file.read_text(path);
    } else if (file.element_size(path) == sizeof(double)) {
      const auto numbers = file.read<double>(path);
      values.assign(reinterpret_cast<const char*>(numbers.data()), 8 * numbers.size());
    } else {
      const auto numbers = file.read<float>(path);
      values.assign(reinterpret_cast<const char*>(numbers.data()), 4 * numbers.size());
    }
    const std::size_t at = bytes.find(values);
    ASSERT_NE(at, std::string::npos) << path;
    for (const std::size_t place : {std::size_t{0}, values.size() / 2, values.size() - 1}) {
      std::string damaged = bytes;
      damaged[at + place] = static_cast<char>(damaged[at + place] ^ 1);
      folder.write("bad.h5", damaged);
      EXPECT_TRUE(contains(error_of([&] { CheckpointFile checkpoint(bad); }), bad + ": ")) << path;
    }
  }
}

TEST_F(DamagedCheckpoint, WithChangedContentIsRefusedByItsDigest) {
  // A valid file with the digest of another, which no checksum of HDF5 can detect.
  Checkpoint<float> other = content.checkpoint;
  other.parameters[3] += 1;
  save_checkpoint(folder / "other.h5", *experiment.plan, other);
  const std::string mine = io::Hdf5Reader(good).text_attribute("/", "digest");
  io::Hdf5Writer writer(io::Hdf5Writer::Checks::fletcher32);
  writer.attribute("/", "format", "ridgeline-checkpoint");
  writer.attribute("/", "version", std::int64_t{2});
  writer.write("/model/fc/weight", std::vector<float>{1, 2});
  writer.attribute("/", "digest", mine);
  writer.save(bad);
  EXPECT_EQ(error_of([&] { CheckpointFile checkpoint(bad); }),
            bad +
                ": /: its content is not what its digest says: the file is damaged, or was "
                "changed");
}

// A checkpoint with one attribute of /state or one dataset of /history replaced, and a correct
// digest.
std::string refusal_of_state(const NetworkPlan& plan, Checkpoint<float> checkpoint,
                             const std::function<void(Checkpoint<float>&)>& change,
                             const std::string& file) {
  change(checkpoint);
  save_checkpoint(file, plan, checkpoint);
  return error_of([&] { load_checkpoint<float>(file, plan); });
}

TEST_F(DamagedCheckpoint, WithAStateThatNoRunHasIsRefused) {
  using Change = std::function<void(Checkpoint<float>&)>;
  const std::pair<const char*, Change> changes[] = {
      {"/state: has an epoch", [](auto& c) { c.state.epoch = -1; }},
      {"/state: has an epoch", [](auto& c) { c.state.step = 1; }},
      {"/state: has an epoch", [](auto& c) { c.state.sample = -1; }},
      {"/state: has an epoch_sample_sum", [](auto& c) { c.state.sums.samples = 1; }},
      {"/state: has an epoch_correct_sum", [](auto& c) { c.state.sums.correct = -1; }},
      {"/state: has an epoch_loss_sum", [](auto& c) { c.state.sums.loss = NAN; }},
      {"/state: has an epoch_seconds", [](auto& c) { c.state.seconds = -1; }},
      {"/state: has an epoch_seconds", [](auto& c) { c.state.seconds = HUGE_VAL; }},
      {"/state: has numbers of skipped", [](auto& c) { c.state.skipped.in_a_row = 1; }},
      {"/state: has numbers of skipped", [](auto& c) { c.state.skipped.total = c.state.step + 1; }},
      {"/state: has numbers of skipped",
       [](auto& c) {
         c.state.skipped = {kernels::kMostSkippedSteps, kernels::kMostSkippedSteps};
       }},
      {"/state: has a best_epoch",
       [](auto& c) {
         c.best = std::make_shared<const std::vector<float>>(c.parameters);
         c.state.best_epoch = c.state.epoch + 1;
       }},
      {"/state: has a best_epoch",
       [](auto& c) {
         c.best = std::make_shared<const std::vector<float>>(c.parameters);
         c.state.best_epoch = 0;
       }},
      {"/state: has a negative seed", [](auto& c) { c.seed = ~std::uint64_t{0}; }},
      {"/history/train_loss: has ", [](auto& c) { c.state.history.train_loss.pop_back(); }},
      {"/history/train_loss: holds", [](auto& c) { c.state.history.train_loss[0] = NAN; }},
      {"/history/seconds: holds", [](auto& c) { c.state.history.seconds[0] = -1; }},
      {"/history/test_accuracy: holds", [](auto& c) { c.state.history.test_accuracy[0] = 1.5; }},
      {"exp_avg_sq: holds a negative mean", [](auto& c) { c.optimizer_state[1][0] = -1e-20f; }}};
  for (const auto& [reason, change] : changes) {
    EXPECT_TRUE(
        contains(refusal_of_state(*experiment.plan, content.checkpoint, change, bad), reason));
  }
}

TEST_F(DamagedCheckpoint, OfOtherDataIsNotResumed) {
  const Experiment other(kMixed, {"train.optimizer={ kind = \"adam\", learning_rate = 0.01 }",
                                  "train.epochs=9", "data.seed=2"});
  EXPECT_TRUE(
      contains(error_of([&] {
                 other.run<Kokkos::DefaultHostExecutionSpace, float>({bad, opened(good), {}});
               }),
               good + ": /data: deck.toml's data have changed since: another first sample"));
  // A state that no run of this deck can have.
  Checkpoint<float> shifted = content.checkpoint;
  shifted.state.sample = 7;
  shifted.state.sums = {1, 1, 7};
  save_checkpoint(bad, *experiment.plan, shifted);
  const Experiment longer(
      kMixed, {"train.optimizer={ kind = \"adam\", learning_rate = 0.01 }", "train.epochs=9"});
  EXPECT_TRUE(contains(
      error_of([&] {
        longer.run<Kokkos::DefaultHostExecutionSpace, float>({folder / "x.h5", opened(bad), {}});
      }),
      "/state: no run of this deck on 70 samples stands at epoch 3, sample 7"));
}

// Version 1, with texts of variable length, from a release before version 2.
class CheckpointOfVersion1 : public testing::Computing {
 protected:
  const config::Deck deck = config::Deck::load(case_of("d1.toml"));
  const std::shared_ptr<const NetworkPlan> plan = testing::plan_of(deck);
};

TEST_F(CheckpointOfVersion1, IsReadAndResumed) {
  const CheckpointFile file(case_of("ckpt_good.h5"));
  EXPECT_TRUE(contains(file.deck_text(), "layer_norm"));
  const Checkpoint<float> checkpoint = file.load<float>(*plan);
  EXPECT_EQ(checkpoint.state.epoch, 2);
  EXPECT_EQ(checkpoint.state.history.train_loss.size(), 2u);
  EXPECT_FALSE(checkpoint.data.has_value());
  const ScratchFolder folder;
  const Experiment longer(config::Deck::load(case_of("d1.toml"), {"train.epochs=3"}));
  longer.run<Kokkos::DefaultHostExecutionSpace, float>(
      {folder / "a.h5", opened(case_of("ckpt_good.h5")), {}});
  EXPECT_EQ(io::Hdf5Reader(folder / "a.h5").integer_attribute("/", "version"), 2);
  EXPECT_EQ(load_checkpoint<float>(folder / "a.h5", *plan).state.epoch, 3);
}

TEST_F(CheckpointOfVersion1, OfUnusualHdf5IsRefused) {
  const std::pair<std::string, std::string> cases[] = {
      {"soft_link", "/model/fc/bias: is a soft link, which a checkpoint must not hold"},
      {"external_link", "/model/fc/bias: leads into another file"},
      {"virtual", "/model/fc/bias: is a virtual dataset, which a checkpoint must not hold"},
      {"cycle", "/model: has more than one name"},
      {"two_names", "/model/fc/bias: has more than one name"},
      {"wide_chunk", "/model/fc/bias: has chunks of another size than it declares"},
      {"null_attribute", "/: attribute \"format\" is not a text"},
      {"null_text", "/deck: holds nothing"}};
  for (const auto& [name, reason] : cases) {
    const std::string file = testing::source_folder() + "/tests/cases/hdf5/model_" + name + ".h5";
    EXPECT_TRUE(
        contains(error_of([&] { CheckpointFile(file).deck_text(); }), file + ": " + reason));
  }
}

TEST_F(CheckpointOfVersion1, ThatIsDamagedCrashesNothing) {
  const std::string crashing = case_of("ckpt_segv.h5");
  EXPECT_EQ(error_of([&] { load_parameters<float>(crashing, *plan); }),
            crashing + ": cannot be read: the file is truncated or damaged");
  const std::string lost = case_of("ckpt_history_damaged.h5");
  EXPECT_TRUE(
      contains(error_of([&] { load_checkpoint<float>(lost, *plan); }), lost + ": /history"));
  // It has no digest: a changed weight is another weight.
  EXPECT_NE(load_parameters<float>(case_of("ckpt_flipped_weight.h5"), *plan),
            load_parameters<float>(case_of("ckpt_good.h5"), *plan));
}

}  // namespace
}  // namespace ridgeline::network
