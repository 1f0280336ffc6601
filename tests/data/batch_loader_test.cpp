#include "data/batch_loader.hpp"

#include <chrono>
#include <csignal>
#include <cstring>
#include <set>
#include <thread>

#include "data/files.hpp"
#include "data/shuffle.hpp"
#include "data/synthetic.hpp"

namespace ridgeline {
namespace {

using data::Batch;
using data::BatchLoader;
using data::LoaderOptions;

data::Dataset labelled() {
  return data::make_synthetic(testing::data_options(
      "kind = 'synthetic'\nshape = [3, 5]\nclasses = 4\nsamples = 23", "cross_entropy"));
}

LoaderOptions shuffled(std::size_t batch) {
  LoaderOptions options;
  options.batch = batch;
  options.shuffle = true;
  options.seed = 11;
  return options;
}

/// Compares a batch with samples collected one by one in the order of its epoch.
template <class T>
void expect_right(const data::Dataset& dataset, const data::Split& split,
                  const LoaderOptions& options, const Batch<T>& batch) {
  const auto order = data::epoch_order(split.samples, options.seed, batch.epoch, options.shuffle);
  const std::size_t size = dataset.sample_size(), target = dataset.target_size();
  std::vector<T> inputs(size), targets(std::max<std::size_t>(target, 1));
  for (std::size_t i = 0; i < batch.count; ++i) {
    std::int32_t label = -1;
    dataset.gather(split, &order[batch.first + i], 1, inputs.data(), &label, targets.data());
    for (std::size_t k = 0; k < size; ++k) ASSERT_EQ(batch.inputs[i * size + k], inputs[k]);
    if (dataset.has_labels()) {
      ASSERT_EQ(batch.labels[i], label);
    }
    for (std::size_t k = 0; k < target; ++k) ASSERT_EQ(batch.targets[i * target + k], targets[k]);
  }
}

TEST(BatchLoader, EqualsPlainGatherOverEpochsAndBatchSizes) {
  const data::Dataset dataset = labelled();
  for (const std::size_t size : {1u, 4u, 22u, 23u, 24u, 1000u}) {
    const LoaderOptions options = shuffled(size);
    BatchLoader<float> loader(dataset, dataset.train, options);
    for (std::size_t epoch = 0; epoch < 3; ++epoch) {
      for (std::size_t first = 0; first < 23; first += size) {
        const Batch<float> batch = loader.next();
        ASSERT_EQ(batch.epoch, epoch);
        ASSERT_EQ(batch.first, first);
        ASSERT_EQ(batch.count, std::min<std::size_t>(size, 23 - first));
        ASSERT_EQ(batch.ends_epoch, first + size >= 23);
        expect_right(dataset, dataset.train, options, batch);
      }
    }
  }
}

TEST(BatchLoader, ContinuesAnywhereAsIfNeverInterrupted) {
  const data::Dataset dataset = labelled();
  for (std::size_t epoch = 0; epoch < 2; ++epoch) {
    for (std::size_t sample = 0; sample < 23; sample += 4) {
      LoaderOptions options = shuffled(4);
      options.epoch = epoch;
      options.sample = sample;
      BatchLoader<double> loader(dataset, dataset.train, options);
      for (int i = 0; i < 8; ++i) {
        const Batch<double> batch = loader.next();
        if (i == 0) {
          ASSERT_EQ(batch.epoch, epoch);
          ASSERT_EQ(batch.first, sample);
        }
        expect_right(dataset, dataset.train, options, batch);
      }
    }
  }
}

TEST(BatchLoader, ACursorAtTheEndOfAnEpochBeginsTheNext) {
  const data::Dataset dataset = labelled();
  LoaderOptions options = shuffled(4);
  options.epoch = 3;
  options.sample = 23;
  BatchLoader<float> loader(dataset, dataset.train, options);
  const Batch<float> batch = loader.next();
  EXPECT_EQ(batch.epoch, 4u);
  EXPECT_EQ(batch.first, 0u);
}

TEST(BatchLoader, GivesAnAutoencoderItsInputsAsTargets) {
  const data::Dataset dataset = data::make_synthetic(
      testing::data_options("kind = 'synthetic'\nshape = [6]\nsamples = 9\ntarget = 'input'"));
  const LoaderOptions options = shuffled(4);
  BatchLoader<float> loader(dataset, dataset.train, options);
  for (int i = 0; i < 6; ++i) {
    const Batch<float> batch = loader.next();
    EXPECT_EQ(batch.targets, batch.inputs);
    EXPECT_EQ(batch.labels, nullptr);
    expect_right(dataset, dataset.train, options, batch);
  }
}

TEST(BatchLoader, GivesRegressionItsTargets) {
  data::Dataset dataset;
  dataset.sample_shape = {2};
  dataset.target_shape = {1};
  dataset.train.samples = 3;
  dataset.train.inputs = std::vector<float>{1, 2, 3, 4, 5, 6};
  dataset.train.targets = std::vector<float>{0.1f, 0.2f, 0.3f};
  const LoaderOptions options = shuffled(2);
  BatchLoader<double> loader(dataset, dataset.train, options);
  for (int i = 0; i < 5; ++i) expect_right(dataset, dataset.train, options, loader.next());
}

TEST(BatchLoader, FillsTheBuffersOfTheCallerInTurn) {
  const data::Dataset dataset = labelled();
  std::vector<float> inputs(2 * 4 * 15);
  std::vector<std::int32_t> labels(2 * 4);
  const std::array<data::Staging<float>, 2> staging = {
      {{inputs.data(), labels.data(), nullptr}, {inputs.data() + 60, labels.data() + 4, nullptr}}};
  const LoaderOptions options = shuffled(4);
  BatchLoader<float> loader(dataset, dataset.train, options, staging);
  for (std::size_t i = 0; i < 13; ++i) {
    const Batch<float> batch = loader.next();
    EXPECT_EQ(batch.inputs, staging[i % 2].inputs);
    EXPECT_EQ(batch.labels, staging[i % 2].labels);
    expect_right(dataset, dataset.train, options, batch);
  }
}

TEST(BatchLoader, LeavesABatchAloneUntilTheNextIsAsked) {
  const data::Dataset dataset = labelled();
  const LoaderOptions options = shuffled(4);
  BatchLoader<float> loader(dataset, dataset.train, options);
  for (int i = 0; i < 4; ++i) {
    const Batch<float> batch = loader.next();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    expect_right(dataset, dataset.train, options, batch);
  }
}

TEST(BatchLoader, WorksAheadWhileTheCallerComputes) {
  // A batch that takes long to collect is available at once if the caller was busy for longer.
  data::Dataset dataset;
  dataset.sample_shape = {1 << 17};
  dataset.target_is_input = true;
  dataset.target_shape = dataset.sample_shape;
  dataset.train.samples = 16;
  dataset.train.inputs = std::vector<std::uint8_t>(16 << 17, 1);
  LoaderOptions options;
  options.batch = 16;
  BatchLoader<double> loader(dataset, dataset.train, options);
  using Clock = std::chrono::steady_clock;
  double alone = 1e9, waited = 1e9;
  std::vector<double> out(16 << 17);
  const std::vector<std::uint32_t> order = data::epoch_order(16, 0, 0, false);
  for (int i = 0; i < 3; ++i) {
    const auto start = Clock::now();
    dataset.gather<double>(dataset.train, order.data(), 16, out.data(), nullptr, nullptr);
    alone = std::min(alone, std::chrono::duration<double>(Clock::now() - start).count());
  }
  for (int i = 0; i < 5; ++i) {
    std::this_thread::sleep_for(std::chrono::duration<double>(4 * alone));
    const auto start = Clock::now();
    loader.next();
    waited = std::min(waited, std::chrono::duration<double>(Clock::now() - start).count());
  }
  EXPECT_LT(waited, 0.5 * alone);
}

TEST(BatchLoader, StopsCleanlyAtAnyTime) {
  const data::Dataset dataset = labelled();
  for (int taken = 0; taken < 4; ++taken) {
    BatchLoader<float> loader(dataset, dataset.train, shuffled(4));
    for (int i = 0; i < taken; ++i) loader.next();
  }
}

TEST(BatchLoader, WhatGoesWrongInTheThreadSurfacesInNext) {
  data::Dataset dataset = labelled();
  dataset.train.samples = 30;  // seven more than exist
  LoaderOptions options;
  options.batch = 10;
  BatchLoader<float> loader(dataset, dataset.train, options);
  EXPECT_EQ(loader.next().count, 10u);
  EXPECT_EQ(loader.next().count, 10u);
  EXPECT_THROW(loader.next(), std::out_of_range);
  EXPECT_THROW(loader.next(), std::out_of_range);
}

TEST(BatchLoader, RefusesAnEmptySplit) {
  const data::Dataset dataset;
  EXPECT_THROW(BatchLoader<float>(dataset, dataset.train, shuffled(4)), RequestError);
}

std::set<pid_t> threads_of_this_process() {
  std::set<pid_t> threads;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) {
    threads.insert(std::stoi(entry.path().filename().string()));
  }
  return threads;
}

/// Returns the thread that a loader has started since `before`.
pid_t new_thread(const std::set<pid_t>& before) {
  for (const pid_t thread : threads_of_this_process()) {
    if (before.count(thread) == 0) return thread;
  }
  throw std::runtime_error("no new thread");
}

TEST(BatchLoader, ItsThreadIsNotBoundWhereItsMakerIs) {
  const data::Dataset dataset = labelled();
  cpu_set_t before, every, all, one, found;
  sched_getaffinity(0, sizeof before, &before);
  std::memset(&every, 0xFF, sizeof every);
  sched_setaffinity(0, sizeof every, &every);
  sched_getaffinity(0, sizeof all, &all);  // those that this process may use
  int first = 0;
  while (!CPU_ISSET(first, &all)) ++first;
  CPU_ZERO(&one);
  CPU_SET(first, &one);
  {
    LoaderOptions options = shuffled(4);
    options.processors = ProcessorMask::of_this_thread();
    sched_setaffinity(0, sizeof one, &one);
    const auto threads = threads_of_this_process();
    BatchLoader<float> loader(dataset, dataset.train, options);
    loader.next();
    sched_getaffinity(new_thread(threads), sizeof found, &found);
  }
  sched_setaffinity(0, sizeof before, &before);
  if (CPU_COUNT(&all) < 2) GTEST_SKIP() << "needs two CPUs";
  EXPECT_TRUE(CPU_EQUAL(&found, &all));
}

TEST(BatchLoader, ItsThreadLeavesSignalsToTheCaller) {
  const data::Dataset dataset = labelled();
  const auto threads = threads_of_this_process();
  BatchLoader<float> loader(dataset, dataset.train, shuffled(4));
  loader.next();
  const std::string status =
      testing::bytes_of_file("/proc/self/task/" + std::to_string(new_thread(threads)) + "/status");
  const std::uint64_t blocked = std::stoull(status.substr(status.find("SigBlk:") + 7), nullptr, 16);
  for (const int signal : {SIGTERM, SIGINT, SIGUSR1}) {
    EXPECT_TRUE(blocked >> (signal - 1) & 1) << signal;
  }
  sigset_t mine;
  pthread_sigmask(SIG_SETMASK, nullptr, &mine);
  EXPECT_FALSE(sigismember(&mine, SIGTERM));
}

}  // namespace
}  // namespace ridgeline
