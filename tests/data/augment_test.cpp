#include <numeric>
#include <set>

#include "data/batch_loader.hpp"
#include "data/files.hpp"
#include "data/load.hpp"
#include "data/shuffle.hpp"
#include "io/hdf5.hpp"

namespace ridgeline {
namespace {

using data::Augment;
using data::BatchLoader;
using data::Dataset;
using data::LoaderOptions;
using testing::contains;
using testing::data_options;
using testing::error_of;
using testing::ScratchFolder;

constexpr std::size_t kChannels = 2, kHeight = 4, kWidth = 5, kSize = kChannels * kHeight * kWidth;
constexpr std::size_t kSamples = 11;

/// Images whose values are all different and none of them 0 (except bytes, which have fewer).
template <class Stored>
Dataset images(std::size_t samples = kSamples) {
  Dataset dataset;
  dataset.sample_shape = {kChannels, kHeight, kWidth};
  dataset.classes = 2;
  dataset.train.samples = samples;
  std::vector<Stored> values(samples * kSize);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<Stored>(1 + i % 250);
  dataset.train.inputs = std::move(values);
  dataset.train.labels.assign(samples, 1);
  return dataset;
}

template <class T>
std::vector<T> image(const Dataset& dataset, std::uint32_t index, const Augment* augment) {
  std::vector<T> values(kSize);
  std::int32_t label;
  dataset.gather<T>(dataset.train, &index, 1, values.data(), &label, nullptr, augment);
  return values;
}

/// Returns the image mirrored, if requested, and then moved, by its definition.
template <class T>
std::vector<T> moved(const std::vector<T>& image, bool flip, int down, int right, T outside) {
  std::vector<T> values(kSize, outside);
  for (std::size_t c = 0; c < kChannels; ++c) {
    for (int y = 0; y < static_cast<int>(kHeight); ++y) {
      for (int x = 0; x < static_cast<int>(kWidth); ++x) {
        const int from_y = y - down;
        const int from_x = x - right;
        if (from_y < 0 || from_y >= static_cast<int>(kHeight)) continue;
        if (from_x < 0 || from_x >= static_cast<int>(kWidth)) continue;
        const int column = flip ? static_cast<int>(kWidth) - 1 - from_x : from_x;
        const auto at = [&](int row, int place) {
          return (c * kHeight + static_cast<std::size_t>(row)) * kWidth +
                 static_cast<std::size_t>(place);
        };
        values[at(y, x)] = image[at(from_y, column)];
      }
    }
  }
  return values;
}

struct Move {
  bool flip;
  int down, right;
  bool operator<(const Move& other) const {
    return std::tie(flip, down, right) < std::tie(other.flip, other.down, other.right);
  }
};

/// Returns the move from one image to the other; fails if there is none.
template <class T>
Move find_move(const std::vector<T>& from, const std::vector<T>& to, int crop, T outside) {
  for (const bool flip : {false, true}) {
    for (int down = -crop; down <= crop; ++down) {
      for (int right = -crop; right <= crop; ++right) {
        if (moved(from, flip, down, right, outside) == to) return {flip, down, right};
      }
    }
  }
  ADD_FAILURE() << "no move leads there";
  return {};
}

template <class T, class Stored>
void expect_moves(const Dataset& dataset, T outside) {
  for (std::uint64_t epoch = 0; epoch < 20; ++epoch) {
    const Augment augment{{true, 2}, 7, epoch};
    for (std::uint32_t i = 0; i < kSamples; ++i) {
      find_move(image<T>(dataset, i, nullptr), image<T>(dataset, i, &augment), 2, outside);
    }
  }
}

TEST(Augment, MirrorsAndMovesEveryKindOfImage) {
  expect_moves<float, std::uint8_t>(images<std::uint8_t>(), 0.0f);
  expect_moves<double, float>(images<float>(), 0.0);
  expect_moves<float, double>(images<double>(), 0.0f);
}

TEST(Augment, BringsInZerosFromBeforeTheNormalization) {
  const config::Normalization normalization{0.25, 0.5};
  Dataset bytes = images<std::uint8_t>();
  bytes.normalize(normalization);
  expect_moves<float, std::uint8_t>(bytes, -0.5f);
  Dataset reals = images<float>();
  reals.normalize(normalization);
  expect_moves<double, float>(reals, -0.5);
}

TEST(Augment, MakesEveryMoveEquallyOften) {
  const Dataset dataset = images<float>(1);
  const auto plain = image<float>(dataset, 0, nullptr);
  std::map<Move, int> times;
  constexpr int kTimes = 18 * 200;
  for (std::uint64_t epoch = 0; epoch < kTimes; ++epoch) {
    const Augment augment{{true, 1}, 3, epoch};
    ++times[find_move(plain, image<float>(dataset, 0, &augment), 1, 0.0f)];
  }
  EXPECT_EQ(times.size(), 18u);
  // 200 expected, with a standard deviation of 14.
  for (const auto& [move, count] : times) EXPECT_NEAR(count, 200, 70);
}

TEST(Augment, OnlyMirrorsOrOnlyMovesWhereAsked) {
  const Dataset dataset = images<float>();
  std::set<Move> mirrored, shifted;
  for (std::uint64_t epoch = 0; epoch < 40; ++epoch) {
    const Augment flip{{true, 0}, 3, epoch}, crop{{false, 1}, 3, epoch};
    const auto plain = image<float>(dataset, 0, nullptr);
    mirrored.insert(find_move(plain, image<float>(dataset, 0, &flip), 0, 0.0f));
    const Move move = find_move(plain, image<float>(dataset, 0, &crop), 1, 0.0f);
    EXPECT_FALSE(move.flip);
    shifted.insert(move);
  }
  EXPECT_EQ(mirrored.size(), 2u);
  EXPECT_GT(shifted.size(), 5u);
}

TEST(Augment, IsOfSampleEpochAndSeedAlone) {
  const Dataset dataset = images<float>();
  const Augment augment{{true, 2}, 7, 3};
  std::vector<std::uint32_t> order(kSamples);
  std::iota(order.rbegin(), order.rend(), 0u);
  std::vector<float> all(kSamples * kSize);
  std::vector<std::int32_t> labels(kSamples);
  dataset.gather<float>(dataset.train, order.data(), kSamples, all.data(), labels.data(), nullptr,
                        &augment);
  std::size_t other_epoch = 0, other_seed = 0, other_sample = 0;
  std::set<Move> moves;
  for (std::uint32_t i = 0; i < kSamples; ++i) {
    const auto one = image<float>(dataset, i, &augment);
    const float* there = all.data() + (kSamples - 1 - i) * kSize;
    EXPECT_TRUE(std::equal(one.begin(), one.end(), there)) << i;
    const Augment epoch{{true, 2}, 7, 4}, seed{{true, 2}, 8, 3};
    other_epoch += image<float>(dataset, i, &epoch) != one;
    other_seed += image<float>(dataset, i, &seed) != one;
    moves.insert(find_move(image<float>(dataset, i, nullptr), one, 2, 0.0f));
  }
  other_sample = moves.size();
  EXPECT_GT(other_epoch, kSamples / 2);
  EXPECT_GT(other_seed, kSamples / 2);
  EXPECT_GT(other_sample, kSamples / 2);
}

TEST(Augment, IsPinned) {
  const Dataset dataset = images<float>();
  std::string moves;
  for (std::uint32_t i = 0; i < 4; ++i) {
    const Augment augment{{true, 2}, 1, 0};
    const Move move =
        find_move(image<float>(dataset, i, nullptr), image<float>(dataset, i, &augment), 2, 0.0f);
    moves +=
        (move.flip ? "m" : "") + std::to_string(move.down) + "," + std::to_string(move.right) + " ";
  }
  EXPECT_EQ(moves, "m1,2 0,1 m2,1 m2,-2 ");
}

TEST(Augment, GivesAnAutoencoderItsAlteredInputsAsTargets) {
  Dataset dataset = images<float>();
  dataset.classes = 0;
  dataset.target_is_input = true;
  dataset.target_shape = dataset.sample_shape;
  const Augment augment{{true, 2}, 7, 3};
  const std::uint32_t index = 2;
  std::vector<float> inputs(kSize), targets(kSize);
  dataset.gather(dataset.train, &index, 1, inputs.data(), nullptr, targets.data(), &augment);
  EXPECT_EQ(inputs, targets);
}

LoaderOptions loading(std::size_t batch) {
  LoaderOptions options;
  options.batch = batch;
  options.shuffle = true;
  options.seed = 5;
  options.augment = {true, 2};
  return options;
}

/// Returns whether a batch contains the samples of its epoch, altered as gather() alters each.
void expect_right(const Dataset& dataset, const data::Batch<float>& batch) {
  const auto order = data::epoch_order(kSamples, 5, batch.epoch, true);
  const Augment augment{{true, 2}, 5, batch.epoch};
  for (std::size_t i = 0; i < batch.count; ++i) {
    const auto expected = image<float>(dataset, order[batch.first + i], &augment);
    EXPECT_TRUE(std::equal(expected.begin(), expected.end(), batch.inputs + i * kSize));
  }
}

TEST(AugmentingLoader, AltersTheSameForEveryBatchSizeAndResumePoint) {
  const Dataset dataset = images<std::uint8_t>();
  for (const std::size_t size : {1u, 3u, 11u}) {
    BatchLoader<float> loader(dataset, dataset.train, loading(size));
    for (std::size_t i = 0; i < 2 * kSamples; i += size) expect_right(dataset, loader.next());
  }
  for (std::size_t sample = 0; sample < kSamples; sample += 4) {
    LoaderOptions options = loading(3);
    options.epoch = 2;
    options.sample = sample;
    BatchLoader<float> loader(dataset, dataset.train, options);
    for (int i = 0; i < 6; ++i) expect_right(dataset, loader.next());
  }
}

TEST(AugmentingLoader, LeavesSamplesAloneUnlessAsked) {
  const Dataset dataset = images<std::uint8_t>();
  LoaderOptions options;
  options.batch = kSamples;
  BatchLoader<float> loader(dataset, dataset.train, options);
  const auto batch = loader.next();
  for (std::uint32_t i = 0; i < kSamples; ++i) {
    const auto plain = image<float>(dataset, i, nullptr);
    EXPECT_TRUE(std::equal(plain.begin(), plain.end(), batch.inputs + i * kSize));
  }
}

TEST(AugmentingLoader, TakesImagesAlone) {
  Dataset dataset = images<float>();
  dataset.sample_shape = {kSize};
  EXPECT_THROW(BatchLoader<float>(dataset, dataset.train, loading(1)), std::logic_error);
}

TEST(AugmentedData, MustBeImagesThatAreLargerThanTheCrop) {
  const ScratchFolder folder;
  testing::write_idx_set(folder);
  const auto idx = [&](const std::string& augment) {
    return error_of([&] {
      data::load_dataset(data_options(
          "kind = 'idx'\npath = '" + folder.path() + "'\naugment = " + augment, "cross_entropy"));
    });
  };
  EXPECT_EQ(idx("{ flip = true, crop = 2 }"), "none");
  EXPECT_EQ(idx("{ crop = 3 }"),
            "deck.toml:4: data.augment.crop = 3 can shift images of 3 x 4 pixels out of sight; it "
            "must be below both");
  io::Hdf5Writer writer;
  writer.write("/train/inputs", Shape{1, 2, 3}, std::vector<float>(6, 1).data());
  writer.write("/train/targets", std::vector<std::int32_t>{0});
  writer.save(folder / "data.h5");
  EXPECT_EQ(error_of([&] {
              data::load_dataset(data_options(
                  "kind = 'hdf5'\npath = '" + (folder / "data.h5") + "'\naugment = { flip = true }",
                  "cross_entropy"));
            }),
            "deck.toml:4: data.augment needs images, [channels, height, width], and " +
                (folder / "data.h5") +
                ": /train/inputs has samples of shape [2, 3]; if these are images, add a "
                "channel dimension: (N, 1, H, W), in NumPy images[:, None]");
}

}  // namespace
}  // namespace ridgeline
