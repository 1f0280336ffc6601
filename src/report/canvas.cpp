#include "report/canvas.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <plplot/plplot.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>

#include "core/error.hpp"
#include "core/text.hpp"
#include "io/file.hpp"
#include "report/drawing.hpp"

// Of plplotP.h, which needs the headers of every driver: the folder of the drivers.
#ifdef RIDGELINE_PLPLOT_HAS_DRIVERS
extern "C" char* plGetDrvDir();
#endif

#ifdef RIDGELINE_SANITIZED
/// What libraries below PLplot allocate once and keep is no leak of ours.
extern "C" const char* __lsan_default_suppressions() {
  return "leak:libfontconfig\nleak:libltdl\nleak:libplplot\nleak:libpango\nleak:libcairo\n"
         "leak:libglib\nleak:libgobject\n";
}
#endif

namespace ridgeline::report {
namespace {

struct Rgb {
  PLINT red, green, blue;
};

// In the order of Colour; Okabe and Ito, "Color Universal Design" (2008).
constexpr std::array<Rgb, kColours> kPalette = {{{30, 30, 30},
                                                 {110, 110, 110},
                                                 {225, 225, 225},
                                                 {0, 114, 178},
                                                 {230, 159, 0},
                                                 {0, 158, 115},
                                                 {213, 94, 0},
                                                 {204, 121, 167},
                                                 {86, 180, 233},
                                                 {200, 180, 30}}};

// PLplot's number of a colour with a style; 0 is the ground.
PLINT plplot_colour(Colour colour, int style = 0) {
  return 1 + static_cast<PLINT>(colour) * kLineStyles + style;
}
constexpr PLINT kPlplotColours = 1 + kColours * kLineStyles;

Rgb with_style(Colour colour, int style) {
  Rgb rgb = kPalette[static_cast<std::size_t>(colour)];
  rgb.blue = rgb.blue / kLineStyles * kLineStyles + style;
  return rgb;
}

int style_of(Line line) { return line == Line::none ? 0 : static_cast<int>(line) - 1; }

// Pixels of dash, gap, dash, gap.
constexpr std::array<std::array<int, 4>, kLineStyles> kDashes = {
    {{0, 0, 0, 0}, {7, 4, 7, 4}, {2, 3, 2, 3}, {8, 3, 2, 3}}};

const char* driver_of(Device device) { return device == Device::svg ? "svg" : "pngcairo"; }

// PLplot's text height in mm, for a font of one pixel at 90 dots per inch.
constexpr double kMillimetresPerPixel = 3.2 / 12.15;

// Sets the dashes of what follows, of a device that has pixels.
void set_dashes(int style, double scale) {
  constexpr double kMicrometresPerPixel = 25400.0 / 90;
  PLINT dash[2] = {}, gap[2] = {};
  for (std::size_t i = 0; i < 2; ++i) {
    const auto length = [&](std::size_t k) {
      return static_cast<PLINT>(kDashes[std::size_t(style)][k] * scale * kMicrometresPerPixel);
    };
    dash[i] = length(2 * i);
    gap[i] = length(2 * i + 1);
  }
  plstyl(style == 0 ? 0 : 2, dash, gap);
}

std::pair<std::vector<PLFLT>, std::vector<PLFLT>> coordinates(const std::vector<Place>& places) {
  std::pair<std::vector<PLFLT>, std::vector<PLFLT>> both;
  for (const Place& place : places) {
    both.first.push_back(place.x);
    both.second.push_back(place.y);
  }
  return both;
}

// Returns a text without PLplot's own sequences, which begin with '#', and no longer than its
// buffer of about 1000 bytes allows.
std::string escaped(const std::string& text) {
  constexpr std::size_t kMostBytes = 800;
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool begins = (static_cast<unsigned char>(text[i]) & 0xC0U) != 0x80U;  // a character
    if (begins && result.size() > kMostBytes) return result + "…";
    if (text[i] == '#') result += '#';
    result += text[i];
  }
  return result;
}

// PLplot would end the process.
void throw_instead_of_exit() {
  plsexit(
      [](const char* message) -> int { throw RunError(std::string("cannot draw: ") + message); });
}

}  // namespace

std::string svg_colour(Colour colour, int style) {
  const Rgb rgb = with_style(colour, style);
  return fmt::format("#{:02X}{:02X}{:02X}", rgb.red, rgb.green, rgb.blue);
}

std::string dashes_of(int style) {
  if (style == 0) return "";
  return fmt::format("{}", fmt::join(kDashes[std::size_t(style)], " "));
}

