#pragma once

#include <cstddef>
#include <functional>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "report/cells.hpp"
#include "report/page.hpp"
#include "report/picture.hpp"
#include "report/result_file.hpp"
#include "report/styles.hpp"

// Parts that the studies' pictures have in common.

namespace ridgeline::report {

/// Adds the pictures and tables of one study to its block. Throws io::Json::exception if the file
/// lacks what the study writes.
void add_latency(const ResultFile& file, Block& block);
void add_bandwidth(const ResultFile& file, Block& block);
void add_concurrency(const ResultFile& file, Block& block);
void add_dispatch(const ResultFile& file, Block& block);
void add_divergence(const ResultFile& file, Block& block);
void add_crossover(const ResultFile& file, Block& block);
void add_scaling(const ResultFile& file, Block& block);

/// Returns a picture without panels. `part` distinguishes the pictures of one file.
Picture study_picture(const ResultFile& file, const std::string& part, const std::string& title);

/// Returns the value of a key; null if it is absent.
const io::Json& part_of(const io::Json& json, const std::string& key);

/// Formats a quantity.
using Show = std::function<std::string(double)>;

/// Returns three significant digits: "0.123", "12.3", "1230".
std::string show_number(double number);
/// Returns "1 thread", "16 threads".
std::string show_threads(double count);
/// Returns bytes per second as "12.3 GB/s".
std::string show_rate(double bytes_per_second);

/// Returns an estimate's value; if it was not reached, its bounds: "> 64".
std::string shown_value(const EstimateOf& estimate, const Show& show);

/// Cells that are empty where a value is not finite.
io::Cell number_cell(double number);
io::Cell bytes_cell(double bytes);
io::Cell count_cell(double count);
io::Cell seconds_cell(double seconds);
io::Cell bytes_cell(double bytes);
/// Returns an estimate with its interval.
io::Cell estimate_cell(const EstimateOf& estimate, const Show& show);

/// Returns the median of a time with its interval, which files of version 1 do not have.
EstimateOf median_of_timing(const io::Json& timing);

/// Appends a row and returns its index.
std::size_t add_row(io::Table& table, std::vector<io::Cell> cells);

/// Returns an axis of sizes in bytes.
Axis bytes_axis(const std::string& label);

/// Returns an entry of the legend without points.
Curve legend_entry(const std::string& name, Colour colour, Line line, Marker marker = Marker::none,
                   bool hollow = false);

/// Returns a curve that is not in the legend.
Curve plain_curve(Colour colour, Line line, Marker marker = Marker::none, bool hollow = false);

/// Returns a segment that shows where a level of a curve begins and ends: "levels found".
Curve level_segment(double from, double to, double value);

void sort_by_x(Curve& curve);

/// Colour and marker of a space with a number of threads.
struct ThreadStyle {
  std::string space;
  double threads = 0;  ///< of the host; 0: a device, which has one curve for all numbers
  Colour colour = Colour::blue;
  Marker marker = Marker::circle;
  bool hollow = false;

  std::string name() const;
};

/// Returns the threads of a point of the host; 0 for a device.
double threads_of(const io::Json& point);

/// Returns what distinguishes the points of a study, in the order of first occurrence.
std::vector<ThreadStyle> thread_styles(const io::Json& points);

/// Returns nullptr if no point has this space and these threads.
const ThreadStyle* find_style(const std::vector<ThreadStyle>& styles, const std::string& space,
                              double threads);

/// The range of positive finite values.
struct Range {
  double low = std::numeric_limits<double>::infinity(), high = 0;

  void add(double value);
  bool empty() const { return low > high; }
};

/// Sets an axis's limits a factor beyond a range, if it is not empty.
void set_limits(Axis& axis, const Range& range, double below, double above);

/// Elements with a common key.
template <class Key>
using Group = std::pair<Key, std::vector<const io::Json*>>;

/// Returns the elements of a list, grouped by `key_of(element)` in the order of first occurrence.
template <class KeyOf>
auto grouped(const io::Json& list, const KeyOf& key_of) {
  using Key = std::decay_t<decltype(key_of(list))>;
  std::vector<Group<Key>> groups;
  for (const io::Json& each : list) {
    const Key key = key_of(each);
    std::size_t i = 0;
    while (i < groups.size() && groups[i].first != key) ++i;
    if (i == groups.size()) groups.push_back({key, {}});
    groups[i].second.push_back(&each);
  }
  return groups;
}

}  // namespace ridgeline::report
