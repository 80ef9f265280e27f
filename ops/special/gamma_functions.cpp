#include <cmath>

#include <damo/ops/elementwise/define.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/elementwise/samples.hpp>
#include <damo/ops/gradient/altered_gradient.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/kernels/elementwise/implicit.hpp>
#include <damo/ops/kernels/elementwise/incomplete.hpp>
#include <damo/ops/kernels/elementwise/polygamma.hpp>
#include <damo/ops/special/gamma_functions.hpp>
#include <damo/ops/special/special_functions.hpp>

namespace damo {
namespace {

using Types = ScalarOp::Types;

DAMO_SCALAR(Gamma, (T x), static_cast<T>(std::tgamma(static_cast<double>(x))));
DAMO_SCALAR(Betaln, (T a, T b), static_cast<T>(log_beta(a, b)));
DAMO_SCALAR(Gammainc, (T a, T x), static_cast<T>(gamma_below(a, x)));
DAMO_SCALAR(Gammaincc, (T a, T x), static_cast<T>(gamma_above(a, x)));
DAMO_SCALAR(Betainc, (T a, T b, T x), static_cast<T>(beta_below(a, b, x)));
DAMO_SCALAR(GammaDensity, (T a, T x), static_cast<T>(gamma_density(a, x)));
DAMO_SCALAR(BetaDensity, (T a, T b, T x), static_cast<T>(beta_density(a, b, x)));

DAMO_SCALAR(PolygammaDifference, (T n, T x, T h), static_cast<T>(polygamma_difference(n, x, h)));
DAMO_SCALAR(GammaInShape, (T a, T x), static_cast<T>(gamma_below_in_shape(a, x)));
DAMO_SCALAR(BetaInA, (T a, T b, T x), static_cast<T>(beta_below_in_a(a, b, x)));
DAMO_SCALAR(BetaInB, (T a, T b, T x), static_cast<T>(beta_below_in_b(a, b, x)));

/// A parameter in which a slope has no derivative: what flows there ends in an error.
Arg once_only(const char* who, const Arg& parameter) {
  if (parameter.is_literal()) return parameter;
  const Var v = grad_undefined(parameter, std::string(who) +
                                              ": no second derivative in its "
                                              "parameters is provided");
  return {v, parameter.site().file, parameter.site().line};
}

/// The slope of the density in a parameter, by the logarithm there and its mean. No density, no
/// slope, whatever the logarithm.
Var moved_density(const Var& density, const Var& logarithm, const Var& mean) {
  return where(eq(density, 0), 0.0, density * (logarithm - mean));
}

/// polygamma(n, x) - polygamma(n, x + h), with its digits where h is small beside x.
Var polygamma_difference(const Arg& n, const Arg& x, const Arg& h) {
  static const auto op = define({.name = "polygamma_difference",
                                 .arity = 3,
                                 .types = Types::real,
                                 .loops = double_loops<PolygammaDifference, 3>(),
                                 .gradient = [](const Vars& in, const Var&, const Var& g) -> Vars {
                                   // What flows to the order ends there in an error.
                                   return {g, g * polygamma_difference(in[0] + 1, in[1], in[2]),
                                           -(g * polygamma(in[0] + 1, in[1] + in[2]))};
                                 }});
  return elementwise(op, {without_derivative("polygamma_difference", n), x, h});
}
/// The mean of log(t) over a beta distribution of t.
Var mean_logarithm(const Var& a, const Var& b) { return polygamma_difference(0, a, b); }

/// The slope of `gammainc` in its shape.
Var gamma_in_shape(const Arg& a, const Arg& x) {
  static const auto op =
      define({.name = "gammainc_in_shape",
              .arity = 2,
              .types = Types::real,
              .loops = double_loops<GammaInShape, 2>(),
              .gradient = [](const Vars& in, const Var&, const Var& g) -> Vars {
                const Var density = gamma_density(in[0], in[1]);
                return {g, g * moved_density(density, log(in[1]), digamma(in[0]))};
              }});
  return elementwise(op, {once_only("gammainc", a), x});
}
/// Those of `betainc` in a and in b.
Var beta_in_a(const Arg& a, const Arg& b, const Arg& x) {
  static const auto op = define({.name = "betainc_in_a",
                                 .arity = 3,
                                 .types = Types::real,
                                 .loops = double_loops<BetaInA, 3>(),
                                 .gradient = [](const Vars& in, const Var&, const Var& g) -> Vars {
                                   const Var density = beta_density(in[0], in[1], in[2]);
                                   const Var mean = mean_logarithm(in[0], in[1]);
                                   return {g, g, g * moved_density(density, log(in[2]), mean)};
                                 }});
  return elementwise(op, {once_only("betainc", a), once_only("betainc", b), x});
}
Var beta_in_b(const Arg& a, const Arg& b, const Arg& x) {
  static const auto op = define({.name = "betainc_in_b",
                                 .arity = 3,
                                 .types = Types::real,
                                 .loops = double_loops<BetaInB, 3>(),
                                 .gradient = [](const Vars& in, const Var&, const Var& g) -> Vars {
                                   const Var density = beta_density(in[0], in[1], in[2]);
                                   const Var mean = mean_logarithm(in[1], in[0]);
                                   return {g, g, g * moved_density(density, log1p(-in[2]), mean)};
                                 }});
  return elementwise(op, {once_only("betainc", a), once_only("betainc", b), x});
}

Vars gamma_slopes(const Vars& in, const Var& g) {
  return {g * gamma_in_shape(in[0], in[1]), g * gamma_density(in[0], in[1])};
}

}  // namespace

Var gamma(const Arg& x) {
  // A draw is called gamma.
  static const auto op = real_unary(
      "gamma_function", double_loops<Gamma, 1>(),
      [](const Vars& in, const Var& y, const Var& g) -> Vars { return {g * y * digamma(in[0])}; },
      // Not of what is only nonnegative: gamma(-0.0) is -inf.
      fact_of([](const Fact& f) -> Fact {
        return {.nonnegative = f.positive, .positive = f.positive};
      }));
  return elementwise(op, {x});
}
Var betaln(const Arg& a, const Arg& b) {
  static const auto op =
      define({.name = "betaln",
              .arity = 2,
              .types = Types::real,
              .loops = double_loops<Betaln, 2>(),
              .gradient = [](const Vars& x, const Var&, const Var& g) -> Vars {
                return {g * mean_logarithm(x[0], x[1]), g * mean_logarithm(x[1], x[0])};
              },
              .commutative = true});
  return elementwise(op, {a, b});
}
Var gammainc(const Arg& a, const Arg& x) {
  static const auto op = define({.name = "gammainc",
                                 .arity = 2,
                                 .types = Types::real,
                                 .loops = double_loops<Gammainc, 2>(),
                                 .gradient = [](const Vars& in, const Var&, const Var& g) -> Vars {
                                   return gamma_slopes(in, g);
                                 },
                                 .fact = always({.nonnegative = true, .at_most_one = true})});
  return elementwise(op, {a, x});
}
Var gammaincc(const Arg& a, const Arg& x) {
  static const auto op = define({.name = "gammaincc",
                                 .arity = 2,
                                 .types = Types::real,
                                 .loops = double_loops<Gammaincc, 2>(),
                                 .gradient = [](const Vars& in, const Var&, const Var& g) -> Vars {
                                   return gamma_slopes(in, -g);
                                 },
                                 .fact = always({.nonnegative = true, .at_most_one = true})});
  return elementwise(op, {a, x});
}
Var betainc(const Arg& a, const Arg& b, const Arg& x) {
  static const auto op =
      define({.name = "betainc",
              .arity = 3,
              .types = Types::real,
              .loops = double_loops<Betainc, 3>(),
              .gradient = [](const Vars& in, const Var&, const Var& g) -> Vars {
                return {g * beta_in_a(in[0], in[1], in[2]), g * beta_in_b(in[0], in[1], in[2]),
                        g * beta_density(in[0], in[1], in[2])};
              },
              .fact = always({.nonnegative = true, .at_most_one = true})});
  return elementwise(op, {a, b, x});
}

Var gamma_density(const Arg& a, const Arg& x) {
  static const auto op =
      define({.name = "gamma_density",
              .arity = 2,
              .types = Types::real,
              .loops = double_loops<GammaDensity, 2>(),
              .gradient = [](const Vars& in, const Var& y, const Var& g) -> Vars {
                return {g * moved_density(y, log(in[1]), digamma(in[0])),
                        g * y * ((in[0] - 1) / in[1] - 1)};
              },
              .fact = always({.nonnegative = true})});
  return elementwise(op, {a, x});
}
Var beta_density(const Arg& a, const Arg& b, const Arg& x) {
  static const auto op =
      define({.name = "beta_density",
              .arity = 3,
              .types = Types::real,
              .loops = double_loops<BetaDensity, 3>(),
              .gradient = [](const Vars& in, const Var& y, const Var& g) -> Vars {
                const Var flow = g * y;
                const Var rest = 1 - in[2];
                return {g * moved_density(y, log(in[2]), mean_logarithm(in[0], in[1])),
                        g * moved_density(y, log1p(-in[2]), mean_logarithm(in[1], in[0])),
                        flow * ((in[0] - 1) / in[2] - (in[1] - 1) / rest)};
              },
              .fact = always({.nonnegative = true})});
  return elementwise(op, {a, b, x});
}

DAMO_OPS(gamma_functions) {
  using namespace samples;
  const OpInput shape{.low = 0.4, .high = 4};
  const OpInput point{.low = 0.2, .high = 5};
  ops.sample(unary("gamma", gamma, 0.5, 3));
  ops.sample(binary("betaln", betaln, shape, shape));
  ops.sample(elementwise("polygamma_difference",
                         {{.low = 0, .high = 4, .dtype = DType::int64}, shape, shape},
                         [](const Vars& in) { return polygamma_difference(in[0], in[1], in[2]); }));
  ops.sample(binary("gamma_density", gamma_density, shape, point));
  const auto part = [&](const char* name, Binary f) {
    OpSample sample = binary(name, f, shape, point);
    sample.twice_differentiable = false;
    ops.sample(std::move(sample));
  };
  part("gammainc", gammainc);
  part("gammaincc", gammaincc);
  const std::vector<OpInput> three{{.dims = "1n", .low = 0.4, .high = 4},
                                   {.dims = "", .low = 0.4, .high = 4},
                                   {.dims = "mn", .low = 0.1, .high = 0.9}};
  ops.sample(elementwise("beta_density", three,
                         [](const Vars& in) { return beta_density(in[0], in[1], in[2]); }));
  const auto in_a = [](const Vars& in) { return beta_in_a(in[0], in[1], in[2]); };
  const auto in_b = [](const Vars& in) { return beta_in_b(in[0], in[1], in[2]); };
  for (OpSample sample :
       {binary("gammainc_in_shape", gamma_in_shape, shape, point),
        elementwise("betainc_in_a", three, in_a), elementwise("betainc_in_b", three, in_b)}) {
    sample.differentiable = false;
    ops.sample(std::move(sample));
  }
  OpSample below =
      elementwise("betainc", three, [](const Vars& in) { return betainc(in[0], in[1], in[2]); });
  below.twice_differentiable = false;
  ops.sample(std::move(below));
}

}  // namespace damo
