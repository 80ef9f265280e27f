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

using detail::check_scale;
using detail::exact;
using detail::float_dtype;
using Distribution = Draw::Distribution;

namespace {

void check_classes(const Var& p, const char* what) {
  if (is_float(p.dtype()) && p.ndim() > 0) return;
  throw TypeError(
      fmt::format("{}: probabilities are a float tensor with the classes on its last "
                  "axis, got {}",
                  what, describe(p)));
}

Var with_class_axis(const Var& x) {
  std::vector<AxisEntry> pattern;
  for (std::size_t axis = 0; axis < x.ndim(); ++axis) pattern.emplace_back(static_cast<int>(axis));
  pattern.emplace_back(newaxis);
  return dimshuffle(x, pattern);
}

Var chosen_rows(const SharedVar& state, const Var& rows, const Var& count, bool replace,
                const Var& p, Site site) {
  if (p && (!is_float(p.dtype()) || p.ndim() != 1))
    throw TypeError(fmt::format("choice: probabilities are a float vector, got {}", describe(p)));
  if (replace && !p) {
    const Var first = constant(Array::scalar(std::int64_t{0}), {}, site);
    return draw(Distribution::randint, DType::int64, state, {count}, {first, rows}, site);
  }
  const Distribution distribution =
      replace ? Distribution::choice : Distribution::choice_without_replacement;
  return draw(distribution, DType::int64, state, {count}, {p ? specify_shape(p, rows) : rows},
              site);
}

}  // namespace

Var RandomStream::open_uniform(const Sizes& size, std::optional<DType> dtype) {
  const Var u = uniform(size, 0.0, 1.0, dtype);
  return maximum(u, u.dtype() == float32 ? 0x1p-25 : 0x1p-54);  // half of what u is a multiple of
}

Var RandomStream::numpy_scaled(Distribution distribution, const Sizes& size, const Arg& location,
                               const Arg& scale, DType dtype) {
  const Var x = draw(distribution, float64, new_stream(), size.vars(), {}, location.site());
  return cast(exact(location) + exact(scale) * x, dtype);
}

Var RandomStream::gumbel(const Sizes& size, const Arg& location, const Arg& scale,
                         std::optional<DType> dtype) {
  const SiteScope scope(SiteScope::or_else(location.site()));
  check_scale(scale, "gumbel");
  const DType chosen = float_dtype(dtype, "gumbel");
  if (numpy()) return numpy_scaled(Distribution::gumbel, size, location, scale, chosen);
  return location - scale * log(-log1p(-open_uniform(size, chosen)));
}

Var RandomStream::exponential(const Sizes& size, const Arg& scale, std::optional<DType> dtype) {
  const SiteScope scope(SiteScope::or_else(scale.site()));
  check_scale(scale, "exponential");
  const DType chosen = float_dtype(dtype, "exponential");
  if (numpy()) {
    const Var x =
        draw(Distribution::exponential, float64, new_stream(), size.vars(), {}, scale.site());
    return cast(exact(scale) * x, chosen);
  }
  return -log1p(-uniform(size, 0.0, 1.0, chosen)) * scale;
}

Var RandomStream::laplace(const Sizes& size, const Arg& location, const Arg& scale,
                          std::optional<DType> dtype) {
  const SiteScope scope(SiteScope::or_else(location.site()));
  check_scale(scale, "laplace");
  const DType chosen = float_dtype(dtype, "laplace");
  if (numpy()) return numpy_scaled(Distribution::laplace, size, location, scale, chosen);
  const Var u = open_uniform(size, chosen);
  // The lower half of U gives the left side, the upper half the right one.
  return location + scale * where(u < 0.5, log1p(-(1 - 2 * u)), -log1p(-(2 * u - 1)));
}

Var RandomStream::logistic(const Sizes& size, const Arg& location, const Arg& scale,
                           std::optional<DType> dtype) {
  const SiteScope scope(SiteScope::or_else(location.site()));
  check_scale(scale, "logistic");
  const DType chosen = float_dtype(dtype, "logistic");
  if (numpy()) return numpy_scaled(Distribution::logistic, size, location, scale, chosen);
  const Var u = open_uniform(size, chosen);
  return location + scale * (log(u) - log1p(-u));
}

Var RandomStream::shape_parameter(const Arg& parameter, const Sizes& size, DType dtype) const {
  const Var p = numpy() ? exact(parameter) : cast(parameter, dtype);
  return parameter.is_literal() ? p
                                : broadcast_to(p, size);  // its derivative has the sample's shape
}

