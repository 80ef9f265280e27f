#include <algorithm>
#include <cmath>

#include <damo/io/pictures/canvas.hpp>
#include <damo/io/pictures/font.hpp>

namespace damo::io {

Canvas::Canvas(int width, int height, Color background) : picture_(width, height, 3) {
  fill(0, 0, width, height, background);
}

void Canvas::blend(int x, int y, Color color, double opacity) {
  if (x < 0 || y < 0 || x >= width() || y >= height()) return;
  std::uint8_t* pixel = picture_.at(x, y);
  const std::uint8_t target[] = {color.r, color.g, color.b};
  for (int i = 0; i < 3; ++i) {
    pixel[i] = static_cast<std::uint8_t>(std::lround(pixel[i] + opacity * (target[i] - pixel[i])));
  }
}

void Canvas::fill(int x, int y, int width, int height, Color color) {
  for (int j = std::max(y, 0); j < std::min(y + height, this->height()); ++j) {
    for (int i = std::max(x, 0); i < std::min(x + width, this->width()); ++i) {
      std::uint8_t* pixel = picture_.at(i, j);
      pixel[0] = color.r;
      pixel[1] = color.g;
      pixel[2] = color.b;
    }
  }
}

// Each pixel near the segment is covered as far as its centre lies within the line's half width.
void Canvas::line(double x0, double y0, double x1, double y1, Color color, double thickness) {
  const double reach = thickness / 2 + 1;
  const double dx = x1 - x0;
  const double dy = y1 - y0;
  const double length2 = dx * dx + dy * dy;
  const auto from = [&](double a, double b) {
    return static_cast<int>(std::floor(std::max(std::min(a, b) - reach, 0.0)));
  };
  const auto to = [&](double a, double b, int size) {
    return static_cast<int>(std::ceil(std::min(std::max(a, b) + reach, size - 1.0)));
  };
  for (int y = from(y0, y1); y <= to(y0, y1, height()); ++y) {
    for (int x = from(x0, x1); x <= to(x0, x1, width()); ++x) {
      const double t =
          length2 == 0 ? 0 : std::clamp(((x - x0) * dx + (y - y0) * dy) / length2, 0.0, 1.0);
      const double distance = std::hypot(x - x0 - t * dx, y - y0 - t * dy);
      blend(x, y, color, std::clamp(thickness / 2 + 0.5 - distance, 0.0, 1.0));
    }
  }
}

void Canvas::text(int x, int y, std::string_view text, Color color, int scale) {
  for (const char c : text) {
    const Glyph rows = glyph(c);
    for (int j = 0; j < glyph_height; ++j) {
      for (int i = 0; i < glyph_width; ++i) {
        if (rows[static_cast<std::size_t>(j)][static_cast<std::size_t>(i)] == '#') {
          fill(x + i * scale, y + j * scale, scale, scale, color);
        }
      }
    }
    x += (glyph_width + 1) * scale;
  }
}

int Canvas::text_width(std::string_view text, int scale) {
  return text.empty() ? 0 : (static_cast<int>(text.size()) * (glyph_width + 1) - 1) * scale;
}

int Canvas::text_height(int scale) { return (glyph_height - 1) * scale; }

}  // namespace damo::io
