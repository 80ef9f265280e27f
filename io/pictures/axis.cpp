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

// Wide enough that a pixel is more than a rounding error, and finite.
void widen(double& low, double& high, bool integers) {
  constexpr double largest = 1e307, resolution = 1e-10;
  low = std::clamp(low, -largest, largest);
  high = std::clamp(high, -largest, largest);
  const double magnitude = std::max(std::abs(low), std::abs(high));
  if (low == high) {
    const double margin = integers ? 1 : std::max(magnitude * 0.1, 1e-3);
    low -= integers ? 0 : margin;
    high += margin;
  }
  const double least = std::max(magnitude * resolution, 1e-300);
  if (high - low < least) {
    const double middle = low / 2 + high / 2;
    low = middle - least / 2;
    high = middle + least / 2;
  }
}

Axis make_axis(double low, double high, int ticks, bool integers, bool whole_steps) {
  if (!(low <= high)) return {0, 1, integers ? 1 : 0.2};
  widen(low, high, integers);
  double step = nice_step(high / ticks - low / ticks);
  if (integers) step = std::max(step, 1.0);
  if (whole_steps) {
    low = std::floor(low / step + 1e-9) * step;
    high = std::ceil(high / step - 1e-9) * step;
  }
  return {low, high, step};
}

}  // namespace

double Axis::part(double value) const {
  return std::clamp((value / 2 - low / 2) / (high / 2 - low / 2), 0.0, 1.0);
}

std::string tick_label(double value, double step) {
  if (std::abs(value) < step * 1e-6) value = 0;
  const int digits = std::max(0, static_cast<int>(std::ceil(-std::log10(step) - 1e-9)));
  if (digits <= 6 && std::abs(value) < 1e7) return fmt::format("{:.{}f}", value, digits);
  // As many digits as tell it from the next tick, at least three.
  const double ratio = value == 0 ? 1 : std::abs(value) / step;
  const int precision = std::clamp(static_cast<int>(std::ceil(std::log10(ratio))) + 1, 3, 17);
  return fmt::format("{:.{}g}", value, precision);
}

std::vector<double> ticks_of(const Axis& axis) {
  constexpr int most = 100;  // axis_of never asks for so many
  std::vector<double> ticks;
  const double first = std::ceil(axis.low / axis.step - 1e-9);
  for (int i = 0; i < most; ++i) {
    const double tick = (first + i) * axis.step;
    if (!(tick <= axis.high + axis.step * 1e-6)) break;
    if (ticks.empty() || tick > ticks.back()) ticks.push_back(tick);
  }
  return ticks;
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
