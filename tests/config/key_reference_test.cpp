#include "config/key_reference.hpp"

#include <set>

#include "config/decks.hpp"
#include "support/key_tables.hpp"

namespace ridgeline {
namespace {

using config::Deck;
using config::describe_keys;
using config::describe_sections;
using config::DescribedKey;
using config::DescribedTable;
using config::OptionTable;
using config::Range;
using testing::find_key;
using testing::parse;
using testing::path_of;

std::vector<std::string> lines_of(const DescribedTable& table) {
  std::vector<std::string> lines;
  for (const DescribedKey& key : table.keys) lines.push_back(testing::line_of(key));
  return lines;
}

TEST(KeyReference, HasTypeRangeAndDefaultOfEveryGetter) {
  const auto tables = describe_keys({"part"}, [](const OptionTable& table) {
    table.string({"a", "A text."});
    table.string("b", std::string("x"));
    table.strings("c");
    table.one_of("d", {"x", "y"}, std::string("y"));
    table.integer("e", 1, 9);
    table.integer("f", 0, std::numeric_limits<std::int64_t>::max(), 3);
    table.real("g", Range::half_open(0, 1), 0.5);
    table.real("h", Range::positive());
    table.boolean("i", true);
    table.integers("j", 1, 4);
    table.integers("k", 1, 4, {2, 3});
    table.pair("l", 1, 9, {2, 2});
    table.pair("m", 1, 9, {2, 3});
    table.table("n");
    table.optional_table("o");
    table.tables("p");
    if (table.has("q")) table.integer("q", 1, 9);
    if (!table.is_string("r")) table.integer("r", 1, 9);
    table.integer({"s", "About s.", "that of e"}, 1, 9, 7);
    table.has("t");
    table.finish();
  });
  ASSERT_EQ(tables.size(), 1u);
  EXPECT_EQ(tables[0].header(), "[part]");
  EXPECT_TRUE(tables[0].complete);
  const std::vector<std::string> expected = {
      "a: text = required (A text.)",
      "b: text = \"x\"",
      "c: text or list of texts = required",
      "d: one of \"x\", \"y\" = \"y\"",
      "e: integer from 1 to 9 = required",
      "f: integer at least 0 = 3",
      "g: number from 0 to below 1 = 0.5",
      "h: number above 0 = required",
      "i: true or false = true",
      "j: list of integers from 1 to 4 = required",
      "k: list of integers from 1 to 4 = [2, 3]",
      "l: one or two integers from 1 to 9 = 2",
      "m: one or two integers from 1 to 9 = [2, 3]",
      "n: table = required",
      "o: table = none",
      "p: list of tables = required",
      "q: integer from 1 to 9 = none",
      "r: integer or text from 1 to 9 = required",
      "s: integer from 1 to 9 = that of e (About s.)",
      "t:  = none",
  };
  EXPECT_EQ(lines_of(tables[0]), expected);
}

TEST(KeyReference, ReadsATableInEveryKind) {
  const auto tables = describe_keys({"part"}, [](const OptionTable& table) {
    const std::string kind = table.one_of("kind", {"p", "q", "r", "s"});
    if (table.string("kind") == "p") table.integer("of_p", 0, 1);
    if (kind == "q" || kind == "r") table.integer("of_q_and_r", 0, 1);
    const OptionTable inner = table.table("inner");
    if (inner.one_of("kind", {"a", "b"}) == "b") inner.boolean("of_b", false);
    inner.finish();
    table.finish();
  });
  std::vector<std::string> found;
  for (const DescribedTable& table : tables) {
    EXPECT_TRUE(table.complete);
    std::string line = table.header();
    for (const std::string& kind : table.kinds) line += " " + kind;
    for (const DescribedKey& key : table.keys) line += ", " + key.name;
    found.push_back(line);
  }
  EXPECT_EQ(found, (std::vector<std::string>{"[part], kind, inner", "[part] p, of_p",
                                             "[part] q r, of_q_and_r", "[part.inner], kind",
                                             "[part.inner] b, of_b"}));
}

TEST(KeyReference, DetectsThatACheckFailedBeforeTheEnd) {
  const auto tables = describe_keys({"list", "0"}, [](const OptionTable& table) {
    if (table.integer("a", 1, 9) < 5) table.fail("a", "is small");
    table.integer("b", 1, 9);
    table.finish();
  });
  ASSERT_EQ(tables.size(), 1u);
  EXPECT_EQ(tables[0].header(), "[[list]]");
  EXPECT_FALSE(tables[0].complete);
  EXPECT_EQ(lines_of(tables[0]), std::vector<std::string>{"a: integer from 1 to 9 = required"});
}

TEST(KeyReference, SectionsAreReadToTheirEnd) {
  std::set<std::string> incomplete;
  for (const DescribedTable& table : describe_sections()) {
    if (!table.complete) incomplete.insert(table.header());
  }
  // Its last check refuses two bounds. Keys are read before it.
  EXPECT_EQ(incomplete, std::set<std::string>{"[verify]"});
}

/// Decks that have the tables and kinds that others lack.
const std::vector<std::string> kDecks = {
    testing::kDeck +
        "schedule = { kind = 'constant' }\nearly_stop = { metric = 'test_loss', "
        "patience = 1 }\n[checkpoint]\nkeep = 2\n[run]\nstop_after = '1h'\n"
        "[verify]\nmetric = 'test_loss'\nat_most = 1\n",
    R"(
[data]
kind = "text"
path = "a.txt"
length = 4
[network]
layer = [ { kind = "flatten" } ]
[train]
epochs = 1
batch = 1
loss = "cross_entropy"
optimizer = { kind = "adam", learning_rate = 1 }
schedule = { kind = "step", every = 1, factor = 0.5 }
)",
    R"(
[data]
kind = "synthetic"
shape = [1, 2, 2]
augment = { flip = true }
[network]
layer = [ { kind = "flatten" } ]
[train]
epochs = 1
batch = 1
loss = "cross_entropy"
optimizer = { kind = "adamw", learning_rate = 1 }
schedule = { kind = "cosine" }
)",
    R"(
[data]
kind = "hdf5"
path = "a.h5"
normalize = { mean = 0, std = 1 }
[network]
layer = [ { kind = "flatten" } ]
[train]
epochs = 1
batch = 1
loss = "mse"
optimizer = { kind = "rmsprop", learning_rate = 1 }
)"};

