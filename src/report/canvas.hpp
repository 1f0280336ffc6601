#pragma once

#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "report/label_places.hpp"
#include "report/picture.hpp"

namespace ridgeline::report {

enum class Device { svg, png };

/// One drawing through PLplot, in pixels from the lower left corner. Only one exists at a time.
class Canvas {
 public:
  /// `scale` are the device's pixels per pixel. Throws RunError.
  Canvas(Device device, double width, double height, double scale);
  ~Canvas();
  Canvas(const Canvas&) = delete;
  Canvas& operator=(const Canvas&) = delete;

  /// What follows is drawn only between these corners.
  void clip(Place low, Place high);
  /// Ends clip().
  void clip_to_all();

  void line(const std::vector<Place>& places, Colour colour, Line line, double width);
  void fill(const std::vector<Place>& corners, Colour colour);
  /// Fills with the ground's colour.
  void erase(const std::vector<Place>& corners);
  /// `align`: 0 begins, 0.5 is centred, 1 ends at `place`, which is its vertical centre.
  void text(Place place, const std::string& text, Colour colour, double align, double size,
            bool upward = false);

  /// Ends the drawing and returns the file's content.
  std::string finish();

 private:
  Device device_;
  double width_, height_, scale_;
  char* content_ = nullptr;
  std::size_t size_ = 0;
  bool open_ = false;
};

inline constexpr int kLineStyles = 4;  ///< solid, dashed, dotted, dash-dotted

/// Returns a colour of PLplot's driver svg, "#0072B2". PLplot would cut a dashed line into hundreds
/// of short ones; so it draws all lines solid, and the colour's two lowest bits are their style.
std::string svg_colour(Colour colour, int style);

/// Lengths of dashes and gaps of a style, in pixels: "7 4"; empty for solid.
std::string dashes_of(int style);

}  // namespace ridgeline::report
