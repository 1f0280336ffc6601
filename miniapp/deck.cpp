#include <fmt/format.h>
#include <fmt/ranges.h>

#include <memory>

#include "core/error.hpp"
#include "io/table.hpp"
#include "network/deck_keys.hpp"
#include "verbs.hpp"

namespace ridgeline::miniapp {
namespace {

io::Table table_of_keys() {
  using io::Align;
  io::Table table({{"table", "table", Align::left, 0},
                   {"kind", "kind", Align::left, 0},
                   {"key", "key", Align::left, 0},
                   {"type", "type", Align::left, 2},
                   {"range", "range", Align::left, 3},
                   {"default", "default", Align::left, 1},
                   {"meaning", "meaning", Align::left, 4}});
  for (const config::DescribedTable& keys : network::deck_keys()) {
    for (const config::DescribedKey& key : keys.keys) {
      table.add_row({keys.header(), fmt::format("{}", fmt::join(keys.kinds, ", ")), key.name,
                     key.type, key.range, key.fallback, key.about});
    }
  }
  return table;
}

}  // namespace

void add_deck(CLI::App& app, const CommonOptions& common, Action& action) {
  CLI::App* verb = app.add_subcommand("deck", "The keys that input decks may have");
  auto keys = std::make_shared<bool>(false);
  verb->add_flag("--keys", *keys, "Print every key with its type, range, default and meaning");
  verb->footer("Example:\n  ridgeline deck --keys");
  verb->callback([=, &common, &action] {
    action = [=, &common] {
      if (!*keys) {
        throw RequestError("deck prints nothing without --keys; see ridgeline deck --help");
      }
      print(table_of_keys(), io::parse_table_format(common.format));
      return Status::done;
    };
  });
}

}  // namespace ridgeline::miniapp
