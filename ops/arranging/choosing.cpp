#include <fmt/format.h>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/arranging/choosing.hpp>
#include <damo/ops/common/operands.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/indexing/indexing.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/shape.hpp>
#include <damo/ops/shape/size_check.hpp>

namespace damo {
namespace {

Var whole(const char* who, const Arg& positions) {
  const Var v = positions.is_literal() ? positions.var(DType::int64) : positions.var();
  if (is_float(v.dtype())) {
    throw TypeError(fmt::format("{}: positions are int64, got {}, at {}", who, describe(v),
                                to_string(SiteScope::or_else(positions.site()))));
  }
  return cast(v, DType::int64);
}

/// Positions in [0, n), whatever they were.
Var inside(const char* who, const Var& at, const Var& n, Outside outside, Site site) {
  if (outside != Outside::raise) {
    const Var moved = outside == Outside::wrap ? at % n : clip(at, 0, n - 1);
    if (scalar_constant(n).value_or(0) > 0) return moved;
    // Of no elements there is none to move to.
    return after_checks(moved, {size_check(Demand::Kind::inside, moved, n, who, {at, n}, site)});
  }
  return after_checks(at, {size_check(Demand::Kind::at_least, at, int_constant(0), who, {at}, site),
                           size_check(Demand::Kind::inside, at, n, who, {at, n}, site)});
}

}  // namespace

Var one_hot(const Arg& classes, const Arg& n_classes, DType dtype) {
  const Site site = SiteScope::or_else(classes.site());
  const SiteScope scope(site);
  const Var n = whole_scalar("one_hot", "a number of classes", n_classes, site);
  const Var at = inside("one_hot", whole("one_hot", classes), n, Outside::raise, site);
  return cast(eq(expand_dims(at, -1), arange(n)), dtype);
}

Var compress(const Arg& condition, const Arg& x) {
  const SiteScope scope(SiteScope::or_else(condition.site()));
  return compress(condition, ravel(x), 0);
}
Var compress(const Arg& condition, const Arg& x, int axis) {
  const Site site = SiteScope::or_else(condition.site());
  const SiteScope scope(site);
  const Var holds = condition.var();
  if (holds.ndim() != 1) {
    throw ShapeError(fmt::format("compress: a condition is a vector, got {}, at {}",
                                 describe(holds), to_string(site)));
  }
  return take(x, nonzero(holds)[0], axis);
}

Var choose(const Arg& index, const Vars& choices, Outside outside) {
  const Site site = SiteScope::or_else(index.site());
  const SiteScope scope(site);
  if (choices.empty())
    throw ShapeError(fmt::format("choose: there are no choices, at {}", to_string(site)));
  const auto n = static_cast<std::int64_t>(choices.size());
  const Var at = inside("choose", whole("choose", index), int_constant(n), outside, site);
  Var chosen = choices.back();
  for (std::int64_t i = n - 1; i-- > 0;)
    chosen = where(eq(at, i), choices[static_cast<std::size_t>(i)], chosen);
  return n > 1 ? chosen : where(eq(at, 0), chosen, chosen);
}

Var ravel_multi_index(const Vars& positions, const Sizes& sizes, Outside outside) {
  const Site site = SiteScope::or_else(sizes.site());
  const SiteScope scope(site);
  if (positions.empty() || positions.size() != sizes.rank()) {
    throw ShapeError(fmt::format("ravel_multi_index: {} positions for {} axes, at {}",
                                 positions.size(), sizes.rank(), to_string(site)));
  }
  Var flat;
  for (std::size_t i = 0; i < positions.size(); ++i) {
    const Var& n = sizes.vars()[i];
    const Var at =
        inside("ravel_multi_index", whole("ravel_multi_index", positions[i]), n, outside, site);
    flat = flat.defined() ? flat * n + at : at;
  }
  return flat;
}
Vars unravel_index(const Arg& positions, const Sizes& sizes) {
  const Site site = SiteScope::or_else(positions.site());
  const SiteScope scope(site);
  Var rest = inside("unravel_index", whole("unravel_index", positions), size_product(sizes.vars()),
                    Outside::raise, site);
  Vars found(sizes.rank());
  for (std::size_t i = sizes.rank(); i-- > 0;) {
    const Var& n = sizes.vars()[i];
    found[i] = i == 0 ? rest : rest % n;
    rest = floor_div(rest, n);
  }
  return found;
}

}  // namespace damo
