#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include <damo/io/pictures/axis.hpp>

namespace damo::io {
namespace {

// The smallest of 1, 2, 5 times a power of ten that is at least `raw`.
double nice_step(double raw) {
  const double power = std::pow(10, std::floor(std::log10(raw)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= raw * (1 - 1e-9)) return factor * power;
  }
  return 10 * power;
}

Axis make_axis(double low, double high, int ticks, bool integers, bool whole_steps) {
  if (!(low <= high)) return {0, 1, integers ? 1 : 0.2};
  if (low == high) {
    const double margin = integers ? 1 : std::max(std::abs(low) * 0.1, 1e-3);
    low -= integers ? 0 : margin;
    high += margin;
  }
  double step = nice_step((high - low) / ticks);
  if (integers) step = std::max(step, 1.0);
  if (whole_steps) {
    low = std::floor(low / step + 1e-9) * step;
    high = std::ceil(high / step - 1e-9) * step;
  }
  return {low, high, step};
}

}  // namespace

std::string tick_label(double value, double step) {
  if (std::abs(value) < step * 1e-6) value = 0;
  const int digits = std::max(0, static_cast<int>(std::ceil(-std::log10(step) - 1e-9)));
  if (digits > 6 || std::abs(value) >= 1e7) return fmt::format("{:.3g}", value);
  return fmt::format("{:.{}f}", value, digits);
}

Axis axis_of(const std::vector<Series>& series, std::vector<double> Series::*values, int ticks,
             bool integers, bool whole_steps) {
  double low = std::numeric_limits<double>::infinity();
  double high = -low;
  for (const Series& s : series) {
    for (const double v : s.*values) {
      if (!std::isfinite(v)) continue;
      low = std::min(low, v);
      high = std::max(high, v);
    }
  }
  return make_axis(low, high, ticks, integers, whole_steps);
}

}  // namespace damo::io
