#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "io/units.hpp"
#include "report/sections.hpp"
#include "report/styles.hpp"

namespace ridgeline::report {
namespace {

using io::Json;

std::string training_picture_name(const ResultFile& file, const std::string& kind) {
  return name_of(kind + "-" + deck_stem_of(file) + "-" + text_of(file.json, "space"));
}

// A metric by epoch; empty if the file has none.
std::vector<double> metric(const Json& history, const char* name) {
  std::vector<double> values;
  const auto found = history.find(name);
  if (found == history.end() || !found->is_array()) return values;
  for (const Json& value : *found) {
    values.push_back(value.is_number() ? value.get<double>() : std::nan(""));
  }
  return values;
}

Curve curve_of(const std::string& name, Colour colour, Marker marker, Line line,
               const std::vector<double>& values, double factor = 1) {
  Curve curve{name, colour, line, marker};
  for (std::size_t i = 0; i < values.size(); ++i) {
    curve.points.push_back({static_cast<double>(i + 1), factor * values[i], i});
  }
  return curve;
}

Picture history_picture(const ResultFile& file, const Json& history) {
  Picture picture;
  picture.name = training_picture_name(file, "history");
  picture.title = "Training history: " + text_of(file.json, "title");
  picture.source = source_of(file);
  picture.columns = 2;
  const std::vector<double> train = metric(history, "train_loss"),
                            test = metric(history, "test_loss");
  const std::vector<double> accuracy = metric(history, "test_accuracy");
  const std::vector<double> seconds = metric(history, "seconds");
  picture.table = io::Table({{"epoch", "epoch"},
                             {"train loss", "train_loss"},
                             {"test loss", "test_loss"},
                             {"test accuracy", "test_accuracy"},
                             {"time", "seconds"}});
  const auto cell = [](const std::vector<double>& values, std::size_t i, const char* format) {
    return i < values.size() && std::isfinite(values[i]) ? io::Cell(values[i], format) : io::Cell();
  };
  for (std::size_t i = 0; i < std::max(train.size(), test.size()); ++i) {
    picture.table.add_row({io::Cell(i + 1), cell(train, i, "{:.4f}"), cell(test, i, "{:.4f}"),
                           cell(accuracy, i, "{:.4f}"),
                           i < seconds.size() && std::isfinite(seconds[i])
                               ? io::Cell::shown_as(seconds[i], io::show_seconds(seconds[i]))
                               : io::Cell()});
  }
  Panel losses;
  losses.title = "Loss";
  losses.x = {"epoch"};
  losses.y = {"loss per sample"};
  losses.curves.push_back(curve_of("training", Colour::blue, Marker::circle, Line::solid, train));
  if (!test.empty()) {
    losses.curves.push_back(curve_of("test", Colour::red, Marker::square, Line::dashed, test));
  }
  picture.panels.push_back(std::move(losses));
  if (!accuracy.empty()) {
    Panel panel;
    panel.title = "Accuracy";
    panel.x = {"epoch"};
    panel.y = {"test accuracy (%)"};
    panel.curves.push_back(
        curve_of("test", Colour::red, Marker::square, Line::dashed, accuracy, 100));
    picture.panels.push_back(std::move(panel));
  }
  return picture;
}

Picture share_picture(const ResultFile& file, const Json& shares) {
  Picture picture;
  picture.name = training_picture_name(file, "shares");
  picture.title = "Where a training step's time goes: " + text_of(file.json, "title");
  picture.source = source_of(file);
  picture.table = io::Table(
      {{"layer", "layer", io::Align::left}, {"time per step", "seconds"}, {"share", "share"}});
  Panel panel;
  panel.horizontal = true;
  panel.y.label = "layer";
  panel.x = {"share of the step's time (%)"};
  Bars bars;
  for (const Json& share : shares) {
    const std::size_t place = panel.y.categories.size();
    panel.y.categories.push_back(share.at("layer").get<std::string>());
    const double part = 100 * number_of(share, "share");
    const Json& seconds = share.at("seconds");
    const double time =
        seconds.is_object() ? number_of(seconds, "median") : number_of(share, "seconds");
    bars.points.push_back({static_cast<double>(place), part, place});
    picture.table.add_row(
        {panel.y.categories.back(),
         std::isfinite(time) ? io::Cell::shown_as(time, io::show_seconds(time)) : io::Cell(),
         io::Cell(part, "{:.1f} %")});
  }
  picture.panel_height = height_of_names(panel.y.categories.size());
  panel.bars.push_back(std::move(bars));
  picture.panels.push_back(std::move(panel));
  return picture;
}

std::vector<std::string> sentences_of(const ResultFile& file, const Json& history) {
  std::vector<std::string> sentences;
  std::string title = text_of(file.json, "title");
  if (title.empty()) title = "The network";
  const std::vector<double> accuracy = metric(history, "test_accuracy"),
                            loss = metric(history, "test_loss");
  const std::vector<double> train = metric(history, "train_loss");
  const std::size_t epochs = std::max(train.size(), loss.size());
  if (!accuracy.empty() && std::isfinite(accuracy.back())) {
    sentences.push_back(fmt::format("{} reached a test accuracy of {:.4f} after {}.", title,
                                    accuracy.back(),
                                    io::show_count(static_cast<std::int64_t>(epochs), "epoch")));
  } else if (!loss.empty() && std::isfinite(loss.back())) {
    sentences.push_back(fmt::format("{} reached a test loss of {:.4g} after {}.", title,
                                    loss.back(),
                                    io::show_count(static_cast<std::int64_t>(epochs), "epoch")));
  }
  const double merit = number_of(file.json, "figure_of_merit");
  if (merit > 0) {
    sentences.push_back(fmt::format("{} trained {}{:.0f} samples per second.", title,
                                    is_disturbed(file) ? "~" : "", merit));
  }
  const auto verified = file.json.find("verified");
  if (verified != file.json.end() && verified->is_boolean()) {
    sentences.emplace_back(verified->get<bool>() ? "The deck's [verify] was met."
                                                 : "The deck's [verify] was missed.");
  }
  return sentences;
}

}  // namespace

Block training_block(const ResultFile& file) {
  const Json& history = file.json.at("history");
  Block block = block_of(file);
  block.title = fmt::format("{}, {} on {}", text_of(file.json, "title"),
                            text_of(file.json, "precision"), text_of(file.json, "space"));
  block.sentences = sentences_of(file, history);
  if (!metric(history, "train_loss").empty())
    block.pictures.push_back(history_picture(file, history));
  const Json& shares = file.json.at("shares");
  if (!shares.empty()) block.pictures.push_back(share_picture(file, shares));
  return block;
}

}  // namespace ridgeline::report
