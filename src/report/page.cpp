#include "report/page.hpp"

#include <fmt/format.h>

#include <pugixml.hpp>
#include <sstream>

#include "core/error.hpp"
#include "core/text.hpp"
#include "io/units.hpp"
#include "report/drawing.hpp"
#include "report/page_assets.hpp"

namespace ridgeline::report {
namespace {

// Pixels: the width of a page's column, and that of a telephone's.
constexpr double kWide = 860, kNarrow = 368;
// Bytes; the elements of the head are before.
constexpr std::size_t kMostHead = 4096;

pugi::xml_node add(pugi::xml_node parent, const char* name, const std::string& text = "",
                   const char* of_class = "") {
  pugi::xml_node node = parent.append_child(name);
  if (*of_class != '\0') node.append_attribute("class") = of_class;
  if (!text.empty()) node.text() = printable(text).c_str();
  return node;
}

// A style sheet or a script. pugixml writes the section of XML unchanged, and the comments hide its
// ends from HTML.
void add_asset(pugi::xml_node head, const char* name, const std::string& content) {
  pugi::xml_node node = head.append_child(name);
  node.append_child(pugi::node_pcdata).set_value("/*");
  node.append_child(pugi::node_cdata).set_value(("*/\n" + content + "/*").c_str());
  node.append_child(pugi::node_pcdata).set_value("*/");
}

void add_list(pugi::xml_node parent, const std::vector<std::string>& sentences) {
  if (sentences.empty()) return;
  pugi::xml_node list = add(parent, "ul");
  for (const std::string& sentence : sentences) add(list, "li", sentence);
}

void add_table(pugi::xml_node parent, const io::Table& table) {
  pugi::xml_node node = add(add(parent, "div", "", "scroll"), "table");
  const auto class_of = [&](std::size_t column) {
    return table.columns()[column].align == io::Align::right ? "right" : "";
  };
  pugi::xml_node head = add(add(node, "thead"), "tr");
  for (std::size_t i = 0; i < table.columns().size(); ++i) {
    add(head, "th", table.columns()[i].title, class_of(i));
  }
  pugi::xml_node body = add(node, "tbody");
  for (const std::vector<io::Cell>& row : table.rows()) {
    pugi::xml_node line = add(body, "tr");
    for (std::size_t i = 0; i < row.size(); ++i) add(line, "td", row[i].shown(), class_of(i));
  }
}

void add_folded_table(pugi::xml_node parent, const std::string& title, const io::Table& table,
                      bool open) {
  pugi::xml_node details = add(parent, "details");
  if (open) details.append_attribute("open") = "";
  add(details, "summary", title);
  add_table(details, table);
}

void add_drawing(pugi::xml_node figure, const Picture& picture, double width, const char* name) {
  const Drawing drawing = draw_svg(picture, width, Purpose::page);
  pugi::xml_node node = add(figure, "div", "", name);
  std::string points;
  for (const HoverPoint& point : drawing.points) {
    points +=
        fmt::format("{}{:.0f},{:.0f},{}", points.empty() ? "" : " ", point.x, point.y, point.row);
  }
  node.append_attribute("data-points") = points.c_str();
  node.append_buffer(drawing.svg.data(), drawing.svg.size(),
                     pugi::parse_default | pugi::parse_ws_pcdata);
}

void add_picture(pugi::xml_node parent, const Picture& picture, bool draws) {
  if (picture.folded) {
    parent = add(parent, "details");
    add(parent, "summary", picture.title);
  }
  pugi::xml_node figure = add(parent, "figure");
  figure.append_attribute("id") = picture.name.c_str();
  pugi::xml_node caption = add(figure, "figcaption", picture.title);
  add(caption, "span", picture.source, "source");
  if (draws) {
    add_drawing(figure, picture, kWide, "drawing wide");
    add_drawing(figure, picture, kNarrow, "drawing narrow");
  }
  add_folded_table(figure, "Table", picture.table, !draws && !picture.folded);
}

void add_block(pugi::xml_node section, const Block& block, bool draws) {
  pugi::xml_node article = add(section, "article");
  if (!block.title.empty()) add(article, "h3", block.title);
  for (const std::string& warning : block.warnings) add(article, "p", warning, "note");
  add_list(article, block.sentences);
  for (const Picture& picture : block.pictures) add_picture(article, picture, draws);
  for (const NamedTable& table : block.tables) {
    add_folded_table(article, table.title, table.table, !table.folded);
  }
  if (!block.notes.empty()) {
    pugi::xml_node details = add(article, "details");
    add(details, "summary", io::show_count(static_cast<std::int64_t>(block.notes.size()), "note"));
    add_list(details, block.notes);
  }
  if (block.origin.empty()) return;
  pugi::xml_node details = add(article, "details");
  add(details, "summary", "Machine, command and method");
  pugi::xml_node list = add(details, "dl");
  for (const auto& [name, value] : block.origin) {
    add(list, "dt", name);
    add(list, "dd", value);
  }
}

}  // namespace

std::string to_html(const Page& page) {
  std::string reason;
  const bool draws = can_draw(&reason);
  pugi::xml_document document;
  document.append_child(pugi::node_doctype).set_value("html");
  pugi::xml_node html = add(document, "html");
  html.append_attribute("lang") = "en";
  pugi::xml_node head = add(html, "head");
  add(head, "meta").append_attribute("charset") = "utf-8";
  pugi::xml_node generator = add(head, "meta");
  generator.append_attribute("name") = "generator";
  generator.append_attribute("content") = kGenerator;
  // The browser enforces that the page requests nothing.
  pugi::xml_node policy = add(head, "meta");
  policy.append_attribute("http-equiv") = "Content-Security-Policy";
  policy.append_attribute("content") =
      "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:";
  pugi::xml_node viewport = add(head, "meta");
  viewport.append_attribute("name") = "viewport";
  viewport.append_attribute("content") = "width=device-width, initial-scale=1";
  pugi::xml_node icon = add(head, "link");  // otherwise a browser requests one
  icon.append_attribute("rel") = "icon";
  icon.append_attribute("href") = "data:,";
  add(head, "title", page.title);
  std::string style = kPageStyle;
  for (int i = 0; i < kColours; ++i) {
    style += fmt::format(
        ".s{0} {{ stroke: var(--c{0}); fill: none; }} .f{0} {{ fill: var(--c{0}); }}\n", i);
  }
  add_asset(head, "style", style);

  pugi::xml_node body = add(html, "body");
  pugi::xml_node top = add(body, "header");
  add(top, "h1", page.title);
  add(top, "p", page.subtitle, "muted");
  for (const std::string& error : page.left_out) add(top, "p", "Left out: " + error, "note");
  if (!draws) add(top, "p", "There are no pictures, only their tables: " + reason + ".", "note");
  add_list(add(top, "div", "", "summary"), page.summary);
  pugi::xml_node contents = add(add(body, "nav"), "ul");
  for (const Section& section : page.sections) {
    pugi::xml_node link = add(add(contents, "li"), "a", section.title);
    link.append_attribute("href") = ("#" + section.name).c_str();
  }
  pugi::xml_node main = add(body, "main");
  for (const Section& section : page.sections) {
    pugi::xml_node node = add(main, "section");
    node.append_attribute("id") = section.name.c_str();
    add(node, "h2", section.title);
    if (!section.lead.empty()) add(node, "p", section.lead, "muted");
    for (const Block& block : section.blocks) add_block(node, block, draws);
  }
  add(body, "div").append_attribute("id") = "tip";
  add_asset(body, "script", kPageScript);
  std::ostringstream text;
  document.save(text, "",
                pugi::format_raw | pugi::format_no_declaration | pugi::format_no_empty_element_tags,
                pugi::encoding_utf8);
  std::string page_text = text.str();
  // HTML's empty elements have no end tags.
  for (const std::string end : {"</meta>", "</link>"}) {
    for (std::size_t at = page_text.find(end); at != std::string::npos && at < kMostHead;
         at = page_text.find(end, at)) {
      page_text.erase(at, end.size());
    }
  }
  return page_text;
}

}  // namespace ridgeline::report
