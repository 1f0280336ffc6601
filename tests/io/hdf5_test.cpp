#include "io/hdf5.hpp"

#include <chrono>
#include <thread>

#include "io/scratch.hpp"

// HDF5 1.10 leaks memory when it fails to read a damaged object.
extern "C" const char* __lsan_default_suppressions() { return "leak:libhdf5"; }

namespace ridgeline {
namespace {

using testing::bytes_of_file;
using testing::contains;
using testing::error_of;
using testing::ScratchFolder;

/// Writes a file with every kind of object.
std::string write_example(const ScratchFolder& folder, const std::string& name) {
  io::Hdf5Writer writer;
  std::vector<float> weight(64 * 100);
  for (std::size_t i = 0; i < weight.size(); ++i) weight[i] = static_cast<float>(i) * 0.1f;
  writer.write("/model/fc1/weight", Shape{64, 100}, weight.data());
  writer.write("/model/fc1/bias", std::vector<double>{0.1, -0.2});
  writer.write("/labels", std::vector<std::int32_t>{3, -1, 2});
  writer.write("/bytes", std::vector<std::uint8_t>{0, 255});
  writer.write_text("/deck", "title = \"Größe\"\n");
  writer.attribute("/", "format", "ridgeline-checkpoint");
  writer.attribute("/state", "epoch", std::int64_t{1} << 40);
  writer.attribute("/state", "rate", 0.1);
  writer.save(folder / name);
  return folder / name;
}

TEST(Hdf5, RoundTripsDatasetsTextsAndAttributes) {
  const ScratchFolder folder;
  const io::Hdf5Reader reader(write_example(folder, "a.h5"));
  EXPECT_EQ(reader.shape("/model/fc1/weight"), (Shape{64, 100}));
  EXPECT_EQ(reader.element_class("/model/fc1/weight"), io::ElementClass::real);
  EXPECT_EQ(reader.element_size("/model/fc1/weight"), 4u);
  EXPECT_EQ(reader.read<float>("/model/fc1/weight")[6399], 6399.0f * 0.1f);
  EXPECT_EQ(reader.read<double>("/model/fc1/bias"), (std::vector<double>{0.1, -0.2}));
  EXPECT_EQ(reader.element_size("/model/fc1/bias"), 8u);
  EXPECT_EQ(reader.element_class("/labels"), io::ElementClass::integer);
  EXPECT_EQ(reader.element_class("/deck"), io::ElementClass::text);
  EXPECT_EQ(reader.read_text("/deck"), "title = \"Größe\"\n");
  EXPECT_EQ(reader.text_attribute("/", "format"), "ridgeline-checkpoint");
  EXPECT_EQ(reader.integer_attribute("/state", "epoch"), std::int64_t{1} << 40);
  EXPECT_EQ(reader.real_attribute("/state", "rate"), 0.1);
  EXPECT_EQ(reader.real_attribute("/state", "epoch"), 0x1p40);
  EXPECT_EQ(folder.listing(), "a.h5");
}

TEST(Hdf5, ConvertsToTheTypeThatIsAsked) {
  const ScratchFolder folder;
  const io::Hdf5Reader reader(write_example(folder, "a.h5"));
  EXPECT_EQ(reader.read<std::int64_t>("/labels"), (std::vector<std::int64_t>{3, -1, 2}));
  EXPECT_EQ(reader.read<double>("/labels"), (std::vector<double>{3, -1, 2}));
  EXPECT_EQ(reader.read<std::uint32_t>("/bytes"), (std::vector<std::uint32_t>{0, 255}));
  EXPECT_EQ(reader.read<float>("/model/fc1/bias"), (std::vector<float>{0.1f, -0.2f}));
}

TEST(Hdf5, EqualContentMakesEqualFilesWhateverTheTime) {
  const ScratchFolder folder;
  const std::string first = bytes_of_file(write_example(folder, "a.h5"));
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));
  EXPECT_EQ(bytes_of_file(write_example(folder, "b.h5")), first);
}

