#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include <damo/io/pictures/axis.hpp>
#include <damo/io/pictures/html_page.hpp>

namespace damo::io {
namespace {

// Told apart also by those who see no red or green.
constexpr const char* colors[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#7f6fd0"};
constexpr std::size_t few_points = 60;  // are marked

const char* color(std::size_t i) { return colors[i % std::size(colors)]; }
// Curves of one color differ by their dashes.
std::string dashes(std::size_t i) {
  const std::size_t round = i / std::size(colors);
  return round == 0
             ? ""
             : fmt::format(" stroke-dasharray=\"{} 4\"", 10 / std::min<std::size_t>(round, 5));
}

class SvgPlot {
 public:
  SvgPlot(const std::vector<Series>& series, const PlotOptions& options)
      : series_(series),
        options_(options),
        x_(axis_of(series, &Series::x, 10, options.integer_x, false)),
        y_(axis_of(series, &Series::y, 6, false, true)) {}

  std::string draw() {
    add("<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">\n", options_.width,
        options_.height, html_escaped(options_.title));
    draw_axes();
    for (std::size_t i = 0; i < series_.size(); ++i) draw_curve(series_[i], i);
    draw_texts();
    return text_ + "</svg>\n";
  }

 private:
  static constexpr int left = 76, right = 16, top = 42, bottom = 46;

  template <class... A>
  void add(std::string_view format, const A&... values) {
    fmt::vformat_to(std::back_inserter(text_), format, fmt::make_format_args(values...));
  }
  double px(double x) const { return left + x_.part(x) * (options_.width - left - right); }
  double py(double y) const { return top + (1 - y_.part(y)) * (options_.height - top - bottom); }
  template <class F>
  static void ticks(const Axis& axis, F&& at) {
    for (const double tick : ticks_of(axis)) at(tick, tick_label(tick, axis.step));
  }

  void draw_axes() {
    const int floor = options_.height - bottom;
    const int end = options_.width - right;
    constexpr const char* line =
        "<line class=\"{}\" x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\"/>\n";
    ticks(y_, [&](double y, const std::string& label) {
      add(line, "grid", double{left}, py(y), double(end), py(y));
      add("<text x=\"{}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>\n", left - 8, py(y) + 4.5,
          label);
    });
    ticks(x_, [&](double x, const std::string& label) {
      add(line, "axis", px(x), double(floor), px(x), double(floor + 5));
      add("<text x=\"{:.1f}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n", px(x), floor + 19,
          label);
    });
    add(line, "axis", double{left}, double{top}, double{left}, double(floor));
    add(line, "axis", double{left}, double(floor), double(end), double(floor));
  }

  /// Points that are not finite end one line; the next begins another.
  void draw_curve(const Series& s, std::size_t which) {
    const std::size_t n = std::min(s.x.size(), s.y.size());
    std::string line;
    std::string marks;
    const auto end_line = [&] {
      if (!line.empty()) {
        add("<polyline stroke=\"{}\"{} points=\"{}\"/>\n", color(which), dashes(which), line);
      }
      line.clear();
    };
    for (std::size_t i = 0; i < n; ++i) {
      if (!std::isfinite(s.x[i]) || !std::isfinite(s.y[i])) {
        end_line();
        continue;
      }
      line += fmt::format("{}{:.1f},{:.1f}", line.empty() ? "" : " ", px(s.x[i]), py(s.y[i]));
      if (n > few_points) continue;
      marks += fmt::format(
          "<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3.5\" fill=\"{}\"><title>{} {:g}: {:.6g}</title>"
          "</circle>\n",
          px(s.x[i]), py(s.y[i]), color(which), html_escaped(s.label), s.x[i], s.y[i]);
    }
    end_line();
    text_ += marks;
  }

  void draw_texts() {
    add("<text x=\"{}\" y=\"18\" font-weight=\"bold\">{}</text>\n", left,
        html_escaped(options_.title));
    add("<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n",
        left + (options_.width - left - right) / 2, options_.height - 6,
        html_escaped(options_.x_label));
    if (series_.size() != 2) return;  // of more, svg_legend tells
    double x = options_.width - right;
    for (std::size_t i = series_.size(); i-- > 0;) {
      add("<text x=\"{}\" y=\"18\" text-anchor=\"end\">{}</text>\n", x,
          html_escaped(series_[i].label));
      x -= 7.4 * static_cast<double>(series_[i].label.size()) + 30;
      add("<line x1=\"{}\" y1=\"14\" x2=\"{}\" y2=\"14\" stroke=\"{}\" stroke-width=\"3\"/>\n", x,
          x + 22, color(i));
      x -= 16;
    }
  }

  const std::vector<Series>& series_;
  const PlotOptions& options_;
  Axis x_, y_;
  std::string text_;
};

}  // namespace

std::string svg_legend(const std::vector<Series>& series) {
  std::string html = "<p class=\"legend\">";
  for (std::size_t i = 0; i < series.size(); ++i) {
    html += fmt::format(
        "<span><svg viewBox=\"0 0 26 8\" aria-hidden=\"true\"><line x1=\"0\" y1=\"4\" x2=\"26\" "
        "y2=\"4\" stroke=\"{}\" stroke-width=\"3\"{}/></svg> {}</span> ",
        color(i), dashes(i), html_escaped(series[i].label));
  }
  return html + "</p>\n";
}

std::string svg_plot(const std::vector<Series>& series, const PlotOptions& options) {
  return SvgPlot(series, options).draw();
}

}  // namespace damo::io
