#include <cmath>

#include <damo/graph/variables.hpp>
#include <damo/ops/common/operands.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/reduction/reduce.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/shape.hpp>

// Reductions made of others.
namespace damo {
namespace {

/// How many elements go into one of the results, in x's dtype.
Var count(const Var& x, std::uint32_t axes) {
  Vars reduced;
  for (const int axis : axis_list(axes))
    reduced.push_back(size_at(x, static_cast<std::size_t>(axis)));
  const Var n = size_product(reduced);
  if (const Array* known = constant_value(n)) return constant(known->cast(x.dtype()));
  return cast(n, x.dtype());
}

/// f(total), and 0 at 0 with gradient 0, the subgradient of a norm there: f' is infinite.
template <class F>
Var root(const Var& total, F f) {
  const Var zero = eq(total, 0);
  return where(zero, 0.0, f(where(zero, 1.0, total)));
}

}  // namespace

Var mean(const Arg& x, const Axes& axes, ReduceOptions options) {
  const SiteScope scope(SiteScope::or_else(x.site()));
  const Var v = as_float(x);
  const std::uint32_t mask = axes_of("mean", x.var(), axes, x.site());
  return sum(v, axes, options) / count(v, mask);
}

namespace detail {

Var var(const Arg& x, const Axes& axes, VarianceOptions options) {
  const SiteScope scope(SiteScope::or_else(x.site()));
  const Var v = as_float(x);
  const std::uint32_t mask = axes_of("var", x.var(), axes, x.site());
  const Var spread = sqr(v - mean(v, axes, {.keepdims = true}));
  Var divisor = count(v, mask);
  if (options.ddof != 0) divisor = maximum(divisor - options.ddof, 0);
  return sum(spread, axes, {.keepdims = options.keepdims}) / divisor;
}

Var std(const Arg& x, const Axes& axes, VarianceOptions options) {
  const SiteScope scope(SiteScope::or_else(x.site()));
  return root(detail::var(x, axes, options), [](const Var& s) { return sqrt(s); });
}

Var norm(const Arg& x, const Axes& axes, NormOptions options) {
  const SiteScope scope(SiteScope::or_else(x.site()));
  const Var v = as_float(x);
  axes_of("norm", x.var(), axes, x.site());
  const ReduceOptions keep{.keepdims = options.keepdims};
  if (options.ord == 2) return root(sum(sqr(v), axes, keep), [](const Var& s) { return sqrt(s); });
  if (options.ord == 1) return sum(abs(v), axes, keep);
  if (options.ord == 0) return sum(cast(neq(v, 0), v.dtype()), axes, keep);
  if (std::isinf(options.ord)) {
    return options.ord > 0 ? max(abs(v), axes, keep) : min(abs(v), axes, keep);
  }
  return root(sum(pow(abs(v), options.ord), axes, keep),
              [&](const Var& s) { return pow(s, 1 / options.ord); });
}

}  // namespace detail
}  // namespace damo
