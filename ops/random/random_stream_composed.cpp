#include <fmt/format.h>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/ops/decomposition/decomposition.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/random/random_stream.hpp>
#include <damo/ops/random/stream_draws.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/shape.hpp>
#include <damo/ops/shape/size_check.hpp>

// Draws made of gamma or of normal draws, and differentiable as these are.
namespace damo {

using detail::check_known;
using detail::check_scale;
using detail::fitted;
using detail::float_dtype;
using detail::is_positive;
using detail::not_negative;
using detail::positive;

Var RandomStream::chisquare(const Sizes& size, const Arg& df, std::optional<DType> dtype) {
  const SiteScope scope(SiteScope::or_else(df.site()));
  check_known(df, "chisquare", "df", is_positive);
  const DType chosen = float_dtype(dtype, {&df}, "chisquare");
  return gamma(size, df.is_literal() ? Arg(df.real() / 2) : Arg(df / 2.0), 2.0, chosen);
}

Var RandomStream::inverse_gamma(const Sizes& size, const Arg& shape, const Arg& scale,
                                std::optional<DType> dtype) {
  const SiteScope scope(SiteScope::or_else(shape.site()));
  check_known(shape, "inverse_gamma", "the shape", is_positive);
  check_scale(scale, "inverse_gamma");
  const DType chosen = float_dtype(dtype, {&shape, &scale}, "inverse_gamma");
  const Var width = fitted(scale, chosen, size, "inverse_gamma: scale");
  const Var a = fitted(shape, chosen, size, "inverse_gamma: shape");
  return not_negative(width, "inverse_gamma", "scale") /
         gamma(size, positive(a, "inverse_gamma", "shape"), 1.0, chosen);
}

Var RandomStream::generalized_gamma(const Sizes& size, const Arg& alpha, const Arg& p,
                                    const Arg& lambda, std::optional<DType> dtype) {
  const SiteScope scope(SiteScope::or_else(alpha.site()));
  check_known(alpha, "generalized_gamma", "alpha", is_positive);
  check_known(p, "generalized_gamma", "p", is_positive);
  check_scale(lambda, "generalized_gamma");
  const DType chosen = float_dtype(dtype, {&alpha, &p, &lambda}, "generalized_gamma");
  const char* who = "generalized_gamma";
  const Var a = positive(fitted(alpha, chosen, size, "generalized_gamma: alpha"), who, "alpha");
  const Var power = positive(fitted(p, chosen, size, "generalized_gamma: p"), who, "p");
  const Var width = fitted(lambda, chosen, size, "generalized_gamma: lambda");
  return not_negative(width, who, "lambda") * pow(gamma(size, a / power, 1.0, chosen), 1 / power);
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
  const Var each = fitted(numpy(), alpha, chosen, whole, "dirichlet: alpha");
  if (numpy()) {
    // Added up one after the other, and divided once, as NumPy does.
    const Var parts = gamma(whole, each, 1.0, float64);
    const int last = static_cast<int>(parts.ndim()) - 1;
    const Var all = sum(cumsum(parts, last)(ellipsis, from(-1)), last, {.keepdims = true});
    return cast(parts * reciprocal(all), chosen);
  }
  // All parts may be too small for a number, but their logarithms are not: a draw of shape a is one
  // of shape a + 1 times U^(1/a) (Marsaglia and Tsang 2000).
  const Var b = positive(each, "dirichlet", "alpha");
  const Var below = log1p(-uniform(whole, 0.0, 1.0, chosen)) / b;
  return softmax(log(gamma(whole, b + 1, 1.0, chosen)) + below);
}

namespace {

[[noreturn]] void fail(const std::string& what, const Arg& mean, const Arg& cov) {
  throw ShapeError(fmt::format(
      "multivariate_normal: {}\n  mean        {}\n  covariance  {}\n  at {}", what,
      describe(mean.var()), describe(cov.var()), to_string(SiteScope::or_else(mean.site()))));
}

/// The sizes of the sample with the vectors' axis. Throws ShapeError where the parameters do not
/// fit.
Vars whole_sizes(const Sizes& size, const Arg& mean, const Arg& cov) {
  const Var m = mean.var(), square = cov.var();
  if (m.ndim() == 0 || square.ndim() < 2)
    fail("a mean is a vector and a covariance a matrix, or batches of them", mean, cov);
  const Var n = size_at(m, m.ndim() - 1);
  Vars whole = size.vars();
  whole.push_back(n);
  if (square.ndim() > whole.size() + 1)
    fail(fmt::format("more covariances than the {} axes of the sample", whole.size()), mean, cov);
  const auto known = scalar_constant(n), side = scalar_constant(size_at(square, square.ndim() - 1));
  if (known && side && *known != *side)
    fail(fmt::format("sizes differ: {} and {}", *known, *side), mean, cov);
  return whole;
}

/// factor z.
Var times(const Var& factor, const Var& z, const Vars& whole) {
  if (factor.ndim() == 2) return matmul(z, factor.T());
  Vars batch = whole;
  batch.push_back(whole.back());
  return sum(broadcast_to(factor, batch) * expand_dims(z, static_cast<int>(z.ndim()) - 1), -1);
}

}  // namespace

Var RandomStream::multivariate_normal(const Sizes& size, const Arg& mean, const Arg& cov,
                                      std::optional<DType> dtype) {
  const Site site = SiteScope::or_else(mean.site());
  const SiteScope scope(site);
  const char* who = "multivariate_normal";
  const DType chosen = detail::float_dtype(dtype, {&mean, &cov}, who);
  const DType drawn = numpy() ? float64 : chosen;
  const Vars whole = whole_sizes(size, mean, cov);
  const Var square = cast(cov, drawn);
  const Var check = size_check(Demand::Kind::equal, size_at(square, square.ndim() - 1),
                               whole.back(), who, {mean.var(), cov.var()}, site);
  const Var factor = cholesky(after_checks(square, {check}));
  const Var center = detail::fitted(mean, drawn, whole, "multivariate_normal: mean");
  return cast(center + times(factor, normal(whole, 0.0, 1.0, drawn), whole), chosen);
}

}  // namespace damo
