#include <fmt/format.h>

#include <cmath>
#include <limits>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/common/operands.hpp>
#include <damo/ops/common/shared_rules.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/elementwise/near.hpp>
#include <damo/ops/order/quantiles.hpp>
#include <damo/ops/order/sort.hpp>
#include <damo/ops/reduction/reduced_axes.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/dimshuffle.hpp>
#include <damo/ops/shape/shape.hpp>
#include <damo/ops/shape/size_check.hpp>

namespace damo {
namespace {

/// The elements to look at, sorted along a last axis; NaN for all of a row that has one.
struct Rows {
  Var sorted;
  Var n;
  std::uint32_t axes;
  std::size_t rank;
};

Rows sorted_rows(const char* who, const Arg& x, const Axes& axes) {
  const Var v = as_float(x);
  const std::uint32_t reduced = axes_of(who, x.var(), axes, x.site());
  std::vector<int> order;
  Vars kept;
  Vars joined;
  for (std::size_t i = 0; i < v.ndim(); ++i) {
    if (is_reduced(reduced, i)) continue;
    order.push_back(static_cast<int>(i));
    kept.push_back(size_at(v, i));
  }
  for (const int axis : axis_list(reduced)) {
    order.push_back(axis);
    joined.push_back(size_at(v, static_cast<std::size_t>(axis)));
  }
  Var n = size_product(joined);
  const auto known = scalar_constant(n);
  if (!known || *known < 1) {
    n = after_checks(
        n, {size_check(Demand::Kind::at_least, n, int_constant(1), who, {x.var()}, x.site())});
  }
  kept.push_back(n);
  const Var rows = sort(reshape(shuffle_axes(v, order), kept));
  // By a checked n: of nothing there is no last.
  const Var last = expand_dims(rows(ellipsis, n - 1), -1);
  return {where(isnan(last), last, rows), n, reduced, v.ndim()};
}

/// Elements at whole positions along the last axis.
Var at(const Var& rows, const Var& position) { return rows(ellipsis, position); }

Var finished(const Var& v, const Rows& rows, Flag keepdims) {
  return keepdims ? restore_axes(v, rows.axes, rows.rank) : v;
}

/// A place among the elements: number `below`, and the part of the way to the next.
struct Place {
  Var below, part;
};
Place whole(const Var& position) { return {position, zeros_like(position)}; }
Place with_part(const Var& position) {
  const Var below = floor(position);
  return {below, position - below};
}

/// By the number that a line from alpha to n + 1 - beta gives, counted from 1.
Place on_line(const Var& n, const Var& q, double alpha, double beta) {
  return with_part(n * q + (alpha + q * (1 - alpha - beta)) - 1);
}

Place place_of(QuantileMethod method, const Var& n, const Var& q) {
  using M = QuantileMethod;
  switch (method) {
    case M::inverted_cdf:
      return whole(ceil(n * q - 1));
    case M::averaged_inverted_cdf: {
      const auto [below, part] = with_part(n * q - 1);
      const Var exact = eq(part, 0);
      return {where(exact, below, below + 1), where(exact, 0.5 * ones_like(part), 0)};
    }
    case M::closest_observation: {
      const auto [below, part] = with_part(n * q - 1 - 0.5);
      return whole(where(and_(eq(part, 0), eq(below % 2, 0)), below, below + 1));
    }
    case M::interpolated_inverted_cdf:
      return on_line(n, q, 0, 1);
    case M::hazen:
      return on_line(n, q, 0.5, 0.5);
    case M::weibull:
      return on_line(n, q, 0, 0);
    case M::linear:
      return with_part(q * (n - 1));
    case M::median_unbiased:
      return on_line(n, q, 1 / 3.0, 1 / 3.0);
    case M::normal_unbiased:
      return on_line(n, q, 3 / 8.0, 3 / 8.0);
    case M::lower:
      return whole(floor((n - 1) * q));
    case M::higher:
      return whole(ceil((n - 1) * q));
    case M::midpoint: {
      const auto [below, part] = with_part((n - 1) * q);
      return {below, where(eq(part, 0), 0, 0.5 * ones_like(part))};
    }
    case M::nearest:
      return whole(round((n - 1) * q));
  }
  throw GraphError("quantile: no such method");
}

Var of_one(const Rows& rows, const Var& q, QuantileMethod method) {
  const Place place = place_of(method, cast(rows.n, q.dtype()), q);
  const Var last = rows.n - 1;
  const Var number = cast(place.below, DType::int64);
  const Var part = cast(place.part, rows.sorted.dtype());
  const Var low = at(rows.sorted, clip(number, 0, last));
  const Var high = at(rows.sorted, clip(number + 1, 0, last));
  const Var between = low + (high - low) * part;
  // Where an end is infinite, or the way between the ends: parts of both, or of one only.
  const Var parts = where(eq(part, 0), low, (1 - part) * low + part * high);
  return where(isfinite(high - low), between, parts);
}

void check_part(const Var& q, Site site) {
  const auto known = scalar_constant(q);
  if (!known || (*known >= 0 && *known <= 1)) return;
  throw NumericError(fmt::format("quantile: a part between 0 and 1 is needed, got {}, at {}",
                                 *known, to_string(SiteScope::or_else(site))));
}

/// `q`, once a run has found it between 0 and 1.
Var checked_part(const Var& q, const Var& x, Site site) {
  check_part(q, site);
  if (scalar_constant(q)) return q;
  const Var inside = cast(all(and_(q >= 0, q <= 1)), DType::int64);
  return after_checks(
      q, {size_check(Demand::Kind::at_least, inside, int_constant(1), "quantile", {x, q}, site)});
}

}  // namespace

Var median(const Arg& x, const Axes& axes, ReduceOptions options) {
  const SiteScope scope(SiteScope::or_else(x.site()));
  const Rows rows = sorted_rows("median", x, axes);
  const Var low = at(rows.sorted, floor_div(rows.n - 1, 2));
  const Var high = at(rows.sorted, floor_div(rows.n, 2));
  return finished(0.5 * low + 0.5 * high, rows, options.keepdims);
}

Var quantile(const Arg& x, const Arg& q, const Axes& axes, QuantileOptions options) {
  const Site site = SiteScope::or_else(x.site());
  const SiteScope scope(site);
  const Rows rows = sorted_rows("quantile", x, axes);
  // A number is taken exactly, whatever the dtype of x.
  const Var given = q.is_literal() ? q.var(float64) : q.var();
  if (!is_float(given.dtype()) || given.ndim() > 1) {
    throw TypeError(fmt::format("quantile: a part is a float scalar or vector, got {}, at {}",
                                describe(given), to_string(site)));
  }
  const Var part = checked_part(given, x.var(), site);
  if (part.ndim() == 0) return finished(of_one(rows, part, options.method), rows, options.keepdims);
  // The parts become a last axis, then the first one.
  const Var all_parts = of_one(rows, part, options.method);
  std::vector<int> order{static_cast<int>(all_parts.ndim()) - 1};
  for (int i = 0; i + 1 < static_cast<int>(all_parts.ndim()); ++i) order.push_back(i);
  const Var first = shuffle_axes(all_parts, order);
  if (!options.keepdims) return first;
  return restore_axes(first, rows.axes << 1U, rows.rank + 1);
}

Var percentile(const Arg& x, const Arg& q, const Axes& axes, QuantileOptions options) {
  const SiteScope scope(SiteScope::or_else(x.site()));
  const Site site = SiteScope::or_else(q.site());
  if (q.is_literal())
    return quantile(x, Arg(q.real() / 100.0, site.file, site.line), axes, options);
  // Whole percents are exact, too.
  const Var part = is_float(q.dtype()) ? q.var() : cast(q, float64);
  return quantile(x, part / 100.0, axes, options);
}

}  // namespace damo
