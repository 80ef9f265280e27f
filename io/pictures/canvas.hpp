#pragma once
#include <cstdint>
#include <string_view>

#include <damo/io/pictures/png.hpp>

namespace damo::io {

struct Color {
  std::uint8_t r = 0, g = 0, b = 0;
};

/// An RGB picture to draw on. Everything is clipped at its edges.
class Canvas {
 public:
  Canvas(int width, int height, Color background = {255, 255, 255});

  int width() const { return picture_.width; }
  int height() const { return picture_.height; }
  const Picture& picture() const { return picture_; }

  /// Mixes `color` into a pixel; `opacity` from 0 to 1.
  void blend(int x, int y, Color color, double opacity);
  void fill(int x, int y, int width, int height, Color color);
  /// A line with smooth edges between two points in pixel coordinates.
  void line(double x0, double y0, double x1, double y1, Color color, double thickness = 1);
  /// Text whose top left corner is at (x, y), in the built-in 5 x 8 font, `scale` times as large.
  void text(int x, int y, std::string_view text, Color color, int scale = 1);
  static int text_width(std::string_view text, int scale = 1);
  static int text_height(int scale = 1);

 private:
  Picture picture_;
};

}  // namespace damo::io
