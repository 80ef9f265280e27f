#pragma once
#include <string>
#include <vector>

#include <damo/io/pictures/pictures.hpp>

namespace damo::io {

/// What an axis of a plot spans, and where its ticks are: at the multiples of `step`.
struct Axis {
  double low, high, step;
  /// Where a value lies: 0 at `low`, 1 at `high`; not beyond them.
  double part(double value) const;
};

/// An axis for one coordinate of all points that are finite, with about `ticks` ticks; `integers`:
/// at whole numbers only, `whole_steps`: from tick to tick.
Axis axis_of(const std::vector<Series>& series, std::vector<double> Series::*values, int ticks,
             bool integers, bool whole_steps);
/// Where the ticks are, from low to high: never more than a hundred.
std::vector<double> ticks_of(const Axis& axis);
/// A tick's number with the digits that tell it from its neighbours.
std::string tick_label(double value, double step);

}  // namespace damo::io
