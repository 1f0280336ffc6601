#include "miniapp/ridgeline.hpp"

// The errors for a first HDF5 file of one's own, as NumPy and h5py write it.

namespace ridgeline::testing {
namespace {

const std::string kConvolution =
    "[[network.layer]]\nkind = \"conv2d\"\nname = \"conv\"\nchannels = 6\nkernel = 5\n"
    "[[network.layer]]\nkind = \"max_pool2d\"\nname = \"pool\"\nkernel = 2\n";
const std::string kFlatten = "[[network.layer]]\nkind = \"flatten\"\n";

std::string dense(const std::string& name, int units) {
  return "[[network.layer]]\nkind = \"dense\"\nname = \"" + name +
         "\"\nunits = " + std::to_string(units) + "\n";
}

class OwnData : public CommandLine {
 protected:
  /// Writes 20 samples of this shape with labels from `first_label` to `first_label` + 9.
  template <class T>
  void write_data(const Shape& sample, int first_label = 0) const {
    Shape shape = sample;
    shape.insert(shape.begin(), 20);
    io::Hdf5Writer writer;
    writer.write("/train/inputs", shape, std::vector<T>(size_of(shape), T{1}).data());
    std::vector<std::int64_t> labels(20);
    for (int i = 0; i < 20; ++i) labels[std::size_t(i)] = first_label + i % 10;
    writer.write("/train/targets", labels);
    writer.save(folder / "own.h5");
  }