TEST(KeyReference, HasEveryKeyThatReadingADeckRequests) {
  const std::vector<DescribedTable> tables = describe_sections();
  std::size_t compared = 0;
  const auto compare = [&](const OptionTable& table, const std::string& path) {
    const bool has_kind = find_key(tables, path, "", "kind") != nullptr;
    const std::string kind = has_kind ? table.string("kind") : "";
    for (const std::string& key : table.known_keys()) {
      EXPECT_NE(find_key(tables, path, kind, key), nullptr) << path << "." << key << " " << kind;
      ++compared;
    }
  };
  for (const std::string& text : kDecks) {
    const Deck deck = parse(text);
    compare(deck.data.table, "data");
    compare(deck.network.table, "network");
    compare(deck.train.table, "train");
    compare(deck.checkpoint.table, "checkpoint");
    if (deck.verify) compare(deck.verify->table, "verify");
  }
  EXPECT_GT(compared, 70u);
}

/// Returns the dotted paths of the keys with values in the tables of a section.
std::set<std::string> paths_in(const std::string& section) {
  std::set<std::string> paths;
  for (const DescribedTable& table : describe_sections()) {
    if (path_of(table).compare(0, section.size(), section) != 0) continue;
    for (const DescribedKey& key : table.keys) {
      if (key.type != "table") paths.insert(path_of(table) + "." + key.name);
    }
  }
  return paths;
}

// A key that is forgotten in values_fixed_on_resume() could change between a run and its
// resumption.
TEST(KeyReference, EveryKeyIsComparedOnAResumeUnlessARunMayChangeIt) {
  std::set<std::string> compared;
  for (const std::string& text : kDecks) {
    for (const auto& [path, value] : parse(text).values_fixed_on_resume()) compared.insert(path);
  }
  std::set<std::string> missing;
  for (const char* section : {"data", "network", "train"}) {
    for (const std::string& path : paths_in(section)) {
      const bool inside = path.compare(0, 14, "data.normalize") == 0;  // compared as one value
      if (compared.count(inside ? "data.normalize" : path) == 0) missing.insert(path);
    }
  }
  EXPECT_EQ(missing, (std::set<std::string>{"data.path", "train.epochs", "train.on_nonfinite",
                                            "train.stop_after_steps"}));
}

}  // namespace
}  // namespace ridgeline