TEST(Hdf5, ReadsRows) {
  const ScratchFolder folder;
  const io::Hdf5Reader reader(write_example(folder, "a.h5"));
  std::vector<double> rows(200);
  reader.read_rows("/model/fc1/weight", 62, 2, rows.data());
  EXPECT_EQ(rows[0], static_cast<double>(6200.0f * 0.1f));
  EXPECT_EQ(rows[199], static_cast<double>(6399.0f * 0.1f));
  EXPECT_TRUE(contains(error_of([&] { reader.read_rows("/model/fc1/weight", 63, 2, rows.data()); }),
                       "[64, 100]"));
  reader.read_rows<double>("/model/fc1/weight", 64, 0, nullptr);
}

TEST(Hdf5, KeepsDatasetsWithoutRowsAndScalars) {
  const ScratchFolder folder;
  {
    io::Hdf5Writer writer;
    writer.write<float>("/history/empty", Shape{0, 3}, nullptr);
    const std::int64_t seven = 7;
    writer.write("/scalar", Shape{}, &seven);
    writer.save(folder / "a.h5");
  }
  const io::Hdf5Reader reader(folder / "a.h5");
  EXPECT_EQ(reader.shape("/history/empty"), (Shape{0, 3}));
  EXPECT_TRUE(reader.read<float>("/history/empty").empty());
  EXPECT_EQ(reader.shape("/scalar"), Shape{});
  EXPECT_EQ(reader.read<std::int64_t>("/scalar"), std::vector<std::int64_t>{7});
}

TEST(Hdf5, KnowsWhatIsThere) {
  const ScratchFolder folder;
  const io::Hdf5Reader reader(write_example(folder, "a.h5"));
  EXPECT_TRUE(reader.has("/"));
  EXPECT_TRUE(reader.has("/model/fc1"));
  EXPECT_TRUE(reader.has("/model/fc1/bias"));
  EXPECT_FALSE(reader.has("/model/fc2/bias"));
  EXPECT_FALSE(reader.has("/labels/inside"));
  EXPECT_TRUE(reader.is_dataset("/labels"));
  EXPECT_FALSE(reader.is_dataset("/model"));
  EXPECT_FALSE(reader.is_dataset("/none"));
  EXPECT_EQ(reader.children("/model/fc1"), (std::vector<std::string>{"bias", "weight"}));
  EXPECT_TRUE(reader.has_attribute("/state", "epoch"));
  EXPECT_FALSE(reader.has_attribute("/state", "none"));
  EXPECT_FALSE(reader.has_attribute("/none", "epoch"));
}

TEST(Hdf5, WrongRequestsNameFileAndObject) {
  const ScratchFolder folder;
  const std::string path = write_example(folder, "a.h5");
  const io::Hdf5Reader reader(path);
  EXPECT_EQ(error_of([&] { reader.read<float>("/none"); }), path + ": /none: is missing");
  EXPECT_TRUE(
      contains(error_of([&] { reader.read<float>("/model"); }), "/model: is not a dataset"));
  EXPECT_EQ(error_of([&] { reader.read<float>("/deck"); }),
            path + ": /deck: does not hold numbers");
  EXPECT_EQ(error_of([&] { reader.read_text("/labels"); }),
            path + ": /labels: is not a readable text");
  EXPECT_EQ(error_of([&] { reader.children("/none"); }), path + ": /none: is missing");
  EXPECT_EQ(error_of([&] { reader.integer_attribute("/state", "rate"); }),
            path + ": /state: attribute \"rate\" is not an integer");
  EXPECT_EQ(error_of([&] { reader.text_attribute("/state", "none"); }),
            path + ": /state: has no attribute \"none\"");
  EXPECT_EQ(error_of([&] { reader.real_attribute("/", "format"); }),
            path + ": /: attribute \"format\" is not a number");
}

