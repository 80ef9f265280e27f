#include <fmt/format.h>

#include <cmath>
#include <numbers>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/models/energy/derivation/cholesky.hpp>
#include <damo/models/energy/derivation/conditional.hpp>
#include <damo/ops/control/debug.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/indexing/indexing.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/shape.hpp>

namespace damo::energy {

namespace {

// The parameters, held to give exp(-energy) a finite integral where x has no end. A number is
// checked now, anything else when the function runs.
Natural integrable(const Unit& unit, const Natural& p) {
  const Support::Set set = unit.kind().support.set;
  if (set != Support::Set::real && set != Support::Set::nonnegative) return p;
  const std::string named = fmt::format("{} '{}'", unit.kind().name, unit.name());
  Natural held = p;
  if (p.quadratic.defined()) {
    held.quadratic = Assert(
        fmt::format("{}: the energy must grow with x^2, or exp(-energy) has no finite sum: every "
                    "coefficient of x^2 in the energy must be positive",
                    named))(p.quadratic, p.quadratic < 0);
  } else if (set == Support::Set::nonnegative) {
    held.linear =
        Assert(fmt::format("{}: the energy must grow with x: without x^2 in the energy, the "
                           "coefficient of x must be positive",
                           named))(p.linear, p.linear < 0);
  } else {
    throw NumericError(
        fmt::format("{}: the energy must grow with x^2, or exp(-energy) has no finite sum; here "
                    "there is no x^2. The unit was made at {}",
                    named, to_string(unit.site())));
  }
  return held;
}

}  // namespace

Conditional::Conditional(Unit unit, Derivation derivation)
    : unit_(std::move(unit)), derivation_(std::move(derivation)) {}

std::string Conditional::family() const {
  return derivation_.precision.defined() ? "multivariate normal" : unit_.kind().family;
}

Vars Conditional::parameters() const {
  Vars all{derivation_.natural.linear};
  if (derivation_.natural.quadratic.defined()) all.push_back(derivation_.natural.quadratic);
  if (derivation_.precision.defined()) all.push_back(-derivation_.precision / 2);
  return all;
}

Var Conditional::factor() const {
  return cholesky(derivation_.precision,
                  fmt::format("gaussian '{}': the precision (the energy's second derivative in it) "
                              "must be positive definite, or exp(-energy) has no finite integral",
                              unit_.name()));
}

Var Conditional::mean() const {
  const SiteScope scope(SiteScope::or_else(unit_.site()));
  const Natural& p = derivation_.natural;
  if (!derivation_.precision.defined()) return unit_.kind().mean(integrable(unit_, p));
  const Var l = factor();
  return solve_upper(l, solve_lower(l, p.linear));
}

Var Conditional::sample(RandomStream rng) const {
  const SiteScope scope(SiteScope::or_else(unit_.site()));
  const Natural& p = derivation_.natural;
  if (!derivation_.precision.defined()) return unit_.kind().sample(integrable(unit_, p), rng);
  const Var l = factor();
  const Var noise = rng.normal(Sizes(shape(p.linear)), 0.0, 1.0, unit_.dtype());
  return solve_upper(l, solve_lower(l, p.linear) + noise);
}

Var Conditional::over_sites(const Var& v) const {
  Var chosen = v;
  if (derivation_.mask.defined())
    chosen = v * (v.ndim() == 2 && unit_.classes() > 0 ? dimshuffle(derivation_.mask, {0, 1})
                                                       : derivation_.mask);
  std::vector<int> axes;
  for (std::size_t a = 1; a < v.ndim(); ++a) axes.push_back(static_cast<int>(a));
  return sum(chosen, axes);
}

Var Conditional::log_normaliser() const {
  const SiteScope scope(SiteScope::or_else(unit_.site()));
  const Natural& p = derivation_.natural;
  if (!derivation_.precision.defined())
    return over_sites(unit_.kind().log_normaliser(integrable(unit_, p)));
  const Var l = factor();
  const Var y = solve_lower(l, p.linear);
  const auto n = static_cast<int>(unit_.n());
  const Var diagonal = l(all(), arange(n), arange(n));
  return sum(sqr(y), 1) / 2 - sum(log(diagonal), 1) +
         0.5 * static_cast<double>(n) * std::log(2 * std::numbers::pi);
}

Var Conditional::log_normaliser_gain(const Conditional& from) const {
  if (derivation_.precision.defined()) return log_normaliser() - from.log_normaliser();
  const UnitKind& kind = unit_.kind();
  const SiteScope scope(SiteScope::or_else(unit_.site()));
  return over_sites(kind.log_normaliser(integrable(unit_, derivation_.natural)) -
                    kind.log_normaliser(integrable(unit_, from.derivation_.natural)));
}

Var Conditional::offset() const {
  return derivation_.offset.defined() ? over_sites(derivation_.offset)
                                      : Arg(0.0).var(unit_.dtype());
}

Var Conditional::log_prob(const Var& state) const {
  const SiteScope scope(SiteScope::or_else(state.site()));
  const Var x = as_state(unit_, state);
  const Natural& p = derivation_.natural;
  Var value = over_sites(p.linear * x);
  if (p.quadratic.defined()) value = value + over_sites(p.quadratic * sqr(x));
  if (derivation_.precision.defined()) {
    const Var column = dimshuffle(x, {0, 1, newaxis});
    value = value - sum(sum(column * derivation_.precision, 1) * x, 1) / 2;
  }
  value = value - log_normaliser();
  return unit_.kind().log_base ? value + log_base(x) : value;
}

// Of the sites that are drawn: the others are set to one level, and what that counts is taken off.
Var Conditional::log_base(const Var& x) const {
  const auto& base = unit_.kind().log_base;
  const Var& mask = derivation_.mask;
  if (!mask.defined()) return base(x);
  const double level = unit_.kind().support.levels.empty() ? 0 : unit_.kind().support.levels[0];
  const Var others = x * (1 - mask) + level * mask;
  const Var one = base(full_like(x, level)) / static_cast<double>(unit_.n());
  return base(x) - base(others) + sum(mask) * one;
}

Var as_state(const Unit& unit, const Var& given) {
  if (same(given, unit)) return given;
  const TensorType& wanted = unit.type();
  const std::string named = fmt::format("a state of {} '{}'", unit.kind().name, unit.name());
  if (is_float(given.dtype()) && given.dtype() != wanted.dtype)
    throw TypeError(
        fmt::format("{} must be {}, not {}", named, name(wanted.dtype), describe(given)));
  const Var state = is_float(given.dtype()) ? given : cast(given, wanted.dtype);
  const auto refuse = [&] {
    throw ShapeError(fmt::format("{} must be {}, one row a state, not {}", named,
                                 dims_to_string(wanted.dims), describe(given)));
  };
  if (state.ndim() != wanted.rank()) refuse();
  bool known = true;
  std::vector<Arg> sizes{-1};
  for (std::size_t a = 1; a < wanted.rank(); ++a) {
    if (wanted.dims[a] == unknown) {
      sizes.emplace_back(state.shape(static_cast<int>(a)));
      continue;
    }
    const std::int64_t size = state.type().dims[a];
    if (size != unknown && size != wanted.dims[a]) refuse();
    known = known && size != unknown;
    sizes.emplace_back(wanted.dims[a]);
  }
  return known ? state
               : specify_shape(state, Sizes(sizes),
                               fmt::format("{} is {}, one row a state: give it the unit's number "
                                           "of columns",
                                           named, dims_to_string(wanted.dims)));
}

}  // namespace damo::energy