bool can_draw(std::string* reason) {
  static const bool found = []() -> bool {
#ifdef RIDGELINE_PLPLOT_HAS_DRIVERS
    // Without its folder PLplot prints errors.
    const char* const folder = plGetDrvDir();
    if (folder == nullptr || *folder == '\0' || !io::is_folder(folder)) return false;
#endif
    throw_instead_of_exit();
    std::array<const char*, 256> names{}, descriptions{};
    const char** const first_name = names.data();
    const char** const first_description = descriptions.data();
    const char** name = first_name;
    const char** description = first_description;
    int count = static_cast<int>(names.size());
    try {
      plgDevs(&description, &name, &count);
    } catch (const RunError&) {
      return false;
    }
    const auto has = [&](Device device) {
      return std::any_of(first_name, first_name + count, [&](const char* each) {
        return std::strcmp(each, driver_of(device)) == 0;
      });
    };
    return has(Device::svg) && has(Device::png);
  }();
  if (!found && reason != nullptr) *reason = "PLplot's drivers svg and pngcairo are not installed";
  return found;
}

Canvas::Canvas(Device device, double width, double height, double scale)
    : device_(device), width_(width), height_(height), scale_(scale) {
  std::FILE* const memory = ::open_memstream(&content_, &size_);
  if (memory == nullptr) throw RunError("out of memory for a picture");
  // Otherwise PLplot would end the process.
  plsexit(
      [](const char* message) -> int { throw RunError(std::string("cannot draw: ") + message); });
  plsfile(memory);
  plsdev(driver_of(device));
  // 90 dots per inch.
  plspage(90, 90, static_cast<PLINT>(std::lround(width * scale)),
          static_cast<PLINT>(std::lround(height * scale)), 0, 0);
  PLINT red[kPlplotColours] = {255}, green[kPlplotColours] = {255}, blue[kPlplotColours] = {255};
  for (int colour = 0; colour < kColours; ++colour) {
    for (int style = 0; style < kLineStyles; ++style) {
      const PLINT i = plplot_colour(static_cast<Colour>(colour), style);
      const Rgb rgb = with_style(static_cast<Colour>(colour), style);
      red[i] = rgb.red;
      green[i] = rgb.green;
      blue[i] = rgb.blue;
    }
  }
  plscmap0(red, green, blue, kPlplotColours);
  plsfont(PL_FCI_SANS, PL_FCI_UPRIGHT, PL_FCI_MEDIUM);
  plinit();
  open_ = true;
  pladv(0);
  clip_to_all();
}

Canvas::~Canvas() {
  if (open_) plend();
  std::free(content_);
}

void Canvas::clip(Place low, Place high) {
  plvpor(low.x / width_, high.x / width_, low.y / height_, high.y / height_);
  plwind(low.x, high.x, low.y, high.y);
}

void Canvas::clip_to_all() { clip({0, 0}, {width_, height_}); }

void Canvas::line(const std::vector<Place>& places, Colour colour, Line line, double width) {
  if (line == Line::none || places.size() < 2) return;
  const int style = style_of(line);
  plcol0(plplot_colour(colour, style));
  plwidth(width * scale_);
  if (device_ == Device::png) set_dashes(style, scale_);
  const auto [x, y] = coordinates(places);
  plline(static_cast<PLINT>(places.size()), x.data(), y.data());
  if (device_ == Device::png) set_dashes(0, scale_);
}

void Canvas::fill(const std::vector<Place>& corners, Colour colour) {
  plcol0(plplot_colour(colour));
  plwidth(0);
  const auto [x, y] = coordinates(corners);
  plfill(static_cast<PLINT>(corners.size()), x.data(), y.data());
}

void Canvas::erase(const std::vector<Place>& corners) {
  plcol0(0);
  plwidth(0);
  const auto [x, y] = coordinates(corners);
  plfill(static_cast<PLINT>(corners.size()), x.data(), y.data());
}

void Canvas::text(Place place, const std::string& text, Colour colour, double align, double size,
                  bool upward) {
  const std::string shown = escaped(printable(text));
  if (shown.empty()) return;
  plcol0(plplot_colour(colour));
  plschr(size * kMillimetresPerPixel * scale_, 1);
  plptex(place.x, place.y, upward ? 0 : 1, upward ? 1 : 0, align, shown.c_str());
}

std::string Canvas::finish() {
  plend();
  open_ = false;
  if (size_ == 0) throw RunError("cannot draw: PLplot wrote nothing");
  return {content_, size_};
}

}  // namespace ridgeline::report
