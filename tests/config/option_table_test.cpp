#include "config/option_table.hpp"

#include "config/decks.hpp"

namespace ridgeline {
namespace {

using config::OptionTable;
using config::Range;
using testing::contains;
using testing::error_of;

/// The second layer of a deck with these lines in it; the first of them is line 14.
OptionTable layer_with(const std::string& lines, const std::vector<std::string>& sets = {}) {
  return testing::parse(testing::deck_with("activation = \"relu\"\n", lines), sets)
      .network.layers[1];
}

const std::string kPlace = "deck.toml:14: network.layer.fc1.";

TEST(OptionTable, ReadsEveryType) {
  const OptionTable table = layer_with(
      "text = 'a'\nchoice = 'two'\ninteger = -3\nreal = 1e-5\nwhole = 2\nyes = true\n"
      "list = [3, 4]\nboth = 3\npair = [3, 5]\ninside = { x = 1 }\nlayer = [{ x = 1 }, { x = 2 "
      "}]\n");
  EXPECT_EQ(table.string("text"), "a");
  EXPECT_EQ(table.one_of("choice", {"one", "two"}), "two");
  EXPECT_EQ(table.integer("integer", -3, 0), -3);
  EXPECT_EQ(table.real("real", Range::positive()), 1e-5);
  EXPECT_EQ(table.real("whole", Range::closed(0, 2)), 2.0);
  EXPECT_TRUE(table.boolean("yes"));
  EXPECT_EQ(table.integers("list", 1, 4), (std::vector<std::int64_t>{3, 4}));
  EXPECT_EQ(table.pair("both", 1, 9), (std::array<std::int64_t, 2>{3, 3}));
  EXPECT_EQ(table.pair("pair", 1, 9), (std::array<std::int64_t, 2>{3, 5}));
  EXPECT_EQ(table.table("inside").integer("x", 0, 9), 1);
  ASSERT_EQ(table.tables("layer").size(), 2u);
  EXPECT_EQ(table.tables("layer")[1].integer("x", 0, 9), 2);
  EXPECT_EQ(table.integer("units", 1, 512), 512);
  EXPECT_EQ(table.string("kind") + table.string("name"), "densefc1");
  table.finish();
}

TEST(OptionTable, TellsTextsFromNumbersAndReadsListsOfTexts) {
  const OptionTable table =
      layer_with("a = 'vocabulary'\nb = 3\nc = ['x', 'y']\nd = ['x', 1]\ne = []\n");
  EXPECT_TRUE(table.is_string("a"));
  EXPECT_FALSE(table.is_string("b"));
  EXPECT_FALSE(table.is_string("c"));
  EXPECT_FALSE(table.is_string("missing"));
  EXPECT_EQ(table.strings("a"), (std::vector<std::string>{"vocabulary"}));
  EXPECT_EQ(table.strings("c"), (std::vector<std::string>{"x", "y"}));
  const std::string rule = " must be a text in quotes or a list of them, not ";
  EXPECT_EQ(error_of([&] { table.strings("b"); }),
            "deck.toml:15: network.layer.fc1.b" + rule + "3");
  EXPECT_EQ(error_of([&] { table.strings("d"); }),
            "deck.toml:17: network.layer.fc1.d" + rule + "1");
  EXPECT_EQ(error_of([&] { table.strings("e"); }),
            "deck.toml:18: network.layer.fc1.e" + rule + "an empty list");
  for (const char* key : {"kind", "name", "units"}) table.has(key);
  table.finish();  // reading marks a key as known
}

TEST(OptionTable, UsesDefaultsOnlyIfTheKeyIsMissing) {
  const OptionTable table = layer_with("bias = false\n");
  EXPECT_EQ(table.string("a", "b"), "b");
  EXPECT_EQ(table.one_of("c", {"one", "two"}, "two"), "two");
  EXPECT_EQ(table.integer("d", 0, 9, 7), 7);
  EXPECT_EQ(table.real("e", Range::any(), 0.5), 0.5);
  EXPECT_TRUE(table.boolean("f", true));
  EXPECT_FALSE(table.boolean("bias", true));
  EXPECT_EQ(table.pair("g", 0, 9, {1, 2}), (std::array<std::int64_t, 2>{1, 2}));
  EXPECT_FALSE(table.optional_table("h").has_value());
  EXPECT_TRUE(table.tables("i").empty());
}

TEST(OptionTable, WrongTypesNameKeyValueAndWhatWouldBeRight) {
  const auto refusal = [](const std::string& line, const auto& read) {
    return error_of([&] { read(layer_with(line + "\n")); });
  };
  EXPECT_EQ(refusal("a = 1", [](auto t) { t.string("a"); }),
            kPlace + "a must be a text in quotes, not 1");
  EXPECT_EQ(refusal("a = '5'", [](auto t) { t.integer("a", 1, 9); }),
            kPlace + "a must be an integer from 1 to 9, not \"5\"");
  EXPECT_EQ(refusal("a = 5.0", [](auto t) { t.integer("a", 1, 9); }),
            kPlace + "a must be an integer from 1 to 9, not the real number 5; write 5");
  EXPECT_EQ(refusal("a = true", [](auto t) { t.real("a", Range::any()); }),
            kPlace + "a must be a finite number, not true");
  EXPECT_EQ(refusal("a = 1", [](auto t) { t.boolean("a"); }),
            kPlace + "a must be true or false, not 1");
  EXPECT_EQ(refusal("a = 1", [](auto t) { t.table("a"); }), kPlace + "a must be a table, not 1");
  EXPECT_EQ(refusal("a = [1]", [](auto t) { t.tables("a"); }),
            kPlace + "a must be a list of tables, [[network.layer.a]], not 1");
  EXPECT_EQ(refusal("a = 1979-05-27", [](auto t) { t.string("a"); }),
            kPlace + "a must be a text in quotes, not a date or time");
  EXPECT_EQ(refusal("a = []", [](auto t) { t.integers("a", 1, 9); }),
            kPlace + "a must be a list, each element an integer from 1 to 9, not an empty list");
  EXPECT_EQ(refusal("a = [1, 2, 3]", [](auto t) { t.pair("a", 1, 9); }),
            kPlace +
                "a must be an integer from 1 to 9, or a list of two (height, width), "
                "not a list of 3");
}

TEST(OptionTable, ValuesOutOfRangeAreRefused) {
  const auto real = [](const std::string& value, const Range& range) {
    return error_of([&] { layer_with("a = " + value + "\n").real("a", range); });
  };
  EXPECT_EQ(real("0.0", Range::positive()), kPlace + "a must be a number above 0, not 0");
  EXPECT_EQ(real("1", Range::half_open(0, 1)),
            kPlace + "a must be a number from 0 to below 1, not 1");
  EXPECT_EQ(real("-0.5", Range::at_least(0)),
            kPlace + "a must be a number of at least 0, not -0.5");
  EXPECT_EQ(real("nan", Range::any()), kPlace + "a must be a finite number, not nan");
  EXPECT_EQ(real("inf", Range::positive()), kPlace + "a must be a number above 0, not inf");
  EXPECT_EQ(real("1", Range::closed(0, 1)), "none");
  EXPECT_EQ(error_of([] { layer_with("a = [3, 0]\n").pair("a", 1, 9); }),
            kPlace + "a must be an integer from 1 to 9, or a list of two (height, width), not 0");
  EXPECT_EQ(error_of([] { layer_with("a = 4\n").integers("a", 1, 9); }),
            kPlace + "a must be a list, each element an integer from 1 to 9, not 4");
}

TEST(OptionTable, AMissingKeyIsReportedAtTheTable) {
  EXPECT_EQ(error_of([] { layer_with("").integer("stride", 1, 9); }),
            "deck.toml:10: network.layer.fc1.stride is missing; it must be an integer from 1 to 9");
}

TEST(OptionTable, AMissingKeyWithAnotherPrefixIsReportedAsUnknown) {
  EXPECT_EQ(error_of([] { layer_with("out_channels = 16\n").integer("channels", 1, 9); }),
            "deck.toml:14: unknown key \"out_channels\" in [[network.layer]] \"fc1\", did you mean "
            "\"channels\"?");
}

TEST(OptionTable, AWrongChoiceSuggestsTheNearest) {
  const OptionTable table = layer_with("a = 'reluu'\n");
  EXPECT_EQ(error_of([&] {
              table.one_of("a", {"relu", "tanh"});
            }),
            kPlace + "a must be one of \"relu\", \"tanh\", not \"reluu\"; did you mean \"relu\"?");
}

TEST(OptionTable, AKeyThatIsNeverReadIsRefused) {
  const OptionTable table = layer_with("unitz = 3\n");
  table.string("kind");
  const OptionTable copy = table;  // shares the record of keys read
  copy.string("name");
  copy.has("units");
  copy.boolean("bias", true);
  EXPECT_EQ(error_of([&] { table.finish(); }),
            "deck.toml:14: unknown key \"unitz\" in [[network.layer]] \"fc1\", did you mean "
            "\"units\"? (known: bias, kind, name, units)");
  table.has("unitz");
  table.finish();
}

TEST(OptionTable, NamesNestedTables) {
  const OptionTable outer = layer_with("layer = [{ kind = 'a' }, \n{ kind = 'b', name = 'in' }]\n");
  const OptionTable first = outer.tables("layer")[0];
  const OptionTable second = outer.tables("layer")[1];
  EXPECT_EQ(first.label(), "[[network.layer.layer]] number 1");
  EXPECT_EQ(second.label(), "[[network.layer.layer]] \"in\"");
  EXPECT_EQ(first.path("kind"), "network.layer.fc1.layer.0.kind");
  EXPECT_EQ(second.path("kind"), "network.layer.fc1.layer.in.kind");
  EXPECT_EQ(first.place("kind"), "deck.toml:14");
  EXPECT_EQ(second.place("kind"), "deck.toml:15");
}

TEST(OptionTable, AValueFromSetIsReportedAsSuch) {
  const OptionTable table = layer_with("", {"network.layer.1.units=-1"});
  EXPECT_EQ(error_of([&] { table.integer("units", 1, 9); }),
            "--set network.layer.1.units: network.layer.fc1.units must be an integer from 1 to 9, "
            "not -1");
  EXPECT_EQ(table.place("kind"), "deck.toml:11");
}

TEST(OptionTable, GeneratedIsReportedByItsNameAlone) {
  const auto table = OptionTable::generated("units = 0\n[inner]\nkey = 'x'\n", "dense");
  EXPECT_EQ(error_of([&] { table.integer("units", 1, 9); }),
            "dense: units must be an integer from 1 to 9, not 0");
  EXPECT_EQ(error_of([&] { table.table("inner").integer("key", 1, 9); }),
            "dense: inner.key must be an integer from 1 to 9, not \"x\"");
  EXPECT_EQ(error_of([&] { table.string("kind"); }).find("dense: kind is missing"), 0u);
}

TEST(OptionTable, WithoutADeckIsEmpty) {
  const OptionTable table;
  EXPECT_FALSE(table.has("a"));
  EXPECT_EQ(table.integer("a", 0, 9, 3), 3);
  EXPECT_EQ(error_of([&] { table.fail("a", "message"); }), "message");
  table.finish();
}

TEST(LayerNames, AreGivenOrCountedByKind) {
  const auto names = config::layer_names(testing::parse(testing::kDeck).network.layers);
  EXPECT_EQ(names, (std::vector<std::string>{"flatten1", "fc1", "dense2"}));
}

TEST(LayerNames, RefuseWhatTheContractReserves) {
  const auto refusal = [](const std::string& name) {
    const auto deck = testing::parse(testing::deck_with("\"fc1\"", "\"" + name + "\""));
    return error_of([&] { config::layer_names(deck.network.layers); });
  };
  EXPECT_TRUE(contains(refusal("a/b"), "deck.toml:12: a layer's name must not"));
  EXPECT_TRUE(contains(refusal(""), "deck.toml:12: a layer's name must not"));
  for (const char* name : {"shortcut", "loss", "optimizer"}) {
    EXPECT_TRUE(
        contains(refusal(name), "deck.toml:12: \"" + std::string(name) + "\" is a reserved"));
  }
  EXPECT_TRUE(contains(refusal("flatten1"), "deck.toml:12: two layers are called \"flatten1\""));
  EXPECT_TRUE(contains(refusal("dense2"), "deck.toml:15: two layers are called \"dense2\""));
}

}  // namespace
}  // namespace ridgeline
