#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include <damo/io/pictures/axis.hpp>
#include <damo/io/pictures/canvas.hpp>
#include <damo/io/pictures/pictures.hpp>

namespace damo::io {
namespace {

class Plot {
 public:
  Plot(const std::vector<Series>& series, const PlotOptions& options)
      : series_(series),
        options_(options),
        canvas_(options.width, options.height),
        x_(axis_of(series, &Series::x, 10, options.integer_x, false)),
        y_(axis_of(series, &Series::y, 6, false, true)) {}

  Picture draw() {
    draw_axes();
    for (std::size_t i = 0; i < series_.size(); ++i) draw_curve(series_[i], color(i));
    draw_texts();
    return canvas_.picture();
  }

 private:
  static constexpr Color ink{40, 40, 40};
  static constexpr Color grid{225, 225, 225};
  static constexpr Color frame{150, 150, 150};
  // Told apart also by those who see no red or green.
  static constexpr Color curves[] = {
      {0, 114, 178}, {213, 94, 0}, {0, 158, 115}, {204, 121, 167}, {86, 180, 233}};
  static constexpr int letters = 2;  // size of the font
  static constexpr int left = 110, right = 30, top = 70, bottom = 70;

  static Color color(std::size_t i) { return curves[i % std::size(curves)]; }
  double px(double x) const { return left + x_.part(x) * (options_.width - left - right); }
  double py(double y) const { return top + (1 - y_.part(y)) * (options_.height - top - bottom); }

  void draw_axes() {
    const int floor = options_.height - bottom;
    const int end = options_.width - right;
    for (const double y : ticks_of(y_)) {
      const int row = static_cast<int>(std::lround(py(y)));
      canvas_.fill(left, row, end - left, 1, grid);
      const std::string label = tick_label(y, y_.step);
      canvas_.text(left - 12 - Canvas::text_width(label, letters),
                   row - Canvas::text_height(letters) / 2, label, ink, letters);
    }
    for (const double x : ticks_of(x_)) {
      const int column = static_cast<int>(std::lround(px(x)));
      canvas_.fill(column, top, 1, floor - top, grid);
      canvas_.fill(column, floor, 1, 7, frame);
      const std::string label = tick_label(x, x_.step);
      canvas_.text(column - Canvas::text_width(label, letters) / 2, floor + 12, label, ink,
                   letters);
    }
    canvas_.fill(left, top, 1, floor - top + 1, frame);
    canvas_.fill(left, floor, end - left + 1, 1, frame);
  }

  void draw_curve(const Series& s, Color color) {
    const std::size_t n = std::min(s.x.size(), s.y.size());
    const auto drawable = [&](std::size_t i) {
      return std::isfinite(s.x[i]) && std::isfinite(s.y[i]);
    };
    for (std::size_t i = 0; i < n; ++i) {
      if (!drawable(i)) continue;
      const double x = px(s.x[i]);
      const double y = py(s.y[i]);
      if (n <= 60) canvas_.line(x, y, x, y, color, 7);
      if (i > 0 && drawable(i - 1)) canvas_.line(px(s.x[i - 1]), py(s.y[i - 1]), x, y, color, 2.5);
    }
  }

  void draw_texts() {
    const int middle = left + (options_.width - left - right) / 2;
    canvas_.text(left, 14, options_.title, ink, letters);
    canvas_.text(14, top - 26, options_.y_label, ink, letters);
    canvas_.text(middle - Canvas::text_width(options_.x_label, letters) / 2, options_.height - 28,
                 options_.x_label, ink, letters);
    if (series_.size() < 2) return;
    int x = options_.width - right;
    for (std::size_t i = series_.size(); i-- > 0;) {
      x -= Canvas::text_width(series_[i].label, letters);
      canvas_.text(x, top - 26, series_[i].label, ink, letters);
      x -= 34;
      canvas_.line(x, top - 19, x + 24, top - 19, color(i), 4);
      x -= 24;
    }
  }

  const std::vector<Series>& series_;
  const PlotOptions& options_;
  Canvas canvas_;
  Axis x_, y_;
};

}  // namespace

Picture plot(const std::vector<Series>& series, const PlotOptions& options) {
  return Plot(series, options).draw();
}

}  // namespace damo::io
