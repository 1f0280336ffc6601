#include "io/json.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <regex>

#include "io/compressed.hpp"
#include "io/scratch.hpp"

namespace ridgeline {
namespace {

using testing::bytes_of_file;
using testing::contains;
using testing::error_of;
using testing::gzipped;
using testing::ScratchFolder;

TEST(Json, IsWrittenInOrderAndReadBack) {
  const ScratchFolder folder;
  io::Json json;
  json["format"] = "ridgeline-machine";
  json["version"] = 1;
  json["a"] = 0.1;
  json["µ"] = {1, 2};
  io::write_json(folder / "m.json", json);
  EXPECT_EQ(bytes_of_file(folder / "m.json"),
            "{\n  \"format\": \"ridgeline-machine\",\n  \"version\": 1,\n  \"a\": 0.1,\n"
            "  \"µ\": [1, 2]\n}\n");
  EXPECT_EQ(io::read_json(folder / "m.json", "ridgeline-machine"), json);
  EXPECT_EQ(folder.listing(), "m.json");
}

/// Files of a folder that for_json_files() reads; those with "bad" in their names are damaged.
struct ReadFolder {
  std::vector<std::string> files, notes;
  std::string error;

  explicit ReadFolder(const std::string& path) {
    error = error_of([&] {
      io::for_json_files(path, notes, [&](const std::string& file, bool) {
        if (contains(file, "bad")) throw RequestError(file + ": is damaged");
        files.push_back(file);
      });
    });
  }
};

TEST(JsonFiles, OfAFolderAreReadInOrderAndDamagedOnesAreLeftOut) {
  const ScratchFolder folder;
  std::filesystem::create_directories(folder / "b/deep.json");
  for (const char* name : {"c.json", "b/deep.json/a.json.gz", "b/x.txt", "a.json", "b/bad.json"}) {
    folder.write(name, "");
  }
  std::filesystem::create_directory_symlink(folder.path(), folder / "b/back");
  const ReadFolder all(folder.path());
  EXPECT_EQ(all.error, "none");
  EXPECT_EQ(all.files,
            (std::vector<std::string>{folder / "a.json", folder / "b/deep.json/a.json.gz",
                                      folder / "c.json"}));
  EXPECT_EQ(all.notes,
            std::vector<std::string>{folder.path() + ": 1 of 4 JSON files are left out; " +
                                     (folder / "b/bad.json") + ": is damaged"});
  const ReadFolder one(folder / "a.json");
  EXPECT_EQ(one.files, std::vector<std::string>{folder / "a.json"});
  EXPECT_EQ(ReadFolder(folder / "b/bad.json").error, (folder / "b/bad.json") + ": is damaged");
}

TEST(JsonFiles, AFolderInsideThatCannotBeReadIsLeftOutAndANamedOneIsAnError) {
  const ScratchFolder folder;
  std::filesystem::create_directories(folder / "locked/deep");
  folder.write("a.json", "");
  ASSERT_EQ(chmod(folder.path().c_str(), 0755), 0);
  ASSERT_EQ(chmod((folder / "locked").c_str(), 0), 0);
  const bool superuser = geteuid() == 0;  // who may read any
  if (superuser) {
    ASSERT_EQ(seteuid(65534), 0);
  }
  const ReadFolder all(folder.path()), named(folder / "locked");
  if (superuser) {
    ASSERT_EQ(seteuid(0), 0);
  }
  ASSERT_EQ(chmod((folder / "locked").c_str(), 0755), 0);
  const std::string reason = (folder / "locked") + ": cannot read: Permission denied";
  EXPECT_EQ(all.error, "none");
  EXPECT_EQ(all.files, std::vector<std::string>{folder / "a.json"});
  EXPECT_EQ(all.notes,
            std::vector<std::string>{folder.path() + ": 1 folder is left out; " + reason});
  EXPECT_EQ(named.error, reason);
}

TEST(JsonFiles, AFolderWithoutAnyIsAnErrorWithTheReason) {
  const ScratchFolder folder;
  EXPECT_EQ(ReadFolder(folder.path()).error, folder.path() + ": holds no result file");
  folder.write("bad.json", "");
  EXPECT_EQ(ReadFolder(folder.path()).error,
            folder.path() + ": holds no result file; " + (folder / "bad.json") + ": is damaged");
}

TEST(Json, ListsOfNumbersAndTextsAreOneLineAndOthersAreIndented) {
  const io::Json json = {{"empty", io::Json::object()},
                         {"none", io::Json::array()},
                         {"texts", {"a", "b, c"}},
                         {"list", {{{"x", {1.5, nullptr}}}, {2}}}};
  EXPECT_EQ(io::to_text(json),
            "{\n  \"empty\": {},\n  \"none\": [],\n  \"texts\": [\"a\", \"b, c\"],\n"
            "  \"list\": [\n    {\n      \"x\": [1.5, null]\n    },\n    [2]\n  ]\n}\n");
  EXPECT_EQ(io::Json::parse(io::to_text(json)), json);
}

TEST(Json, NumbersThatAreNotFiniteBecomeNull) {
  io::Json json;
  json["x"] = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(io::to_text(json), "{\n  \"x\": null\n}\n");
}

TEST(Json, TextThatIsNotUtf8IsStillWritten) {
  io::Json json;
  json["x"] = "a\xff";
  EXPECT_TRUE(contains(io::to_text(json), "\"a\xef\xbf\xbd\""));
}

TEST(ReadJson, NamesTheLineOfASyntaxError) {
  const ScratchFolder folder;
  const std::string path = folder.write("m.json", "{\n  \"a\": 1,\n  \"b\" 2\n}\n");
  EXPECT_EQ(error_of([&] { io::read_json(path, "ridgeline-machine"); }),
            path + ":3: not valid JSON; a ridgeline-machine file is expected");
}

TEST(ReadJson, RefusesMissingOtherAndNewerFiles) {
  const ScratchFolder folder;
  const auto error_for = [&](const std::string& text) {
    const std::string path = folder.write("m.json", text);
    return error_of([&] { io::read_json(path, "ridgeline-machine"); });
  };
  EXPECT_TRUE(contains(error_of([&] { io::read_json(folder / "none", "ridgeline-machine"); }),
                       "No such file"));
  EXPECT_TRUE(contains(error_for("[1]"), "has no \"format\""));
  EXPECT_TRUE(contains(error_for("{\"format\": 3}"), "has no \"format\""));
  EXPECT_TRUE(contains(error_for("{\"format\": \"ridgeline-study\", \"version\": 1}"),
                       "is a ridgeline-study file; a ridgeline-machine file is expected"));
  EXPECT_TRUE(contains(error_for("{\"format\": \"ridgeline-machine\"}"), "no valid \"version\""));
  EXPECT_TRUE(contains(error_for("{\"format\": \"ridgeline-machine\", \"version\": 3}"),
                       "version 3, newer than this build"));
}

TEST(ReadJson, NamesTheKeyOfANumberThatIsTooLarge) {
  const ScratchFolder folder;
  const std::string path = folder.write("m.json", "{\"a\": {\n\"list\": [1, {\"b\": -2e999}]}}");
  EXPECT_EQ(error_of([&] { io::read_json(path, "ridgeline-machine"); }),
            path + ":2: a.list.b: -2e999 is too large for a number");
}

TEST(ReadJson, BoundsNestingAndTheNumberOfValues) {
  const ScratchFolder folder;
  const auto error_for = [&](const std::string& text) {
    const std::string path = folder.write("m.json", text);
    return error_of([&] { io::read_json(path, "ridgeline-machine"); });
  };
  // Deep values would be destroyed recursively.
  const std::string deep(200000, '['), closed(200000, ']');
  EXPECT_TRUE(contains(error_for(deep), "is nested deeper than 64 levels"));
  EXPECT_TRUE(contains(error_for(deep + closed), "is nested deeper than 64 levels"));
  std::string objects;
  for (int i = 0; i < 100; ++i) objects += "{\"a\":";
  EXPECT_TRUE(contains(error_for(objects), "is nested deeper than 64 levels"));
  EXPECT_TRUE(contains(error_for(std::string(64, '[') + std::string(64, ']')), "no \"format\""));
  std::string many = "[0";
  for (int i = 0; i < 4200000; ++i) many += ",0";
  EXPECT_TRUE(contains(error_for(many + "]"), "holds more than 4194304 values"));
}

TEST(ReadJson, TakesGzipAndRefusesWhatIsDamagedOrUnpacksToTooMuch) {
  const ScratchFolder folder;
  const std::string text = "{\"format\": \"ridgeline-machine\", \"version\": 1, \"x\": [1, 2]}";
  const std::string packed = gzipped(text);
  EXPECT_EQ(io::read_json(folder.write("m.json.gz", packed), "ridgeline-machine").at("x"),
            io::Json({1, 2}));
  const auto error_for = [&](const std::string& bytes) {
    const std::string path = folder.write("m.json.gz", bytes);
    return error_of([&] { io::read_json(path, "ridgeline-machine"); });
  };
  for (std::size_t length = 2; length < packed.size(); ++length) {
    EXPECT_TRUE(contains(error_for(packed.substr(0, length)), "truncated gzip file")) << length;
  }
  EXPECT_TRUE(contains(error_for(packed + "x"), "unknown data after its end"));
  EXPECT_TRUE(contains(error_for(gzipped(text + std::string(80 << 20, ' '))),
                       "unpacks to more than 67.1 MB"));
}

TEST(NowUtc, IsIso8601) {
  EXPECT_TRUE(std::regex_match(
      io::now_utc(),
      std::regex("20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9]Z")));
}

}  // namespace
}  // namespace ridgeline
