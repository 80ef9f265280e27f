#include <fmt/format.h>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/random/random_stream.hpp>
#include <damo/ops/random/stream_draws.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/shape.hpp>

// Draws made of gamma draws, and differentiable as these are.
namespace damo {

using detail::check_known;
using detail::check_scale;
using detail::fitted;
using detail::float_dtype;
using detail::not_negative;
using detail::positive;

namespace {

bool is_positive(double x) { return x > 0; }

}  // namespace

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
    const Var parts = gamma(whole, each, 1.0, chosen);
    return parts / sum(parts, -1, {.keepdims = true});
  }
  // All parts may be too small for a number, but their logarithms are not: a draw of shape a is one
  // of shape a + 1 times U^(1/a) (Marsaglia and Tsang 2000).
  const Var b = positive(each, "dirichlet", "alpha");
  const Var below = log1p(-uniform(whole, 0.0, 1.0, chosen)) / b;
  return softmax(log(gamma(whole, b + 1, 1.0, chosen)) + below);
}

}  // namespace damo