  CommandResult dry_run(const std::string& layers, const std::string& data = "",
                        const std::string& loss = "cross_entropy") const {
    folder.write("deck.toml", "[data]\nkind = \"hdf5\"\npath = \"own.h5\"\n" + data +
                                  "[network]\n" + layers + "[train]\nepochs = 1\nbatch = 5\n" +
                                  "loss = \"" + loss +
                                  "\"\noptimizer = { kind = \"sgd\", learning_rate = 0.1 }\n");
    return ridgeline({"train", deck, "--dry-run"});
  }
};

const std::string kAddChannels =
    "; if these are images, add a channel dimension: (N, 1, H, W) of uint8, in NumPy "
    "images[:, None]";

TEST_F(OwnData, ImagesWithoutChannelsAreToldToAddThem) {
  write_data<std::uint8_t>({28, 28});
  const std::string network = kConvolution + kFlatten + dense("fc", 10);
  expect_refused(dry_run(network),
                 "deck.toml:6: conv computes with values, and the data are tokens; an embedding "
                 "must come first" +
                     kAddChannels);
  expect_refused(dry_run(kFlatten + dense("fc", 10)),
                 "fc computes with values" + std::string(", and the data are ") +
                     "tokens; an embedding must come first" + kAddChannels);
  expect_refused(dry_run(network, "normalize = { mean = 0.3, std = 0.3 }\n"),
                 "data.normalize does not apply to tokens, which " + (folder / "own.h5") +
                     ": /train/inputs holds" + kAddChannels);
  expect_refused(dry_run(network, "augment = { flip = true }\n"), kAddChannels);
  expect_refused(dry_run(network, "target = \"input\"\n", "mse"), kAddChannels);
  // Of values too, where a layer needs an image, and only there.
  write_data<float>({28, 28});
  expect_refused(dry_run(network),
                 "deck.toml:6: conv2d needs images [channels, height, width], and gets [28, 28]; "
                 "if these are images, add a channel dimension: (N, 1, H, W), in NumPy "
                 "images[:, None]");
  EXPECT_EQ(dry_run(kFlatten + dense("fc", 10)).status, 0);
  write_data<std::uint8_t>({1, 28, 28});
  EXPECT_EQ(dry_run(network).status, 0);
}

TEST_F(OwnData, IntegersThatAreNoTokensAreToldTheirType) {
  write_data<std::int64_t>({1, 28, 28});
  expect_refused(dry_run(kConvolution + kFlatten + dense("fc", 10)),
                 "; if these are images, store them as uint8");
  write_data<std::uint8_t>({784});
  expect_refused(dry_run(dense("fc", 10)),
                 "; integers are tokens: if these are values, store them as float32, or images as "
                 "uint8 (N, C, H, W)");
}

TEST_F(OwnData, ImagesWithTheirChannelsLastAreToldToTransposeThem) {
  const std::string network = kConvolution + kFlatten + dense("fc", 10);
  const std::string advice =
      "; images are (N, C, H, W); if these are (N, H, W, C), store images.transpose(0, 3, 1, 2) of "
      "NumPy";
  for (const std::size_t channels : {1u, 3u}) {
    write_data<std::uint8_t>({28, 28, channels});
    expect_refused(dry_run(network),
                   "network.layer.conv.kernel reaches over 5 pixels with its dilation, and the "
                   "padded width has " +
                       std::to_string(channels) + advice);
    write_data<float>({28, 28, channels});
    expect_refused(dry_run(network), advice);
  }
  write_data<float>({28, 28, 1});
  expect_refused(
      dry_run("[[network.layer]]\nkind = \"max_pool2d\"\nname = \"pool\"\nkernel = 2\n" +
              dense("fc", 10)),
      "pool.kernel [2, 2] must fit into the image [28, 28, 1] with padding [0, 0]" + advice);
  // Not where the first dimension may be the channels.
  write_data<float>({3, 28, 3});
  const CommandResult other = dry_run(network);
  expect_refused(other, "the padded width has 3");
  EXPECT_EQ(other.err.find("transpose"), std::string::npos);
}

TEST_F(OwnData, LabelsFromOneAreToldToBeginAtZero) {
  write_data<float>({7}, 1);
  expect_refused(dry_run(dense("fc", 10)),
                 "the network ends in [10], and the data has 11 classes; the last layer must give "
                 "[11] or more logits; labels begin at 0, and these at 1: subtract 1 from each");
  const CommandResult fewer = dry_run(dense("fc", 9));
  expect_refused(fewer, "[11] or more logits");
  EXPECT_EQ(fewer.err.find("subtract"), std::string::npos) << "another number of classes";
  write_data<float>({7}, 0);
  EXPECT_EQ(dry_run(dense("fc", 10)).status, 0);
}

TEST_F(OwnData, ADenseLayerAfterAConvolutionIsToldToFlatten) {
  write_data<std::uint8_t>({1, 28, 28});
  const std::string activation = "[[network.layer]]\nkind = \"activation\"\nfunction = \"relu\"\n";
  expect_refused(
      dry_run(kConvolution + dense("fc1", 84) + activation + dense("fc2", 10)),
      "the network ends in [6, 12, 10], and the data has 10 classes; the last layer must "
      "give [10] or more logits; fc1 works on the last dimension of [6, 12, 12]: a layer "
      "of kind \"flatten\" before it makes one dimension of all");
  // A layer that has no output of one dimension needs another advice.
  const CommandResult pooled = dry_run(kConvolution);
  expect_refused(pooled, "the network ends in [6, 12, 12]");
  EXPECT_EQ(pooled.err.find("flatten"), std::string::npos);
  EXPECT_EQ(dry_run(kConvolution + kFlatten + dense("fc1", 84) + dense("fc2", 10)).status, 0);
}

TEST_F(OwnData, OfARegressionIsToldToFlattenToo) {
  io::Hdf5Writer writer;
  writer.write("/train/inputs", Shape{4, 1, 8, 8}, std::vector<float>(256, 0.5f).data());
  writer.write("/train/targets", Shape{4, 2}, std::vector<float>(8, 0.5f).data());
  writer.save(folder / "own.h5");
  expect_refused(
      dry_run("[[network.layer]]\nkind = \"max_pool2d\"\nkernel = 2\n" + dense("fc", 2), "", "mse"),
      "the network ends in [1, 4, 2], and a target is [2]; their sizes must be the same; "
      "fc works on the last dimension of [1, 4, 4]: a layer of kind \"flatten\"");
}

}  // namespace
}  // namespace ridgeline::testing
