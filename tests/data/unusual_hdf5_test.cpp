#include <gtest/gtest.h>

#include <filesystem>

#include "data/files.hpp"
#include "data/load.hpp"
#include "io/scratch.hpp"
#include "network/networks.hpp"
#include "support/paths.hpp"

// The files of tests/cases/hdf5, which its make.py describes.

namespace ridgeline {
namespace {

using testing::contains;
using testing::data_options;
using testing::error_of;

std::string path_of(const std::string& name) {
  return testing::source_folder() + "/tests/cases/hdf5/" + name;
}

data::Dataset load_hdf5(const std::string& name) {
  return data::load_dataset(
      data_options("kind = 'hdf5'\npath = '" + path_of(name) + "'\n", "cross_entropy"));
}

TEST(UnusualHdf5, IsReadWhereItsValuesAreThere) {
  for (const char* name :
       {"gzip.h5", "chunked.h5", "soft_link.h5", "virtual.h5", "virtual_interleaved.h5"}) {
    const data::Dataset dataset = load_hdf5(name);
    EXPECT_EQ(dataset.train.samples, 20u) << name;
    EXPECT_EQ(dataset.classes, 3u) << name;
    const auto& values = std::get<std::vector<float>>(dataset.train.inputs);
    for (std::size_t i = 0; i < values.size(); ++i) ASSERT_EQ(values[i], float(i % 7)) << name;
  }
}

TEST(UnusualHdf5, OfManyChunksIsReadInParts) {
  const data::Dataset dataset = load_hdf5("many_chunks.h5");
  const auto& values = std::get<std::vector<float>>(dataset.train.inputs);
  ASSERT_EQ(values.size(), 4800u);
  for (std::size_t i = 0; i < values.size(); ++i) ASSERT_EQ(values[i], float(i % 80 % 7)) << i;
}

TEST(UnusualHdf5, OfManySmallFilesIsRefusedBeforeTheyTakeMemory) {
  const testing::ScratchFolder folder;
  for (int i = 0; i < 500; ++i) {
    std::filesystem::copy_file(path_of("source.h5"), folder / (std::to_string(i) + ".h5"));
  }
  std::filesystem::copy_file(path_of("virtual_of_many_files.h5"), folder / "v.h5");
  config::DataOptions options;
  options.kind = config::DataKind::hdf5;
  options.path = folder / "v.h5";
  EXPECT_TRUE(contains(error_of([&] { data::load_dataset(options); }),
                       "v.h5: /train/inputs: is a virtual dataset of too many small files"));
}

TEST(UnusualHdf5, IsRefusedByObjectAndReason) {
  const std::string inputs = ": /train/inputs: ";
  const std::pair<std::string, std::string> cases[] = {
      {"external_link.h5", "leads into another file"},
      {"soft_to_external.h5", "leads into another file"},
      {"dangling_link.h5", "is a link that leads nowhere"},
      {"external_storage.h5", "keeps its values in other files"},
      {"virtual_without_file.h5", "is a virtual dataset whose source " + path_of("nowhere.h5")},
      {"virtual_without_dataset.h5",
       "is a virtual dataset whose source " + path_of("source.h5") + ", nothing, is missing"},
      {"virtual_with_gap.h5", "is a virtual dataset with parts that no source has"},
      {"lzf.h5", "is stored with the filter \"lzf\" (number 32000)"},
      {"never_written.h5", "declares 17.2 GB, but its storage can hold at most 0 B"},
      {"never_written_contiguous.h5", "declares 16.8 MB, but its storage can hold at most 0 B"},
      {"mostly_unwritten.h5", "declares 17.2 GB, but its storage can hold at most "},
      {"huge_chunk.h5", "declares 320 B, but its storage can hold at most 0 B"},
      {"shared_chunk.h5", "has chunks of 1.34 GB in total, but its values and storage"},
      {"wider_chunks.h5", "lacks values that its shape requires"},
      {"longer_chunks.h5", "has chunks of another size than it declares"},
      {"wider_gzip_chunks.h5", "has chunks of another size than it declares"},
      {"longer_gzip_chunks.h5", "has chunks of another size than it declares"},
      {"shorter_gzip_chunks.h5", "lacks values that its shape requires"},
      {"huge_stored_chunk.h5", "has chunks of another size than it declares"},
      {"missing_gzip_chunk.h5", "lacks values that its shape requires"},
      {"missing_checked_chunk.h5", "lacks values that its shape requires"},
      {"scaleoffset.h5", "is stored with the filter \"scaleoffset\" (number 6)"},
      {"szip.h5", "is stored with the filter \"szip\" (number 4)"},
      {"long_double.h5", "holds floating-point numbers of 128 bits"},
      {"virtual_of_a_shorter.h5", "is a virtual dataset whose source " +
                                      path_of("short_source.h5") +
                                      ", inputs, provides 60 values where 80 are mapped"},
      {"virtual_with_overlap.h5", "is a virtual dataset with parts that no source has"},
      {"virtual_of_many_names.h5", "declares 20.5 kB, but its storage can hold at most 320 B"},
      {"chunk_rank.h5", "cannot be read: the file is truncated or damaged"},
      {"float64_too_large.h5", "value 1 of sample 10 is 1e+39, which float32 cannot hold"}};
  for (const auto& [name, reason] : cases) {
    EXPECT_TRUE(
        contains(error_of([&, file = name] { load_hdf5(file); }), path_of(name) + inputs + reason));
  }
}

TEST(UnusualHdf5, IsNotReadFromElsewhere) {
  setenv("HDF5_VDS_PREFIX", "/tmp", 1);
  const std::string error = error_of([] { load_hdf5("virtual.h5"); });
  unsetenv("HDF5_VDS_PREFIX");
  EXPECT_TRUE(contains(error, "unset HDF5_VDS_PREFIX"));
}

TEST(UnusualHdf5, OfDoublesIsReadByANetworkOfDoubles) {
  config::DataOptions options =
      data_options("kind = 'hdf5'\npath = '" + path_of("float64_too_large.h5") + "'\n");
  options.precision = config::Precision::float64;
  EXPECT_EQ(std::get<std::vector<double>>(data::load_dataset(options).train.inputs)[41], 1e39);
  // Normalisation may make representable values unrepresentable, and the reverse.
  options.precision = config::Precision::float32;
  options.normalize = config::Normalization{0, 1e10};
  EXPECT_EQ(data::load_dataset(options).train.samples, 20u);
  options.normalize = config::Normalization{0, 1e-300};
  EXPECT_TRUE(contains(error_of([&] { data::load_dataset(options); }),
                       "value 1 of sample 0 is 1, normalised 1e+300, which float32 cannot hold"));
}

TEST(UnusualHdf5, TellsTheFilesThatItReads) {
  const config::DataOptions options =
      data_options("kind = 'hdf5'\npath = '" + path_of("virtual.h5") + "'\n");
  EXPECT_EQ(data::data_files(options),
            (std::vector<std::string>{path_of("virtual.h5"), path_of("source.h5")}));
  // Files that cannot be read must not be overwritten either.
  EXPECT_EQ(data::data_files(data_options("kind = 'hdf5'\npath = '" + path_of("lzf.h5") + "'\n")),
            std::vector<std::string>{path_of("lzf.h5")});
}

std::string hint(const std::string& name) {
  const config::Deck deck = config::Deck::parse(
      "[data]\nkind = 'hdf5'\npath = '" + path_of(name) +
          "'\n[network]\nlayer = [{ kind = 'dense', units = 3 }]\n[train]\nepochs = 1\nbatch = 1\n"
          "loss = 'cross_entropy'\noptimizer = { kind = 'sgd', learning_rate = 1 }\n",
      "deck.toml");
  return error_of([&] { testing::plan_of(deck); });
}

TEST(UnusualHdf5, OfLabelsInOtherFormsGetsAHint) {
  EXPECT_TRUE(contains(hint("column_of_labels.h5"), "store them as [samples], one per sample"));
  EXPECT_TRUE(contains(hint("one_hot.h5"), "if they are one-hot, store the classes' numbers"));
}

}  // namespace
}  // namespace ridgeline