Var RandomStream::truncated_normal(const Sizes& size, const Arg& low, const Arg& high,
                                   const Arg& mean, const Arg& stddev, std::optional<DType> dtype) {
  const SiteScope scope(SiteScope::or_else(low.site()));
  refuse_numpy("truncated_normal");
  check_scale(stddev, "truncated_normal");
  const DType chosen = float_dtype(dtype, "truncated_normal");
  const Var center = cast(mean, chosen);
  const Var width = cast(stddev, chosen);
  // Of the sample's shape, which its derivative has; but infinity stays where it is.
  const auto bound = [&](const Arg& b) {
    if (b.is_literal() && std::isinf(b.real())) return b.var(chosen);
    return broadcast_to((cast(b, chosen) - center) / width, size);
  };
  const Var z = draw(Distribution::truncated_normal, chosen, new_stream(), size.vars(),
                     {bound(low), bound(high)}, low.site());
  // Rounding must not lead out of the bounds.
  return clip(center + z * width, cast(low, chosen), cast(high, chosen));
}

Var RandomStream::gamma(const Sizes& size, const Arg& shape, const Arg& scale,
                        std::optional<DType> dtype) {
  const SiteScope scope(SiteScope::or_else(shape.site()));
  check_scale(scale, "gamma");
  const DType chosen = float_dtype(dtype, "gamma");
  const DType drawn = numpy() ? float64 : chosen;
  const Var width = numpy() ? exact(scale) : cast(scale, chosen);
  const Var x = draw(Distribution::gamma, drawn, new_stream(), size.vars(),
                     {shape_parameter(shape, size, chosen)}, shape.site());
  return cast(x * width, chosen);
}

Var RandomStream::beta(const Sizes& size, const Arg& a, const Arg& b, std::optional<DType> dtype) {
  const SiteScope scope(SiteScope::or_else(a.site()));
  const DType chosen = float_dtype(dtype, "beta");
  const DType drawn = numpy() ? float64 : chosen;
  return cast(draw(Distribution::beta, drawn, new_stream(), size.vars(),
                   {shape_parameter(a, size, chosen), shape_parameter(b, size, chosen)}, a.site()),
              chosen);
}

Var RandomStream::poisson(const Arg& rate) { return poisson(Sizes(sizes(rate.var())), rate); }

Var RandomStream::poisson(const Sizes& size, const Arg& rate) {
  const SiteScope scope(SiteScope::or_else(rate.site()));
  const Var r = is_float(rate.dtype()) ? rate.var() : cast(rate, floatX());
  return draw(Distribution::poisson, DType::int64, new_stream(), size.vars(), {r}, rate.site());
}

Var RandomStream::categorical(const Var& p) {
  check_classes(p, "categorical");
  Vars rows = sizes(p);
  rows.pop_back();
  return draw(Distribution::categorical, DType::int64, new_stream(), rows, {p}, p.site());
}

Var RandomStream::multinomial(const Var& p) {
  check_classes(p, "multinomial");
  const int last = static_cast<int>(p.ndim()) - 1;
  return cast(eq(with_class_axis(categorical(p)), arange(p.shape(last))), p.dtype());
}

Var RandomStream::multinomial(const Arg& n, const Var& p) {
  const SiteScope scope(SiteScope::or_else(n.site()));
  check_classes(p, "multinomial");
  const Var trials = n.var(DType::int64);
  return draw(Distribution::multinomial, p.dtype(), new_stream(), sizes(p),
              {trials.ndim() == 0 ? trials : with_class_axis(trials), p}, n.site());
}

Var RandomStream::randint(const Sizes& size, const Arg& low, const Arg& high) {
  const SiteScope scope(SiteScope::or_else(low.site()));
  return draw(Distribution::randint, DType::int64, new_stream(), size.vars(),
              {low.var(DType::int64), high.var(DType::int64)}, low.site());
}

Var RandomStream::permutation(const Arg& n) {
  const SiteScope scope(SiteScope::or_else(n.site()));
  return draw(Distribution::permutation, DType::int64, new_stream(), {n.var(DType::int64)}, {},
              n.site());
}

Var RandomStream::shuffle(const Var& x) { return take(x, permutation(x.shape(0)), 0); }

Var RandomStream::choice(const Arg& x, const Arg& count, bool replace, const Var& p) {
  const SiteScope scope(SiteScope::or_else(count.site()));
  const Var from = x.is_literal() ? x.var(DType::int64) : x.var();
  const Var n = from.ndim() == 0 ? from : from.shape(0);
  const Var rows = chosen_rows(new_stream(), n, count.var(DType::int64), replace, p, count.site());
  return from.ndim() == 0 ? rows : take(from, rows, 0);
}

}  // namespace damo
