#include <fmt/format.h>

#include <cmath>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/indexing/indexing.hpp>
#include <damo/ops/random/random_stream.hpp>
#include <damo/ops/random/stream_draws.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/shape.hpp>

// Draws made of other draws, and those whose sampler sees its parameters.
namespace damo {

using detail::check_known;
using detail::check_order;
using detail::check_scale;
using detail::exact;
using detail::fitted;
using detail::float_dtype;
using detail::whole_number;
using Distribution = Draw::Distribution;

namespace {

void check_classes(const Arg& p, const char* what) {
  if (is_float(p.dtype()) && p.var().ndim() > 0) return;
  throw TypeError(
      fmt::format("{}: probabilities are a float tensor with the classes on its last "
                  "axis, got {}, at {}",
                  what, describe(p.var()), to_string(SiteScope::or_else(p.site()))));
}

Var with_class_axis(const Var& x) {
  std::vector<AxisEntry> pattern;
  for (std::size_t axis = 0; axis < x.ndim(); ++axis) pattern.emplace_back(static_cast<int>(axis));
  pattern.emplace_back(newaxis);
  return dimshuffle(x, pattern);
}

Var chosen_rows(const SharedVar& state, const Var& rows, const Var& count, bool replace,
                const Var& p, Site site) {
  if (p.defined() && (!is_float(p.dtype()) || p.ndim() != 1))
    throw TypeError(fmt::format("choice: probabilities are a float vector, got {}, at {}",
                                describe(p), to_string(SiteScope::or_else(site))));
  if (replace && !p.defined()) {
    const Var first = constant(Array::scalar(std::int64_t{0}), {}, site);
    return draw(Distribution::randint, DType::int64, state, {count}, {first, rows}, site);
  }
  const Distribution distribution =
      replace ? Distribution::choice : Distribution::choice_without_replacement;
  return draw(distribution, DType::int64, state, {count},
              {p.defined() ? specify_shape(p, rows) : rows}, site);
}

}  // namespace

Var RandomStream::open_uniform(const Sizes& size, std::optional<DType> dtype) {
  const Var u = uniform(size, 0.0, 1.0, dtype);
  return maximum(u, u.dtype() == float32 ? 0x1p-25 : 0x1p-54);  // half of what u is a multiple of
}

Var RandomStream::located(Distribution distribution, const Sizes& size, const Arg& location,
                          const Arg& scale, std::optional<DType> dtype, const char* who,
                          Var (RandomStream::*standard)(const Sizes&, DType)) {
  const SiteScope scope(SiteScope::or_else(location.site()));
  check_scale(scale, who);
  const DType chosen = float_dtype(dtype, {&location, &scale}, who);
  const Var center = fitted(numpy(), location, chosen, size, std::string(who) + ": location");
  const Var width = fitted(numpy(), scale, chosen, size, std::string(who) + ": scale");
  if (!numpy()) return center + width * (this->*standard)(size, chosen);
  const Var x = draw(distribution, float64, new_stream(), size.vars(), {}, location.site());
  return cast(center + width * x, chosen);
}

Var RandomStream::standard_gumbel(const Sizes& size, DType dtype) {
  return -log(-log1p(-open_uniform(size, dtype)));
}

Var RandomStream::standard_laplace(const Sizes& size, DType dtype) {
  const Var u = open_uniform(size, dtype);
  // The lower half of U gives the left side, the upper half the right one.
  return where(u < 0.5, log1p(-(1 - 2 * u)), -log1p(-(2 * u - 1)));
}

Var RandomStream::standard_logistic(const Sizes& size, DType dtype) {
  const Var u = open_uniform(size, dtype);
  return log(u) - log1p(-u);
}

Var RandomStream::gumbel(const Sizes& size, const Arg& location, const Arg& scale,
                         std::optional<DType> dtype) {
  return located(Distribution::gumbel, size, location, scale, dtype, "gumbel",
                 &RandomStream::standard_gumbel);
}

Var RandomStream::laplace(const Sizes& size, const Arg& location, const Arg& scale,
                          std::optional<DType> dtype) {
  return located(Distribution::laplace, size, location, scale, dtype, "laplace",
                 &RandomStream::standard_laplace);
}

Var RandomStream::logistic(const Sizes& size, const Arg& location, const Arg& scale,
                           std::optional<DType> dtype) {
  return located(Distribution::logistic, size, location, scale, dtype, "logistic",
                 &RandomStream::standard_logistic);
}

Var RandomStream::exponential(const Sizes& size, const Arg& scale, std::optional<DType> dtype) {
  const SiteScope scope(SiteScope::or_else(scale.site()));
  check_scale(scale, "exponential");
  const DType chosen = float_dtype(dtype, {&scale}, "exponential");
  if (numpy()) {
    const Var width = exact(scale, size, "exponential: scale");
    const Var x =
        draw(Distribution::exponential, float64, new_stream(), size.vars(), {}, scale.site());
    return cast(width * x, chosen);
  }
  const Var width = fitted(scale, chosen, size, "exponential: scale");
  return -log1p(-uniform(size, 0.0, 1.0, chosen)) * width;
}

Var RandomStream::shape_parameter(const Arg& parameter, const Sizes& size, DType dtype,
                                  const char* who) const {
  const Var p = fitted(numpy(), parameter, dtype, size, who);
  return parameter.is_literal() ? p
                                : broadcast_to(p, size);  // its derivative has the sample's shape
}

Var RandomStream::truncated_normal(const Sizes& size, const Arg& low, const Arg& high,
                                   const Arg& mean, const Arg& stddev, std::optional<DType> dtype) {
  const SiteScope scope(SiteScope::or_else(low.site()));
  refuse_numpy("truncated_normal");
  check_scale(stddev, "truncated_normal");
  check_order(low, high, "truncated_normal", false);
  const DType chosen = float_dtype(dtype, {&low, &high, &mean, &stddev}, "truncated_normal");
  const Var from = fitted(low, chosen, size, "truncated_normal: low");
  const Var to = fitted(high, chosen, size, "truncated_normal: high");
  const Var center = fitted(mean, chosen, size, "truncated_normal: mean");
  const Var width = fitted(stddev, chosen, size, "truncated_normal: stddev");
  // Of the sample's shape, which its derivative has; but infinity stays where it is.
  const auto bound = [&](const Arg& given, const Var& b) {
    if (given.is_literal() && std::isinf(given.real())) return b;
    return broadcast_to((b - center) / width, size);
  };
  const Var z = draw(Distribution::truncated_normal, chosen, new_stream(), size.vars(),
                     {bound(low, from), bound(high, to)}, low.site());
  // Rounding must not lead out of the bounds.
  return clip(center + z * width, from, to);
}

Var RandomStream::gamma(const Sizes& size, const Arg& shape, const Arg& scale,
                        std::optional<DType> dtype) {
  const SiteScope scope(SiteScope::or_else(shape.site()));
  check_scale(scale, "gamma");
  // NumPy takes a shape of 0 for a draw of 0.
  check_known(shape, "gamma", "the shape", [&](double a) { return a > 0 || (numpy() && a == 0); });
  const DType chosen = float_dtype(dtype, {&shape, &scale}, "gamma");
  const DType drawn = numpy() ? float64 : chosen;
  const Var width = fitted(numpy(), scale, chosen, size, "gamma: scale");
  const Var x = draw(Distribution::gamma, drawn, new_stream(), size.vars(),
                     {shape_parameter(shape, size, chosen, "gamma: shape")}, shape.site());
  return cast(x * width, chosen);
}

Var RandomStream::beta(const Sizes& size, const Arg& a, const Arg& b, std::optional<DType> dtype) {
  const SiteScope scope(SiteScope::or_else(a.site()));
  const auto positive = [](double x) { return x > 0; };
  check_known(a, "beta", "a", positive);
  check_known(b, "beta", "b", positive);
  const DType chosen = float_dtype(dtype, {&a, &b}, "beta");
  const DType drawn = numpy() ? float64 : chosen;
  const Vars shapes{shape_parameter(a, size, chosen, "beta: a"),
                    shape_parameter(b, size, chosen, "beta: b")};
  return cast(draw(Distribution::beta, drawn, new_stream(), size.vars(), shapes, a.site()), chosen);
}

Var RandomStream::poisson(const Arg& rate) { return poisson(Sizes(sizes(rate.var())), rate); }

Var RandomStream::poisson(const Sizes& size, const Arg& rate) {
  const SiteScope scope(SiteScope::or_else(rate.site()));
  check_known(rate, "poisson", "the rate", [](double r) { return r >= 0 && r < 9.2e18; });
  const Var r = is_float(rate.dtype()) ? rate.var() : cast(rate, floatX());
  return draw(Distribution::poisson, DType::int64, new_stream(), size.vars(), {r}, rate.site());
}

Var RandomStream::categorical(const Arg& p) {
  const SiteScope scope(SiteScope::or_else(p.site()));
  check_classes(p, "categorical");
  Vars rows = sizes(p.var());
  rows.pop_back();
  return draw(Distribution::categorical, DType::int64, new_stream(), rows, {p.var()}, p.site());
}

Var RandomStream::multinomial(const Arg& p) {
  const SiteScope scope(SiteScope::or_else(p.site()));
  check_classes(p, "multinomial");
  const int last = static_cast<int>(p.var().ndim()) - 1;
  return cast(eq(with_class_axis(categorical(p)), arange(p.var().shape(last))), p.dtype());
}

Var RandomStream::multinomial(const Arg& n, const Arg& p) {
  const SiteScope scope(SiteScope::or_else(n.site()));
  check_classes(p, "multinomial");
  check_known(n, "multinomial", "n", [](double trials) { return trials >= 0; });
  const Var trials = whole_number(n, "multinomial", "n");
  return draw(Distribution::multinomial, p.dtype(), new_stream(), sizes(p.var()),
              {trials.ndim() == 0 ? trials : with_class_axis(trials), p.var()}, n.site());
}

Var RandomStream::randint(const Sizes& size, const Arg& low, const Arg& high) {
  const SiteScope scope(SiteScope::or_else(low.site()));
  const Var from = whole_number(low, "randint", "low"), to = whole_number(high, "randint", "high");
  const Array *first = constant_value(from), *end = constant_value(to);
  if (first != nullptr && end != nullptr && first->rank() == 0 && end->rank() == 0 &&
      first->item<std::int64_t>() >= end->item<std::int64_t>()) {
    throw NumericError(
        fmt::format("randint: low is {} and high is {}: low below high is needed, at {}",
                    first->item<std::int64_t>(), end->item<std::int64_t>(),
                    to_string(SiteScope::or_else(low.site()))));
  }
  return draw(Distribution::randint, DType::int64, new_stream(), size.vars(), {from, to},
              low.site());
}

Var RandomStream::permutation(const Arg& n) {
  const SiteScope scope(SiteScope::or_else(n.site()));
  check_known(n, "permutation", "n", [](double length) { return length >= 0; });
  return draw(Distribution::permutation, DType::int64, new_stream(),
              {whole_number(n, "permutation", "n")}, {}, n.site());
}

Var RandomStream::shuffle(const Arg& x) {
  const SiteScope scope(SiteScope::or_else(x.site()));
  return take(x, permutation(x.var().shape(0)), 0);
}

Var RandomStream::choice(const Arg& x, const Arg& count, bool replace, const Var& p) {
  const SiteScope scope(SiteScope::or_else(count.site()));
  const bool of_range = x.is_literal() || x.var().ndim() == 0;
  const Var from = of_range ? whole_number(x, "choice", "the number of rows") : x.var();
  const Var n = of_range ? from : from.shape(0);
  const Var drawn = whole_number(count, "choice", "the count");
  check_known(count, "choice", "the count", [](double k) { return k >= 0; });
  const Var rows = chosen_rows(new_stream(), n, drawn, replace, p, count.site());
  return from.ndim() == 0 ? rows : take(from, rows, 0);
}

}  // namespace damo
