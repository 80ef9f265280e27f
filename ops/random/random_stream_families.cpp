#include <fmt/format.h>

#include <cmath>
#include <numbers>

#include <damo/graph/errors/error.hpp>
#include <damo/ops/common/op_list.hpp>
#include <damo/ops/control/debug.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/kernels/random/numpy_samplers.hpp>
#include <damo/ops/random/random_stream.hpp>
#include <damo/ops/random/samples.hpp>
#include <damo/ops/random/stream_draws.hpp>

// Draws of real numbers that are functions of others. From NumPy's generator each has to take the
// words that NumPy takes.
namespace damo {

using detail::check_known;
using detail::check_order;
using detail::check_scale;
using detail::exact;
using detail::fitted;
using detail::float_dtype;
using detail::is_positive;
using detail::not_negative;
using detail::positive;

namespace {

using Dtypes = Distribution::Dtypes;
using std::numbers::pi;

bool first_positive(double a, double) { return a > 0; }
bool first_not_negative(double a, double) { return a >= 0; }
bool second_not_negative(double, double b) { return b >= 0; }

double lognormal_from(Mt19937& g, double mean, double stddev) {
  return std::exp(mean + stddev * g.normal());
}
double t_from(Mt19937& g, double df, double) {
  const double z = g.normal();
  return std::sqrt(df / 2) * z / std::sqrt(numpy_gamma(g, df / 2));
}
double weibull_from(Mt19937& g, double a, double) { return std::pow(numpy_exponential(g), 1 / a); }
double pareto_from(Mt19937& g, double a, double) { return std::exp(numpy_exponential(g) / a) - 1; }
double rayleigh_from(Mt19937& g, double scale, double) {
  return scale * std::sqrt(-2 * std::log1p(-g.uniform()));
}
const Distribution lognormal_distribution{
    .name = "lognormal",
    .dtypes = Dtypes::floats,
    .n_parameters = 2,
    .needs = "a stddev of at least 0",
    .facts = [](std::span<const Fact>) { return Fact{.nonnegative = true, .positive = true}; },
    .numpy = numpy_each<second_not_negative, lognormal_from>,
};
const Distribution cauchy_distribution{
    .name = "cauchy",
    .dtypes = Dtypes::floats,
    .numpy =
        [](NumpySample& s) {
          s.each([&](std::int64_t) {
            const double above = s.g.normal();
            return above / s.g.normal();
          });
        },
};
const Distribution t_distribution{
    .name = "student_t",
    .dtypes = Dtypes::floats,
    .n_parameters = 1,
    .needs = "positive degrees of freedom",
    .numpy = numpy_each<first_positive, t_from>,
};
const Distribution weibull_distribution{
    .name = "weibull",
    .dtypes = Dtypes::floats,
    .n_parameters = 1,
    .needs = "a positive shape",
    .facts = [](std::span<const Fact>) { return Fact{.nonnegative = true}; },
    .numpy = numpy_each<first_positive, weibull_from>,
};
const Distribution pareto_distribution{
    .name = "pareto",
    .dtypes = Dtypes::floats,
    .n_parameters = 1,
    .needs = "a positive shape",
    .facts = [](std::span<const Fact>) { return Fact{.nonnegative = true}; },
    .numpy = numpy_each<first_positive, pareto_from>,
};
const Distribution rayleigh_distribution{
    .name = "rayleigh",
    .dtypes = Dtypes::floats,
    .n_parameters = 1,
    .needs = "a scale of at least 0",
    .facts = [](std::span<const Fact>) { return Fact{.nonnegative = true}; },
    .numpy = numpy_each<first_not_negative, rayleigh_from>,
};
const Distribution triangular_distribution{
    .name = "triangular",
    .dtypes = Dtypes::floats,
    .n_parameters = 3,
    .needs = "left <= mode <= right and left < right",
    .numpy =
        [](NumpySample& s) {
          const auto left = s.parameter<double>(0), mode = s.parameter<double>(1),
                     right = s.parameter<double>(2);
          s.each([&](std::int64_t i) {
            const double l = left[i], m = mode[i], r = right[i];
            if (!(l <= m) || !(m <= r) || !(l < r)) s.refuse(i, {l, m, r});
            const double base = r - l;
            const double u = s.g.uniform();
            if (u <= (m - l) / base) return l + std::sqrt(u * ((m - l) * base));
            return r - std::sqrt((1 - u) * ((r - m) * base));
          });
        },
};
/// log(1 / U), the waiting time that others are made of.
Var waiting_time(RandomStream& rng, const Sizes& size, DType dtype) {
  return -log1p(-rng.uniform(size, 0.0, 1.0, dtype));
}

}  // namespace

Var RandomStream::lognormal(const Sizes& size, const Arg& mean, const Arg& stddev,
                            std::optional<DType> dtype) {
  const SiteScope scope(SiteScope::or_else(mean.site()));
  const DType chosen = float_dtype(dtype, {&mean, &stddev}, "lognormal");
  check_scale(stddev, "lognormal");
  if (!numpy()) {
    const Var width = fitted(stddev, chosen, size, "lognormal: stddev");
    return exp(normal(size, mean, not_negative(width, "lognormal", "stddev"), chosen));
  }
  return cast(draw(lognormal_distribution, float64, new_stream(), size.vars(),
                   {exact(mean, size, "lognormal: mean"), exact(stddev, size, "lognormal: stddev")},
                   mean.site()),
              chosen);
}

Var RandomStream::cauchy(const Sizes& size, const Arg& location, const Arg& scale,
                         std::optional<DType> dtype) {
  return located(cauchy_distribution, size, location, scale, dtype, "cauchy",
                 &RandomStream::standard_cauchy);
}
Var RandomStream::standard_cauchy(const Sizes& size, DType dtype) {
  return tan(pi * (uniform(size, 0.0, 1.0, dtype) - 0.5));
}

Var RandomStream::t(const Sizes& size, const Arg& df, const Arg& location, const Arg& scale,
                    std::optional<DType> dtype) {
  const SiteScope scope(SiteScope::or_else(df.site()));
  check_known(df, "t", "df", is_positive);
  check_scale(scale, "t");
  const DType chosen = float_dtype(dtype, {&df, &location, &scale}, "t");
  const Var center = fitted(numpy(), location, chosen, size, "t: location");
  const Var width = not_negative(fitted(numpy(), scale, chosen, size, "t: scale"), "t", "scale");
  if (numpy()) {
    const Var x = draw(t_distribution, float64, new_stream(), size.vars(),
                       {exact(df, size, "t: df")}, df.site());
    return cast(center + width * x, chosen);
  }
  const Var freedom = fitted(df, chosen, size, "t: df");
  const Var z = normal(size, 0.0, 1.0, chosen);
  return center + width * (z * sqrt(freedom / chisquare(size, df, chosen)));
}

Var RandomStream::weibull(const Sizes& size, const Arg& shape, const Arg& scale,
                          std::optional<DType> dtype) {
  const SiteScope scope(SiteScope::or_else(shape.site()));
  check_known(shape, "weibull", "the shape", is_positive);
  check_scale(scale, "weibull");
  const DType chosen = float_dtype(dtype, {&shape, &scale}, "weibull");
  const Var width =
      not_negative(fitted(numpy(), scale, chosen, size, "weibull: scale"), "weibull", "scale");
  if (numpy()) {
    const Var x = draw(weibull_distribution, float64, new_stream(), size.vars(),
                       {exact(shape, size, "weibull: shape")}, shape.site());
    return cast(width * x, chosen);
  }
  const Var a = positive(fitted(shape, chosen, size, "weibull: shape"), "weibull", "shape");
  return width * pow(waiting_time(*this, size, chosen), 1 / a);
}

Var RandomStream::pareto(const Sizes& size, const Arg& shape, std::optional<DType> dtype) {
  const SiteScope scope(SiteScope::or_else(shape.site()));
  check_known(shape, "pareto", "the shape", is_positive);
  const DType chosen = float_dtype(dtype, {&shape}, "pareto");
  if (numpy()) {
    return cast(draw(pareto_distribution, float64, new_stream(), size.vars(),
                     {exact(shape, size, "pareto: shape")}, shape.site()),
                chosen);
  }
  const Var a = positive(fitted(shape, chosen, size, "pareto: shape"), "pareto", "shape");
  return expm1(waiting_time(*this, size, chosen) / a);
}

Var RandomStream::rayleigh(const Sizes& size, const Arg& scale, std::optional<DType> dtype) {
  const SiteScope scope(SiteScope::or_else(scale.site()));
  check_scale(scale, "rayleigh");
  const DType chosen = float_dtype(dtype, {&scale}, "rayleigh");
  if (numpy()) {
    return cast(draw(rayleigh_distribution, float64, new_stream(), size.vars(),
                     {exact(scale, size, "rayleigh: scale")}, scale.site()),
                chosen);
  }
  const Var width = fitted(scale, chosen, size, "rayleigh: scale");
  return sqrt(2 * waiting_time(*this, size, chosen)) * not_negative(width, "rayleigh", "scale");
}

Var RandomStream::triangular(const Sizes& size, const Arg& left, const Arg& mode, const Arg& right,
                             std::optional<DType> dtype) {
  const SiteScope scope(SiteScope::or_else(left.site()));
  check_order(left, mode, "triangular", true);
  check_order(mode, right, "triangular", true);
  check_order(left, right, "triangular", false);
  const DType chosen = float_dtype(dtype, {&left, &mode, &right}, "triangular");
  if (numpy()) {
    return cast(draw(triangular_distribution, float64, new_stream(), size.vars(),
                     {exact(left, size, "triangular: left"), exact(mode, size, "triangular: mode"),
                      exact(right, size, "triangular: right")},
                     left.site()),
                chosen);
  }
  const Var l = fitted(left, chosen, size, "triangular: left");
  const Var r = fitted(right, chosen, size, "triangular: right");
  const Var between = fitted(mode, chosen, size, "triangular: mode");
  const bool known = scalar_constant(l) && scalar_constant(r) && scalar_constant(between);
  const Var ordered = and_(and_(l <= between, between <= r), l < r);
  const Var m = known ? between
                      : Assert(fmt::format("triangular: {} is needed",
                                           triangular_distribution.needs))(between, ordered);
  const Var u = uniform(size, 0.0, 1.0, chosen);
  return where(u * (r - l) <= m - l, l + sqrt(u * (m - l) * (r - l)),
               r - sqrt((1 - u) * (r - m) * (r - l)));
}

Var RandomStream::halfnormal(const Sizes& size, const Arg& scale, std::optional<DType> dtype) {
  const SiteScope scope(SiteScope::or_else(scale.site()));
  check_scale(scale, "halfnormal");
  const DType chosen = float_dtype(dtype, {&scale}, "halfnormal");
  const Var width = fitted(scale, chosen, size, "halfnormal: scale");
  return not_negative(width, "halfnormal", "scale") * abs(normal(size, 0.0, 1.0, chosen));
}
Var RandomStream::halfcauchy(const Sizes& size, const Arg& scale, std::optional<DType> dtype) {
  const SiteScope scope(SiteScope::or_else(scale.site()));
  check_scale(scale, "halfcauchy");
  const DType chosen = float_dtype(dtype, {&scale}, "halfcauchy");
  const Var width = fitted(scale, chosen, size, "halfcauchy: scale");
  return not_negative(width, "halfcauchy", "scale") * abs(cauchy(size, 0.0, 1.0, chosen));
}

Var RandomStream::truncated_exponential(const Sizes& size, const Arg& b, const Arg& location,
                                        const Arg& scale, std::optional<DType> dtype) {
  const SiteScope scope(SiteScope::or_else(b.site()));
  check_known(b, "truncated_exponential", "b", is_positive);
  check_scale(scale, "truncated_exponential");
  const DType chosen = float_dtype(dtype, {&b, &location, &scale}, "truncated_exponential");
  const Var end = fitted(b, chosen, size, "truncated_exponential: b");
  const Var start = fitted(location, chosen, size, "truncated_exponential: location");
  const Var width = fitted(scale, chosen, size, "truncated_exponential: scale");
  const Var part =
      uniform(size, 0.0, 1.0, chosen) * expm1(-positive(end, "truncated_exponential", "b"));
  return start - not_negative(width, "truncated_exponential", "scale") * log1p(part);
}

DAMO_OPS(random_stream_families) {
  for (const Distribution* d :
       {&lognormal_distribution, &cauchy_distribution, &t_distribution, &weibull_distribution,
        &pareto_distribution, &rayleigh_distribution, &triangular_distribution})
    add_draws(ops, *d);
}

}  // namespace damo
