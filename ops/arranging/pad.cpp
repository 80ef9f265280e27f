#include <fmt/format.h>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/arranging/pad.hpp>
#include <damo/ops/common/operands.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/indexing/indexing.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/shape.hpp>
#include <damo/ops/shape/size_check.hpp>

namespace damo {
namespace {

using Widths = std::vector<std::pair<Var, Var>>;

/// Which element of an axis of size n stands at position `at`, counted from its first.
Var source(PadMode mode, const Var& at, const Var& n) {
  const auto mirrored = [&](const Var& period, int twice) {
    const Var within = at % period;
    return minimum(within, period - within - twice);
  };
  switch (mode) {
    case PadMode::edge:
      return clip(at, 0, n - 1);
    case PadMode::reflect:
      return mirrored(2 * (n - 1), 0);
    case PadMode::symmetric:
      return mirrored(2 * n, 1);
    default:
      return at % n;
  }
}

Var with_constant(const Var& v, const Widths& widths, const Arg& value, Site site) {
  if (!value.is_literal() && promote(value.dtype(), v.dtype()) != v.dtype()) {
    throw TypeError(fmt::format("pad: {} cannot be put into {}, at {}", describe(value.var()),
                                describe(v), to_string(site)));
  }
  Vars longer;
  std::vector<Index> inside;
  for (std::size_t i = 0; i < v.ndim(); ++i) {
    const auto& [before, after] = widths[i];
    const Var end = before + size_at(v, i);
    longer.push_back(end + after);
    inside.emplace_back(Range{before, end, {}});
  }
  const Var around = value.is_literal() ? value.var(v.dtype()) : cast(value, v.dtype());
  const Var whole = broadcast_to(around, longer);
  return inside.empty() ? v : set_subtensor(index_with(whole, inside, v.site()), v);
}

bool is_zero(const Var& width) { return scalar_constant(width) == 0.0; }

}  // namespace

Var pad(const Arg& x, const std::vector<std::pair<Arg, Arg>>& widths, const PadOptions& options) {
  const Site site = SiteScope::or_else(x.site());
  const SiteScope scope(site);
  Var v = x.var();
  if (widths.size() != v.ndim()) {
    throw ShapeError(fmt::format("pad: {} pairs of widths for the {} axes of {}, at {}",
                                 widths.size(), v.ndim(), describe(v), to_string(site)));
  }
  const auto width = [&](const Arg& w) {
    const Var n = whole_scalar("pad", "a width", w, site);
    const auto known = scalar_constant(n);
    if (known && *known < 0) {
      throw ShapeError(
          fmt::format("pad: a width of {} for {}, at {}", *known, describe(v), to_string(site)));
    }
    if (known) return n;
    return after_checks(
        n, {size_check(Demand::Kind::at_least, n, int_constant(0), "pad", {v, n}, site)});
  };
  Widths checked;
  for (const auto& [before, after] : widths) checked.emplace_back(width(before), width(after));
  if (options.mode == PadMode::constant) {
    return with_constant(v, checked, options.value, site);
  }
  for (std::size_t i = 0; i < v.ndim(); ++i) {
    const auto& [before, after] = checked[i];
    if (is_zero(before) && is_zero(after)) continue;
    const Var n = size_at(v, i);
    v = take(v, source(options.mode, arange(-before, n + after), n), static_cast<int>(i));
  }
  return v;
}

Var pad(const Arg& x, const Arg& width, const PadOptions& options) {
  return pad(x, std::vector<std::pair<Arg, Arg>>(x.var().ndim(), {width, width}), options);
}

}  // namespace damo
