#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <set>

#include <damo/io/pictures/axis.hpp>
#include <damo/io/pictures/html_page.hpp>
#include "tests/support/files.hpp"

using namespace damo;
using namespace damo::io;

namespace {

std::vector<std::pair<double, double>> hard_ranges() {
  const double large = std::ldexp(1.0, 63);
  const double most = std::numeric_limits<double>::max();
  const double least = std::numeric_limits<double>::denorm_min();
  std::vector<std::pair<double, double>> ranges = {{1, std::nextafter(1, 2)},
                                                   {large, std::nextafter(large, most)},
                                                   {-large, large},
                                                   {large, large},
                                                   {-most, most},
                                                   {most, most},
                                                   {0, least},
                                                   {least, 2 * least},
                                                   {-least, least},
                                                   {1e-300, 2e-300},
                                                   {0, most},
                                                   {-1e300, -1e300},
                                                   {3, 3},
                                                   {0, 0},
                                                   {1e15, 1e15 + 0.25}};
  test::TestRandom random(3);
  for (int i = 0; i < 300; ++i) {
    const double scale = std::pow(10, static_cast<double>(random.below(600)) - 300);
    const double low = scale * (static_cast<double>(random.below(2001)) - 1000);
    const double span = std::abs(low) * std::pow(10, -static_cast<double>(random.below(20)));
    ranges.emplace_back(low, low + span);
  }
  return ranges;
}

TEST_CASE("axes of any two numbers have a few ticks in rising order whose labels differ") {
  for (const auto& [low, high] : hard_ranges()) {
    CAPTURE(low);
    CAPTURE(high);
    for (const bool integers : {false, true}) {
      const Series series{"s", {low, high}, {low, high}};
      const Axis axis = axis_of({series}, &Series::y, 6, integers, !integers);
      CHECK(axis.low < axis.high);
      CHECK(std::isfinite(axis.high - axis.low));
      const std::vector<double> ticks = ticks_of(axis);
      CHECK(ticks.size() <= 12);
      CHECK((integers || ticks.size() >= 2));
      std::set<std::string> labels;
      for (const double tick : ticks) {
        labels.insert(tick_label(tick, axis.step));
        CHECK(axis.part(tick) >= 0);
        CHECK(axis.part(tick) <= 1);
      }
      CHECK(labels.size() == ticks.size());
      for (std::size_t i = 1; i < ticks.size(); ++i) CHECK(ticks[i] > ticks[i - 1]);
    }
  }
}

TEST_CASE("plots of numbers that differ by rounding or are as large as can be are drawn") {
  for (const auto& [low, high] : hard_ranges()) {
    CAPTURE(low);
    CAPTURE(high);
    const std::vector<Series> series = {{"s", {low, high}, {low, high}}};
    const PlotOptions options{.title = "t", .y_label = "y", .width = 300, .height = 200};
    CHECK(plot(series, options).width == 300);
    const std::string svg = svg_plot(series, options);
    CHECK(svg.find("nan") == std::string::npos);
    CHECK(svg.find("inf") == std::string::npos);
    CHECK(svg.size() < 20000);
  }
}

TEST_CASE("labels of usual axes are short") {
  CHECK(tick_label(-80, 20) == "-80");
  CHECK(tick_label(0.25, 0.05) == "0.25");
  CHECK(tick_label(0, 0.5) == "0.0");
  CHECK(tick_label(2e7, 1e7) == "2e+07");
}

}  // namespace
