#include <fmt/format.h>

#include <cmath>
#include <numbers>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/models/energy/derivation/cholesky.hpp>
#include <damo/models/energy/derivation/conditional.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/indexing/indexing.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/shape.hpp>

namespace damo::energy {

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
  const Natural& p = derivation_.natural;
  if (!derivation_.precision.defined()) return unit_.kind().mean(p);
  const Var l = factor();
  return solve_upper(l, solve_lower(l, p.linear));
}

Var Conditional::sample(RandomStream rng) const {
  const Natural& p = derivation_.natural;
  if (!derivation_.precision.defined()) return unit_.kind().sample(p, rng);
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
  const Natural& p = derivation_.natural;
  if (!derivation_.precision.defined()) return over_sites(unit_.kind().log_normaliser(p));
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
  return over_sites(kind.log_normaliser(derivation_.natural) -
                    kind.log_normaliser(from.derivation_.natural));
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
  return unit_.kind().log_base ? value + unit_.kind().log_base(x) : value;
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
  return known ? state : specify_shape(state, Sizes(sizes));
}

}  // namespace damo::energy