TEST(Hdf5, MissingAndForeignFilesAreErrors) {
  const ScratchFolder folder;
  EXPECT_EQ(error_of([&] { io::Hdf5Reader reader(folder / "none.h5"); }),
            folder / "none.h5" + ": cannot read: No such file or directory");
  const std::string text = folder.write("text.h5", "not HDF5 at all");
  EXPECT_EQ(error_of([&] { io::Hdf5Reader reader(text); }), text + ": is not an HDF5 file");
  EXPECT_EQ(error_of([&] { io::Hdf5Reader reader(folder.write("empty.h5", "")); }),
            folder / "empty.h5" + ": is not an HDF5 file");
  EXPECT_TRUE(contains(error_of([&] { io::Hdf5Reader reader(folder.path()); }), "is a folder"));
}

TEST(Hdf5, TruncationAnywhereIsAnError) {
  const ScratchFolder folder;
  const std::string bytes = bytes_of_file(write_example(folder, "a.h5"));
  for (std::size_t size = 8; size < bytes.size(); size += 1 + size / 5) {
    const std::string path = folder.write("cut.h5", bytes.substr(0, size));
    EXPECT_EQ(error_of([&] { io::Hdf5Reader reader(path); }),
              path + ": cannot be opened as HDF5: the file is truncated or damaged")
        << size;
  }
}

TEST(Hdf5, DamagedShapeIsAnError) {
  const ScratchFolder folder;
  std::string bytes = bytes_of_file(write_example(folder, "a.h5"));
  // The header of /model/fc1/weight contains its extents as 64-bit integers.
  std::string extents(16, '\0');
  extents[0] = 64;
  extents[8] = 100;
  const std::size_t at = bytes.find(extents);
  ASSERT_NE(at, std::string::npos);
  bytes[at + 5] = 1;  // 2^40 rows more
  const std::string path = folder.write("damaged.h5", bytes);
  EXPECT_TRUE(contains(error_of([&] { io::Hdf5Reader(path).read<float>("/model/fc1/weight"); }),
                       path + ": "));
}

TEST(Hdf5, DamagedBytesNeverCrash) {
  const ScratchFolder folder;
  const std::string bytes = bytes_of_file(write_example(folder, "a.h5"));
  for (std::size_t at = 0; at < bytes.size(); at += at < 8192 ? 7 : 509) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x55);
    const std::string path = folder.write("damaged.h5", damaged);
    try {
      const io::Hdf5Reader reader(path);
      for (const char* name : {"/model/fc1/weight", "/model/fc1/bias", "/labels"}) {
        if (reader.has(name)) reader.read<float>(name);
      }
      if (reader.has("/deck")) reader.read_text("/deck");
      if (reader.has_attribute("/", "format")) reader.text_attribute("/", "format");
    } catch (const RequestError& error) {
      EXPECT_TRUE(contains(error.what(), path));
    }
  }
}

TEST(Hdf5, FullDiskIsAnErrorAndLeavesTheOldFile) {
  const ScratchFolder folder;
  io::Hdf5Writer writer;
  writer.write("/x", std::vector<float>(1000, 1.0f));
  EXPECT_EQ(error_of([&] { writer.save("/dev/full"); }, Status::run_failed),
            "/dev/full: cannot write: it is a device, not a file");
  EXPECT_TRUE(contains(error_of([&] { writer.save(folder / "none/a.h5"); }, Status::run_failed),
                       "No such file or directory"));
}

TEST(Hdf5Writer, MakingTheSameObjectTwiceIsAnError) {
  io::Hdf5Writer writer;
  writer.write("/x", std::vector<float>(3));
  EXPECT_TRUE(contains(
      error_of([&] { writer.write("/x", std::vector<float>(3)); }, Status::run_failed), "/x"));
  writer.group("/g");
  writer.group("/g");
}

}  // namespace
}  // namespace ridgeline
