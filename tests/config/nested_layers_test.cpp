#include "config/decks.hpp"

namespace ridgeline {
namespace {

using config::Deck;
using config::OptionTable;
using testing::contains;
using testing::error_of;
using testing::parse;

/// Layers in layers, one of them three levels down; line numbers matter.
const std::string kNested = R"([data]
kind = "synthetic"
shape = [3, 8, 8]
[network]
[[network.layer]]
kind = "residual"
name = "block1"
layer = [
  { kind = "conv2d", name = "conv1", channels = 8, kernel = [3, 3] },
  { kind = "sequence", layer = [
    { kind = "conv2d", channels = 16 },
    { kind = "conv2d", name = "deep", channels = 32 },
  ] },
]
shortcut = [
  { kind = "conv2d", name = "project", channels = 32 },
]
[[network.layer]]
kind = "residual"
  [[network.layer.layer]]
  kind = "dense"
  name = "inner"
  units = 64
[train]
epochs = 1
batch = 1
loss = "cross_entropy"
optimizer = { kind = "sgd", learning_rate = 1 }
)";

std::string nested_with(const std::string& from, const std::string& to) {
  std::string text = kNested;
  return text.replace(text.find(from), from.size(), to);
}

std::string refused(const OptionTable& table, const std::string& key) {
  return error_of([&] { table.integer(key, 1, 1); });
}

TEST(NestedLayers, NameTheirPathAndLine) {
  const Deck deck = parse(kNested);
  const OptionTable block = deck.network.layers[0];
  const OptionTable sequence = block.tables("layer")[1];
  EXPECT_EQ(refused(block.tables("layer")[0], "channels"),
            "deck.toml:9: network.layer.block1.layer.conv1.channels must be an integer from 1 to "
            "1, not 8");
  EXPECT_EQ(refused(sequence.tables("layer")[0], "channels"),
            "deck.toml:11: network.layer.block1.layer.1.layer.0.channels must be an integer from 1 "
            "to 1, not 16");
  EXPECT_EQ(refused(sequence.tables("layer")[1], "stride"),
            "deck.toml:12: network.layer.block1.layer.1.layer.deep.stride is missing; it must be "
            "an integer from 1 to 1");
  EXPECT_EQ(refused(block.tables("shortcut")[0], "channels"),
            "deck.toml:16: network.layer.block1.shortcut.project.channels must be an integer from "
            "1 to 1, not 32");
  EXPECT_EQ(refused(deck.network.layers[1].tables("layer")[0], "units"),
            "deck.toml:23: network.layer.1.layer.inner.units must be an integer from 1 to 1, not "
            "64");
}

TEST(NestedLayers, AreLabelledByTheirHeader) {
  const OptionTable block = parse(kNested).network.layers[0];
  EXPECT_EQ(block.tables("layer")[1].tables("layer")[1].label(),
            "[[network.layer.layer.layer]] \"deep\"");
  EXPECT_EQ(block.tables("shortcut")[0].label(), "[[network.layer.shortcut]] \"project\"");
  const OptionTable conv = block.tables("layer")[0];
  for (const char* key : {"kind", "name", "kernel"}) conv.has(key);
  EXPECT_EQ(error_of([&] { conv.finish(); }),
            "deck.toml:9: unknown key \"channels\" in [[network.layer.layer]] \"conv1\" (known: "
            "kernel, kind, name)");
}

TEST(NestedLayers, MustBeAListOfTables) {
  const Deck deck = parse(nested_with("shortcut = [", "shortcut = 3\nother = ["));
  EXPECT_EQ(error_of([&] { deck.network.layers[0].tables("shortcut"); }),
            "deck.toml:15: network.layer.block1.shortcut must be a list of tables, "
            "[[network.layer.shortcut]], not 3");
  const Deck inner = parse(nested_with("name = \"deep\"", "name = \"deep\", layer = [1]"));
  EXPECT_EQ(error_of([&] {
              inner.network.layers[0].tables("layer")[1].tables("layer")[1].tables("layer");
            }),
            "deck.toml:12: network.layer.block1.layer.1.layer.deep.layer must be a list of "
            "tables, [[network.layer.layer.layer.layer]], not 1");
}

TEST(NestedLayers, HaveNamesOfTheirOwn) {
  const OptionTable block = parse(kNested).network.layers[0];
  using Names = std::vector<std::string>;
  EXPECT_EQ(config::layer_names(block.tables("layer")), (Names{"conv1", "sequence1"}));
  EXPECT_EQ(config::layer_names(block.tables("layer")[1].tables("layer")),
            (Names{"conv2d1", "deep"}));
  EXPECT_EQ(config::layer_names(block.tables("shortcut")), Names{"project"});
  const auto refused = [](const std::string& name) {
    const Deck deck = parse(nested_with("\"deep\"", "\"" + name + "\""));
    return error_of(
        [&] { config::layer_names(deck.network.layers[0].tables("layer")[1].tables("layer")); });
  };
  EXPECT_EQ(refused("conv2d1"),
            "deck.toml:12: two layers are called \"conv2d1\"; names of siblings must differ");
  EXPECT_EQ(refused("shortcut"), "deck.toml:12: \"shortcut\" is a reserved name; choose another");
  EXPECT_EQ(refused("conv1"), "none");  // a name of the level above
}

TEST(NestedLayers, AreAddressedBySet) {
  const Deck deck = parse(kNested, {"network.layer.block1.layer.conv1.channels=5",
                                    "network.layer.block1.layer.sequence1.layer.conv2d1.channels=6",
                                    "network.layer.0.layer.1.layer.1.channels=7",
                                    "network.layer.block1.shortcut.project.stride=2",
                                    "network.layer.residual2.layer.inner.units=9",
                                    "network.layer.residual2.shortcut.0.kind=dense"});
  const OptionTable block = deck.network.layers[0];
  const auto inner = block.tables("layer")[1].tables("layer");
  EXPECT_EQ(block.tables("layer")[0].integer("channels", 1, 99), 5);
  EXPECT_EQ(inner[0].integer("channels", 1, 99), 6);
  EXPECT_EQ(inner[1].integer("channels", 1, 99), 7);
  EXPECT_EQ(block.tables("shortcut")[0].integer("stride", 1, 99), 2);
  EXPECT_EQ(deck.network.layers[1].tables("layer")[0].integer("units", 1, 99), 9);
  EXPECT_EQ(deck.network.layers[1].tables("shortcut")[0].string("kind"), "dense");
  EXPECT_EQ(refused(inner[0], "channels"),
            "--set network.layer.block1.layer.sequence1.layer.conv2d1.channels: "
            "network.layer.block1.layer.1.layer.0.channels must be an integer from 1 to 1, not 6");
  // The text with overrides is a deck with the same layers.
  EXPECT_EQ(deck.difference_that_forbids_resume(parse(deck.text())), std::nullopt);
  EXPECT_EQ(testing::refusal(kNested, {"network.layer.block1.layer.conv9.channels=5"}),
            "--set network.layer.block1.layer.conv9.channels: network.layer.block1.layer has 2 "
            "elements and none called \"conv9\"; they count from 0");
}

TEST(NestedLayers, ForbidResumingWithAnotherOne) {
  const Deck before = parse(kNested);
  const auto difference = [&](const std::string& from, const std::string& to) {
    return parse(nested_with(from, to)).difference_that_forbids_resume(before).value_or("none");
  };
  const std::string end =
      " in the checkpoint's deck; resuming may change only epochs, stop_after_steps and "
      "on_nonfinite of [train], paths, [checkpoint], [run] and [verify]";
  EXPECT_EQ(difference("channels = 16", "channels = 17"),
            "deck.toml:11: network.layer.block1.layer.1.layer.0.channels is 17, but 16" + end);
  EXPECT_EQ(difference("units = 64", "units = 65"),
            "deck.toml:23: network.layer.1.layer.inner.units is 65, but 64" + end);
  EXPECT_EQ(difference("\"project\", channels = 32", "\"project\", channels = 3"),
            "deck.toml:16: network.layer.block1.shortcut.project.channels is 3, but 32" + end);
  EXPECT_EQ(difference("[3, 3]", "[3, 5]"),
            "deck.toml:9: network.layer.block1.layer.conv1.kernel is [3, 5], but [3, 3]" + end);
  EXPECT_EQ(difference("    { kind = \"conv2d\", name = \"deep\", channels = 32 },\n", ""),
            "deck.toml:10: network.layer.block1.layer.1.layer is 1 layers, but 2 layers" + end);
  EXPECT_EQ(
      difference("shortcut = [\n  { kind = \"conv2d\", name = \"project\", channels = 32 },\n]\n",
                 ""),
      "deck.toml:5: network.layer.block1.shortcut is not given, but 1 layers" + end);
  EXPECT_EQ(
      difference("kind = \"conv2d\", channels = 16", "kind = \"dense\", units = 16"),
      "deck.toml:11: network.layer.block1.layer.1.layer.0.kind is \"dense\", but \"conv2d\"" + end);
  EXPECT_EQ(difference("channels = 16", "channels = 16.0"), "none");
}

}  // namespace
}  // namespace ridgeline
