#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "io/units.hpp"
#include "report/axis.hpp"
#include "report/cells.hpp"
#include "report/sections.hpp"
#include "report/styles.hpp"

namespace ridgeline::report {
namespace {

using io::Json;

const Json& list_of(const Json& space, const char* key) {
  static const Json none = Json::array();
  const auto found = space.find(key);
  return found != space.end() && found->is_array() ? *found : none;
}

// Returns whether an earlier space has the same ladder: a host's spaces share the caches.
bool is_repeated(const Json& spaces, const std::string& name, const char* key) {
  for (const auto& [other, space] : spaces.items()) {
    if (other == name) return false;
    if (list_of(space, key) == list_of(spaces.at(name), key)) return true;
  }
  return false;
}

// A line needs two points; a data sheet has one bandwidth.
void mark_single_point(Curve& curve) {
  if (curve.points.size() == 1) curve.marker = Marker::diamond;
}

Picture latency_picture(const ResultFile& file) {
  Picture picture;
  picture.name = "latency-ladder";
  picture.title = "Latency of a dependent load against the working set";
  picture.source = source_of(file) + measured_or_not(file);
  picture.table = io::Table({{"space", "space", io::Align::left},
                             {"pages", "pages", io::Align::left},
                             {"working set", "working_set_bytes"},
                             {"latency", "seconds"}});
  Panel panel;
  panel.x = {"working set", Scale::log2, Ticks::bytes};
  panel.y = {"time per load", Scale::log10, Ticks::seconds};
  const Json& spaces = file.json.at("spaces");
  std::size_t row = 0;
  for (const auto& [name, space] : spaces.items()) {
    if (is_repeated(spaces, name, "latency")) continue;
    std::map<std::string, Curve> curves;
    for (const Json& point : list_of(space, "latency")) {
      const std::string pages = point.at("pages").get<std::string>();
      const double size = point.at("working_set_bytes").get<double>();
      const double seconds = point.at("seconds").at("min").get<double>();
      Curve& curve = curves[pages];
      if (curve.points.empty()) {
        curve = {fmt::format("{}, {} pages", name, pages), colour_of_space(name),
                 pages == "huge" ? Line::solid : Line::dashed, Marker::none};
      }
      curve.points.push_back({size, seconds, row++});
      picture.table.add_row({name, pages, io::Cell::shown_as(size, tick_text(size, Ticks::bytes)),
                             seconds_cell(seconds)});
    }
    for (auto& [pages, curve] : curves) {
      mark_single_point(curve);
      panel.curves.push_back(std::move(curve));
    }
    for (const Json& level : list_of(space, "levels")) {
      const auto latency = level.find("latency");
      if (latency == level.end() || latency->empty()) continue;
      const Json& plateau = latency->contains("huge") ? latency->at("huge") : latency->front();
      const double seconds = number_of(plateau, "seconds_per_load");
      const double seen = number_of(plateau, "seen_bytes");
      if (!(seconds > 0)) continue;
      panel.labels.push_back(
          {seen, seconds,
           fmt::format("{} {}", level.at("level").get<std::string>(), io::show_seconds(seconds)),
           colour_of_space(name), 1, 0, 12});
    }
  }
  picture.panels.push_back(std::move(panel));
  return picture;
}

// One panel for each streaming kernel, a curve for each space, number of threads and kind of pages.
Picture bandwidth_picture(const ResultFile& file) {
  Picture picture;
  picture.name = "bandwidth-ladder";
  picture.title = "Bandwidth of streaming kernels against the working set";
  picture.source = source_of(file) + measured_or_not(file);
  picture.columns = 2;
  picture.table = io::Table({{"space", "space", io::Align::left},
                             {"kernel", "kernel", io::Align::left},
                             {"threads", "threads"},
                             {"pages", "pages", io::Align::left},
                             {"stores", "stores", io::Align::left},
                             {"working set", "working_set_bytes"},
                             {"GB/s", "gbytes_per_second"}});
  const Json& spaces = file.json.at("spaces");
  std::map<std::string, Panel> panels;
  std::vector<std::string> kernels;
  std::map<std::string, std::size_t> colours;
  // Colours are spaces and threads, lines are pages and stores: an entry for each, not for each
  // pair.
  std::map<std::string, Curve> legend;
  constexpr Colour kCurveColours[] = {Colour::blue, Colour::red, Colour::purple, Colour::orange,
                                      Colour::sky};
  std::size_t row = 0;
  for (const auto& [name, space] : spaces.items()) {
    if (is_repeated(spaces, name, "bandwidth")) continue;
    std::map<std::string, std::map<std::string, Curve>> curves;
    for (const Json& point : list_of(space, "bandwidth")) {
      const std::string kernel = point.at("kernel").get<std::string>();
      const int threads = point.value("threads", 0);
      const std::string pages = point.value("pages", std::string("4KiB"));
      const std::string stores = point.value("stores", std::string("ordinary"));
      const double size = point.at("working_set_bytes").get<double>();
      const double rate = point.at("gbytes_per_second").get<double>();
      const bool is_device = name != "serial" && name != "openmp";
      const std::string of = is_device ? name : name + ", " + io::show_count(threads, "thread");
      Curve& curve = curves[kernel][of + ", " + pages + ", " + stores];
      if (curve.points.empty()) {
        const std::size_t number = colours.emplace(of, colours.size()).first->second;
        curve.colour = is_device ? Colour::green : kCurveColours[number % 5];
        const bool huge = pages == "huge";
        curve.line = stores == "ordinary" ? (huge ? Line::dashed : Line::solid)
                                          : (huge ? Line::dash_dotted : Line::dotted);
        legend.emplace(of, Curve{of, curve.colour});
        if (curve.line != Line::solid) {
          const std::string style =
              stores == "ordinary"
                  ? pages + " pages"
                  : stores + " stores" + (huge ? ", " + pages + " pages" : std::string());
          legend.emplace("~" + style, Curve{style, Colour::grey, curve.line});
        }
      }
      curve.points.push_back({size, rate, row++});
      picture.table.add_row({name, kernel, io::Cell(std::int64_t{threads}), pages, stores,
                             io::Cell::shown_as(size, tick_text(size, Ticks::bytes)),
                             io::Cell(rate, "{:.4g}")});
    }
    for (auto& [kernel, of_kernel] : curves) {
      if (panels.find(kernel) == panels.end()) kernels.push_back(kernel);
      Panel& panel = panels[kernel];
      for (auto& [label, curve] : of_kernel) {
        mark_single_point(curve);
        panel.curves.push_back(std::move(curve));
      }
    }
  }
  for (const std::string& kernel : kernels) {
    Panel& panel = panels[kernel];
    for (const auto& [key, entry] : legend) panel.curves.push_back(entry);
    panel.title = kernel;
    panel.x = {"working set", Scale::log2, Ticks::bytes};
    panel.y = {"bandwidth (GB/s)", Scale::log10};
    picture.panels.push_back(std::move(panel));
  }
  return picture;
}

// One rate of a space: the largest of its kernels and threads for a precision, or one that another
// kernel or number of threads reached.
struct Peak {
  std::string precision, kernel;
  int threads = 0;  // 0: unknown
  double gflops = 0;
};

// Returns every rate that was measured, or else the ceilings that a data sheet has.
std::vector<Peak> peaks_of(const Json& space) {
  std::vector<Peak> peaks;
  for (const Json& peak : list_of(space, "peaks")) {
    peaks.push_back({peak.at("precision").get<std::string>(), peak.at("kernel").get<std::string>(),
                     peak.value("threads", 0), peak.at("gflops").get<double>()});
  }
  if (!peaks.empty()) return peaks;
  const auto ceilings = space.find("peak_gflops");
  if (ceilings == space.end() || !ceilings->is_object()) return peaks;
  for (const auto& [precision, rate] : ceilings->items()) {
    if (rate.is_number()) peaks.push_back({precision, "", 0, rate.get<double>()});
  }
  return peaks;
}

Picture peak_picture(const ResultFile& file) {
  Picture picture;
  picture.name = "peaks";
  picture.title = "Peak arithmetic by precision";
  picture.source = source_of(file) + measured_or_not(file);
  picture.table = io::Table({{"space", "space", io::Align::left},
                             {"precision", "precision", io::Align::left},
                             {"threads", "threads"},
                             {"kernel", "kernel", io::Align::left},
                             {"GFLOP/s (int8: Gop/s)", "gflops"}});
  Panel panel;
  panel.horizontal = true;
  panel.y.label = "space and precision";
  panel.x = {"largest rate (GFLOP/s; of int8 Gop/s)"};
  Bars bars;
  std::size_t row = 0;
  for (const auto& [name, space] : file.json.at("spaces").items()) {
    std::map<std::string, Point> largest;  // by precision
    for (const Peak& peak : peaks_of(space)) {
      picture.table.add_row({name, peak.precision,
                             peak.threads > 0 ? io::Cell(std::int64_t{peak.threads}) : io::Cell(),
                             peak.kernel, io::Cell(peak.gflops, "{:.5g}")});
      Point& point = largest[peak.precision];
      if (peak.gflops > point.y) point = {0, peak.gflops, row};
      ++row;
    }
    for (auto& [precision, point] : largest) {
      point.x = static_cast<double>(panel.y.categories.size());
      panel.y.categories.push_back(name + ", " + precision);
      bars.points.push_back(point);
    }
  }
  picture.panel_height = height_of_names(panel.y.categories.size());
  panel.bars.push_back(std::move(bars));
  picture.panels.push_back(std::move(panel));
  return picture;
}

Picture dispatch_picture(const ResultFile& file) {
  Picture picture;
  picture.name = "launch-costs";
  picture.title = "Cost of starting work";
  picture.source = source_of(file) + measured_or_not(file);
  picture.table = io::Table({{"space", "space", io::Align::left},
                             {"cost", "cost", io::Align::left},
                             {"time", "seconds"}});
  Panel panel;
  panel.horizontal = true;
  panel.y.label = "space and cost";
  panel.x = {"time", Scale::log10, Ticks::seconds};
  for (const auto& [name, space] : file.json.at("spaces").items()) {
    const auto dispatch = space.find("dispatch");
    if (dispatch == space.end() || !dispatch->is_object()) continue;
    // Points: a bar's length says nothing on a logarithmic axis.
    Curve costs{name, colour_of_space(name), Line::none, marker_of_space(name)};
    for (const auto& [cost, timing] : dispatch->items()) {
      if (!timing.is_object() || !timing.contains("median")) continue;
      std::string words = cost;
      std::replace(words.begin(), words.end(), '_', ' ');
      const double seconds = timing.at("median").get<double>();
      const std::size_t place = panel.y.categories.size();
      panel.y.categories.push_back(name + ", " + words);
      costs.points.push_back({seconds, static_cast<double>(place), place});
      picture.table.add_row({name, words, seconds_cell(seconds)});
    }
    panel.curves.push_back(std::move(costs));
  }
  picture.panel_height = height_of_names(panel.y.categories.size());
  picture.panels.push_back(std::move(panel));
  return picture;
}

// Transfers between host and device; no panel if there are none.
Picture transfer_picture(const ResultFile& file) {
  Picture picture;
  picture.name = "transfers";
  picture.title = "Time of a transfer between host and device";
  picture.source = source_of(file) + measured_or_not(file);
  picture.table = io::Table({{"transfer", "transfer", io::Align::left},
                             {"bytes", "bytes"},
                             {"time", "seconds"},
                             {"GB/s", "gbytes_per_second"}});
  Panel panel;
  panel.x = {"bytes transferred", Scale::log2, Ticks::bytes};
  panel.y = {"time", Scale::log10, Ticks::seconds};
  constexpr Colour kCurveColours[] = {Colour::blue, Colour::red, Colour::green, Colour::purple};
  constexpr Marker kMarkers[] = {Marker::circle, Marker::square, Marker::triangle, Marker::diamond};
  std::size_t row = 0;
  for (const auto& [name, space] : file.json.at("spaces").items()) {
    std::map<std::string, Curve> curves;
    for (const Json& point : list_of(space, "transfer")) {
      std::string what = point.at("direction").get<std::string>();
      std::replace(what.begin(), what.end(), '_', ' ');
      const std::string memory = point.value("host_memory", std::string());
      if (!memory.empty()) what += ", " + memory;
      Curve& curve = curves[what];
      const double bytes = point.at("bytes").get<double>();
      const double seconds = point.at("seconds").at("median").get<double>();
      curve.points.push_back({bytes, seconds, row++});
      picture.table.add_row({what, io::Cell::shown_as(bytes, tick_text(bytes, Ticks::bytes)),
                             seconds_cell(seconds), io::Cell(1e-9 * bytes / seconds, "{:.3g}")});
    }
    for (auto& [what, curve] : curves) {
      curve.name = what;
      curve.colour = kCurveColours[panel.curves.size() % 4];
      curve.marker = kMarkers[panel.curves.size() % 4];
      panel.curves.push_back(std::move(curve));
    }
  }
  if (!panel.curves.empty()) picture.panels.push_back(std::move(panel));
  return picture;
}

bool is_empty(const Picture& picture) {
  return picture.panels.empty() || picture.table.rows().empty();
}

}  // namespace

Block machine_block(const ResultFile& file) {
  // Throws if it is no object.
  file.json.at("spaces").get_ref<const Json::object_t&>();
  Block block = block_of(file);
  block.title = source_of(file) + measured_or_not(file);
  for (auto* make :
       {latency_picture, bandwidth_picture, peak_picture, dispatch_picture, transfer_picture}) {
    Picture picture = make(file);
    if (!is_empty(picture)) block.pictures.push_back(std::move(picture));
  }
  return block;
}

}  // namespace ridgeline::report
