#include <gtest/gtest.h>

#include <set>

#include "io/scratch.hpp"
#include "network/heap.hpp"
#include "network/networks.hpp"
#include "network/trainer.hpp"
#include "support/kokkos_events.hpp"

// The operations of a step, as seen by Kokkos Tools: it launches kernels whose labels have layer
// and phase, and does nothing else.

namespace ridgeline::network {
namespace {

using testing::deck_of;
using testing::KokkosEvents;
using testing::network_of;
using testing::plan_of;
using testing::TestBatch;
using Kind = KokkosEvents::Kind;

bool begins(const std::string& text, const std::string& prefix) {
  return text.compare(0, prefix.size(), prefix) == 0;
}

// `layer/forward…` or `layer/backward…` of a layer of the network, or of what layers share.
bool is_ours(const NetworkPlan& plan, const std::string& label) {
  for (const auto& layer : plan.layers) {
    for (const char* phase : {"/forward", "/backward"}) {
      const std::string prefix = layer->name + phase;
      if (label == prefix || begins(label, prefix + "/")) return true;
    }
  }
  return begins(label, "network/") || begins(label, "loss/") || begins(label, "optimizer/");
}

std::vector<config::Deck> decks(const std::string& gemm) {
  const std::string set = "network.gemm=" + gemm;
  std::vector<std::string> autoencoder = testing::kAutoencoder;
  autoencoder.insert(autoencoder.end(), {set, "network.layer.2.units=12"});
  return {
      deck_of(testing::kPerceptron,
              {set, "train.optimizer.momentum=0.9", "train.schedule={ kind = \"cosine\" }"}),
      deck_of(testing::kMixed, {set, "train.label_smoothing=0.1"}),
      deck_of(testing::kActivationFirst, autoencoder),
      deck_of(testing::kResidual, {set,
                                   "train.optimizer={ kind = \"rmsprop\", "
                                   "learning_rate = 0.01 }"}),
      deck_of(testing::kImages, {set, testing::kImageSets.front(), "train.clip_norm=1.0",
                                 "train.optimizer={ kind = \"adam\", learning_rate = 0.01 }"}),
      deck_of(testing::kSequences, {set, testing::kSequenceSets.front(), "train.clip_norm=1.0",
                                    "train.optimizer={ kind = \"adamw\", learning_rate = 0.01 }"})};
}

template <class Space, class T>
void check_step(const std::string& gemm) {
  for (const config::Deck& deck : decks(gemm)) {
    const auto plan = plan_of(deck);
    const auto network = network_of<Space, T>(deck, plan, 16);
    const TestBatch<Space, T> batch(Space(), *plan, 16, 1);
    KokkosEvents events;
    network->train_step(batch.view);
    network->evaluate(batch.view);
    network->forward(batch.view.inputs);
    const std::vector<KokkosEvents::Event> seen = events.all();
    network->wait();
    EXPECT_GE(seen.size(), 2 * plan->layers.size());
    std::set<std::string> prefixes;
    for (const KokkosEvents::Event& event : seen) {
      for (const char* phase : {"/forward", "/backward", "/"}) {
        prefixes.insert(event.label.substr(0, event.label.find(phase)));
      }
      const bool native = gemm == "native";
      // The library's own kernels run inside a region of ours.
      EXPECT_TRUE(event.kind == Kind::kernel || (!native && event.kind == Kind::region)) << event;
      EXPECT_TRUE(is_ours(*plan, event.label) || (!native && is_ours(*plan, event.region)))
          << event;
    }
    // Every layer that computes occurs by name.
    for (const auto& layer : plan->layers) {
      EXPECT_EQ(prefixes.count(layer->name), layer->is_view(true) ? 0u : 1u) << layer->name;
    }
    EXPECT_EQ(prefixes.count("loss"), 1u);
    EXPECT_EQ(prefixes.count("optimizer"), 1u);
  }
}

class Step : public testing::Computing {};

TEST_F(Step, LaunchesOnlyLabelledKernelsAndDoesNothingElse) {
#define RIDGELINE_CHECK(Space, T) check_step<Space, T>("native");
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

TEST_F(Step, RunsKokkosKernelsInsideLabelledRegions) {
#define RIDGELINE_CHECK(Space, T) \
  if (kIsHost<Space>) check_step<Space, T>("kokkos_kernels");
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

template <class Space, class T>
void check_heap() {
  if (!kIsHost<Space>) return;  // launches of a driver may allocate
  std::vector<config::Deck> all = decks("native");
  all.push_back(deck_of(testing::kWide));  // on all threads
  for (const config::Deck& deck : all) {
    const auto plan = plan_of(deck);
    const auto network = network_of<Space, T>(deck, plan, 16);
    const TestBatch<Space, T> batch(Space(), *plan, 16, 1), small(Space(), *plan, 3, 2);
    network->train_step(batch.view);
    const long before = testing::heap_allocations();
    network->train_step(small.view);
    network->train_step(batch.view);
    network->evaluate(batch.view);
    EXPECT_EQ(testing::heap_allocations(), before);
  }
}

TEST_F(Step, AllocatesNothingOnTheHeapEither) {
#if KOKKOS_VERSION >= 40000
  GTEST_SKIP() << "Kokkos 4 allocates in its own parallel_for";
#endif
#define RIDGELINE_CHECK(Space, T) check_heap<Space, T>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

template <class Space, class T>
void check_memory() {
  for (const bool training : {true, false}) {
    for (const config::Deck& deck : decks("native")) {
      const auto plan = plan_of(deck);
      KokkosEvents events;
      const auto network = network_of<Space, T>(deck, plan, 16, training);
      std::uint64_t bytes = 0, small_bytes = 0;
      for (const KokkosEvents::Event& event : events.of(Kind::allocation)) {
        EXPECT_TRUE(is_ours(*plan, event.label)) << event;
        const bool small = event.label == "optimizer/numbers" || event.label == "optimizer/step" ||
                           event.label == "optimizer/norm" || event.label == "loss/sums" ||
                           event.label == "optimizer/health";
        (small ? small_bytes : bytes) += event.bytes;
      }
      const layers::Target target = layers::target_of<Space, T>(Space(), gemm_backend(deck));
      EXPECT_EQ(bytes, plan->memory(target, 16, training).total());
      // The step's values, the step and its health, the sums of the losses and of the norm.
      EXPECT_LE(small_bytes, 160u);
    }
  }
}

TEST_F(Step, NetworksAllocateWhatThePlanSays) {
#define RIDGELINE_CHECK(Space, T) check_memory<Space, T>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

struct NoEvents : TrainingEvents {
  void epoch(const EpochReport&) override {}
  void progress(std::int64_t, std::int64_t, std::int64_t, const std::function<double()>&) override {
  }
  bool stop_requested() override { return false; }
};

template <class Space, class T>
void check_training_labels() {
  const testing::ScratchFolder folder;
  const config::Deck deck = deck_of(testing::kMixed, {"train.optimizer.momentum=0.9"});
  const auto plan = plan_of(deck);
  const data::Dataset dataset = data::load_dataset(deck.data);
  NoEvents ignored;
  KokkosEvents events;
  train<Space, T>(Space(), plan, deck, dataset, {folder / "model.h5", {}, {}}, ignored);
  const std::vector<KokkosEvents::Event> seen = events.all();
  EXPECT_GT(seen.size(), 15 * 2 * plan->layers.size());
  for (const KokkosEvents::Event& event : seen) {
    // Copies by Kokkos may be kernels of Kokkos.
    if (event.kind == Kind::fence || begins(event.label, "Kokkos::")) continue;
    if (event.kind == Kind::deep_copy && event.label.empty())
      continue;  // to a View over host memory
    EXPECT_TRUE(is_ours(*plan, event.label)) << event;
  }
}

TEST_F(Step, AWholeTrainingRunHasNoLabelThatIsNotOurs) {
#define RIDGELINE_CHECK(Space, T) check_training_labels<Space, T>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

}  // namespace
}  // namespace ridgeline::network
