#include <fmt/format.h>

#include <cmath>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/ops/common/op_list.hpp>
#include <damo/ops/elementwise/extended_math.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/kernels/random/families.hpp>
#include <damo/ops/kernels/random/numpy_samplers.hpp>
#include <damo/ops/random/random_stream.hpp>
#include <damo/ops/random/samples.hpp>
#include <damo/ops/random/stream_draws.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/shape.hpp>

// Draws of real numbers that are functions of others. From NumPy's generator each has to take the
// words that NumPy takes.
namespace damo {

using detail::check_known;
using detail::check_order;
using detail::check_scale;
using detail::exact;
using detail::fitted;
using detail::float_dtype;

namespace {

using Dtypes = Distribution::Dtypes;

constexpr double pi = 3.14159265358979323846;

bool is_positive(double x) { return x > 0; }

/// `from` makes a number of NumPy's generator and up to two parameters in range.
template <bool (*in_range)(double a, double b), double (*from)(Mt19937& g, double a, double b)>
void numpy_each(NumpySample& s) {
  const auto a = s.parameter<double>(0);
  const auto b = s.parameters.size() > 1 ? s.parameter<double>(1) : a;
  s.each([&](std::int64_t i) {
    if (!in_range(a[i], b[i])) s.refuse(i, {a[i], b[i]});
    return from(s.g, a[i], b[i]);
  });
}
bool first_positive(double a, double) { return a > 0; }
bool both_positive(double a, double b) { return a > 0 && b > 0; }
bool not_negative(double, double b) { return b >= 0; }

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
double wald_from(Mt19937& g, double mean, double scale) {
  const double z = g.normal();
  return sample_wald([&g] { return g.uniform(); }, z, mean, scale);
}
/// As RandomState, which forgets the mean where kappa is next to 0: all angles are as likely.
double von_mises_from(Mt19937& g, double mean, double kappa) {
  if (kappa < 1e-8) return pi * (2 * g.uniform() - 1);
  const double angle =
      sample_von_mises([&g] { return g.uniform(); }, kappa, von_mises_envelope(kappa)) + mean;
  const double turned = std::fmod(std::abs(angle) + pi, 2 * pi) - pi;
  return angle < 0 ? -turned : turned;
}

const Distribution lognormal_distribution{
    .name = "lognormal",
    .dtypes = Dtypes::floats,
    .n_parameters = 2,
    .needs = "a stddev of at least 0",
    .facts = [](std::span<const Fact>) { return Fact{.nonnegative = true, .positive = true}; },
    .numpy = numpy_each<not_negative, lognormal_from>,
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
    .needs = "a positive scale",
    .facts = [](std::span<const Fact>) { return Fact{.nonnegative = true}; },
    .numpy = numpy_each<first_positive, rayleigh_from>,
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
const Distribution von_mises_distribution{
    .name = "vonmises",  // around 0
    .dtypes = Dtypes::floats,
    .n_parameters = 1,
    .needs = "a kappa of at least 0",
    .philox =
        [](PhiloxSample& s) {
          s.each([](ElementUniforms& u, double kappa, double) {
            if (!(kappa >= 0)) return std::nan("");
            // Nearly normal, and the numbers that rejection compares nearly equal.
            if (kappa > 1e6) return normal_quantile(u.next()) / std::sqrt(kappa);
            if (kappa < 1e-8) return pi * (2 * u.next() - 1);
            return sample_von_mises([&u] { return u.next(); }, kappa, von_mises_envelope(kappa));
          });
        },
};
const Distribution numpy_von_mises_distribution{
    .name = "numpy_vonmises",
    .dtypes = Dtypes::floats,
    .n_parameters = 2,
    .needs = "a kappa of at least 0",
    .numpy = numpy_each<not_negative, von_mises_from>,
};
const Distribution wald_distribution{
    .name = "wald",
    .dtypes = Dtypes::floats,
    .n_parameters = 2,
    .needs = "a positive mean and scale",
    .facts = [](std::span<const Fact>) { return Fact{.nonnegative = true}; },
    .philox =
        [](PhiloxSample& s) {
          s.each([](ElementUniforms& u, double mean, double scale) {
            if (!both_positive(mean, scale)) return std::nan("");
            const double z = normal_quantile(std::max(u.next(), 0x1p-54));
            return sample_wald([&u] { return u.next(); }, z, mean, scale);
          });
        },
    .numpy = numpy_each<both_positive, wald_from>,
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
  if (!numpy()) return exp(normal(size, mean, stddev, chosen));
  check_scale(stddev, "lognormal");
  return cast(draw(lognormal_distribution, float64, new_stream(), size.vars(),
                   {exact(mean, size, "lognormal: mean"), exact(stddev, size, "lognormal: stddev")},
                   mean.site()),
              chosen);
}

Var RandomStream::chisquare(const Sizes& size, const Arg& df, std::optional<DType> dtype) {
  const SiteScope scope(SiteScope::or_else(df.site()));
  check_known(df, "chisquare", "df", is_positive);
  const DType chosen = float_dtype(dtype, {&df}, "chisquare");
  return gamma(size, df.is_literal() ? Arg(df.real() / 2) : Arg(df / 2.0), 2.0, chosen);
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
  const Var width = fitted(numpy(), scale, chosen, size, "t: scale");
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
  const Var width = fitted(numpy(), scale, chosen, size, "weibull: scale");
  if (numpy()) {
    const Var x = draw(weibull_distribution, float64, new_stream(), size.vars(),
                       {exact(shape, size, "weibull: shape")}, shape.site());
    return cast(width * x, chosen);
  }
  const Var a = fitted(shape, chosen, size, "weibull: shape");
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
  return expm1(waiting_time(*this, size, chosen) / fitted(shape, chosen, size, "pareto: shape"));
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
  return sqrt(2 * waiting_time(*this, size, chosen)) *
         fitted(scale, chosen, size, "rayleigh: scale");
}

Var RandomStream::inverse_gamma(const Sizes& size, const Arg& shape, const Arg& scale,
                                std::optional<DType> dtype) {
  const SiteScope scope(SiteScope::or_else(shape.site()));
  check_scale(scale, "inverse_gamma");
  const DType chosen = float_dtype(dtype, {&shape, &scale}, "inverse_gamma");
  return fitted(scale, chosen, size, "inverse_gamma: scale") / gamma(size, shape, 1.0, chosen);
}

Var RandomStream::generalized_gamma(const Sizes& size, const Arg& alpha, const Arg& p,
                                    const Arg& lambda, std::optional<DType> dtype) {
  const SiteScope scope(SiteScope::or_else(alpha.site()));
  check_known(alpha, "generalized_gamma", "alpha", is_positive);
  check_known(p, "generalized_gamma", "p", is_positive);
  check_scale(lambda, "generalized_gamma");
  const DType chosen = float_dtype(dtype, {&alpha, &p, &lambda}, "generalized_gamma");
  const Var a = fitted(alpha, chosen, size, "generalized_gamma: alpha");
  const Var power = fitted(p, chosen, size, "generalized_gamma: p");
  const Var width = fitted(lambda, chosen, size, "generalized_gamma: lambda");
  return width * pow(gamma(size, a / power, 1.0, chosen), 1 / power);
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
  const Var m = fitted(mode, chosen, size, "triangular: mode");
  const Var r = fitted(right, chosen, size, "triangular: right");
  const Var u = uniform(size, 0.0, 1.0, chosen);
  return where(u * (r - l) <= m - l, l + sqrt(u * (m - l) * (r - l)),
               r - sqrt((1 - u) * (r - m) * (r - l)));
}

Var RandomStream::halfnormal(const Sizes& size, const Arg& scale, std::optional<DType> dtype) {
  const SiteScope scope(SiteScope::or_else(scale.site()));
  check_scale(scale, "halfnormal");
  const DType chosen = float_dtype(dtype, {&scale}, "halfnormal");
  return fitted(scale, chosen, size, "halfnormal: scale") * abs(normal(size, 0.0, 1.0, chosen));
}
Var RandomStream::halfcauchy(const Sizes& size, const Arg& scale, std::optional<DType> dtype) {
  const SiteScope scope(SiteScope::or_else(scale.site()));
  check_scale(scale, "halfcauchy");
  const DType chosen = float_dtype(dtype, {&scale}, "halfcauchy");
  return fitted(scale, chosen, size, "halfcauchy: scale") * abs(cauchy(size, 0.0, 1.0, chosen));
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
  return start - width * log1p(uniform(size, 0.0, 1.0, chosen) * expm1(-end));
}

Var RandomStream::vonmises(const Sizes& size, const Arg& mean, const Arg& kappa,
                           std::optional<DType> dtype) {
  const SiteScope scope(SiteScope::or_else(mean.site()));
  check_known(kappa, "vonmises", "kappa", [](double k) { return k >= 0; });
  const DType chosen = float_dtype(dtype, {&mean, &kappa}, "vonmises");
  const Var center = fitted(numpy(), mean, chosen, size, "vonmises: mean");
  const Var width = fitted(numpy(), kappa, chosen, size, "vonmises: kappa");
  if (numpy()) {
    return cast(draw(numpy_von_mises_distribution, float64, new_stream(), size.vars(),
                     {center, width}, mean.site()),
                chosen);
  }
  const Var angle =
      draw(von_mises_distribution, chosen, new_stream(), size.vars(), {width}, mean.site()) +
      center;
  const Var turned = (abs(angle) + pi) % (2 * pi) - pi;
  return where(angle < 0, -turned, turned);
}

Var RandomStream::wald(const Sizes& size, const Arg& mean, const Arg& scale,
                       std::optional<DType> dtype) {
  const SiteScope scope(SiteScope::or_else(mean.site()));
  check_known(mean, "wald", "the mean", is_positive);
  check_known(scale, "wald", "the scale", is_positive);
  const DType chosen = float_dtype(dtype, {&mean, &scale}, "wald");
  const Vars parameters{fitted(numpy(), mean, chosen, size, "wald: mean"),
                        fitted(numpy(), scale, chosen, size, "wald: scale")};
  return cast(draw(wald_distribution, numpy() ? float64 : chosen, new_stream(), size.vars(),
                   parameters, mean.site()),
              chosen);
}

Var RandomStream::dirichlet(const Sizes& size, const Arg& alpha, std::optional<DType> dtype) {
  const SiteScope scope(SiteScope::or_else(alpha.site()));
  const Var a = alpha.var();
  if (a.ndim() == 0) {
    throw ShapeError(fmt::format("dirichlet: alpha has an axis, got {}, at {}", describe(a),
                                 to_string(SiteScope::or_else(alpha.site()))));
  }
  Vars whole = size.vars();
  whole.push_back(size_at(a, a.ndim() - 1));
  const DType chosen = float_dtype(dtype, {&alpha}, "dirichlet");
  const Var parts = gamma(whole, broadcast_to(a, whole), 1.0, chosen);
  return parts / sum(parts, -1, {.keepdims = true});
}

DAMO_OPS(random_stream_families) {
  for (const Distribution* d :
       {&lognormal_distribution, &cauchy_distribution, &t_distribution, &weibull_distribution,
        &pareto_distribution, &rayleigh_distribution, &triangular_distribution,
        &von_mises_distribution, &numpy_von_mises_distribution, &wald_distribution})
    add_draws(ops, *d);
}

}  // namespace damo
