#include "report/report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "io/file.hpp"
#include "io/run_files.hpp"
#include "report/drawing.hpp"
#include "report/page_assets.hpp"
#include "session.hpp"
#include "verbs.hpp"

namespace ridgeline::miniapp {
namespace {

struct ReportOptions {
  std::vector<std::string> paths;
  std::string output = "report.html";
  std::string figures;
};

// Pixels, of which the font has 13: a column of a paper, and a screen.
constexpr double kFigureWidth = 860, kPngScale = 2.5;

// Throws RequestError if `file` exists, is not empty and does not begin with `mark`.
void require_ours(const std::string& what, const std::string& file, const char* mark,
                  const std::string& advice) {
  if (!io::exists(file)) return;
  io::InputFile input(file);
  if (input.size() == 0) return;
  std::string beginning(256, '\0');
  beginning.resize(input.read(beginning.data(), beginning.size()));
  if (beginning.rfind(mark, 0) == 0) return;
  throw RequestError(fmt::format("{}: {} would replace it, and ridgeline did not write it; {}",
                                 file, what, advice));
}

struct Figure {
  const report::Picture* picture;
  std::string svg, png;  // paths
};

std::vector<Figure> figures_of(const report::Page& page, const std::string& folder) {
  std::vector<Figure> figures;
  for (const report::Picture* picture : report::pictures_of(page)) {
    const std::string stem = inside(folder, picture->name);
    figures.push_back({picture, stem + ".svg", stem + ".png"});
  }
  return figures;
}

// Checks every output before anything is drawn.
void check_outputs(const ReportOptions& options, const std::vector<Figure>& figures,
                   io::RunFiles& files) {
  const std::string advice = "choose another --output";
  files.output("--output", options.output, advice);
  require_folder_of(options.output);
  require_ours("--output", options.output, report::kPageMark, advice);
  io::check_writable(options.output);
  for (const Figure& figure : figures) {
    const std::string other = "choose another --figures";
    files.output("--figures", figure.svg, other);
    files.output("--figures", figure.png, other);
    require_ours("--figures", figure.svg, report::kFigureMark, other);
    // A picture of pixels has no mark; it is ours if the drawing beside it is.
    if (io::exists(figure.png) &&
        (!io::exists(figure.svg) || io::InputFile(figure.svg).size() == 0)) {
      throw RequestError(fmt::format(
          "{}: --figures would replace it, and ridgeline did not write it; {}", figure.png, other));
    }
    io::check_writable(figure.svg);
    io::check_writable(figure.png);
  }
}

// Prints the rooflines' table, or, of other results, the page's summary.
void show(const report::Page& page, io::TableFormat format) {
  if (format != io::TableFormat::table || !page.overview.empty()) {
    return print(page.overview, format);
  }
  for (const std::string& sentence : page.summary) print_wrapped("- " + sentence + "\n", 2);
}

Status run(const ReportOptions& options, const CommonOptions& common) {
  std::vector<std::string> notes;
  const std::vector<report::ResultFile> results = report::read_result_files(options.paths, notes);
  const report::Page page = report::make_page(results);
  std::string reason;
  if (!report::can_draw(&reason)) {
    if (!options.figures.empty()) throw RequestError("--figures: " + reason);
    warn("the report has tables alone: " + reason);
  }
  io::RunFiles files;
  for (const report::ResultFile& result : results)
    files.input("a result that is shown", result.path);
  std::optional<MadeFolders> folders;
  std::vector<Figure> figures;
  if (!options.figures.empty()) {
    folders.emplace(options.figures);
    figures = figures_of(page, options.figures);
  }
  check_outputs(options, figures, files);
  if (folders) folders->keep();
  for (const std::string& text : notes) note("note: " + text);
  for (const std::string& error : page.left_out) note("note: left out: " + error);
  // The page last: it is there only if everything else is.
  const std::string html = report::to_html(page);
  for (const Figure& figure : figures) {
    const report::Drawing drawing =
        report::draw_svg(*figure.picture, kFigureWidth, report::Purpose::file);
    io::write_file_atomically(figure.svg, drawing.svg);
    io::write_file_atomically(figure.png,
                              report::draw_png(*figure.picture, kFigureWidth, kPngScale));
  }
  io::write_file_atomically(options.output, html);
  show(page, io::parse_table_format(common.format));
  note(written_to({options.output}));
  if (!figures.empty()) {
    note(fmt::format("written to {}: {} as SVG and PNG", options.figures,
                     io::show_count(static_cast<std::int64_t>(figures.size()), "picture")));
  }
  return Status::done;
}

}  // namespace

void add_report(CLI::App& app, const CommonOptions& common, Action& action) {
  CLI::App* verb = app.add_subcommand("report", "One HTML page with pictures from any results");
  auto options = std::make_shared<ReportOptions>();
  verb->add_option("FILES", options->paths,
                   "Result files (JSON), or folders of them, of one or many machines")
      ->required();
  verb->add_option("--output", options->output, "The page")->capture_default_str();
  verb->add_option("--figures", options->figures,
                   "Write every picture to this folder too, as SVG and PNG");
  verb->footer(
      "Example:\n  ridgeline report machine.json --output report.html\n"
      "The page needs no other file and no network; open it in a browser.");
  verb->callback(
      [=, &common, &action] { action = [=, &common] { return run(*options, common); }; });
}

}  // namespace ridgeline::miniapp
